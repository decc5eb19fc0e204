"""What reads a client, by what its frontend says."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.fronts import build_front
from pumpproxy.flow.proxied import ProxiedFront
from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.model import Mode
from pumpproxy.policy.records import ClientAddress
from tests.fakes import environment, tls_config
from tests.flow.reactors import FakeReactor

CLIENT = ClientAddress("192.0.2.7", 51234)


@pytest.mark.parametrize(
    ("mode", "networks", "kind"),
    [
        (Mode.TLS, (), FrontProtocol),
        (Mode.TCP, (), FrontProtocol),
        (Mode.HTTP, (), StraightHttpFront),
        (Mode.TLS, ("192.0.2.0/24",), ProxiedFront),
        (Mode.HTTP, ("192.0.2.0/24",), ProxiedFront),
        (Mode.TLS, ("198.51.100.0/24",), FrontProtocol),
        (Mode.HTTP, ("198.51.100.0/24",), StraightHttpFront),
    ],
)
def test_the_mode_and_the_client_s_network_say_who_reads_it(mode: Mode, networks: tuple[str, ...], kind: type) -> None:
    """A reload that changes them is for who comes then."""
    shared, _ = environment(tls_config(1), FakeReactor().real)
    state = shared.runtime.frontends["f"]
    state.declare(
        replace(state.declared, mode=mode, accept_proxy=tuple(map(ip_network, networks))), shared.runtime.pools
    )
    assert type(build_front(shared, state, CLIENT, 443)) is kind
