"""How a session or a request can end: a closed set, one word each.

The same word stands in the access log, the counters and `docs/outcomes.md`. May not: know how any of them came about.
"""

from __future__ import annotations

import enum


class Outcome(enum.Enum):
    """Why it ended: (word, who ended it). The letter is the first of HAProxy's termination state (manual, 8.5)."""

    COMPLETED = ("completed", "-")
    """Both sides said all they had to say."""
    REDIRECTED = ("redirected", "L")
    """Answered by a redirection of ours."""
    REFUSED = ("refused", "P")
    """A route or a policy of the file says so (`reject`, `drop`), or no route fits."""
    TOO_MANY = ("too-many", "P")
    """Its source has too many connections, or makes them too fast."""
    NOT_TLS = ("not-tls", "P")
    """Something else than TLS on a `mode = tls` frontend."""
    BAD_HELLO = ("bad-hello", "P")
    """TLS, but a ClientHello that no strict reader takes."""
    BAD_PROXY_HEADER = ("bad-proxy-header", "P")
    """Whoever must send a header of the PROXY protocol first sent something else."""
    BAD_REQUEST = ("bad-request", "P")
    """An HTTP request that is invalid, ambiguous, too large or of no kind that is served."""
    BAD_RESPONSE = ("bad-response", "P")
    """A server's response that is invalid or ambiguous."""
    CLIENT_SILENT = ("client-silent", "c")
    """The client did not complete its hello or request head in time."""
    CLIENT_IDLE = ("client-idle", "c")
    """The client stopped sending or taking data."""
    CLIENT_LEFT = ("client-left", "C")
    """The client closed or reset the connection before the end."""
    CONNECT_FAILED = ("connect-failed", "S")
    """No server took the connection: refused or unreachable."""
    CONNECT_TIMEOUT = ("connect-timeout", "s")
    """No server took the connection in time."""
    NO_SERVER = ("no-server", "S")
    """The backend had no server to try."""
    QUEUE_TIMEOUT = ("queue-timeout", "s")
    """It waited for a place at a server, or for one to be there, for too long."""
    QUEUE_FULL = ("queue-full", "S")
    """Too many waited already."""
    SERVER_LEFT = ("server-left", "S")
    """The server closed or reset the connection before the end."""
    SERVER_IDLE = ("server-idle", "s")
    """The server stopped sending or taking data."""
    SERVER_DOWN = ("server-down", "D")
    """The server went DOWN by its checks, and `on-down` says that nothing goes on there."""
    OVERLOAD = ("overload", "R")
    """Something of ours ran out: descriptors, local ports, memory for unfinished hellos."""
    SHUTDOWN = ("shutdown", "K")
    """The service ended first."""
    INTERNAL = ("internal", "I")
    """A defect of ours; the log has its traceback."""

    def __init__(self, word: str, letter: str) -> None:
        self.word = word
        self.letter = letter


class Phase(enum.Enum):
    """When it ended: the second letter of the termination state."""

    REQUEST = "R"
    """Waiting for the hello or the request."""
    QUEUE = "Q"
    CONNECT = "C"
    HEAD = "H"
    """Waiting for the response's head."""
    DATA = "D"
    LAST = "L"
    """The server was done, the client still had to take the rest."""
    DONE = "-"


def termination(outcome: Outcome, phase: Phase) -> str:
    """Both letters, as HAProxy's logs have them: `--`, `CD`, `sC`."""
    if outcome is Outcome.COMPLETED:
        return "--"
    return outcome.letter + phase.value
