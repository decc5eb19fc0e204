"""The handshake of a `tls` check, on memory alone: pyOpenSSL's, with the certificate looked at and a proper end.

A certificate that is not good enough never breaks the handshake: the server would log an error of its own, and what is
wrong with it is for us to say. May not: connect, or judge a certificate that nobody asked to be verified.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import DuplicateExtension
from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname

from pumpproxy.checks.questions import Reply, how
from pumpproxy.policy.certificates import Certificate
from pumpproxy.policy.health import Answer, CheckStatus

if TYPE_CHECKING:
    from cryptography import x509

_READ = 64 * 1024
# Whoever serves old clients may speak as they do, and is not DOWN for it.
_ANY_CIPHER = b"DEFAULT:@SECLEVEL=0"
_WRONGS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in an authority that is not the system's",
    20: "its authority is not the system's, or its chain is not whole",
    21: "its authority is not the system's, or its chain is not whole",
    23: "it was revoked",
    26: "it is not for servers",
}
"""What X509_STORE_CTX_get_error(3) numbers, in plain words; the others keep their number."""


def _note(connection: SSL.Connection, _certificate: object, number: int, _depth: int, good: int) -> bool:
    """OpenSSL's question whether to go on after a step of verification: always, and the first fault is remembered."""
    if not good:
        connection.get_app_data().append(_WRONGS.get(number, f"X.509 error {number}"))
    return True


class Contexts:
    """OpenSSL's settings for all checks, made when they are first needed; the system's authorities are read once."""

    @cached_property
    def _lax(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_cipher_list(_ANY_CIPHER)
        return context

    @cached_property
    def _strict(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_default_verify_paths()
        context.set_verify(SSL.VERIFY_PEER, _note)
        return context

    def client(self, sni: str | None, *, verify: bool = False) -> SSL.Connection:
        """One that has not said anything; its app data are the faults of the certificate, where it is to `verify`."""
        connection = SSL.Connection(self._strict if verify else self._lax, None)
        connection.set_connect_state()
        connection.set_app_data([])
        if sni is not None:
            connection.set_tlsext_host_name(sni.encode("ascii"))
        return connection

    def hello(self, sni: str | None) -> bytes:
        """A ClientHello as it is usual today."""
        connection = self.client(sni)
        _go_on(connection)
        return _outgoing(connection)


class HandshakeQuestion:
    """Whether it does a whole handshake, and what certificate it shows there."""

    polite = True
    late = Answer(CheckStatus.L6TOUT, "no whole handshake in time")

    def __init__(self, connection: SSL.Connection, name: str | None, *, verify: bool) -> None:
        """`name`: whom the certificate is to be for; `verify`: whether one that is not good is a failure."""
        self._connection = connection
        self._name = name
        self._verify = verify

    def begin(self) -> Reply:
        """Say hello."""
        return self._step()

    def heard(self, data: bytes) -> Reply:
        """Go on."""
        self._connection.bio_write(data)
        return self._step()

    def ended(self, *, cleanly: bool) -> Answer:
        """In the middle of it."""
        return Answer(CheckStatus.L6RSP, f"{how(cleanly=cleanly)} within the handshake")

    def _step(self) -> Reply:
        connection = self._connection
        try:
            if not _go_on(connection):
                return Reply(_outgoing(connection))
        except SSL.Error as error:
            return Reply(_outgoing(connection), Answer(CheckStatus.L6RSP, f"no handshake: {_reason(error)}"))
        answer = self._judged()
        connection.shutdown()
        # With the last of our handshake the server has our close_notify (RFC 8446, section 6.1), and ends by itself.
        return Reply(_outgoing(connection), answer)

    def _judged(self) -> Answer:
        connection = self._connection
        shown = connection.get_peer_certificate()
        try:
            certificate = None if shown is None else _read(shown.to_cryptography(), self._name)
        except ValueError:
            certificate = None
        if self._verify and (fault := self._fault(certificate)):
            return Answer(CheckStatus.L6RSP, f"its certificate will not do: {fault}", certificate)
        version = connection.get_protocol_version_name()
        return Answer(CheckStatus.L6OK, f"a whole handshake, {version}", certificate)

    def _fault(self, certificate: Certificate | None) -> str:
        faults = self._connection.get_app_data()
        if faults:
            return str(faults[0])
        if certificate is None:
            return "there is none that can be read"
        if self._name is None:
            return "no name is known that it is to be for"
        return "" if certificate.fits else f"it is not for {self._name}"


def _go_on(connection: SSL.Connection) -> bool:
    """Whether the handshake is complete. Raises SSL.Error where it never will be."""
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return False
    return True


def _outgoing(connection: SSL.Connection) -> bytes:
    data = b""
    try:
        while True:
            data += connection.bio_read(_READ)
    except SSL.WantReadError:
        return data


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own words for it, of which there is a table."""
    try:
        return str(error.args[0][-1][2])
    except (IndexError, TypeError):
        return "an error of TLS"


def _read(shown: x509.Certificate, name: str | None) -> Certificate:
    return Certificate(
        _moment(shown, "not_valid_before"),
        _moment(shown, "not_valid_after"),
        name,
        name is None or _fits(shown, name),
        shown.fingerprint(SHA256()),
    )


def _moment(shown: x509.Certificate, which: str) -> float:
    # Before version 42 cryptography had only the one without a time zone, which is deprecated since.
    moment: datetime | None = getattr(shown, f"{which}_utc", None)
    return (moment or getattr(shown, which).replace(tzinfo=UTC)).timestamp()


def _fits(shown: x509.Certificate, name: str) -> bool:
    try:
        verify_certificate_hostname(shown, name)
    except (CertificateError, VerificationError, DuplicateExtension, ValueError):
        return False
    return True
