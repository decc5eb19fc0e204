"""A nameserver on the loopback address that answers as a test says: from a table, or with whatever bytes it likes.

Its messages are written and read by Twisted's twisted.names.dns, which the product does not use.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from twisted.names import dns

from pumpproxy.model import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Script = Callable[["Query"], Iterable[bytes]]

LOOPBACK = "127.0.0.1"
PATIENCE = 20.0
WITHOUT_EDNS = 512


class Query(NamedTuple):
    """What was asked. `payload`: by EDNS; 0: without. `port`: the client's."""

    message: dns.Message
    name: str
    kind: int
    by_tcp: bool
    payload: int
    port: int

    def respond(
        self,
        *answers: dns.RRHeader,
        additional: Sequence[dns.RRHeader] = (),
        code: int = dns.OK,
        truncated: bool = False,
        **fields: object,
    ) -> bytes:
        """An answer to it; `fields` of the message may be anything."""
        message = dns.Message(
            id=self.message.id, answer=1, rCode=code, trunc=truncated, recDes=1, recAv=1, maxSize=65535
        )
        message.queries = list(self.message.queries)
        message.answers, message.additional = list(answers), list(additional)
        for name, value in fields.items():
            setattr(message, name, value)
        return message.toStr()


def a(name: str, address: str, ttl: int = 30) -> dns.RRHeader:
    """A record of an IPv4 or IPv6 address."""
    payload = dns.Record_AAAA(address) if ":" in address else dns.Record_A(address)
    return dns.RRHeader(name.encode(), payload.TYPE, ttl=ttl, payload=payload)


def cname(name: str, other: str, ttl: int = 30) -> dns.RRHeader:
    """An alias."""
    return dns.RRHeader(name.encode(), dns.CNAME, ttl=ttl, payload=dns.Record_CNAME(other.encode()))


def srv(name: str, target: str, port: int, priority: int = 10, weight: int = 1, ttl: int = 30) -> dns.RRHeader:
    """Where a service is."""
    payload = dns.Record_SRV(priority, weight, port, target.encode())
    return dns.RRHeader(name.encode(), dns.SRV, ttl=ttl, payload=payload)


@dataclass
class Zone:
    """Answers from records, as a good nameserver gives them; `additional`: what goes along with any SRV answer.

    What does not fit is cut, and marked so; or, if `sloppy`, left out without a word, as Consul does.
    """

    records: list[dns.RRHeader] = field(default_factory=list)
    additional: list[dns.RRHeader] = field(default_factory=list)
    sloppy: bool = False

    def __call__(self, query: Query) -> list[bytes]:
        """A Script."""
        name, chain = query.name, []
        while alias := [one for one in self.records if self._is(one, name, dns.CNAME)]:
            if query.kind == dns.CNAME or alias[0] in chain:
                break
            chain += alias
            name = str(cast("dns.Record_CNAME", alias[0].payload).name)
        found = [one for one in self.records if self._is(one, name, query.kind)]
        known = chain or any(one.name.name == name.encode() for one in self.records)
        along = self.additional if query.kind == dns.SRV and found else []
        whole = query.respond(*chain, *found, additional=along, code=dns.OK if known else dns.ENAME)
        if query.by_tcp or len(whole) <= (query.payload or WITHOUT_EDNS):
            return [whole]
        return [query.respond(*found[:3])] if self.sloppy else [query.respond(*found[:1], truncated=True)]

    @staticmethod
    def _is(record: dns.RRHeader, name: str, kind: int) -> bool:
        return bool(record.name.name == name.encode() and record.type == kind)


class Nameserver:
    """Runs in a thread. `asked`: all that it was asked, as (name, type, by TCP?, payload by EDNS)."""

    def __init__(self, script: Script, *, tcp: bool = True, host: str = LOOPBACK) -> None:
        """Not `tcp`: connections are refused."""
        self.script = script
        self.stream: Script | None = None
        """If set: what TCP connections get, byte by byte as it stands; they are held to the end of the test."""
        self.asked: list[tuple[str, int, bool, int]] = []
        self.defects: list[BaseException] = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket()
        self._connections: list[socket.socket] = []
        self._bind(host)
        if tcp:
            self._tcp.listen()
        self.place = TcpAddress(host, self.udp.getsockname()[1])
        self._stopped, self._stopping = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _bind(self, host: str) -> None:
        """One port for both, of the kernel's choice."""
        for _ in range(20):
            self._tcp.bind((host, 0))
            try:
                self.udp.bind((host, self._tcp.getsockname()[1]))
            except OSError:
                self._tcp.close()
                self._tcp = socket.socket()
            else:
                return
        msg = "no port is free for both UDP and TCP"
        raise AssertionError(msg)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopping.close()
        self._thread.join(PATIENCE)
        for sock in (self.udp, self._tcp, self._stopped, *self._connections):
            sock.close()
        assert self.defects == []

    @property
    def names(self) -> list[str]:
        """The names that were asked for, each once, in their order."""
        return list(dict.fromkeys(name for name, *_ in self.asked))

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in (self.udp, self._tcp, self._stopped):
                with contextlib.suppress(OSError):
                    selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._stopped:
                        return
                    try:
                        self._datagram() if key.fileobj is self.udp else self._connection()
                    except BaseException as defect:  # noqa: BLE001 - for the test's own thread
                        self.defects.append(defect)
                        return

    def _datagram(self) -> None:
        raw, client = self.udp.recvfrom(65535)
        for answer in self.script(self._query(raw, client[1], by_tcp=False)):
            self.udp.sendto(answer, client)

    def _connection(self) -> None:
        try:
            connection, client = self._tcp.accept()
        except OSError:
            return
        self._connections.append(connection)
        with contextlib.suppress(OSError):
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw = connection.makefile("rb")
            length = int.from_bytes(raw.read(2), "big")
            if not length:
                return
            query = self._query(raw.read(length), client[1], by_tcp=True)
            raw.close()
            if self.stream is not None:
                for piece in self.stream(query):
                    connection.sendall(piece)
                return
            for answer in self.script(query):
                connection.sendall(len(answer).to_bytes(2, "big") + answer)
            connection.close()

    def _query(self, raw: bytes, port: int, *, by_tcp: bool) -> Query:
        message = dns.Message()
        message.fromStr(raw)
        (asked,) = message.queries
        payload = next((one.cls for one in message.additional if one.type == 41), 0)
        query = Query(message, asked.name.name.decode(), asked.type, by_tcp, payload, port)
        self.asked.append((query.name, query.kind, by_tcp, payload))
        return query
