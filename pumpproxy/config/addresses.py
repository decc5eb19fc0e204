"""Addresses of listeners and servers, and which of them meet.

    *:443  0.0.0.0:443  [::]:443  127.0.0.1:8443  unix:/run/app.sock     both (`*` and the unspecified ones: bind only)
    systemd:NAME                                                         bind
    name.example:443  srv:_https._tcp.name.example                       server (with a dot at the end: the whole name)
    192.0.2.53  192.0.2.53:8600  2001:db8::53  [2001:db8::53]:8600       nameserver
    unix:/dev/log  udp:192.0.2.9:514  udp:[2001:db8::9]:514              syslog daemon

May not: resolve a name, or ask the system which addresses it has. `*` is IPv4 and IPv6, `[::]` is IPv6 alone.
"""

from __future__ import annotations

import ipaddress
import re

from pumpproxy import hostnames
from pumpproxy.config.problems import BadValue, Fault, quoted
from pumpproxy.model import (
    BindAddress,
    DnsAddress,
    InheritedAddress,
    ServerAddress,
    SrvAddress,
    TcpAddress,
    UnixAddress,
)

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

ANY = "*"

_LONGEST_PATH = 107
"""Bytes of a unix socket's path: sun_path has 108 on Linux with the final NUL (unix(7))."""

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[^:]*)")
_PORT = re.compile(r"[0-9]{1,5}")
_LAST_PORT = 65535
_DNS_PORT = 53
SYSLOG_PORT = 514
"""Where syslog daemons receive UDP (RFC 5426, section 3.3), for hints."""
# RFC 2782: _Service._Proto.Name; Consul takes a tag in the place of the protocol.
_SERVICE = re.compile(r"_[^._]+\._[^._]+\.[^.]")
# sd_listen_fds_with_names(3): printable ASCII without the colon, 255 characters at most.
_DESCRIPTOR_NAME = re.compile(r"[!-9;-~]{1,255}")


def bind(text: str) -> BindAddress:
    """The address of a listener."""
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return UnixAddress(_path(text, rest))
    if kind == "systemd":
        if _DESCRIPTOR_NAME.fullmatch(rest) is None:
            raise BadValue(Fault(f"{quoted(text)} does not name a descriptor", "as FileDescriptorName= does", text))
        return InheritedAddress(rest)
    host, port = _host_port(text, "*:443, 192.0.2.1:443, [2001:db8::1]:443, unix:/PATH or systemd:NAME")
    if host == ANY:
        return TcpAddress(ANY, port)
    address = _ip(host)
    if address is None:
        raise BadValue(Fault(f"{quoted(host)} is not an address", "a listener has an IP address, or *", text))
    return TcpAddress(str(address), port)


def server(text: str) -> ServerAddress:
    """The address of a server."""
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return UnixAddress(_path(text, rest))
    if kind == "srv":
        return SrvAddress(_srv_name(text, rest), absolute=rest.endswith("."))
    if kind == "systemd":
        raise BadValue(Fault(f"{quoted(text)} is no address of a server", "systemd: is for bind", text))
    host, port = _host_port(text, "192.0.2.1:8080, [2001:db8::1]:8080, name.example:8080 or unix:/PATH")
    address = _ip(host)
    if address is None:
        return DnsAddress(_dns_name(text, host), port, absolute=host.endswith("."))
    if address.is_unspecified:
        hint = f"this host is {_loopback(address)}"
        raise BadValue(Fault(f"{quoted(host)} is no address of a server", hint, text))
    return TcpAddress(str(address), port)


def nameserver(text: str) -> TcpAddress:
    """The address of a nameserver; without a port it is DNS's."""
    host, port = text, _DNS_PORT
    if _ip(text) is None:
        host, port = _host_port(text, "192.0.2.53, 2001:db8::53 or 192.0.2.53:8600")
    address = _ip(host)
    if address is None or address.is_unspecified:
        hint = f"this host is {_loopback(address)}" if address else "it is asked for names, and has none itself"
        raise BadValue(Fault(f"{quoted(host)} is no address of a nameserver", hint, text))
    return TcpAddress(str(address), port)


def syslog_daemon(text: str) -> UnixAddress | TcpAddress:
    """Where a syslog daemon receives datagrams."""
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return UnixAddress(_path(text, rest))
    if kind != "udp":
        raise BadValue(Fault(f"{quoted(text)} is no address of a syslog daemon", _syslog_hint(text), text))
    host, port = _host_port(rest, "udp:192.0.2.9:514 or udp:[2001:db8::9]:514")
    address = _ip(host)
    if address is None or address.is_unspecified:
        hint = f"this host is {_loopback(address)}" if address else "write its IP address: no name is asked for here"
        raise BadValue(Fault(f"{quoted(host)} is no address of a syslog daemon", hint, rest))
    return TcpAddress(str(address), port)


