"""What tests build connections from: an Environment with a recording sink, and hellos made on the spot."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pumpproxy.flow.environment import Environment
from pumpproxy.flow.idle import Sweep
from pumpproxy.flow.resolve import Resolver
from pumpproxy.model import Backend, Config, Frontend, Mode, Server, TcpAddress
from pumpproxy.policy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.interfaces import Reactor
    from pumpproxy.policy.records import SessionRecord

LOOPBACK = "127.0.0.1"


@dataclass
class RecordingSink:
    """An ISessionSink that keeps what it is told."""

    records: list[SessionRecord] = field(default_factory=list)
    wants_records: bool = True

    def ended(self, record: SessionRecord) -> None:
        """Keep it."""
        self.records.append(record)

    @property
    def only(self) -> SessionRecord:
        """The one record that there must be."""
        assert len(self.records) == 1, self.records
        return self.records[0]


def environment(
    config: Config, reactor: object, *, now: Callable[[], float] = time.monotonic, limit: int = 1000
) -> tuple[Environment, RecordingSink]:
    """An Environment of this configuration on this reactor (or Clock), and its sink."""
    real = cast("Reactor", reactor)
    sink = RecordingSink()
    made = Environment(
        reactor=real,
        now=now,
        wall=time.time,
        runtime=Runtime(config, limit),
        sweep=Sweep(real, now),
        resolver=Resolver(real, getattr(reactor, "names", None)),
        sink=sink,
    )
    made.kept.most = 16
    return made, sink


def tls_config(port: int, **frontend: object) -> Config:
    """One `tls` frontend whose default-backend `b` is one server on this loopback port."""
    fields: dict[str, object] = {"no_sni": "b", "unknown_sni": "b", "default_backend": "b"} | frontend
    return Config(
        frontends=(Frontend("f", Mode.TLS, (TcpAddress(LOOPBACK, 1),), **fields),),  # type: ignore[arg-type]
        backends=(Backend("b", servers=(Server("s", TcpAddress(LOOPBACK, port)),)),),
    )


def client_hello(name: str | None = "pump2.example.test", alpn: tuple[str, ...] = ()) -> bytes:
    """A real ClientHello of the standard library's TLS."""
    import ssl  # noqa: PLC0415 - only where a hello is needed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def unused_port() -> int:
    """A port that nobody has on any address, as far as the kernel knows now.

    One that is free on the loopback address alone may be that of a connection on another, which waits for its end
    (TIME_WAIT) and hinders whoever wants to listen on all.
    """
    dual = socket.has_dualstack_ipv6()
    with socket.socket(socket.AF_INET6 if dual else socket.AF_INET) as probe:
        if dual:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
