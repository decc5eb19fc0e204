"""What one line with `srv:` stands for: a server for each endpoint, the same ones in the same order each time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import Backend, Check, DnsAddress, SendProxy, Server, SrvAddress, TcpAddress
from pumpproxy.policy.names import Endpoint
from pumpproxy.policy.services import HEAVIEST, address_of, expanded, servers_of, services_of

if TYPE_CHECKING:
    from random import Random

LINE = Server(
    "web",
    SrvAddress("_https._tcp.web.example"),
    check=Check(),
    maxconn=100,
    maxqueue=10,
    send_proxy=SendProxy.V2,
    drain=True,
)
PODS = (
    Endpoint("10-244-2-7.web.example", 8443, 10, 33),
    Endpoint("10-244-1-5.web.example", 8443, 10, 33),
)
ENDPOINTS = st.lists(
    st.builds(
        Endpoint,
        st.sampled_from(["a.example", "b.example", "c.example", "192.0.2.1"]),
        st.integers(1, 3),
        st.integers(0, 2),
        st.integers(0, 65535),
    ),
    max_size=12,
    unique_by=lambda endpoint: (endpoint.host, endpoint.port),
)


def test_each_endpoint_is_a_server() -> None:
    """With all that the line says, under a name that says whose it is and where, and that no line can have."""
    one, other = servers_of(LINE, PODS)
    assert one == replace(
        LINE,
        name="web@10-244-1-5.web.example:8443",
        address=DnsAddress("10-244-1-5.web.example", 8443, absolute=True),
        weight=33,
    )
    assert other.name == "web@10-244-2-7.web.example:8443"


@given(ENDPOINTS, st.randoms())
def test_the_order_of_an_answer_makes_no_difference(endpoints: list[Endpoint], random: Random) -> None:
    """Nor does anything else that nameservers change each time."""
    shuffled = list(endpoints)
    random.shuffle(shuffled)
    servers = servers_of(LINE, endpoints)
    assert servers_of(LINE, shuffled) == servers
    assert len({server.name for server in servers}) == len(endpoints)


def test_no_endpoints_are_no_servers() -> None:
    """What that means is not decided here."""
    assert servers_of(LINE, ()) == ()


def test_only_the_lowest_priority_is_in_use() -> None:
    """The others stand by, in their order, as `backup` servers do."""
    endpoints = (Endpoint("a", 1, 30, 1), Endpoint("b", 1, 20, 1), Endpoint("z", 1, 10, 1), Endpoint("y", 1, 10, 1))
    servers = servers_of(LINE, endpoints)
    assert [(server.name, server.backup) for server in servers] == [
        ("web@y:1", False),
        ("web@z:1", False),
        ("web@b:1", True),
        ("web@a:1", True),
    ]
    assert all(server.backup for server in servers_of(replace(LINE, backup=True), endpoints))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1, 1), [1, 1]),
        ((33, 33), [33, 33]),
        ((100, 50), [100, 50]),
        ((256, 1), [256, 1]),
        ((65535, 0), [256, 1]),
        ((1000, 500), [256, 128]),
        ((0, 0), [1, 1]),
        ((10, 0), [10, 1]),
        ((257, 256), [256, 255]),
    ],
)
def test_weights_are_the_records(weights: tuple[int, int], expected: list[int]) -> None:
    """In proportion; 0 is the least, and not never (RFC 2782)."""
    endpoints = [Endpoint("ab"[at], 1, 10, weight) for at, weight in enumerate(weights)]
    assert [server.weight for server in servers_of(replace(LINE, weight=7), endpoints)] == expected


def test_each_priority_has_its_own_proportions() -> None:
    """Targets of two priorities are never chosen between."""
    servers = servers_of(LINE, (Endpoint("a", 1, 10, 5), Endpoint("b", 1, 20, 50000), Endpoint("c", 1, 20, 25000)))
    assert [server.weight for server in servers] == [5, 256, 128]


@given(ENDPOINTS)
def test_weights_are_those_of_servers(endpoints: list[Endpoint]) -> None:
    """1 to 256; and all of them 0 where the line says so."""
    assert all(1 <= server.weight <= HEAVIEST for server in servers_of(LINE, endpoints))
    assert all(server.weight == 0 for server in servers_of(replace(LINE, weight=0), endpoints))


def test_a_cookie_leads_back_to_one_of_them() -> None:
    """Each has a value of its own, made of the line's and its place: the same after a restart."""
    first, second = (server.cookie for server in servers_of(replace(LINE, cookie="A"), PODS))
    assert first == "A-cb9cc4166d73"
    assert second is not None
    assert second.startswith("A-")
    assert first != second
    assert servers_of(LINE, PODS)[0].cookie is None


def test_a_backend_has_the_servers_that_its_lines_stand_for() -> None:
    """In the place of the line, among the others; a service of which nothing is known yet is one server, nowhere."""
    other = SrvAddress("_http._tcp.other.example")
    lines = (Server("a", TcpAddress("192.0.2.1", 80)), LINE, Server("z", other))
    declared = Backend("b", servers=lines, retries=7)
    assert services_of(declared) == {LINE.address, other}
    assert expanded(declared, {}) == declared
    found = expanded(declared, {SrvAddress("_https._tcp.web.example"): PODS})
    assert found == replace(declared, servers=(lines[0], *servers_of(LINE, PODS), lines[2]))


def test_a_backend_without_services_is_as_it_is() -> None:
    """The same object."""
    declared = Backend("b", servers=(Server("a", TcpAddress("192.0.2.1", 80)),))
    assert expanded(declared, {SrvAddress("_https._tcp.web.example"): PODS}) is declared
    assert services_of(declared) == frozenset()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("a.example", DnsAddress("a.example", 80, absolute=True)),
        ("192.0.2.1", TcpAddress("192.0.2.1", 80)),
        ("192.0.2", DnsAddress("192.0.2", 80, absolute=True)),
        ("c0a80001.addr.dc1.consul", DnsAddress("c0a80001.addr.dc1.consul", 80, absolute=True)),
    ],
)
def test_a_endpoint_is_a_whole_name(host: str, address: object) -> None:
    """Or an IPv4 address, where somebody wrote one."""
    assert address_of(Endpoint(host, 80, 0, 0)) == address
