"""Which relay is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.testing import MemoryReactorClock, StringTransport

from pumpproxy.flow.relay import Relay
from pumpproxy.flow.relaying import relay_between
from pumpproxy.policy.inactivity import RelayTimeouts
from tests.fakes import environment, tls_config

if TYPE_CHECKING:
    from pumpproxy.flow.relaying import AnyRelay
    from pumpproxy.flow.stream import Stream


class Nobody:
    """Whose relay it is."""

    def relayed(self, relay: AnyRelay) -> None:
        """Not told here."""


def test_other_transports_get_the_portable_one() -> None:
    """Twisted's own: unix sockets, TLS, tests."""
    made, _ = environment(tls_config(1), MemoryReactorClock())
    timeouts = RelayTimeouts(1.0, 1.0, 1.0, 1.0, 1.0)
    one, other = (cast("Stream", StringTransport()) for _ in range(2))
    assert isinstance(relay_between(made, one, other, timeouts, Nobody()), Relay)
