"""OpenSSL as the oracle, from both sides: the hellos that it sends, and the name that it takes from a hello.

A router's name for a connection must be the server's. Where OpenSSL takes a name, we take the same or refuse.
"""

from __future__ import annotations

import functools
import random
import ssl
from typing import TYPE_CHECKING

import pytest
from OpenSSL import SSL

from pumpproxy import hostnames
from pumpproxy.wire.errors import WireError
from pumpproxy.wire.helloreader import HelloReader
from tests.wire.hellos import (
    NAME,
    alpn,
    damaged,
    extension,
    hello,
    host,
    in_place,
    key_share,
    ours,
    record,
    records,
    server_name,
    theirs,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pumpproxy.wire.clienthello import ClientHello

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def sent_by(context: ssl.SSLContext, name: str | None) -> bytes:
    """The first flight of a client of the standard library."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(into, out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


@pytest.mark.parametrize("name", ["pump2.example.org", "PUMP2.example.org", "xn--bcher-kva.example", "localhost", None])
@pytest.mark.parametrize("protocols", [(), ("h2", "http/1.1"), ("acme-tls/1",)])
@pytest.mark.parametrize(("oldest", "newest"), [(TLS12, TLS12), (TLS12, TLS13), (TLS13, TLS13)])
@pytest.mark.parametrize("curve", [None, "secp521r1"])
def test_what_a_client_was_told_is_what_we_read(
    name: str | None,
    protocols: tuple[str, ...],
    oldest: ssl.TLSVersion,
    newest: ssl.TLSVersion,
    curve: str | None,
) -> None:
    """Name, protocols and versions, over one record or many."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version, context.maximum_version = oldest, newest
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if curve is not None:
        context.set_ecdh_curve(curve)
    flight = sent_by(context, name)
    offered = {(TLS12, TLS12): (0x0303,), (TLS12, TLS13): (0x0304, 0x0303), (TLS13, TLS13): (0x0304,)}
    for data in (flight, records(flight[5:], 10)):
        found = HelloReader().feed(data)
        assert found is not None
        assert found.server_name == (None if name is None else name.lower())
        assert found.alpn == tuple(protocol.encode() for protocol in protocols)
        assert found.versions == offered[oldest, newest]
        assert not found.ech
        assert found.wire_length == len(data)


def test_a_post_quantum_share_is_noticed_where_openssl_sends_one() -> None:
    """OpenSSL offers X25519MLKEM768 by itself since 3.5, and knows no such group before."""
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    found = HelloReader().feed(client.bio_read(65536))
    assert found is not None
    assert found.post_quantum == (SSL.OPENSSL_VERSION_NUMBER >= 0x30500000)


@functools.cache
def server_context() -> tuple[SSL.Context, list[bytes | None]]:
    """A server that notes the name of each hello that it could read. It needs no certificate to get there."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    taken: list[bytes | None] = []
    context.set_tlsext_servername_callback(lambda connection: taken.append(connection.get_servername()))
    return context, taken


def taken_by_openssl(data: bytes) -> list[bytes | None]:
    """[] where OpenSSL took no hello, else the one name that it took, None where none was sent."""
    context, taken = server_context()
    taken.clear()
    server = SSL.Connection(context, None)
    server.set_accept_state()
    server.bio_write(data)
    with pytest.raises(SSL.Error):
        server.do_handshake()
    return list(taken)


def taken_by_us(data: bytes) -> ClientHello | None:
    """The hello, or None where it is refused or incomplete."""
    try:
        return HelloReader().feed(data)
    except WireError:
        return None


def agree(data: bytes) -> bool:
    """Whether our name is OpenSSL's, where both take the hello."""
    found, taken = taken_by_us(data), taken_by_openssl(data)
    if found is None or not taken:
        return True
    (name,) = taken
    if name is None:
        return found.server_name is None and not found.ip_literal
    if found.ip_literal:
        return hostnames.is_ip_literal(name)
    return found.server_name == hostnames.canonical(name)


def test_the_oracle_sees_what_it_is_asked_about() -> None:
    """It takes names, tells that there is none, and refuses."""
    assert taken_by_openssl(record(hello(NAME))) == [b"pump2.example.org"]
    assert taken_by_openssl(record(hello())) == [None]
    assert taken_by_openssl(record(hello(NAME, NAME))) == []
    assert taken_by_openssl(record(hello(server_name(host(b"Other.Example"))))) == [b"Other.Example"]


def test_our_name_is_the_servers_name() -> None:
    """For each recorded hello, whole and damaged in six ways."""
    chance = random.Random(11)
    both = 0
    for data in hellos(chance):
        assert agree(data), data.hex()
        both += taken_by_us(data) is not None
    assert both > 300


def hellos(chance: random.Random) -> Iterator[bytes]:
    """The rows of this checkout, and the damaged likes of the recorded ones."""
    for row in ours():
        yield row.data
        if row.name.startswith("rec-"):
            yield from (damaged(row.data, chance) for _turn in range(6))


@in_place
def test_our_name_is_the_servers_name_in_other_projects_captures() -> None:
    """The rest of the corpus."""
    for row in theirs():
        assert agree(row.data), row.name


# What OpenSSL refuses whatever its settings, and we with it: a server behind us would never have seen a name in these.
REFUSED = {
    "two names": hello(server_name(host(b"a.example"), host(b"b.example"))),
    "NUL in the name": hello(server_name(host(b"a\x00.example"))),
    "a name of 256 bytes": hello(server_name(host(b"a" * 256))),
    "no name in the list": hello(server_name()),
    "no data": hello(extension(0)),
    "one type twice": hello(NAME, extension(23), extension(23)),
    "something after pre_shared_key": hello(extension(41, b"\x00\x00"), NAME),
    "no cipher": hello(NAME, suites=b""),
    "half a cipher": hello(NAME, suites=b"\x13\x01\xc0"),
    "no compression": hello(NAME, compression=b""),
    "a session id of 33 bytes": hello(NAME, session=bytes(33)),
    "no protocol": hello(NAME, alpn()),
    "an empty protocol": hello(NAME, alpn(b"")),
    "an odd version list": hello(NAME, extension(43, b"\x03\x03\x04\x03")),
    "an empty key": hello(
        NAME,
        versions(0x0304),
        extension(13, b"\x00\x02\x04\x03"),
        extension(10, b"\x00\x02\x00\x1d"),
        key_share((29, b"")),
    ),
    "bytes after the extensions": hello(tail=b"\x00\x00\x00"),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_openssl_refuses_for_its_form_we_refuse(body: bytes) -> None:
    """Neither takes a name."""
    assert taken_by_openssl(record(body)) == []
    assert taken_by_us(record(body)) is None
