"""Which relay is used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.testing import MemoryReactorClock, StringTransport

from pumpproxy.flow.relay import Relay
from pumpproxy.flow.relaying import RelayUnavailableError, kind_for, relay_between
from pumpproxy.model import RelayKind
from pumpproxy.policy.inactivity import RelayTimeouts
from tests.fakes import environment, tls_config

if TYPE_CHECKING:
    from pumpproxy.flow.stream import Stream


@pytest.mark.skipif(not hasattr(os, "splice"), reason="machine: no splice(2)")
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RelayKind.AUTO, RelayKind.SPLICE),
        (RelayKind.SPLICE, RelayKind.SPLICE),
        (RelayKind.PORTABLE, RelayKind.PORTABLE),
    ],
)
def test_on_linux(wanted: RelayKind, found: RelayKind) -> None:
    """The kernel's, unless the file says otherwise."""
    assert kind_for(wanted) is found


def test_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The portable one; the file cannot have what is not there."""
    monkeypatch.delattr(os, "splice", raising=False)
    assert kind_for(RelayKind.AUTO) is RelayKind.PORTABLE
    with pytest.raises(RelayUnavailableError, match=r"splice\(2\)"):
        kind_for(RelayKind.SPLICE)


def test_other_transports_get_the_portable_one() -> None:
    """Twisted's own: unix sockets, TLS, tests."""
    made, _ = environment(tls_config(1), MemoryReactorClock())
    timeouts = RelayTimeouts(1.0, 1.0, 1.0, 1.0, 1.0)
    one, other = (cast("Stream", StringTransport()) for _ in range(2))
    assert isinstance(relay_between(made, one, other, timeouts, lambda _relay: None), Relay)
