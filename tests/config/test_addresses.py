"""Tests of the addresses of listeners and servers, and of which of them meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import addresses
from pumpproxy.config.problems import BadValue
from pumpproxy.model import DnsAddress, InheritedAddress, ServerAddress, SrvAddress, TcpAddress, UnixAddress
from tests.config.reading import faults_of

FORMS_OF_A_LISTENER = "*:443, 192.0.2.1:443, [2001:db8::1]:443, unix:/PATH or systemd:NAME"
FORMS_OF_A_SERVER = "192.0.2.1:8080, [2001:db8::1]:8080, name.example:8080 or unix:/PATH"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("*:443", TcpAddress("*", 443)),
        ("0.0.0.0:443", TcpAddress("0.0.0.0", 443)),  # noqa: S104 - nobody listens
        ("[::]:443", TcpAddress("::", 443)),
        ("[2001:DB8:0:0::1]:1", TcpAddress("2001:db8::1", 1)),
        ("[fe80::1%eth0]:80", TcpAddress("fe80::1%eth0", 80)),
        ("127.0.0.1:65535", TcpAddress("127.0.0.1", 65535)),
        ("unix:/run/app.sock", UnixAddress("/run/app.sock")),
        ("systemd:https", InheritedAddress("https")),
    ],
)
def test_a_listener(text: str, address: object) -> None:
    """Every form of `bind`, in one spelling."""
    assert addresses.bind(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8443", TcpAddress("127.0.0.1", 8443)),
        ("[::1]:8443", TcpAddress("::1", 8443)),
        ("unix:/run/app.sock", UnixAddress("/run/app.sock")),
        ("App.Example:80", DnsAddress("app.example", 80)),
        ("App.Example.:80", DnsAddress("app.example", 80, absolute=True)),
        ("bücher.example:80", DnsAddress("xn--bcher-kva.example", 80)),
        ("localhost:80", DnsAddress("localhost", 80)),
        ("srv:_https._tcp.App.Example", SrvAddress("_https._tcp.app.example")),
        ("srv:_https._tcp.App.Example.", SrvAddress("_https._tcp.app.example", absolute=True)),
        ("srv:_web._blue.service.consul", SrvAddress("_web._blue.service.consul")),
    ],
)
def test_a_server(text: str, address: ServerAddress) -> None:
    """Every form of a server's address, in one spelling."""
    assert addresses.server(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.53", TcpAddress("192.0.2.53", 53)),
        ("127.0.0.1:8600", TcpAddress("127.0.0.1", 8600)),
        ("2001:DB8::53", TcpAddress("2001:db8::53", 53)),
        ("fe80::1%eth0", TcpAddress("fe80::1%eth0", 53)),
        ("[::1]:5353", TcpAddress("::1", 5353)),
    ],
)
def test_a_nameserver(text: str, address: TcpAddress) -> None:
    """An address; the port is DNS's own where none is given."""
    assert addresses.nameserver(text) == address


FORMS_OF_A_NAMESERVER = "192.0.2.53, 2001:db8::53 or 192.0.2.53:8600"


@pytest.mark.parametrize(
    ("text", "fault", "hint"),
    [
        ("ns.example", "'ns.example' is not an address", FORMS_OF_A_NAMESERVER),
        ("ns.example:53", "'ns.example' is no address of a nameserver", "it is asked for names, and has none itself"),
        ("0.0.0.0:53", "'0.0.0.0' is no address of a nameserver", "this host is 127.0.0.1"),
        ("::", "'::' is no address of a nameserver", "this host is [::1]"),
        ("192.0.2.53:0", "'0' is not a port", "from 1 to 65535"),
        ("192.0.2.1,192.0.2.2", "'192.0.2.1,192.0.2.2' is not an address", "separate addresses by white space"),
    ],
)
def test_what_is_no_nameserver(text: str, fault: str, hint: str) -> None:
    """Likewise; a name would have to be asked for itself."""
    with pytest.raises(BadValue) as caught:
        addresses.nameserver(text)
    assert [(one.message, one.hint, one.word) for one in caught.value.faults] == [(fault, hint, text)]


