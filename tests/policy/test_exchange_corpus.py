"""Every recorded request, through a whole exchange to a server that reads strictly: as allowed, or not at all."""

from __future__ import annotations

import base64
import json
import random
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h11
import pytest

from pumpproxy.model import Backend, CookieMode, ForwardFor, Mode, PersistenceCookie, Server, TcpAddress
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.request import COMPLETED
from tests.playbook import site
from tests.policy.httpworld import ServerSide, World
from tests.sim import strict
from tests.wire.httpgrammar import requests
from tests.wire.secondreader import meaning

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parents[1] / "vectors" / "http.jsonl"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Backend: %b\r\n\r\nok"
NO_UPGRADE = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\nX-Backend: %b\r\n\r\nno"
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


@dataclass(frozen=True)
class Row:
    """One line; tests/vectors/README-http.md tells its fields."""

    name: str
    raw: bytes
    allow: frozenset[str]
    n: int
    nr: int
    status: tuple[int, ...]
    route: str
    must: tuple[str, ...]
    mustnot: tuple[str, ...]
    reply: str
    fin: bool


def _row(line: dict[str, object]) -> Row:
    def texts(key: str) -> tuple[str, ...]:
        value = line.get(key, [])
        assert isinstance(value, list)
        return tuple(str(item) for item in value)

    packed = str(line.get("zlib", ""))
    return Row(
        name=str(line["name"]),
        raw=zlib.decompress(base64.b64decode(packed)) if packed else base64.b64decode(str(line["raw"])),
        allow=frozenset(texts("allow")),
        n=int(str(line["n"])),
        nr=int(str(line.get("nr", 0))),
        status=tuple(int(item) for item in texts("status")),
        route=str(line.get("route", "")),
        must=texts("must"),
        mustnot=texts("mustnot"),
        reply=str(line.get("reply", "")),
        fin=bool(line.get("fin")),
    )


ROWS = [_row(json.loads(line)) for line in VECTORS.read_text("utf-8").splitlines()]


def play(row: Row, size: int, backend: Backend | None = None) -> World:
    """The row's conversation to its end, before that backend `a`; it is sent in pieces of that many bytes."""
    world = World(site(forwardfor=ForwardFor(), backend=backend), ClientAddress("127.0.0.1", 1))
    first = True

    def answer(server: ServerSide) -> None:
        nonlocal first
        if not server.whole or world.server is not server:
            return
        request = server.requests[-1]
        name = server.name[:1].upper().encode()
        reply = OK % name
        if first and row.reply == "426":
            reply = NO_UPGRADE % name
        if first and row.reply == "101" and b"upgrade" in dict(request.headers):
            reply = SWITCH
        first = False
        if request.method == b"HEAD":
            reply = reply[:-2]
        world.tell(world.exchange.server_received, reply)

    for at in range(0, len(row.raw), size):
        if world.over or world.tunnel or world.client_paused:
            break
        world.send(row.raw[at : at + size])
        if world.server is not None:
            answer(world.server)
        world.settle(answer)
    if row.fin and not world.over:
        world.leave(fin=True)
    while not world.over and not world.tunnel:
        world.pass_time()
        world.settle(answer)
    if world.tunnel:
        world.tell(world.exchange.tunnel_ended, 0, 0, COMPLETED)
    return world


def outcome(world: World) -> str:
    """As the corpus calls it."""
    whole = [server for server in world.servers if server.whole]
    cut = [server for server in world.servers if not server.whole]
    assert all(server.reset for server in cut)
    if cut:
        return "abort"
    last = world.records[-1] if world.records else None
    if last is not None and last.outcome is not Outcome.COMPLETED and last.status is not None:
        return "reject"
    return "forward" if whole else "close"


