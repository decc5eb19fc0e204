"""The ClientHello: its values, and its framing."""

from __future__ import annotations

import pytest

from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.clienthello import ClientHello, parse_client_hello
from pumpproxy.wire.errors import TlsError
from tests.wire.hellos import (
    BROWSER,
    BROWSERS,
    NAME,
    alpn,
    extension,
    hello,
    host,
    message,
    read,
    record,
    records,
    server_name,
    vector8,
    vector16,
    versions,
)


def refusal(body: bytes) -> int:
    """The alert for a message, the same in one record and in two."""
    alerts = set()
    for size in (len(body), 40):
        with pytest.raises(TlsError) as caught:
            read(records(body, size))
        alerts.add(caught.value.alert)
    (alert,) = alerts
    return alert


# Values -------------------------------------------------------------------------------------------------------------


def test_all_is_read_at_once() -> None:
    """What a browser of today sends."""
    assert read(record(BROWSER))[0] == BROWSERS


def test_the_plainest_hello_has_neither_name_nor_lists() -> None:
    """No extension block at all (TLS 1.2 and before), and an empty one."""
    for plain in (hello(tail=b""), hello()):
        found, _reader = read(record(plain))
        assert found == ClientHello(None, False, (), (0x0303,), False, False, len(plain) + 5)


@pytest.mark.parametrize("legacy", [b"\x03\x00", b"\x03\x01", b"\x03\x04", b"\x02\x00"])
def test_the_version_is_the_servers_business(legacy: bytes) -> None:
    """It is told, and never refused: supported_versions before the legacy field."""
    found, _reader = read(record(hello(NAME, legacy=legacy)))
    assert found is not None
    assert found.versions == (int.from_bytes(legacy, "big"),)
    found, _reader = read(record(hello(NAME, versions(0x0304), legacy=legacy)))
    assert found is not None
    assert found.versions == (0x0304,)


def test_an_ip_address_is_told_apart_from_no_name() -> None:
    """Both route alike, and are logged differently."""
    found, _reader = read(record(hello(server_name(host(b"192.0.2.1")))))
    assert found is not None
    assert (found.server_name, found.ip_literal) == (None, True)


def test_the_message_alone_is_read_too() -> None:
    """As QUIC carries it, in any kind of buffer; it has no length on the wire."""
    for buffer in (BROWSER, bytearray(BROWSER), memoryview(BROWSER)):
        found = parse_client_hello(buffer)
        assert found.wire_length == 0
        assert found.server_name == BROWSERS.server_name
    for wrong in (BROWSER[:3], BROWSER[:-1], BROWSER + b"\x00", message(BROWSER[4:], kind=2)):
        with pytest.raises(TlsError):
            parse_client_hello(wrong)


# Framing ------------------------------------------------------------------------------------------------------------

MALFORMED = {
    "a session id of 33 bytes": hello(NAME, session=bytes(33)),
    "no cipher suite": hello(NAME, suites=b""),
    "half a cipher suite": hello(NAME, suites=b"\x13\x01\xc0"),
    "no compression method": hello(NAME, compression=b""),
    "no body": message(b""),
    "no random": message(b"\x03\x03" + bytes(31)),
    "no session id": message(b"\x03\x03" + bytes(32)),
    "a session id too long": message(b"\x03\x03" + bytes(32) + b"\x05abcd"),
    "no compression": message(b"\x03\x03" + bytes(32) + vector8(b"") + vector16(b"\x13\x01")),
    "half a block length": hello(tail=b"\x00"),
    "bytes behind the block": hello(tail=vector16(NAME) + b"\x00"),
    "a block too long": hello(tail=b"\x00\xff" + NAME),
    "broken protocols": hello(NAME, alpn()),
    "broken versions": hello(NAME, versions()),
    "broken key shares": hello(NAME, extension(51, b"\x00\x01")),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_length_that_does_not_add_up_is_decode_error(body: bytes) -> None:
    """Also in a field that nobody here needs, and also where the name could be read."""
    assert refusal(body) == AlertDescription.DECODE_ERROR


def test_what_contradicts_itself_is_illegal_parameter() -> None:
    """One type twice, and something after pre_shared_key."""
    assert refusal(hello(NAME, NAME)) == AlertDescription.ILLEGAL_PARAMETER
    assert refusal(hello(NAME, extension(41, b"psk"), extension(21))) == AlertDescription.ILLEGAL_PARAMETER


def test_a_bad_name_is_unrecognized_name() -> None:
    """Wherever else the hello be right."""
    assert refusal(hello(server_name(host(b"a b")), versions(0x0304))) == AlertDescription.UNRECOGNIZED_NAME


def test_a_shortened_hello_is_never_a_hello() -> None:
    """A message that ends too early, with a length that says so, breaks some field at every place but one."""
    whole = BROWSER[4:]
    bare = len(hello(tail=b"", session=b"s" * 32)) - 4
    for end in range(len(whole)):
        if end == bare:
            continue
        with pytest.raises(TlsError):
            parse_client_hello(message(whole[:end]))
