"""One spelling of a name, whoever wrote it: the file, the wire, a person."""

# ruff: noqa: RUF001 - letters that look like others are what this is about

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy import hostnames

LABEL = "a" * 63
LONGEST = ".".join([LABEL, LABEL, LABEL, "a" * 61])


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"example.org", "example.org"),
        (b"Example.ORG", "example.org"),
        (b"example.org.", "example.org"),
        (b"localhost", "localhost"),
        (b"a", "a"),
        (b"_dmarc.example.org", "_dmarc.example.org"),
        (b"xn--bcher-kva.example", "xn--bcher-kva.example"),
        (b"XN--Bcher-KVA.example", "xn--bcher-kva.example"),
        (b"a-b--c.example", "a-b--c.example"),
        (b"-a.b-.example", "-a.b-.example"),
        (b"0.example", "0.example"),
        (LABEL.encode(), LABEL),
        (LONGEST.encode(), LONGEST),
        (LONGEST.encode() + b".", LONGEST),
    ],
)
def test_a_name_has_one_spelling(raw: bytes, name: str) -> None:
    """Lower case, A-labels as they are, one final dot dropped, up to DNS's own lengths."""
    assert hostnames.canonical(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b".",
        b"..",
        b"example.org..",
        b".example.org",
        b"example..org",
        b"exa mple.org",
        b" example.org",
        b"example.org\n",
        b"exam\x00ple.org",
        b"exam\x7fple.org",
        b"b\xc3\xbccher.example",
        b"*.example.org",
        b"example.org:443",
        b"user@example.org",
        b"example.org/x",
        b"[::1]",
        b"a" * 64,
        LONGEST.encode() + b"a",
    ],
)
def test_what_dns_could_never_hold_is_no_name(raw: bytes) -> None:
    """Nothing of it becomes a key for a look-up, or stands in a log."""
    assert hostnames.canonical(raw) is None


@given(st.binary(max_size=300) | st.text("ab-._0A", max_size=260).map(str.encode))
def test_the_one_spelling_is_its_own_spelling(raw: bytes) -> None:
    """Canonical names are fixed points, and hold nothing but letters, digits, hyphens, underscores and dots."""
    name = hostnames.canonical(raw)
    if name is not None:
        assert hostnames.canonical(name.encode()) == name
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert len(name) <= hostnames.MAX_NAME
        assert all(0 < len(label) <= hostnames.MAX_LABEL for label in name.split("."))


@pytest.mark.parametrize(
    "raw",
    [
        b"127.0.0.1",
        b"127.0.0.1.",
        b"255.255.255.255",
        b"127.1",
        b"2130706433",
        b"0x7f.1",
        b"0X7F000001",
        b"0177.0.0.1",
        b"::1",
        b"[::1]",
        b"2001:DB8::1",
        b"[2001:db8::1].",
        b"::ffff:192.0.2.1",
        b"fe80::1%eth0",
    ],
)
def test_an_address_is_no_name(raw: bytes) -> None:
    """In any form that inet_aton() takes, or as IPv6, with brackets or without."""
    assert hostnames.is_ip_literal(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"example.org", b"1.2.3.4.example", b"1.2.3.4.5", b"0xg.1", b"a:b", b"[::1", b"::g", b"[]", b":"]
)
def test_a_name_is_no_address(raw: bytes) -> None:
    """Only a host that is all of numbers is one."""
    assert not hostnames.is_ip_literal(raw)


@given(st.text("0123456789abcdefx.", min_size=1, max_size=20))
def test_whatever_inet_aton_takes_is_an_address(text: str) -> None:
    """No server can mistake for an address what we take for a name."""
    try:
        socket.inet_aton(text)
    except OSError:
        return
    assert hostnames.is_ip_literal(text.encode())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.org", "example.org"),
        ("example.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bücher.example.", "xn--bcher-kva.example"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("ＥＸＡＭＰＬＥ.org", "example.org"),
        ("ΟΔΟΣ.example", "xn--pxavbq.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_what_a_person_writes_is_converted(text: str, name: str) -> None:
    """U-labels become the A-labels that a browser sends."""
    assert hostnames.from_text(text) == name


@pytest.mark.parametrize("text", ["straße.example", "faß.example", "FAẞ.example", "βόλος.example", "a\u200db.example"])
def test_what_is_converted_in_two_ways_is_refused(text: str) -> None:
    """IDNA 2003 and browsers differ in these: the route would wait for a name that nobody sends."""
    with pytest.raises(ValueError, match="write its A-label"):
        hostnames.from_text(text)


@pytest.mark.parametrize("text", ["Ⱥb.example", "ⱥb.example"])
def test_a_letter_younger_than_idna_2003_has_one_spelling_in_both_cases(text: str) -> None:
    """IDNA 2003 knows no lower case of it, browsers do."""
    assert hostnames.from_text(text) == "xn--b-ems.example"


@pytest.mark.parametrize("text", ["", ".", "a b", "ü" * 64, "a..b", "ü..b", "*.example", "exa\nmple"])
def test_what_is_no_name_is_refused_with_a_phrase(text: str) -> None:
    """The phrase quotes the text so that no line of a message is broken by it."""
    with pytest.raises(ValueError, match=r"is not a host name|cannot be written") as caught:
        hostnames.from_text(text)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    """And what it gives is in the one spelling."""
    try:
        name = hostnames.from_text(text)
    except ValueError:
        return
    assert hostnames.canonical(name.encode()) == name


@pytest.mark.parametrize(
    ("name", "suffix", "below"),
    [
        ("www.example.org", "example.org", True),
        ("a.b.example.org", "example.org", True),
        ("example.org", "example.org", False),
        ("badexample.org", "example.org", False),
        ("org", "example.org", False),
        ("example.org.evil", "example.org", False),
    ],
)
def test_below_is_one_label_or_more(name: str, suffix: str, below: bool) -> None:  # noqa: FBT001 - a table's column
    """Whole labels only."""
    assert hostnames.is_below(name, suffix) is below
