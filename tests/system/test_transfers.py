"""Nothing is lost: 200 transfers at once, of 0 bytes to 64 MiB in both directions, with pauses, half-closes and resets.

Every byte that a side sent before its FIN arrives, in order and at the right server, with the FIN behind it; a reset
never looks like an end; and nothing is left of it in the daemon but one true line each.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow.relaykind import RelayUnavailableError, kind_for
from pumpproxy.model import RelayKind
from tests.fakes import LOOPBACK
from tests.sim.seeds import fresh, usual
from tests.system.daemon import PATIENCE, Daemon
from tests.system.parties import Transfer, carry
from tests.system.transfers import COUNT, draw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.system.parties import Party
    from tests.system.transfers import Plan

NAME = b"pump2.example.test"
VECTORS = Path(__file__).parents[1] / "vectors" / "hellos.jsonl"
FRONT = "127.0.0.2"
"""Where the daemon listens, on ports that no connection of anybody at 127.0.0.1 takes in the meantime."""
NOBODY = 65534
LONGEST = 120.0
"""Seconds for all transfers of a seed: a generous multiple of what they take."""
MOST_GROWTH = {"splice": 4 * 2**20, "portable": 32 * 2**20}
"""Bytes of memory, beside hundreds of MiB that passed: Twisted has 64 KiB and one read for a direction while it stalls,
of which the allocator keeps about half for the next; in the kernel's relay such bytes are the kernel's."""
PIPE = 1 << 20

Line = dict[str, object]
Lines = dict[tuple[str, int], list[Line]]


def real_hellos() -> list[bytes]:
    """Recorded ones that name NAME once, and are nothing but a hello."""
    found = []
    for text in VECTORS.read_text().splitlines():
        vector = json.loads(text)
        data = bytes.fromhex(vector["hex"])
        whole = vector.get("hello_end") == len(data) and not vector.get("eof")
        if whole and vector["name"].startswith("rec-") and vector["ok"] == ["route"] and data.count(NAME) == 1:
            found.append(data)
    return found


def unused_ports(count: int) -> list[int]:
    """As many ports of FRONT that nobody listens on, no two alike."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((FRONT, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Site:
    """A daemon before the servers of these transfers: a frontend for all hellos, and one each for those without."""

    def __init__(self, folder: Path, relay: str, transfers: Sequence[Transfer], *, nobody: bool) -> None:
        plans = [transfer.plan for transfer in transfers]
        self._tls, *ports = unused_ports(1 + len(plans))
        self._tcp = {plan.name: port for plan, port in zip(plans, ports, strict=True) if plan.mode == "tcp"}
        lines = [
            f"[global]\nrelay = {relay}\nlog = twistd\n[defaults]\nlog-format = json",
            # A hello in pieces of a byte, beside so many others, may take its time.
            "[frontend tls]\nmode = tls\ninspect-delay = 1m",
            f"bind = {FRONT}:{self._tls}",
            *(f"route {plan.name}{NAME[5:].decode()} = {plan.name}" for plan in plans if plan.mode == "tls"),
            *(
                f"[frontend {name}]\nmode = tcp\nbind = {FRONT}:{port}\ndefault-backend = {name}"
                for name, port in self._tcp.items()
            ),
            *(f"[backend {each.plan.name}]\nserver s = {LOOPBACK}:{each.behind}" for each in transfers),
        ]
        user = ("--uid", str(NOBODY), "--gid", str(NOBODY)) if nobody else ()
        self.daemon = Daemon(folder, "\n".join(lines) + "\n", twistd=("-n", "--pidfile=", *user))

    def place_of(self, plan: Plan) -> tuple[str, int]:
        """Where its client connects."""
        return FRONT, self._tcp.get(plan.name, self._tls)

    @property
    def descriptors(self) -> Counter[str]:
        """What the daemon has open, by kind; a file by its name."""
        kinds: Counter[str] = Counter()
        for entry in Path(f"/proc/{self.daemon.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                kinds[str(entry.readlink()).split(":[")[0]] += 1
        return kinds

    def lines(self) -> Lines:
        """The access log's, by frontend and the client's port."""
        found: Lines = {}
        for line in self.daemon.log.splitlines():
            if '{"client":' in line and line.endswith("}"):
                facts = json.loads(line[line.index("{") :])
                found.setdefault((facts["frontend"], facts["port"]), []).append(facts)
        return found

    def quiet(self, before: Counter[str]) -> Lines:
        """Wait until all has been told, and the descriptors are as they were: a pool keeps its pipes for 5 s."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.descriptors == before and len(self.lines()) >= COUNT:
                break
            time.sleep(0.2)
        return self.lines()


def amiss(transfer: Transfer, lines: Sequence[Line]) -> Iterator[str]:
    """Whatever of one transfer is not as it must be."""
    client, server = transfer.client, transfer.server
    # We gave up connecting: its server may have seen a connection, but not a byte on it.
    given_up = any(line["termination"] == "CC" for line in lines) and client.did_reset and not server.received
    if not given_up:
        yield from _amiss_between("client to server", client, server)
        yield from _amiss_between("server to client", server, client)
    if transfer.accepted != 1 and not (client.did_reset and transfer.accepted == 0):
        yield f"{transfer.accepted} connections came to its server"
    if len(lines) != 1:
        yield f"{len(lines)} lines in the access log"
    else:
        yield from _amiss_in_the_log(transfer, lines[0])


def _amiss_between(which: str, speaker: Party, listener: Party) -> Iterator[str]:
    either = speaker.did_reset or listener.did_reset
    if listener.wrong is not None:
        yield f"{which}: another byte than was sent at {listener.wrong}"
    if listener.received > speaker.sent:
        yield f"{which}: more than was sent"
    if listener.received == speaker.sent and listener.got.digest() != speaker.said.digest():
        yield f"{which}: the hashes differ"
    if listener.end == "fin" and not (speaker.finished and listener.received == speaker.sent):
        yield f"{which}: a FIN where none was sent, or before the end"
    if not either and (listener.end != "fin" or listener.broken):
        yield f"{which}: nobody reset, but {listener.end or 'no end'}: {listener.broken}"
    if speaker.did_reset and not speaker.finished and listener.end != "reset" and listener.socket is not None:
        yield f"{which}: a reset came as {listener.end or 'nothing'}"


def _amiss_in_the_log(transfer: Transfer, line: Line) -> Iterator[str]:
    client, server = transfer.client, transfer.server
    resetter = client if client.did_reset else server if server.did_reset else None
    sizes = (line["bytes_in"], line["bytes_out"])
    outcome = line["outcome"]
    if resetter is None:
        if outcome != "completed" or sizes != (client.sent, server.sent):
            yield f"nobody reset, but the log says {line}"
    else:
        left = "client-left" if resetter is client else "server-left"
        if outcome != left and not (outcome == "completed" and resetter.finished):
            yield f"the log blames another: {line}"
    if not server.received <= sizes[0] <= client.sent or not client.received <= sizes[1] <= server.sent:  # type: ignore[operator]
        yield f"the log counts otherwise: {line}"
    if transfer.accepted and (line["backend"], line["server"]) != (transfer.plan.name, "s"):
        yield f"the log names another server: {line}"


def run(folder: Path, relay: str, seed: int, *, nobody: bool) -> None:
    """A daemon, the transfers of this seed through it, and everything that must hold then; a failure tells the seed."""
    try:
        carry_and_judge(folder, relay, seed, nobody=nobody)
    except Exception as error:
        error.add_note(f"replay: PUMPPROXY_SEED={seed} python -m pytest tests/system/test_transfers.py")
        raise


def carry_and_judge(folder: Path, relay: str, seed: int, *, nobody: bool) -> None:
    """As `run`."""
    transfers = [Transfer(plan) for plan in draw(seed, real_hellos(), NAME)]
    site = Site(folder, relay, transfers, nobody=nobody)
    with site.daemon as daemon:
        before, memory = site.descriptors, daemon.resident
        carry(transfers, site.place_of, LONGEST)
        lines = site.quiet(before)
        wrong = [
            f"{each.plan.name} {each.plan.mode}: {what}\n  client {each.client}\n  server {each.server}"
            for each in transfers
            for what in amiss(each, lines.get((each.plan.frontend, each.client.port), []))
        ]
        assert not wrong, "\n".join(wrong)
        assert site.descriptors == before
        grown = daemon.resident - memory
        assert grown < MOST_GROWTH[relay], f"{grown >> 10} KiB more"
        log = daemon.log
    assert "Traceback" not in log
    assert "defect" not in log
    if nobody and relay == "splice" and crowded(transfers):
        assert "no pipe for a relay" in log, "the limit of an unprivileged user's pipes was not met"


def crowded(transfers: Sequence[Transfer]) -> bool:
    """Whether more pipes are wanted at a time than this system gives an unprivileged user (pipe(7))."""
    soft = int(Path("/proc/sys/fs/pipe-user-pages-soft").read_text()) * os.sysconf("SC_PAGE_SIZE")
    wanted = sum(2 for transfer in transfers if transfer.plan.client.crowd)
    return 0 < soft < wanted * PIPE * 3 // 4


@pytest.fixture(params=["splice", "portable"])
def relay(request: pytest.FixtureRequest) -> str:
    """Which of the relays."""
    try:
        kind_for(RelayKind(request.param))
    except RelayUnavailableError as problem:
        pytest.skip(f"machine: {problem}")
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["own-user", "nobody"])
def nobody(request: pytest.FixtureRequest) -> bool:
    """Whether the daemon gives its privileges up."""
    if request.param and os.geteuid() != 0:
        pytest.skip("machine: only root becomes another user, and the other run was an unprivileged one already")
    return bool(request.param)


@pytest.mark.parametrize("seed", usual(1))
def test_nothing_is_lost(tmp_path: Path, relay: str, seed: int, *, nobody: bool) -> None:
    """Through a spawned daemon, on both relays, as root and as a user whose pipes are limited."""
    run(tmp_path, relay, seed, nobody=nobody)


@pytest.mark.soak
def test_nothing_is_lost_with_fresh_seeds(
    tmp_path_factory: pytest.TempPathFactory, relay: str, *, nobody: bool
) -> None:
    """The same, with transfers that no run saw before."""
    for seed in fresh(5):
        run(tmp_path_factory.mktemp("transfers"), relay, seed, nobody=nobody)