@pytest.mark.parametrize(
    ("text", "fault", "hint"),
    [
        ("*:0", "'0' is not a port", "from 1 to 65535"),
        ("*:65536", "'65536' is not a port", "from 1 to 65535"),
        ("*:080443", "'080443' is not a port", "from 1 to 65535"),
        ("*:", "'' is not a port", "from 1 to 65535"),
        ("*:http", "'http' is not a port", "from 1 to 65535"),
        ("*:80-90", "'80-90' is not a port", "from 1 to 65535"),
        ("443", "'443' is not an address", "write HOST:443; for a listener on every address *:443"),
        (":443", "':443' is not an address", "write HOST:443; for a listener on every address *:443"),
        ("::1:443", "'::1:443' is not an address", "write [::1]:443"),
        ("*", "'*' is not an address", FORMS_OF_A_LISTENER),
        ("[::1]", "'[::1]' is not an address", FORMS_OF_A_LISTENER),
        ("[]:80", "'[]:80' is not an address", FORMS_OF_A_LISTENER),
        ("[127.0.0.1]:80", "'127.0.0.1' is not an IPv6 address", ""),
        ("[::g]:80", "'::g' is not an IPv6 address", ""),
        ("127.0.0.256:80", "'127.0.0.256' is not an address", "a listener has an IP address, or *"),
        ("127.1:80", "'127.1' is not an address", "a listener has an IP address, or *"),
        ("localhost:80", "'localhost' is not an address", "a listener has an IP address, or *"),
        ("*:80,*:81", "'*:80,*:81' is not an address", "separate addresses by white space"),
        ("/run/x", "'/run/x' is not an address", "write unix:/run/x"),
        ("accept-proxy", "'accept-proxy' is not an address", "write accept-proxy = NET... on a line of its own"),
        ("unix:run/x", "'unix:run/x' has no absolute path", "for example unix:/run/app.sock"),
        ("unix:/" + "x" * 107, "the path is too long for a socket", "107 bytes at most"),
        ("systemd:", "'systemd:' does not name a descriptor", "as FileDescriptorName= does"),
        ("systemd:a:b", "'systemd:a:b' does not name a descriptor", "as FileDescriptorName= does"),
    ],
)
def test_what_is_no_listener(text: str, fault: str, hint: str) -> None:
    """Each mistake has its own words, and where there is one the form that was meant."""
    with pytest.raises(BadValue) as caught:
        addresses.bind(text)
    assert [(one.message, one.hint, one.word) for one in caught.value.faults] == [(fault, hint, text)]


@pytest.mark.parametrize(
    ("text", "fault", "hint"),
    [
        ("*:80", "'*:80' is no address of a server", "* is for bind"),
        ("0.0.0.0:80", "'0.0.0.0' is no address of a server", "this host is 127.0.0.1"),
        ("[::]:80", "'::' is no address of a server", "this host is [::1]"),
        ("systemd:x", "'systemd:x' is no address of a server", "systemd: is for bind"),
        ("srv:", "'srv:' names no service", "for example srv:_https._tcp.name.example"),
        ("srv:a.example", "'srv:a.example' names no service", "for example srv:_https._tcp.name.example"),
        ("srv:_a._tcp.", "'srv:_a._tcp.' names no service", "for example srv:_https._tcp.name.example"),
        ("srv:_a._tcp.x:443", "'srv:_a._tcp.x:443' has a port", "the SRV records say the ports"),
        ("srv:_a._tcp.x..y", "'_a._tcp.x..y' is not a host name", ""),
        ("127.1:80", "'127.1' is a number, but no IPv4 address a.b.c.d", ""),
        ("0x7f000001:80", "'0x7f000001' is a number, but no IPv4 address a.b.c.d", ""),
        ("a..b:80", "'a..b' is not a host name", ""),
        ("http://a.example:80", "'http://a.example:80' is not an address", "without http://"),
        ("a.example", "'a.example' is not an address", FORMS_OF_A_SERVER),
        ("a.example:0", "'0' is not a port", "from 1 to 65535"),
    ],
)
def test_what_is_no_server(text: str, fault: str, hint: str) -> None:
    """A server has a place to connect to: no wildcard, and no number that only some systems read as an address."""
    with pytest.raises(BadValue) as caught:
        addresses.server(text)
    assert [(one.message, one.hint, one.word) for one in caught.value.faults] == [(fault, hint, text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*:443", "*:443"),
        ("*:443", "0.0.0.0:443"),
        ("*:443", "[::]:443"),
        ("*:443", "127.0.0.1:443"),
        ("*:443", "[::1]:443"),
        ("0.0.0.0:443", "127.0.0.1:443"),
        ("[::]:443", "[2001:db8::1]:443"),
        ("[::ffff:127.0.0.1]:443", "127.0.0.1:443"),
        ("[::1]:443", "[0:0::1]:443"),
        ("unix:/a", "unix:/a"),
        ("systemd:a", "systemd:a"),
    ],
)
def test_addresses_that_the_kernel_gives_once(one: str, other: str) -> None:
    """The same one, or one within the other, whichever comes first; and both have the slot in common."""
    first, second = addresses.bind(one), addresses.bind(other)
    assert addresses.overlap(first, second)
    assert addresses.overlap(second, first)
    assert addresses.slot(first) == addresses.slot(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*:443", "*:80"),
        ("0.0.0.0:443", "[::]:443"),
        ("0.0.0.0:443", "[::1]:443"),
        ("127.0.0.1:443", "127.0.0.2:443"),
        ("[fe80::1%eth0]:443", "[fe80::1%eth1]:443"),
        ("unix:/a", "unix:/b"),
        ("unix:/a", "*:443"),
        ("systemd:a", "systemd:b"),
    ],
)
def test_addresses_that_live_side_by_side(one: str, other: str) -> None:
    """Other ports, other families (`[::]` is IPv6 alone), other addresses of one host."""
    first, second = addresses.bind(one), addresses.bind(other)
    assert not addresses.overlap(first, second)
    assert not addresses.overlap(second, first)


