"""What a peer turned out to speak, from its first bytes: the facts that a route is chosen by.

Wraps the readers of `wire`, whose errors become values here: nothing that a peer sends raises. May not: choose a
route, or know how long it may take.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.wire.errors import NotTlsError, TlsError
from pumpproxy.wire.helloreader import HelloReader
from pumpproxy.wire.nottls import NotTls

if TYPE_CHECKING:
    from pumpproxy.wire.clienthello import ClientHello


class Kind(enum.Enum):
    """What the peer speaks; all but TLS are `not-tls`, and their words are those of the log."""

    TLS = "tls"
    HTTP = "http"
    """Plainly HTTP, so that a readable answer will be read."""
    SSH = "ssh"
    SSLV2 = "sslv2"
    PROXY = "proxy"
    """Of whoever was not to send one."""
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A peer that can be routed. `hello` is there where the kind is TLS, and only there."""

    kind: Kind
    hello: ClientHello | None = None


@dataclass(frozen=True, slots=True)
class SniffRefused:
    """A peer that speaks TLS, but sent no hello that a server could take."""

    reason: str
    """One phrase, fit for a log."""
    alert: int
    """The AlertDescription to send."""


_KINDS = {str(known): Kind(known.value) for known in NotTls}


class Sniffer:
    """Reads one peer's first bytes, and keeps them for the server that it is routed to."""

    __slots__ = ("_answer", "_reader", "heard")

    def __init__(self) -> None:
        self.heard = 0.0
        """When the peer sent something last; its owner's to keep."""
        self._reader = HelloReader()
        self._answer: Sniffed | SniffRefused | None = None

    @property
    def held(self) -> int:
        """Bytes kept here."""
        return self._reader.held

    @property
    def raw(self) -> bytes:
        """All that was received, unchanged: what a server is sent first."""
        return self._reader.raw

    def feed(self, data: bytes) -> Sniffed | SniffRefused | None:
        """Keep `data` and read on; None is "not yet". An answer is final: later data is kept unread."""
        if self._answer is None:
            self._answer = self._read(data)
        else:
            self._reader.keep(data)
        return self._answer

    def _read(self, data: bytes) -> Sniffed | SniffRefused | None:
        try:
            hello = self._reader.feed(data)
        except TlsError as error:
            return SniffRefused(error.reason, error.alert)
        except NotTlsError as error:
            return Sniffed(_KINDS[error.reason])
        return None if hello is None else Sniffed(Kind.TLS, hello)
