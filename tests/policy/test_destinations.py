"""The order in which addresses are tried, by RFC 6724; its examples of section 10.2 are among these."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.policy.destinations import ordered

V6, V4 = "2001:db8:1::1", "198.51.100.121"
OURS6, OURS4 = "2001:db8:1::2", "198.51.100.117"


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        # Section 10.2: global IPv6 before IPv4 where both have their way.
        ({V4: OURS4, V6: OURS6}, [V6, V4]),
        # ... IPv4 first where IPv6 has a link-local source alone (matching scope).
        ({V6: "fe80::1", V4: OURS4}, [V4, V6]),
        # ... "prefer matching label": a 6to4 source for a native address.
        ({V6: "2002:c633:6401::2", V4: OURS4}, [V4, V6]),
        ({"2002:c633:6401::1": "2002:c633:6401::2", V6: "2002:c633:6401::2"}, ["2002:c633:6401::1", V6]),
        # ... "prefer higher precedence": native before 6to4.
        ({"2002:c633:6401::1": "2002:c633:6401::2", V6: OURS6}, [V6, "2002:c633:6401::1"]),
        # A network with unique local addresses only does not reach the world by them; its own hosts it does, but
        # behind IPv4.
        ({V6: "fd00::2", V4: OURS4}, [V4, V6]),
        ({"fd00::1": "fd00::2", V4: OURS4}, [V4, "fd00::1"]),
        # Who cannot be reached comes last.
        ({V6: None, V4: OURS4}, [V4, V6]),
        ({V6: OURS6, V4: None}, [V6, V4]),
        ({V4: None, V6: None}, [V6, V4]),
        # This host.
        ({"127.0.0.1": "127.0.0.1", "::1": "::1"}, ["::1", "127.0.0.1"]),
        ({"127.0.0.1": "127.0.0.1", "::1": None}, ["127.0.0.1", "::1"]),
        ({"fe80::5%eth0": "fe80::1%eth0", V6: OURS6}, ["fe80::5%eth0", V6]),
        ({"fec0::1": "fec0::2", V4: OURS4}, [V4, "fec0::1"]),
        ({"169.254.1.1": "169.254.1.2", V4: OURS4}, ["169.254.1.1", V4]),
    ],
)
def test_what_the_system_would_try_first_comes_first(ways: dict[str, str | None], expected: list[str]) -> None:
    """By reach, scope, label and precedence."""
    assert list(ordered(ways, ways)) == expected


@given(st.lists(st.ip_addresses(v=4).map(str), unique=True, max_size=8))
def test_else_the_answer_s_order_stays(addresses: list[str]) -> None:
    """Nameservers spread the load by it."""
    assert list(ordered(addresses, dict.fromkeys(addresses, None))) == addresses


@given(st.dictionaries(st.ip_addresses().map(str), st.none() | st.ip_addresses().map(str), max_size=8))
def test_none_is_lost(ways: dict[str, str | None]) -> None:
    """Whatever the addresses, and however odd the kernel's way to them."""
    assert sorted(ordered(ways, ways)) == sorted(ways)


def test_an_address_that_nobody_looked_at_is_out_of_reach() -> None:
    """It comes last, and is no error."""
    assert ordered(["192.0.2.1", V4], {V4: OURS4}) == (V4, "192.0.2.1")
