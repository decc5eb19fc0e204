"""What a check asks of a server that took its connection, and what it makes of the answer: bytes in, bytes out.

Nothing of what a server says gets into a log: an answer's text is ours. The whole handshake is in `handshake`.
May not: connect, or know a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from pumpproxy.model import UnixAddress
from pumpproxy.policy.health import Answer, CheckStatus
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.http1 import ResponseReader

if TYPE_CHECKING:
    from pumpproxy.model import Check, ServerAddress

MOST_INTERIM = 16
"""Interim responses (1xx) before the one that counts: more than any server has reason to send."""
_HTTP_PORT = 80
_TLS = (0x15, 0x16)  # RFC 8446 section 5.1: ContentType alert(21), handshake(22)


class Reply(NamedTuple):
    """What follows from what was heard: bytes to send, and the answer, if that was all of it."""

    send: bytes = b""
    answer: Answer | None = None


NOTHING = Reply()


class Question(Protocol):
    """One check's. Once there is an answer nothing more is asked or told."""

    polite: bool
    """Whether the server, once it has answered, is given a moment to end the connection; else it is reset."""
    late: Answer
    """Where it has not answered in time."""

    def begin(self) -> Reply:
        """The connection is there."""

    def heard(self, data: bytes) -> Reply:
        """The server sent `data`."""

    def ended(self, *, cleanly: bool) -> Answer:
        """The server closed its half (`cleanly`) or reset the connection, and has not answered."""


class ConnectQuestion:
    """Whether it takes a connection. Nothing is said on it, and it is reset: servers log least of that.

    On Linux the server's own program does not even hear of it: the reset comes in place of the acknowledgement that
    would complete its side of the connection (RFC 9293, section 3.5).
    """

    polite = False
    late = Answer(CheckStatus.L4TOUT, "no connection in time")

    def begin(self) -> Reply:
        """That is all."""
        return Reply(answer=Answer(CheckStatus.L4OK, "connected"))

    def heard(self, _data: bytes) -> Reply:
        """Not asked."""
        return NOTHING

    def ended(self, *, cleanly: bool) -> Answer:  # noqa: ARG002 - it is all the same
        """Not asked."""
        return self.late


class HelloQuestion:
    """Whether it answers a ClientHello by a TLS record, be it an alert.

    The connection is reset after it. Servers log no less of a polite end, and those that wait for encrypted bytes log
    an alert in the clear as an error.
    """

    polite = False
    late = Answer(CheckStatus.L6TOUT, "no answer to the hello in time")

    def __init__(self, hello: bytes) -> None:
        self._hello = hello

    def begin(self) -> Reply:
        """Say hello."""
        return Reply(self._hello)

    def heard(self, data: bytes) -> Reply:
        """The first byte tells."""
        if data[0] in _TLS:
            return Reply(answer=Answer(CheckStatus.L6OK, "answered in TLS"))
        return Reply(answer=Answer(CheckStatus.L6RSP, "answered, but not in TLS"))

    def ended(self, *, cleanly: bool) -> Answer:
        """Without a word."""
        return Answer(CheckStatus.L6RSP, f"{how(cleanly=cleanly)} without an answer to the hello")


class HttpQuestion:
    """Whether a GET is answered with a good status. The body is nobody's business."""

    polite = True
    late = Answer(CheckStatus.L7TOUT, "no response in time")

    def __init__(self, check: Check, address: ServerAddress) -> None:
        host = check.host or host_of(address)
        self._request = (
            f"GET {check.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: pumpproxy\r\nAccept: */*\r\n"
            "Connection: close\r\n\r\n"
        ).encode("ascii")
        self._good = check.status
        # Its limits are those of every response's head.
        self._reader = ResponseReader()
        self._begun = False

    def begin(self) -> Reply:
        """Ask."""
        return Reply(self._request)

    def heard(self, data: bytes) -> Reply:
        """The first status that is not an interim one tells."""
        self._begun = True
        try:
            for _ in range(MOST_INTERIM):
                head = self._reader.feed(data)
                if head is None:
                    return NOTHING
                if head.status >= 200 or head.status == 101:  # noqa: PLR2004 - RFC 9110 section 15
                    return Reply(answer=self._judged(head.status))
                data = self._reader.rest
        except HttpError as error:
            return Reply(answer=Answer(CheckStatus.L7RSP, error.reason))
        return Reply(answer=Answer(CheckStatus.L7RSP, "too many interim responses"))

    def ended(self, *, cleanly: bool) -> Answer:
        """Before it had answered."""
        where = "within its response" if self._begun else "without a response"
        return Answer(CheckStatus.L7RSP, f"{how(cleanly=cleanly)} {where}")

    def _judged(self, status: int) -> Answer:
        lowest, highest = self._good
        good = lowest <= status <= highest
        return Answer(CheckStatus.L7OK if good else CheckStatus.L7STS, f"status {status}")


def how(*, cleanly: bool) -> str:
    """A connection's end, in a word."""
    return "closed" if cleanly else "reset"


def host_of(address: ServerAddress) -> str:
    """What a URL of this address has for a host; `localhost` for a unix socket."""
    if isinstance(address, UnixAddress):
        return "localhost"
    return str(address).removesuffix(f":{_HTTP_PORT}")
