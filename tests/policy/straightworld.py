"""The same client twice: one whose usual requests go the short way, and one whose every fact goes the long way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pumpproxy.model import Backend, Balance, Check, ConnectionMode, ForwardFor, Mode, Redispatch, Server, TcpAddress
from pumpproxy.policy.straightexchange import StraightExchange
from tests.playbook import CLIENT, EPOCH, site
from tests.policy.httpworld import World

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from pumpproxy.model import Config
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.serverstate import ServerState

HOST = b"Host: a.example\r\n"
SECTIONS = (
    HOST,
    HOST + b"Accept: */*\r\nCookie: a=b; c=d\r\n",
    b"accept:text/html\r\nHost: a.example:8080\r\nX-Forwarded-For: 9\r\nConnection: keep-alive, X-A\r\nX-A: 1\r\n",
    b"Host: b.example\r\nUser-Agent: t\r\n",
    b"Host: 192.0.2.1\r\n",
    HOST + b"Connection: close\r\n",
    HOST + b"Content-Length: 4\r\n",
    HOST + b"Transfer-Encoding: chunked\r\n",
    HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    HOST + b"Authorization: NTLM TlRM\r\n",
    HOST + b"TE: trailers\r\n",
    HOST + b"Range: bytes=0-1\r\nMax-Forwards: 3\r\n",
    b"Host: nobody.example\r\nX_Forwarded_For: 1\r\n",
    HOST + HOST,
    b"Host : a.example\r\n",
)
LINES = (
    *(b"GET / HTTP/1.1", b"GET /a?b=c HTTP/1.1", b"GET /secret/x HTTP/1.1", b"GET //x HTTP/1.1"),
    *(b"HEAD / HTTP/1.1", b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"GET http://a.example/ HTTP/1.1"),
    *(b"OPTIONS * HTTP/1.1", b"GET /# HTTP/1.1", b"GET /\x80 HTTP/1.1", b"GET  / HTTP/1.1", b"TRACE / HTTP/1.1"),
)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nServer: x\r\nConnection: keep-alive\r\nContent-Length: 5\r\nKeep-Alive: x=5\r\n\r\nhello",
    b"HTTP/1.1 404 Not  Found\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\n\r\n",
    b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 7\r\n\r\n',
    b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
    b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length:5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 005 \r\nX:  y\t\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: X-A\r\nX-A: 1\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX_B: 1\r\nKeep_Alive: 1\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\rb\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: \xe9\r\nEmpty:\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nuntil the end",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
    b"HTTP/1.1 401 Who\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000,
)


class LongWorld(World):
    """Every fact goes the long way."""

    short = 0
    full = False

    def __init__(self, config: Config, client: ClientAddress = CLIENT) -> None:
        super().__init__(config, client)
        self.others: list[ServerState] = []
        """Where other clients have a connection, of backend a."""

    @property
    def pool(self) -> Pool:
        """Of backend a."""
        return self.runtime.pools["a"]

    def crowds(self) -> None:
        """Another client comes, if there is a place."""
        server = self.pool.take(None)
        if server is not None:
            self.others.append(server)

    def makes_room(self) -> None:
        """Another client goes."""
        if self.others:
            self.pool.leave(self.others.pop(0))

    def turns(self, place: int, *, up: bool) -> None:
        """A server is there, or not."""
        servers = list(self.pool.servers.values())
        self.pool.turned(servers[place % len(servers)], up=up)

    def says(self, data: bytes) -> None:
        """The server says that."""
        self.tell(self.exchange.server_received, data)


class ShortWorld(LongWorld):
    """What may go the short way does, as `flow.straighthttp` leads it."""

    def __init__(self, config: Config, client: ClientAddress = CLIENT) -> None:
        super().__init__(config, client)
        self.straight = StraightExchange(self.runtime, self.runtime.frontends["f"], client, self.now, EPOCH)
        self.exchange = self.straight

    def tell(self, fact: Callable[..., Sequence[HttpStep]], *arguments: object) -> None:
        """What is under way is taken over first."""
        straight = self.straight.straight
        if straight is not None:
            super().tell(lambda now: self.straight.take_over(straight, now))
        super().tell(fact, *arguments)

    def send(self, data: bytes) -> None:
        """The client sends."""
        straight = self.straight.begin_straight(data, self.now) if self.straight.straight is None else None
        if straight is None:
            super().send(data)
            return
        self.reached = straight.server
        kept = self.kept.get(straight.server, [])
        if not kept:
            self.tell(lambda _now: ())
            return
        self.short += 1
        straight.reached = True
        self.server = kept.pop()
        self.server.receive(straight.outgoing)

    def says(self, data: bytes) -> None:
        """The server says that."""
        straight = self.straight.straight
        out = None if straight is None else straight.answered(data, self.now)
        if straight is None or out is None:
            super().says(data)
            return
        self.got += out
        if straight.done and self.full:
            self.tell(lambda _now: ())
        elif straight.done:
            assert self.server is not None
            self.records.append(self.straight.record_straight(straight, self.now))
            self.straight.end_straight(straight, self.now)
            self.server.answered()
            self.kept.setdefault(straight.server, []).append(self.server)
            self.server = None


def config(chance: random.Random) -> Config:
    """Two backends, the first of two servers; b.example's /secret is refused."""
    few = chance.random() < 0.6
    servers = tuple(
        Server(
            f"a{n}",
            TcpAddress("127.0.0.1", 8000 + n),
            check=Check() if few else None,
            maxconn=chance.choice([1, 1, 2]) if few else None,
            maxqueue=chance.choice([None, None, 0]) if few else None,
        )
        for n in range(chance.choice([1, 2]))
    )
    forwardfor = chance.choice([None, ForwardFor(), ForwardFor("X-Real")])
    made = site(
        backend=Backend(
            "a",
            Mode.HTTP,
            chance.choice([Balance.ROUNDROBIN, *Balance]),
            servers,
            use_server=chance.choice([(), (("a.example", "a0"),)]),
            forwardfor=forwardfor,
            redispatch=chance.choice(list(Redispatch)),
            timeout_queue=chance.choice([0.5, 60.0]),
            hold=chance.random() < 0.5,
        ),
        connection=chance.choice([ConnectionMode.KEEP_ALIVE] * 5 + list(ConnectionMode)),
        forwardfor=chance.choice([None, ForwardFor()]),
        timeout_client=5.0,
    )
    return replace(
        made, backends=tuple(replace(one, timeout_server=chance.choice([3.0, 30.0])) for one in made.backends)
    )
