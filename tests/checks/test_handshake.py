"""The whole handshake of a `tls` check, between two memories."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from pumpproxy.checks.handshake import Contexts, HandshakeQuestion
from pumpproxy.policy.health import Answer, CheckStatus
from pumpproxy.wire.wholehello import read_whole
from tests.checks.tlspeers import DAY, NAME, NOW, Certificates, MemoryServer, server_context

if TYPE_CHECKING:
    from pathlib import Path

    from pumpproxy.policy.certificates import Certificate


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Those of an authority that the system trusts."""
    made = Certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


def ask(
    server: MemoryServer, name: str | None = NAME, *, verify: bool = False, cut: int = 100_000, sni: str | None = NAME
) -> Answer:
    """The answer of a handshake with that server, whose bytes come in pieces of this size."""
    question = HandshakeQuestion(Contexts().client(sni, verify=verify), name, verify=verify)
    reply = question.begin()
    for _ in range(10):
        heard = server.hear(reply.send)
        pieces = [heard[at : at + cut] for at in range(0, len(heard), cut)]
        for piece in pieces:
            reply = question.heard(piece)
            if reply.answer is not None:
                server.hear(reply.send)
                return reply.answer
    raise AssertionError(server)


def shown(answer: Answer) -> Certificate:
    """The certificate of an answer that has one."""
    assert answer.certificate is not None
    return answer.certificate


@pytest.mark.parametrize("cut", [100_000, 1])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_a_whole_handshake(certificates: Certificates, version: ssl.TLSVersion, cut: int) -> None:
    """The name is asked for, the version is said, and the server is told that nothing follows."""
    server = MemoryServer(server_context(certificates.issue(NAME), version))
    answer = ask(server, cut=cut)
    assert answer.status is CheckStatus.L6OK
    assert answer.text == f"a whole handshake, {version.name.replace('_', '.')}"
    assert server.asked == NAME
    assert server.ended_properly


def test_a_certificate_is_looked_at(certificates: Certificates) -> None:
    """From when to when it holds, and whether it is for the name."""
    certificate = shown(ask(MemoryServer(server_context(certificates.issue(NAME, "other.example")))))
    assert certificate.begins < NOW.timestamp() < certificate.ends < NOW.timestamp() + 86_400 * 1.1
    assert (certificate.name, certificate.fits) == (NAME, True)
    other = shown(ask(MemoryServer(server_context(certificates.issue("else.example")))))
    assert not other.fits
    assert other.digest != certificate.digest


def test_without_a_name_any_will_do(certificates: Certificates) -> None:
    """The hello has none, and nothing is compared."""
    server = MemoryServer(server_context(certificates.issue("else.example")))
    certificate = shown(ask(server, None, sni=None))
    assert server.asked is None
    assert (certificate.name, certificate.fits) == (None, True)


def test_unasked_a_bad_certificate_passes(tmp_path: Path) -> None:
    """Out of date, for another name, of an authority that nobody knows: all that is for a warning."""
    old = Certificates(tmp_path, NOW - 9 * DAY)
    answer = ask(MemoryServer(server_context(old.issue("else.example"))))
    assert answer.status is CheckStatus.L6OK
    assert shown(answer).ends < NOW.timestamp()


def test_a_good_certificate_is_verified(certificates: Certificates) -> None:
    """Its authority is one of the system's, its time is now, and the name is its own."""
    server = MemoryServer(server_context(certificates.issue(NAME)))
    assert ask(server, verify=True).status is CheckStatus.L6OK
    assert server.ended_properly


def test_a_certificate_that_will_not_do(certificates: Certificates, tmp_path: Path) -> None:
    """What is wrong is said; the server sees a whole handshake all the same, so that it has nothing to log."""
    strangers = Certificates(tmp_path, NOW - DAY / 2)
    for pem, name, fault in (
        (certificates.issue("else.example"), NAME, f"it is not for {NAME}"),
        (certificates.issue(NAME), None, "no name is known that it is to be for"),
        (strangers.issue(NAME), NAME, "its authority is not the system's, or its chain is not whole"),
    ):
        server = MemoryServer(server_context(pem))
        answer = ask(server, name, verify=True)
        assert answer[:2] == (CheckStatus.L6RSP, f"its certificate will not do: {fault}")
        assert server.ended_properly


@pytest.mark.parametrize(("days", "fault"), [(-9, "it has expired"), (9, "it is not valid yet")])
def test_a_certificate_of_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, fault: str) -> None:
    """Also where its authority is trusted."""
    made = Certificates(tmp_path, NOW + days * DAY)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    answer = ask(MemoryServer(server_context(made.issue(NAME))), verify=True)
    assert answer[:2] == (CheckStatus.L6RSP, f"its certificate will not do: {fault}")
    assert answer.certificate is not None


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no handshake: wrong version number"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "no handshake: "),
        (b"\x15\x03\x03\x00\x02\x02\x70", "no handshake: "),
        (b"\x15\x03\x03\x00\x02\x01\x00", "no handshake: "),
        (b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00", "no handshake: "),
    ],
    ids=["text", "handshake_failure", "unrecognized_name", "close_notify", "unexpected message"],
)
def test_what_is_no_handshake(said: bytes, text: str) -> None:
    """An alert is none either: that is the difference to `tls-hello`."""
    question = HandshakeQuestion(Contexts().client(NAME), NAME, verify=False)
    question.begin()
    answer = question.heard(said).answer
    assert answer is not None
    assert answer.status is CheckStatus.L6RSP
    assert answer.text.startswith(text)
    assert answer.text.isprintable()


def test_an_end_in_the_middle() -> None:
    """How it came."""
    question = HandshakeQuestion(Contexts().client(NAME), NAME, verify=False)
    assert question.ended(cleanly=True) == Answer(CheckStatus.L6RSP, "closed within the handshake")
    assert question.ended(cleanly=False) == Answer(CheckStatus.L6RSP, "reset within the handshake")
    assert question.late.status is CheckStatus.L6TOUT


@pytest.mark.parametrize("name", [NAME, None])
def test_a_hello_as_it_is_usual_today(name: str | None) -> None:
    """With the name, TLS 1.3, and another random each time."""
    contexts = Contexts()
    first, second = contexts.hello(name), contexts.hello(name)
    hello = read_whole(first)
    assert hello is not None
    assert hello.server_name == name
    assert 0x0304 in hello.versions
    assert first != second


def test_a_server_answers_that_hello(certificates: Certificates) -> None:
    """By a handshake record."""
    server = MemoryServer(server_context(certificates.issue(NAME)))
    assert server.hear(Contexts().hello(NAME))[0] == 0x16
