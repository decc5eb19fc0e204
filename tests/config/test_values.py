"""Tests of single values."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import values
from pumpproxy.config.problems import BadValue
from pumpproxy.model import ConnectionMode, ForwardFor, Redispatch, SendProxy
from tests.config.reading import faults_of

if TYPE_CHECKING:
    from collections.abc import Callable


def faults(parse: Callable[[str], object], text: str) -> list[str]:
    """What a parser says against a value: `what is wrong (hint)`."""
    with pytest.raises(BadValue) as caught:
        parse(text)
    return [f"{fault.message} ({fault.hint})".removesuffix(" ()") for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("5s", 5.0), ("1m", 60.0), ("1h", 3600.0), ("1d", 86400.0), ("1ms", 0.001), ("24d", 2073600.0)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    """In seconds, as a float."""
    found = values.duration(text)
    assert found == seconds
    assert isinstance(found, float)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("5000", "'5000' is not a duration (HAProxy reads 5000 as milliseconds: write 5s or 5000ms)"),
        ("10", "'10' is not a duration (HAProxy reads 10 as milliseconds: write 10s or 10ms)"),
        ("0", "'0' is not a duration (HAProxy reads 0 as milliseconds: write 0s or 0ms)"),
        ("0s", "'0s' is out of range (from 1ms to 24d)"),
        ("25d", "'25d' is out of range (from 1ms to 24d)"),
        ("999999999999999d", "'999999999999999d' is out of range (from 1ms to 24d)"),
        ("5 s", "'5 s' is not a duration (a whole number and a unit, for example 250ms, 5s, 1m, 1h or 1d)"),
        ("1.5s", "'1.5s' is not a duration (a whole number and a unit, for example 250ms, 5s, 1m, 1h or 1d)"),
        ("-5s", "'-5s' is not a duration (a whole number and a unit, for example 250ms, 5s, 1m, 1h or 1d)"),
        ("5S", "'5S' is not a duration (a whole number and a unit, for example 250ms, 5s, 1m, 1h or 1d)"),
        ("\u0665s", "'\u0665s' is not a duration (a whole number and a unit, for example 250ms, 5s, 1m, 1h or 1d)"),
    ],
)
def test_a_duration_without_a_unit_is_no_duration(text: str, fault: str) -> None:
    """A bare number is refused with both readings; zero and what no timer can hold too."""
    assert faults(values.duration, text) == [fault]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0", "0 is out of range (from 1 to 9)"),
        ("10", "10 is out of range (from 1 to 9)"),
        ("9" * 5000, f"'{'9' * 60}...' is not a whole number"),
        ("1_0", "'1_0' is not a whole number"),
        ("+1", "'+1' is not a whole number"),
        ("٣", "'٣' is not a whole number"),
        ("4k", "'4k' is not a whole number"),
    ],
)
def test_a_number_keeps_to_its_bounds(text: str, fault: str) -> None:
    """Decimal ASCII digits alone, from the least to the most."""
    assert faults(values.number(1, 9), text) == [fault]
    assert [values.number(1, 9)(str(number)) for number in (1, 9)] == [1, 9]


@pytest.mark.parametrize("text", ["yes", "true", "on", "Yes", "TRUE"])
def test_yes(text: str) -> None:
    """The three words of yes and their opposites."""
    opposite = {"yes": "no", "true": "false", "on": "off"}[text.lower()]
    assert values.boolean(text) is True
    assert values.boolean(opposite) is False


@pytest.mark.parametrize("text", ["1", "y", "enabled", "yes no"])
def test_what_is_neither_yes_nor_no(text: str) -> None:
    """Nothing else is a boolean, numbers least of all."""
    assert faults(values.boolean, text) == [f"'{text}' is neither yes nor no (write yes or no)"]


@pytest.mark.parametrize(
    ("text", "found"), [("yes", Redispatch.YES), ("off", Redispatch.NO), ("1", 1), ("3", 3), ("1000", 1000)]
)
def test_redispatch_is_a_boolean_or_a_number(text: str, found: Redispatch | int) -> None:
    """A number N is every Nth attempt."""
    assert values.redispatch(text) == found


@pytest.mark.parametrize(("text", "seconds"), [("no", 0.0), ("Off", 0.0), ("30s", 30.0)])
def test_a_duration_may_be_none(text: str, seconds: float) -> None:
    """Where a backend can undo what `[defaults]` says; zero is not written as a duration there either."""
    assert values.duration_or_no(text) == seconds
    assert faults(values.duration_or_no, "0s") == ["'0s' is out of range (from 1ms to 24d)"]
    assert faults(values.duration_or_no, "yes")[0].startswith("'yes' is not a duration")


def test_redispatch_of_zero_means_nothing() -> None:
    """Every zeroth attempt there is not; `no` says it."""
    assert faults(values.redispatch, "0") == ["0 is out of range (from 1 to 1000)"]


def test_a_choice_is_one_of_its_words() -> None:
    """Another word is answered by the nearest one, or by that it comes later."""
    parse = values.choice(ConnectionMode, "tunnel")
    assert parse("close") is ConnectionMode.CLOSE
    assert faults(parse, "server_close") == [
        "'server_close' is not one of keep-alive, server-close, close (did you mean 'server-close'?)"
    ]
    assert faults(parse, "tunnel") == [
        "'tunnel' is not one of keep-alive, server-close, close (comes with a later version)"
    ]
    assert faults(values.choice(SendProxy), "xyzzy") == ["'xyzzy' is not one of v1, v2"]


def test_each_word_of_a_list_is_read() -> None:
    """Separated by white space; every word that is wrong is a fault of its own, and names itself."""
    parse = values.each(values.number(1, 9))
    assert parse("1 2\t3") == (1, 2, 3)
    with pytest.raises(BadValue) as caught:
        parse("1 x 3 y")
    assert [fault.word for fault in caught.value.faults] == ["x", "y"]


@pytest.mark.parametrize("text", ["a", "http-in", "a.b_c:d-1", "ABC"])
def test_a_name(text: str) -> None:
    """As HAProxy has it, in its own letters."""
    assert values.name(text) == text


@pytest.mark.parametrize("text", ["", "a b", "a/b", "bücher", "a,b", "<NOSRV>", "٣"])
def test_what_is_no_name(text: str) -> None:
    """Nothing that a log line would have to quote."""
    assert faults(values.name, text) == [f"'{text}' is not a name (letters, digits and _ . : - only)"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.ORG.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_a.example", "_a.example"),
    ],
)
def test_a_host_has_one_spelling(text: str, name: str) -> None:
    """Lower case, A-labels, no final dot."""
    assert values.host(text) == name


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("*.example", "'*.example' is not one host name (wildcards are for routes)"),
        (".example", "'.example' is not one host name (wildcards are for routes)"),
        ("192.0.2.1", "'192.0.2.1' is an address, not a host name"),
        ("::1", "'::1' is an address, not a host name"),
        ("a..b", "'a..b' is not a host name"),
        ("a b", "'a b' is not a host name"),
    ],
)
def test_what_is_no_host(text: str, fault: str) -> None:
    """A pattern, an address, or what DNS cannot hold."""
    assert faults(values.host, text) == [fault]


@pytest.mark.parametrize("text", ["127.0.0.0/8", "10.1.2.3", "2001:db8::/32", "::1", "0.0.0.0/0"])
def test_a_network(text: str) -> None:
    """An address, or a network with its bits."""
    assert values.network(text) == ip_network(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("10.1.2.3/8", ("'10.1.2.3/8' has bits set beyond its mask "
         "(write 10.0.0.0/8 for the network, 10.1.2.3 for the one address)")),
        ("10.0.0.0/33", "'10.0.0.0/33' is not a network (for example 10.0.0.0/8 or 2001:db8::/32)"),
        ("10.0.0.0/8,::1", "'10.0.0.0/8,::1' is not a network (separate networks by white space)"),
        ("localhost", "'localhost' is not a network (for example 10.0.0.0/8 or 2001:db8::/32)"),
        ("fe80::1%eth0", "'fe80::1%eth0' has a zone, which a network has not"),
    ],
)  # fmt: skip
def test_what_is_no_network(text: str, fault: str) -> None:
    """Whose bits are beyond the mask may mean the network or the one address: neither is guessed."""
    assert faults(values.network, text) == [fault]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("yes", ForwardFor()),
        ("ON", ForwardFor()),
        ("no", None),
        ("if-none", ForwardFor(if_none=True)),
        ("except 127.0.0.0/8", ForwardFor(networks=(ip_network("127.0.0.0/8"),))),
        (
            "header X-Client except 10.0.0.1 ::1 if-none",
            ForwardFor("X-Client", (ip_network("10.0.0.1"), ip_network("::1")), if_none=True),
        ),
    ],
)
def test_forwardfor(text: str, found: ForwardFor | None) -> None:
    """A boolean, or its three words in any order."""
    assert values.forwardfor(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("maybe", ["'maybe' is not known here (yes, no, or [except NET...] [header NAME] [if-none])"]),
        ("exept 10.0.0.1", ["'exept' is not known here (did you mean 'except'?)",
                            "'10.0.0.1' is not known here (yes, no, or [except NET...] [header NAME] [if-none])"]),
        ("except", ["'except' is followed by no network (for example except 127.0.0.0/8)"]),
        ("except x y", ["'x' is not a network (for example 10.0.0.0/8 or 2001:db8::/32)",
                        "'y' is not a network (for example 10.0.0.0/8 or 2001:db8::/32)"]),
        ("header", ["'header' is followed by one name (for example header X-Client-IP)"]),
        ("header A B", ["'header' is followed by one name (for example header X-Client-IP)"]),
        ("header a:b", ["'a:b' is not a header name"]),
        ("header Host", ["'Host' frames or routes the request (choose another header)"]),
        ("if-none yes", ["'yes' after 'if-none'"]),
        ("if-none if-none", ["'if-none' stands here twice"]),
    ],
)  # fmt: skip
def test_what_is_no_forwardfor(text: str, found: list[str]) -> None:
    """Each word that is wrong is said to be, and a header that would break the request is refused."""
    assert faults(values.forwardfor, text) == found


@given(st.text(max_size=20).filter(str.strip))
def test_any_text_is_a_value_or_its_faults(text: str) -> None:
    """No parser raises anything but BadValue, and never without a fault."""
    for parse in (
        values.duration, values.boolean, values.redispatch, values.name, values.host, values.network,
        values.forwardfor, values.field_name, values.number(0, 9), values.choice(SendProxy), values.each(values.host),
    ):  # fmt: skip
        assert all(fault.message.strip() for fault in faults_of(parse, text))


@pytest.mark.parametrize(
    ("text", "size"), [("1024", 1024), ("16k", 16384), ("64K", 65536), ("1m", 1048576), ("1M", 1048576)]
)
def test_sizes(text: str, size: int) -> None:
    """Bytes, alone or by the thousand twenty-four."""
    assert values.size(1024, 2**20)(text) == size


def test_what_is_no_size() -> None:
    """Another unit, a fraction, a sign; or one out of bounds."""
    for text in ("16kb", "1.5k", "-1", "k", "", "1g"):
        assert faults(values.size(1, 2**20), text)[0].startswith(f"'{text}' is not a size")
    assert faults(values.size(1024, 2**20), "2m") == ["'2m' is out of range (from 1k to 1m)"]
    assert faults(values.size(100, 2**20), "2") == ["'2' is out of range (from 100 to 1m)"]


def test_a_pseudonym_is_one_word() -> None:
    """`no` is none; `yes` is no name."""
    assert values.pseudonym("edge.example") == "edge.example"
    assert values.pseudonym("no") is None
    assert faults(values.pseudonym, "yes")[0].startswith("no name is given")
    assert faults(values.pseudonym, "a b")[0].startswith("'a b' is not a pseudonym")
    assert faults(values.pseudonym, "host:80")[0].startswith("'host:80' is not a pseudonym")


@pytest.mark.parametrize("name", ["Content-Length", "content_length", "Transfer.Encoding", "HOST"])
def test_a_header_of_ours_frames_and_routes_nothing(name: str) -> None:
    """Nor does one that a server may take for such a one."""
    expected = f"'{name}' frames or routes the request (choose another header)"
    assert faults(values.forwardfor, f"header {name}") == [expected]