@pytest.mark.parametrize("size", [1 << 20, 1, 7])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_ends_as_allowed(row: Row, size: int) -> None:
    """What was forwarded is whole and strict, goes where its Host leads, and holds what it must and nothing else."""
    if len(row.raw) > 20_000 and size == 1:
        size = 7
    world = play(row, size)
    kind = outcome(world)
    assert kind in row.allow or (kind == "abort" and "reject" in row.allow), world.records
    whole = [server for server in world.servers if server.whole]
    if kind == "forward":
        assert len(whole) == row.n
        assert not row.route or "".join(server.name[:1].upper() for server in whole) == row.route
    if kind == "reject":
        assert len(whole) == row.nr
        assert not row.status or world.records[-1].status in row.status
    sent = [bytes(server.data) for server in world.servers]
    if kind == "forward" and size > 100:
        for pattern in row.must:
            assert any(_search(pattern, data) for data in sent), pattern
    for pattern in row.mustnot:
        assert not any(_search(pattern, data) for data in sent), pattern
    assert world.idle()


STICKY = Backend(
    "a",
    Mode.HTTP,
    servers=(Server("a1", TcpAddress("127.0.0.1", 8001), cookie="A"),),
    cookie=PersistenceCookie("JSESSIONID", CookieMode.PREFIX),
)
PERSISTENT = {
    "cookie-persist-known": (b"JSESSIONID=abc123", "V"),
    "cookie-persist-unknown": (b"JSESSIONID=abc123", "I"),
    "cookie-persist-dup": (b"JSESSIONID=1; JSESSIONID=2", "V"),
    "cookie-persist-junk": (b"JSESSIONID=; =x; ;;; JSESSIONID", "I"),
    "cookie-persist-ctl": (b'JSESSIONID="; $Version=1', "V"),
}
"""What a server sees of the cookies, and what the log says of them."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_backend_with_a_cookie_reads_all_else_the_same(row: Row) -> None:
    """The servers get the same bytes, and the same number of requests."""
    plain, sticky = play(row, 1 << 20), play(row, 1 << 20, STICKY)
    assert outcome(sticky) == outcome(plain)
    if row.name in PERSISTENT:
        line, letter = PERSISTENT[row.name]
        assert [dict(server.requests[0].headers)[b"cookie"] for server in sticky.servers] == [line]
        assert [one.cookie_asked.letter for one in sticky.records if one.cookie_asked is not None] == [letter]
    else:
        assert [server.data for server in sticky.servers] == [server.data for server in plain.servers]
    assert sticky.idle()


STREAMS = 1_500
"""Drawn ones: about 4 s."""


def test_drawn_streams_reach_servers_as_meant() -> None:
    """Whatever comes, and however cut: what servers get is what the second reader sees in it, and nothing else."""
    reached = 0
    for seed in range(STREAMS):
        chance = random.Random(seed)
        data, _ = requests(chance)
        row = Row(str(seed), data, frozenset(), 0, 0, (), "", (), (), "", fin=True)
        world = play(row, chance.choice((1 << 20, 200, 7)))
        meant = Counter((plain[0], plain[4]) for plain in meaning(data).requests)
        got = Counter(heard for server in world.servers for heard in whole_requests(bytes(server.data)))
        assert got <= meant, f"seed {seed}: {data!r}"
        assert world.idle()
        reached += got.total()
    assert reached > STREAMS / 2


def whole_requests(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Method and body of each that a server got, by a strict reader."""
    while (message := strict.request(data)) is not None and message.whole:
        yield message.start[0], message.body
        data = data[message.size :]


def _search(pattern: str, data: bytes) -> bool:
    flags = (re.IGNORECASE if "(?i)" in pattern else 0) | (re.MULTILINE if "(?m)" in pattern else 0)
    bare = pattern.replace("(?i)", "").replace("(?m)", "")
    return re.search(bare.encode("latin-1"), data, flags) is not None


def test_the_server_reads_strictly() -> None:
    """The oracle is awake: bytes behind a request are not taken, and neither is nonsense."""
    with pytest.raises(AssertionError):
        ServerSide("a1").receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /")
    with pytest.raises(h11.RemoteProtocolError):
        ServerSide("a1").receive(b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n")
