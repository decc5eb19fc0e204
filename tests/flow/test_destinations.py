"""Which of a name's addresses is tried first, by the kernel's way to each."""

from __future__ import annotations

import pytest

from pumpproxy.flow.destinations import in_order, source_of


def test_the_kernel_says_from_where_it_would_connect() -> None:
    """And that it would not at all; nothing is sent."""
    assert source_of("127.0.0.5") == "127.0.0.1"
    assert source_of("255.255.255.255") is None


def test_what_cannot_be_reached_is_tried_last() -> None:
    """Else the order stays; each comes once."""
    assert in_order(["255.255.255.255", "127.0.0.3", "127.0.0.2", "127.0.0.3"]) == (
        "127.0.0.3",
        "127.0.0.2",
        "255.255.255.255",
    )


def test_one_address_has_no_order() -> None:
    """Nor has none; the kernel is not asked."""
    assert in_order(["255.255.255.255"]) == ("255.255.255.255",)
    assert in_order([]) == ()


def test_ipv6_comes_first_where_it_works() -> None:
    """On this host it does, if there is any."""
    if source_of("::1") is None:
        pytest.skip("machine: no IPv6")
    assert in_order(["127.0.0.1", "::1"]) == ("::1", "127.0.0.1")
