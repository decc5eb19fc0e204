"""Listening sockets: made, found among those that were handed over, and given back to the system.

They are ours, never a Twisted Port's: a Port that bound its socket itself calls shutdown(2) on it when it stops, which
ends it for everybody who shares it; `end_socket` does where that is meant. May not: accept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pumpproxy.flow.inherited import Inherited
from pumpproxy.model import BindAddress, InheritedAddress, TcpAddress, UnixAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BACKLOG = 4096
"""Connections that the kernel holds while we do not accept; it takes the smaller of this and net.core.somaxconn."""
SOCKET_MODE = 0o660
"""A unix socket is for its owner and group, whatever the umask is."""
NOTHING = Inherited({})
"""For a process that was handed no sockets."""


class ListenError(Exception):
    """A listening socket that cannot be had; its text is one line for a person."""

    def __init__(self, address: BindAddress, reason: str, number: int = 0) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")
        self.errno = number


def open_sockets(address: BindAddress, inherited: Inherited = NOTHING) -> list[socket.socket]:
    """Non-blocking listening sockets for one `bind` (several only where systemd gave several by one name).

    One of `inherited` that listens there already is taken. The caller owns them. Raises ListenError.
    """
    try:
        if isinstance(address, InheritedAddress):
            return _named(address, inherited)
        wanted = _possible(address)
        taken = _taken(wanted, inherited)
        if taken is not None:
            return [taken]
        return [_unix(wanted) if isinstance(wanted, UnixAddress) else _tcp(wanted)]
    except OSError as error:
        raise ListenError(address, _reason(address, error), error.errno or 0) from error


def port_of(sock: socket.socket) -> int | None:
    """The port that clients come to; None for a unix socket, which has none."""
    return None if sock.family == socket.AF_UNIX else int(sock.getsockname()[1])


def end_others(inherited: Inherited, wanted: Iterable[BindAddress], owned: Callable[[str], bool]) -> list[str]:
    """End those of `inherited`, by such names, that listen where no `bind` is; the names of all that are good for none.

    Where another process still accepts from them that is for it to do, when it gives way; ours are only closed.
    """
    places = [_possible(address) for address in wanted if not isinstance(address, InheritedAddress)]
    names = []
    for name, sock in inherited.others(places, owned):
        names.append(name)
        if sock is not None:
            (leave_socket if inherited.shared else end_socket)(sock)
    return names


def end_socket(sock: socket.socket) -> None:
    """As `close_socket`, for all who share it: nobody waits in the backlog of a socket that nobody accepts from."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    close_socket(sock)


def leave_socket(sock: socket.socket) -> None:
    """Close ours of a socket that lives on elsewhere; a unix socket's path is its own."""
    sock.close()


def close_socket(sock: socket.socket) -> None:
    """Close it, and take a unix socket's path away where it is still this one's."""
    path = sock.getsockname() if sock.family == socket.AF_UNIX else None
    sock.close()
    # An abstract socket has a name of bytes, and no path.
    if isinstance(path, str) and path:
        try:
            # A socket's own inode is not that of its path; what can be told is whether anybody else answers there.
            if stat.S_ISSOCK(Path(path).stat().st_mode) and not _answers(path):
                Path(path).unlink()
        except OSError:
            pass


def _reason(address: BindAddress, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = " (ports below 1024 need root, or CAP_NET_BIND_SERVICE)" if isinstance(address, TcpAddress) else ""
        return f"permission denied{hint}"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _possible(address: TcpAddress | UnixAddress) -> TcpAddress | UnixAddress:
    """`*` is IPv4 alone on a system without IPv6, which has no such family, or no such address."""
    if isinstance(address, TcpAddress) and address.host == "*":
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::", 0))
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT):
                return TcpAddress("0.0.0.0", address.port)  # noqa: S104 - `*` says so
    return address


def _taken(address: TcpAddress | UnixAddress, inherited: Inherited) -> socket.socket | None:
    """That of `inherited`, made as ours are; another process, or another version, may have made it."""
    sock = inherited.take(address)
    if sock is None:
        return None
    if isinstance(address, UnixAddress) and not Path(address.path).is_socket():
        # Its path was taken away meanwhile (RuntimeDirectory=), and nobody could come to it any more.
        end_socket(sock)
        return None
    try:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Again: net.core.somaxconn may be another by now.
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _tcp(address: TcpAddress) -> socket.socket:
    if address.host == "*":
        return _bound(socket.AF_INET6, ("::", address.port), dual=True)
    return _bound(socket.AF_INET6 if ":" in address.host else socket.AF_INET, (address.host, address.port))


def _bound(family: socket.AddressFamily, where: tuple[str, int], *, dual: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it: small messages are not held back for an acknowledgement (Nagle).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        sock.bind(where)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _unix(address: UnixAddress) -> socket.socket:
    path = Path(address.path)
    if path.is_socket() and not _answers(address.path):
        # Left behind by a process that was killed.
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(address.path)
        path.chmod(SOCKET_MODE)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _answers(path: str) -> bool:
    """Whether somebody listens at a unix socket's path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT)


def _named(address: InheritedAddress, inherited: Inherited) -> list[socket.socket]:
    descriptors = inherited.named(address.name)
    if not descriptors:
        raise ListenError(address, "systemd handed over no socket of this name")
    found: list[socket.socket] = []
    try:
        for descriptor in descriptors:
            # A duplicate, so that the one handed over is there for a reload that takes the name away and back.
            found.append(socket.socket(fileno=os.dup(descriptor)))
            _prepare(address, found[-1])
    except (OSError, ListenError):
        for sock in found:
            sock.close()
        raise
    return found


def _prepare(address: InheritedAddress, sock: socket.socket) -> None:
    """See that it is what we take, and set what we need."""
    if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ListenError(address, "what systemd handed over is not a listening stream socket")
    sock.setblocking(False)
    sock.set_inheritable(False)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
