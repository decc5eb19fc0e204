"""However a conversation is cut, the servers get the same bytes, and the client gets the same answers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pumpproxy.model import ForwardFor
from pumpproxy.policy.outcome import Outcome
from tests.playbook import site
from tests.policy.httpworld import ServerSide, World, responses

TOKENS = st.text("abcXYZ019-_", min_size=1, max_size=8).map(str.encode)
TEXTS = st.text('abc \t,;="/é', max_size=12).map(lambda text: text.strip().encode("latin-1"))
METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"X-Y"])
HOSTS = st.sampled_from([b"a.example", b"b.example", b"B.Example.:80", b"nobody.example", b"192.0.2.1", b"[::1]:80"])
PIECES = st.lists(st.binary(min_size=1, max_size=30), max_size=4)


@dataclass(frozen=True)
class Asked:
    """One request, and what is answered to it."""

    method: bytes
    host: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    wire: bytes
    answer: bytes
    answered: bytes
    """The body of the answer, where it has one."""


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    """A request that is served, with an answer."""
    method, host = draw(METHODS), draw(HOSTS)
    fields = tuple((b"X-" + draw(TOKENS), draw(TEXTS)) for _ in range(draw(st.integers(0, 3))))
    pieces = draw(PIECES)
    body = b"".join(pieces)
    lines = [method + b" /" + draw(TOKENS) + b" HTTP/1.1", b"Host: " + host, *[n + b":" + v for n, v in fields]]
    if draw(st.booleans()):
        lines.append(b"transfer-encoding: Chunked")
        payload = b"".join(b"%X;ext\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        lines += [b"Content-Length: %d" % len(body)] if body or draw(st.booleans()) else []
        payload = body
    wire = b"\r\n".join([*lines, b"", payload])
    answer, answered = draw(answers(method))
    return Asked(method, host, fields, body, wire, answer, answered)


@st.composite
def answers(draw: st.DrawFn, method: bytes) -> tuple[bytes, bytes]:
    """An answer that ends by itself, perhaps behind interim ones."""
    pieces = draw(PIECES)
    body = b"".join(pieces)
    early = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n"]))
    if method == b"HEAD":
        return early + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), b""
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    if kind == "none":
        return early + b"HTTP/1.1 204 No Content\r\n\r\n", b""
    if kind == "length":
        return early + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body), body
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return early + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Sum: 1\r\n\r\n", body


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` in pieces, cut at those places."""
    places = sorted({place % (len(data) + 1) for place in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


def converse(conversation: list[Asked], up: list[int], down: list[int]) -> World:
    """All requests in one go, cut at `up`; each answer cut at `down`, once its request is there."""
    world = World(site(forwardfor=ForwardFor()))

    def answer(server: ServerSide) -> None:
        if server.whole:
            for piece in cut(conversation[len(world.servers) - 1].answer, down):
                if world.server is server:
                    world.tell(world.exchange.server_received, piece)

    for piece in cut(b"".join(request.wire for request in conversation), up):
        world.send(piece)
        if world.server is not None:
            answer(world.server)
        world.settle(answer)
    return world


CUTS = st.lists(st.integers(0, 1 << 16), max_size=12)


@settings(max_examples=150)
@given(st.lists(asked(), min_size=1, max_size=4), CUTS, CUTS)
def test_no_cut_changes_what_anybody_gets(conversation: list[Asked], up: list[int], down: list[int]) -> None:
    """Each server gets its request, whole and with its own body; the client gets each answer, in order."""
    world = converse(conversation, up, down)
    assert len(world.servers) == len(conversation)
    for request, server in zip(conversation, world.servers, strict=True):
        assert server.whole
        assert server.left
        head = server.requests[0]
        assert (head.method, bytes(server.body)) == (request.method, request.body)
        assert dict(head.headers)[b"host"] == request.host
        assert server.name == ("b1" if request.host.lower().startswith(b"b.") else "a1")
        sent = [(name, value) for name, value in head.headers.raw_items() if name.startswith(b"X-")]
        assert sent[: len(request.fields)] == list(request.fields)
        assert sent[len(request.fields) :] == [(b"X-Forwarded-For", b"192.0.2.7")]
    heads, bodies, whole = responses(bytes(world.got), [request.method for request in conversation])
    assert whole
    assert len(heads) == len(conversation)
    assert bodies == [request.answered for request in conversation]
    assert [record.outcome for record in world.records] == [Outcome.COMPLETED] * len(conversation)
    assert sum(record.bytes_in for record in world.records) == sum(len(request.wire) for request in conversation)
    assert sum(record.bytes_out for record in world.records) == len(world.got)
    assert world.idle()


@settings(max_examples=150)
@given(asked(), CUTS, st.binary(min_size=1, max_size=40), st.integers(0, 1 << 16))
def test_damage_is_never_passed_on(request: Asked, up: list[int], noise: bytes, at: int) -> None:
    """Whatever is put into a request: each server reads one strict request, whole or cut, and the world goes idle."""
    place = at % (len(request.wire) + 1)
    wire = request.wire[:place] + noise + request.wire[place:]
    world = World(site(forwardfor=ForwardFor()))

    def answer(server: ServerSide) -> None:
        if server.whole and world.server is server:
            world.tell(world.exchange.server_received, b"HTTP/1.1 204 No Content\r\n\r\n")

    for piece in cut(wire, up):
        world.settle(answer)
        if world.over:
            break
        world.send(piece)
        if world.server is not None:
            answer(world.server)
    while not world.over:
        world.settle(answer)
        world.pass_time()
    assert all(server.whole != server.reset for server in world.servers)
    assert world.idle()
