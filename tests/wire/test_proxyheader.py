"""What a header of the PROXY protocol tells."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pumpproxy.wire.proxyheader import ProxyHeader, as_ipv4


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:0:0", "0.0.0.0"),  # noqa: S104 - nobody listens there
        ("::192.0.2.1", "::c000:201"),
        ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_mapped_address_is_an_ipv4_address(address: str, client: str) -> None:
    """No other that has an IPv4 address in it is one."""
    assert str(as_ipv4(ip_address(address))) == client


def test_a_header_that_says_nothing_knows_nobody() -> None:
    """The connection's own addresses hold."""
    assert ProxyHeader(15) == (15, False, None, None, b"")
