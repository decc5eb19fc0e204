"""What a server is told of whom a request comes from."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pumpproxy.model import Backend, ForwardFor, Frontend, Mode
from pumpproxy.policy.forwarding import outgoing_request
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.vouching import Origin, forwarded_for
from pumpproxy.wire.http1 import RequestReader

NOBODY: frozenset[bytes] = frozenset()


def origin(host: str = "192.0.2.7", *trusted: str) -> Origin:
    """A client at that address, before a frontend that trusts those networks."""
    frontend = Frontend("f", Mode.HTTP, (), trusted_proxies=tuple(ip_network(net) for net in trusted))
    return Origin.of(ClientAddress(host, 1), frontend)


@pytest.mark.parametrize(
    ("host", "trusted", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("192.0.2.7", "10.0.0.0/8", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:db8::1", "0.0.0.0/0", False),
        ("unix", "0.0.0.0/0", False),
    ],
)
def test_whom_a_frontend_trusts(host: str, trusted: str, expected: bool) -> None:  # noqa: FBT001
    """An address in one of the networks, of the same family; never a unix socket."""
    assert origin(host, trusted).trusted is expected


LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    ("host", "rules", "expected"),
    [
        ("192.0.2.7", [], None),
        ("192.0.2.7", [ForwardFor()], ("X-Forwarded-For", "192.0.2.7")),
        ("2001:db8::1", [ForwardFor()], ("X-Forwarded-For", "2001:db8::1")),
        ("unix", [ForwardFor()], None),
        ("127.0.0.1", [ForwardFor(networks=LOOPBACK)], None),
        ("127.0.0.1", [ForwardFor(networks=LOOPBACK), ForwardFor()], None),
        ("127.0.0.1", [ForwardFor(), ForwardFor(networks=LOOPBACK)], None),
        ("192.0.2.7", [ForwardFor(networks=LOOPBACK), ForwardFor()], ("X-Forwarded-For", "192.0.2.7")),
        ("192.0.2.7", [ForwardFor(header="X-Client")], ("X-Client", "192.0.2.7")),
        ("192.0.2.7", [ForwardFor(header="X-Client"), ForwardFor()], ("X-Forwarded-For", "192.0.2.7")),
        ("192.0.2.7", [ForwardFor(header="X-Front"), ForwardFor(header="X-Back")], ("X-Back", "192.0.2.7")),
    ],
)
def test_who_is_told_the_address(host: str, rules: list[ForwardFor], expected: tuple[str, str] | None) -> None:
    """One line where frontend or backend wants it, none where either excepts the client."""
    assert forwarded_for(origin(host), rules, NOBODY) == expected


def test_if_none_minds_what_a_trusted_proxy_sent() -> None:
    """It leaves that line alone, also one that a server may take for it."""
    quiet, always, proxy = ForwardFor(if_none=True), ForwardFor(), origin("10.1.1.1", "10.0.0.0/8")
    spoken = frozenset({b"x-forwarded-for"})
    assert forwarded_for(proxy, [quiet], spoken) is None
    assert forwarded_for(proxy, [quiet], NOBODY) == ("X-Forwarded-For", "10.1.1.1")
    assert forwarded_for(proxy, [quiet, always], spoken) == ("X-Forwarded-For", "10.1.1.1")


ALL = Frontend(
    "f", Mode.HTTP, (), forwarded=True, forwarded_proto=True, forwarded_host=True, forwarded_port=True,
    trusted_proxies=(ip_network("10.0.0.0/8"),),
)  # fmt: skip


def sent(request: bytes, host: str = "192.0.2.7", port: int | None = 80, frontend: Frontend = ALL) -> list[bytes]:
    """The lines that a server gets behind the request line."""
    head = RequestReader().feed(request)
    assert head is not None
    who = Origin.of(ClientAddress(host, 1), frontend, port)
    backend = Backend("b", Mode.HTTP)
    return outgoing_request(head, who, frontend, backend, upgrade=False, keep=True).head.split(b"\r\n")[1:-2]


ASK = b"GET / HTTP/1.1\r\nHost: a.example:8080\r\n"
OURS = [
    b"X-Forwarded-Proto: http",
    b"X-Forwarded-Host: a.example:8080",
    b"X-Forwarded-Port: 80",
    b'Forwarded: for=192.0.2.7;host="a.example:8080";proto=http',
]


def test_what_a_server_is_told_of_a_stranger() -> None:
    """Our own account alone; what the stranger says of itself is taken away."""
    assert sent(ASK + b"\r\n") == [b"Host: a.example:8080", *OURS]
    forged = b"Forwarded: for=1.1.1.1\r\nX-Forwarded-Proto: https\r\nX_Forwarded_Host: b\r\nX-Forwarded.Port: 1\r\n"
    assert sent(ASK + forged + b"\r\n") == [b"Host: a.example:8080", *OURS]


@pytest.mark.parametrize(
    "said", [b"X-Forwarded-Proto: https", b"x-forwarded-host: c", b"X-Forwarded-Port: 443", b"Forwarded: proto=https"]
)
def test_a_trusted_proxys_account_stands_alone(said: bytes) -> None:
    """Ours of scheme, host and port would contradict it; an element of Forwarded comes behind its."""
    lines = sent(ASK + said + b"\r\n\r\n", "10.1.1.1")
    assert lines == [b"Host: a.example:8080", said, b'Forwarded: for=10.1.1.1;host="a.example:8080";proto=http']


def test_a_trusted_proxy_that_gives_no_account() -> None:
    """An address alone is none: what we know of the rest is told."""
    lines = sent(ASK + b"X-Forwarded-For: 198.51.100.1\r\n\r\n", "10.1.1.1")
    assert lines[2:5] == OURS[:3]


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("2001:db8::1", 8080, b'Forwarded: for="[2001:db8::1]";host="a.example:8080";proto=http'),
        ("unix", None, b'Forwarded: for=unknown;host="a.example:8080";proto=http'),
    ],
)
def test_other_kinds_of_clients(host: str, port: int | None, expected: bytes) -> None:
    """RFC 7239, section 6; a unix socket has no port that could be told."""
    lines = sent(ASK + b"\r\n", host, port)
    assert lines[-1] == expected
    assert (b"X-Forwarded-Port: 8080" in lines) is (port is not None)


def test_a_client_that_names_nobody() -> None:
    """HTTP/1.0: there is no host to be told."""
    lines = sent(b"GET / HTTP/1.0\r\n\r\n")
    assert lines == [OURS[0], OURS[2], b"Forwarded: for=192.0.2.7;proto=http"]


def test_nothing_is_told_that_is_not_asked_for() -> None:
    """Only what is said in the file."""
    plain = Frontend("f", Mode.HTTP, ())
    assert sent(ASK + b"\r\n", frontend=plain) == [b"Host: a.example:8080"]
    port = Frontend("f", Mode.HTTP, (), forwarded_port=True)
    assert sent(ASK + b"\r\n", frontend=port, port=8000) == [b"Host: a.example:8080", b"X-Forwarded-Port: 8000"]


def test_via_stands_behind_what_was_there() -> None:
    """With the version that the request came in."""
    frontend = Frontend("f", Mode.HTTP, (), via="edge")
    lines = sent(b"GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 fred\r\n\r\n", frontend=frontend)
    assert lines == [b"Host: a", b"Via: 1.0 fred", b"Via: 1.1 edge"]


def test_a_proxys_word_that_does_not_pass_is_not_spoken() -> None:
    """What Connection names ends here: ours is told, where else nobody's would be."""
    frontend = replace(ALL, forwardfor=ForwardFor(if_none=True), forwarded=False)
    named = (
        b"Connection: X-Forwarded-Proto, X-Forwarded-For\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 6.6.6.6\r\n"
    )
    lines = sent(ASK + named + b"\r\n", "10.1.1.1", frontend=frontend)
    assert lines == [b"Host: a.example:8080", b"X-Forwarded-For: 10.1.1.1", *OURS[:3]]