def _syslog_hint(text: str) -> str:
    if text.startswith("/"):
        return f"write unix:{text}"
    if _ip(text) is not None:
        host = f"[{text}]" if ":" in text else text
        return f"write udp:{host}:{SYSLOG_PORT}"
    kind, _, rest = text.partition(":")
    if kind == "tcp":
        return f"there is no syslog by TCP here: udp:{rest}"
    return f"write udp:{text}" if _HOST_PORT.fullmatch(text) and _PORT.fullmatch(rest) else "unix:PATH or udp:HOST:PORT"


def _dns_name(text: str, host: str) -> str:
    if host == ANY:
        raise BadValue(Fault(f"{quoted(text)} is no address of a server", "* is for bind", text))
    if hostnames.is_ip_literal(host.encode("utf-8")):
        raise BadValue(Fault(f"{quoted(host)} is a number, but no IPv4 address a.b.c.d", word=text))
    try:
        return hostnames.from_text(host)
    except ValueError as error:
        raise BadValue(Fault(str(error), word=text)) from error


def _srv_name(text: str, name: str) -> str:
    if _SERVICE.match(name) is None:
        raise BadValue(Fault(f"{quoted(text)} names no service", "for example srv:_https._tcp.name.example", text))
    if ":" in name:
        raise BadValue(Fault(f"{quoted(text)} has a port", "the SRV records say the ports", text))
    return _dns_name(text, name)


def _path(text: str, path: str) -> str:
    if not path.startswith("/"):
        raise BadValue(Fault(f"{quoted(text)} has no absolute path", "for example unix:/run/app.sock", text))
    if len(path.encode("utf-8")) > _LONGEST_PATH:
        raise BadValue(Fault("the path is too long for a socket", f"{_LONGEST_PATH} bytes at most", text))
    return path


def _host_port(text: str, forms: str) -> tuple[str, int]:
    match = _HOST_PORT.fullmatch(text)
    if match is None or not (match["v6"] or match["host"]):
        raise BadValue(Fault(f"{quoted(text)} is not an address", _hint(text, forms), text))
    if not _PORT.fullmatch(match["port"]) or not 1 <= int(match["port"]) <= _LAST_PORT:
        hint = f"from 1 to {_LAST_PORT}"
        raise BadValue(Fault(f"{quoted(match['port'])} is not a port", hint, text))
    if match["v6"] and not isinstance(_ip(match["v6"]), ipaddress.IPv6Address):
        raise BadValue(Fault(f"{quoted(match['v6'])} is not an IPv6 address", word=text))
    return match["v6"] or match["host"], int(match["port"])


def _hint(text: str, forms: str) -> str:
    if _PORT.fullmatch(text.removeprefix(":")):
        return f"write HOST:{text.removeprefix(':')}; for a listener on every address *:{text.removeprefix(':')}"
    if text == "accept-proxy":
        return "write accept-proxy = NET... on a line of its own"
    if text.startswith("/"):
        return f"write unix:{text}"
    if "://" in text:
        return f"without {text.partition('://')[0]}://"
    if "," in text:
        return "separate addresses by white space"
    address, _, port = text.rpartition(":")
    if isinstance(_ip(address), ipaddress.IPv6Address) and _PORT.fullmatch(port):
        return f"write [{address}]:{port}"
    return forms


def _loopback(address: IpAddress) -> str:
    return "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004 - IP's own version number


def _ip(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def slot(address: BindAddress | ServerAddress) -> object:
    """What two addresses share wherever they meet: the port, else the address itself."""
    return address.port if isinstance(address, (TcpAddress, DnsAddress)) else address


def overlap(one: BindAddress, other: BindAddress) -> bool:
    """Whether the kernel refuses to listen on both: the same address, or one that contains the other."""
    if not isinstance(one, TcpAddress) or not isinstance(other, TcpAddress):
        return one == other
    if one.port != other.port:
        return False
    return ANY in {one.host, other.host} or _contains(one.host, other.host) or _contains(other.host, one.host)


def _contains(wide: str, narrow: str) -> bool:
    outer, inner = _plain(wide), _plain(narrow)
    if outer is None or inner is None or outer.version != inner.version:
        return False
    return outer == inner or outer.is_unspecified


def _plain(host: str) -> IpAddress | None:
    """An address as the kernel compares it: an IPv4-mapped one (RFC 4291 section 2.5.5.2) is IPv4."""
    address = _ip(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def leads_to(target: ServerAddress, listener: BindAddress) -> bool:
    """Whether a server's address is certainly our own listener's. Of a wildcard one only loopback is known to be."""
    if isinstance(target, DnsAddress):
        if target.name != "localhost":
            return False
        target = TcpAddress("127.0.0.1", target.port)
    if not isinstance(target, TcpAddress) or not isinstance(listener, TcpAddress):
        return target == listener
    address, own = _plain(target.host), _plain(listener.host)
    if target.port != listener.port or address is None:
        return False
    return address == own or (address.is_loopback and overlap(target, listener))