@pytest.mark.parametrize(
    ("server", "listener", "loop"),
    [
        ("127.0.0.1:443", "127.0.0.1:443", True),
        ("127.0.0.1:443", "*:443", True),
        ("127.0.0.2:443", "0.0.0.0:443", True),
        ("[::1]:443", "[::]:443", True),
        ("localhost:443", "*:443", True),
        ("192.0.2.1:443", "192.0.2.1:443", True),
        ("unix:/a", "unix:/a", True),
        ("192.0.2.1:443", "*:443", False),
        ("127.0.0.1:443", "*:80", False),
        ("127.0.0.1:443", "[::]:443", False),
        ("127.0.0.1:443", "192.0.2.1:443", False),
        ("other.example:443", "*:443", False),
        ("srv:_https._tcp.localhost", "*:443", False),
        ("unix:/a", "unix:/b", False),
    ],
)
def test_a_server_that_is_ourselves(server: str, listener: str, *, loop: bool) -> None:
    """Known of the same address and of loopback; another address of a wildcard listener may be another host."""
    assert addresses.leads_to(addresses.server(server), addresses.bind(listener)) is loop


@given(st.text("0123456789abcdf.:[]*%/unixsystemdsrv-_ü", max_size=24))
def test_any_text_is_an_address_or_its_fault(text: str) -> None:
    """No parser raises anything but BadValue, and what it returns is spelt so that it is read back the same."""
    for parse in (addresses.bind, addresses.server):
        if not faults_of(parse, text):
            address = parse(text)
            assert parse(str(address)) == address


# Syslog daemons


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/dev/log", UnixAddress("/dev/log")),
        ("udp:127.0.0.1:514", TcpAddress("127.0.0.1", 514)),
        ("udp:[2001:DB8::9]:1514", TcpAddress("2001:db8::9", 1514)),
    ],
)
def test_a_syslog_daemon_is_a_socket_or_a_numeric_address(text: str, address: object) -> None:
    """The socket takes datagrams, the address UDP."""
    assert addresses.syslog_daemon(text) == address


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("/dev/log", "write unix:/dev/log"),
        ("192.0.2.9", "write udp:192.0.2.9:514"),
        ("2001:db8::9", "write udp:[2001:db8::9]:514"),
        ("192.0.2.9:1514", "write udp:192.0.2.9:1514"),
        ("tcp:192.0.2.9:514", "there is no syslog by TCP here: udp:192.0.2.9:514"),
        ("xyzzy", "unix:PATH or udp:HOST:PORT"),
        ("udp:log.example:514", "write its IP address: no name is asked for here"),
        ("udp:0.0.0.0:514", "this host is 127.0.0.1"),
        ("udp:192.0.2.9", "udp:192.0.2.9:514 or udp:[2001:db8::9]:514"),
        ("unix:run/log", "for example unix:/run/app.sock"),
    ],
)
def test_what_is_no_syslog_daemon_gets_a_hint(text: str, hint: str) -> None:
    """What to write."""
    (fault,) = faults_of(addresses.syslog_daemon, text)
    assert fault.hint == hint