@pytest.mark.parametrize("host", ["192.0.2.7", "10.1.1.1"])
def test_nobody_vouches_in_a_trailer(host: str) -> None:
    """Not for a trusted proxy either: it is its client's, who may go on sending when the proxy has spoken."""
    frontend = replace(ALL, forwardfor=ForwardFor(header="X-Client"))
    head = RequestReader().feed(ASK + b"Transfer-Encoding: chunked\r\n\r\n")
    assert head is not None
    who = Origin.of(ClientAddress(host, 1), frontend)
    body = outgoing_request(head, who, frontend, Backend("b", Mode.HTTP), upgrade=False, keep=True).body
    late = b"X-Forwarded-For: 6.6.6.6\r\nX_Client: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Sum: 1\r\n"
    assert body.feed(b"0\r\n" + late + b"\r\n") == b"0\r\nX-Sum: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("request_head", "host"),
    [
        (b"GET / HTTP/1.1\r\nHost: [2001:db8::2]\r\n\r\n", b'"[2001:db8::2]"'),
        (b"GET http://a.example:81/ HTTP/1.0\r\n\r\n", b'"a.example:81"'),
        (b"GET http://a.example/ HTTP/1.0\r\n\r\n", b"a.example"),
        (b"GET http://A.Example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", b"a.example"),
    ],
)
def test_the_host_of_an_element(request_head: bytes, host: bytes) -> None:
    """As the client wrote it, quoted where it is no token (RFC 7239, section 4)."""
    lines = sent(request_head)
    assert lines[-1] == b"Forwarded: for=192.0.2.7;host=%b;proto=http" % host
    assert b"X-Forwarded-Host: " + host.strip(b'"') in lines
