"""One response on its way down."""

from __future__ import annotations

import pytest

from pumpproxy.model import Frontend, Mode
from pumpproxy.policy.download import Download
from pumpproxy.policy.httpsteps import HttpStep, SendClient
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.request import Ending, Fault, Request
from pumpproxy.wire.http1 import RequestReader
from tests.playbook import OK

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
GET_10 = b"GET / HTTP/1.0\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Down:
    """A download, what the client got of it, and what became of it."""

    def __init__(self, asked: bytes = GET, *, upgrade: bool = False, **frontend: object) -> None:
        head = RequestReader().feed(asked)
        assert head is not None
        self.request = Request(0.0)
        self.steps: list[HttpStep] = []
        declared = Frontend("f", Mode.HTTP, (), **frontend)  # type: ignore[arg-type]
        self.download = Download(self.request, head, declared, self.steps, upgrade=upgrade)
        self.fault: Fault | None = None

    def feed(self, *pieces: bytes) -> Down:
        """The server sends those."""
        for at, piece in enumerate(pieces):
            if self.fault is None and not self.download.done:
                self.fault = self.download.received(piece, float(at))
        return self

    @property
    def sent(self) -> bytes:
        """What the client got."""
        assert all(isinstance(step, SendClient) for step in self.steps)
        return b"".join(step.data for step in self.steps if isinstance(step, SendClient))


def test_a_response_passes_however_it_is_cut() -> None:
    """Head and body, byte by byte or at once, and nothing beyond its end."""
    surplus = OK + b"HTTP/1.1 200 OK\r\n\r\nsmuggled"
    for pieces in ([surplus], [surplus[at : at + 1] for at in range(len(surplus))]):
        down = Down().feed(*pieces)
        assert down.download.done
        assert down.sent == OK
        assert down.request.status == 200
        assert down.request.bytes_out == len(OK)


def test_interim_heads_come_first() -> None:
    """They pass to whoever may get them, and an answer is still waited for."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    down = Down().feed(b"HTTP/1.1 100 Continue\r\n\r\n" + early)
    assert down.download.continued
    assert not down.download.begun
    assert down.sent == b"HTTP/1.1 100 Continue\r\n\r\n" + early
    assert down.feed(OK).sent.endswith(OK)


def test_old_clients_get_no_interim_head() -> None:
    """RFC 9110, section 15.2."""
    down = Down(GET_10).feed(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n")
    assert down.sent == b"HTTP/1.1 204 No\r\nConnection: keep-alive\r\n\r\n"


def test_a_granted_upgrade_switches() -> None:
    """What was read too far goes along."""
    down = Down(upgrade=True).feed(SWITCH + b"\x81\x02hi")
    assert down.download.switched == SWITCH + b"\x81\x02hi"
    assert not down.steps


@pytest.mark.parametrize(
    ("upgrade", "head"),
    [
        (False, SWITCH),
        (True, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        (True, SWITCH.replace(b"websocket", b"h2c")),
        (True, SWITCH.replace(b"websocket", b"websocket, h2c")),
        (True, SWITCH.replace(b"Connection: Upgrade\r\n", b"")),
    ],
)
def test_any_other_101_is_no_answer(upgrade: bool, head: bytes) -> None:  # noqa: FBT001
    """Nobody asked for that tunnel."""
    down = Down(upgrade=upgrade).feed(head)
    assert down.fault == Fault(
        502, Ending(Outcome.BAD_RESPONSE, Phase.HEAD, "101 without the upgrade that was asked for")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    ],
)
def test_what_cannot_be_read_is_not_passed_on(data: bytes) -> None:
    """Not a byte of it."""
    down = Down().feed(data)
    assert down.fault is not None
    assert (down.fault.status, down.fault.ending.outcome) == (502, Outcome.BAD_RESPONSE)
    assert not down.steps


def test_a_fault_in_mid_body_is_one_of_the_data() -> None:
    """The client has the beginning already."""
    down = Down().feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"zz\r\n")
    assert down.fault == Fault(502, Ending(Outcome.BAD_RESPONSE, Phase.DATA, "malformed chunk"))
    assert down.download.begun
    assert down.download.cut_is_told


def test_a_close_ends_a_body_that_has_no_other_end() -> None:
    """Chunked for a new client, so that the end is told; for an old one the close tells it."""
    head = b"HTTP/1.1 200 OK\r\n\r\nab"
    new = Down().feed(head)
    assert new.download.closed(cleanly=True) is None
    assert new.sent == b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    assert new.download.done
    old = Down(GET_10).feed(head)
    assert not old.download.cut_is_told
    assert old.download.closed(cleanly=True) is None
    assert old.sent == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab"
    assert old.download.done


@pytest.mark.parametrize(
    ("data", "cleanly", "phase"),
    [
        (b"", True, Phase.HEAD),
        (b"HTTP/1.1 200", True, Phase.HEAD),
        (b"HTTP/1.1 100 Continue\r\n\r\n", True, Phase.HEAD),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", True, Phase.DATA),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", True, Phase.DATA),
        (b"HTTP/1.1 200 OK\r\n\r\nab", False, Phase.DATA),
    ],
)
def test_a_close_cuts_everything_else(data: bytes, cleanly: bool, phase: Phase) -> None:  # noqa: FBT001
    """And a reset cuts even that."""
    down = Down().feed(data)
    assert down.download.closed(cleanly=cleanly) == Fault(502, Ending(Outcome.SERVER_LEFT, phase))
    assert not down.download.done


def test_a_head_beyond_the_frontends_limits() -> None:
    """`max-head` and `max-headers` hold for servers too."""
    fields = b"".join(b"X%d: y\r\n" % number for number in range(11))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + b"\r\n"
    assert Down().feed(answer).fault is None
    for limit in ({"max_headers": 11}, {"max_head": 100}):
        fault = Down(**limit).feed(answer).fault  # type: ignore[arg-type]
        assert fault is not None
        assert fault.status == 502


def test_via_marks_what_is_passed_on() -> None:
    """Interim responses too, with the version that each came in."""
    down = Down(via="edge")
    down.feed(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200 OK\r\nVia: 1.0 fred\r\nContent-Length: 0\r\n\r\n")
    interim, final = down.sent.split(b"\r\n\r\n")[:2]
    assert interim.endswith(b"\r\nVia: 1.1 edge")
    assert final.endswith(b"\r\nVia: 1.0 fred\r\nContent-Length: 0\r\nVia: 1.0 edge")
