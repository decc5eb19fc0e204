"""Addresses and host names as a file declares them, as frozen values; `model` has all the rest, and names these too.

May not: connect, resolve or match.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """An address in literal form. `host` is an IP literal without brackets, or `*` (bind only: IPv4 and IPv6)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A path in the file system."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class DnsAddress:
    """A server's DNS name, asked for while the service runs."""

    name: str
    port: int
    absolute: bool = False
    """The name is whole: the system's search list is not for it."""

    def __str__(self) -> str:
        return f"{self.name}{'.' if self.absolute else ''}:{self.port}"


@dataclass(frozen=True, slots=True)
class SrvAddress:
    """A service whose SRV records (RFC 2782) name the hosts and ports, asked for while the service runs."""

    name: str
    """`_service._tcp.name`, in the one spelling."""
    absolute: bool = False
    """As a DnsAddress's."""

    def __str__(self) -> str:
        return f"srv:{self.name}{'.' if self.absolute else ''}"


@dataclass(frozen=True, slots=True)
class InheritedAddress:
    """A listening socket that systemd hands over under this FileDescriptorName (bind only)."""

    name: str

    def __str__(self) -> str:
        return f"systemd:{self.name}"


BindAddress = TcpAddress | UnixAddress | InheritedAddress
ServerAddress = TcpAddress | UnixAddress | DnsAddress | SrvAddress


@dataclass(frozen=True, slots=True)
class ExactHost:
    """One name. An empty `name` never occurs."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class WildcardHost:
    """Names below `suffix` (`example.org`), one label or more; with `apex` also `suffix` itself."""

    suffix: str
    apex: bool

    def __str__(self) -> str:
        return f"{'.' if self.apex else '*.'}{self.suffix}"


@dataclass(frozen=True, slots=True)
class RegexHost:
    """Names that `pattern` matches whole."""

    pattern: str

    def __str__(self) -> str:
        return f"~{self.pattern}"


HostPattern = ExactHost | WildcardHost | RegexHost
