"""The demonstration's authority: a client that trusts it verifies the names that it issued, and no other."""

from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest

from demo.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


def shake_hands(authority: Authority, names: list[str], asked: str, folder: Path) -> None:
    """A whole TLS handshake in memory; raises what the client would."""
    pem = folder / "site.pem"
    pem.write_bytes(authority.issue(names))
    at_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    at_server.load_cert_chain(pem)
    at_client = ssl.create_default_context(cadata=authority.certificate.decode("ascii"))
    at_client.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = at_client.wrap_bio(down, up, server_hostname=asked)
    server = at_server.wrap_bio(up, down, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One authority for all of them; its certificates have to be valid today."""
    return Authority(dt.datetime.now(dt.UTC))


def test_each_name_that_was_asked_for_is_verified(authority: Authority, tmp_path: Path) -> None:
    """Every subject alternative name counts, by the strictest rules that OpenSSL has."""
    for name in ("a.example.test", "b.example.test"):
        shake_hands(authority, ["a.example.test", "b.example.test"], name, tmp_path)


def test_another_name_is_not(authority: Authority, tmp_path: Path) -> None:
    """A connection that is routed to the wrong site is seen by its certificate."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(authority, ["a.example.test"], "b.example.test", tmp_path)


def test_another_authority_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    """Two runs do not vouch for each other, although their authorities have one name."""
    stranger = Authority(dt.datetime.now(dt.UTC))
    pem = stranger.certificate.decode("ascii")
    assert pem != authority.certificate.decode("ascii")
    at_client = ssl.create_default_context(cadata=pem)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = at_client.wrap_bio(down, up, server_hostname="a.example.test")
    path = tmp_path / "site.pem"
    path.write_bytes(authority.issue(["a.example.test"]))
    at_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    at_server.load_cert_chain(path)
    server = at_server.wrap_bio(up, down, server_side=True)
    for side in (client, server):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        client.do_handshake()
