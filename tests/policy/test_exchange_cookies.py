"""Exchanges at a backend with a `cookie`: what the server is sent, what the client gets, what the log says."""

from __future__ import annotations

import pytest

from pumpproxy.model import Backend, Check, CookieMode, Mode, PersistenceCookie, Redispatch, Server, TcpAddress
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.httpsteps import DRAIN_CLIENT, LEAVE_SERVER, AwaitServer, SendClient, SendServer, StartTunnel
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.persistence import Answered, Asked
from pumpproxy.wire.cookiemarks import Visit, rounded, write_visit
from tests.playbook import (
    EPOCH,
    GET,
    OK,
    SENT,
    Like,
    Playbook,
    answer,
    client,
    connect,
    connected,
    drained,
    ended,
    failed,
    server,
    site,
    wait,
)

PREFIX = PersistenceCookie("J", CookieMode.PREFIX)
INSERT = PersistenceCookie("J", CookieMode.INSERT, indirect=True)
REWRITE = PersistenceCookie("J", CookieMode.REWRITE)
REFUSED = ConnectFailure.REFUSED


def begin(rule: PersistenceCookie, **fields: object) -> Playbook:
    """Before a1 and a2, whose values are A and B."""
    servers = tuple(Server(f"a{n}", TcpAddress("127.0.0.1", 8000 + n), cookie="-AB"[n]) for n in (1, 2))
    whole = {"servers": servers, "cookie": rule} | fields
    return Playbook(site(backend=Backend("a", Mode.HTTP, **whole)))  # type: ignore[arg-type]


def asks(*lines: bytes) -> bytes:
    """A request with these lines more."""
    return GET[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def asked(*lines: bytes) -> SendServer:
    """What its server is sent, with these lines."""
    return SendServer(SENT.replace(b"Connection", b"".join(line + b"\r\n" for line in lines) + b"Connection"))


def says(*lines: bytes) -> bytes:
    """An answer with these lines more."""
    return OK.replace(b"\r\n\r\n", b"".join(b"\r\n" + line for line in lines) + b"\r\n\r\n")


def letters(play: Playbook) -> str:
    """Of the latest record."""
    asked_for, answered = play.record.cookie_asked, play.record.cookie_answered
    assert asked_for is not None
    assert answered is not None
    return asked_for.letter + answered.letter


@pytest.mark.parametrize(
    ("rule", "first", "client_has", "server_sees", "set_again", "told"),
    [
        (PREFIX, (b"Set-Cookie: J=1; Path=/", b"Set-Cookie: J=A~1; Path=/"), b"J=A~1", b"J=1", (), ("NR", "VN")),
        (REWRITE, (b"Set-Cookie: J=1; Path=/", b"Set-Cookie: J=A; Path=/"), b"J=A", b"J=A", (), ("NR", "VN")),
        (INSERT, (None, b"Set-Cookie: J=A; path=/"), b"J=A", None, (), ("NI", "VN")),
    ],
)
def test_a_client_comes_back_to_its_server(
    rule: PersistenceCookie,
    first: tuple[bytes | None, bytes],
    client_has: bytes,
    server_sees: bytes | None,
    set_again: tuple[bytes, ...],
    told: tuple[str, str],
) -> None:
    """Though it is the other's turn, with all that else is in its cookies."""
    sets, gets = first
    play = begin(rule) >> client(GET) << connect("a1") >> connected << SendServer(SENT)
    play = play >> server(says() if sets is None else says(sets)) << SendClient(says(gets)) << LEAVE_SERVER
    play = play << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert letters(play) == told[0]
    seen = b"Cookie: x=1" if server_sees is None else b"Cookie: x=1; " + server_sees
    for _ in range(3):
        play = play >> client(asks(b"Cookie: x=1; " + client_has)) << connect("a1") >> connected << asked(seen)
        play = play >> server(says(b"Set-Cookie: K=2")) << SendClient(says(b"Set-Cookie: K=2", *set_again))
        play = play << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
        assert (play.record.server, letters(play)) == ("a1", told[1])
    assert play.done().idle()


@pytest.mark.parametrize(
    ("rule", "has", "sees", "sets", "gets"),
    [
        (PREFIX, b"J=A~1", b"Cookie: J=1", b"Set-Cookie: J=2", b"Set-Cookie: J=B~2"),
        (REWRITE, b"J=A", b"Cookie: J=A", b"Set-Cookie: J=2", b"Set-Cookie: J=B"),
        (INSERT, b"J=A", None, b"X: 1", b"X: 1\r\nSet-Cookie: J=B; path=/"),
    ],
)
def test_the_last_retry_breaks_it_and_the_cookie_says_so(
    rule: PersistenceCookie, has: bytes, sees: bytes | None, sets: bytes, gets: bytes
) -> None:
    """With `redispatch`: until then the server that is named has its time to come back."""
    play = begin(rule, redispatch=Redispatch.YES) >> client(asks(b"Cookie: " + has)) << connect("a1")
    play = play >> failed(REFUSED) << connect("a1", after=1.0) >> failed(REFUSED) << connect("a1", after=1.0)
    play = play >> failed(REFUSED) << connect("a2") >> connected << asked(*([] if sees is None else [sees]))
    play = play >> server(says(sets)) << SendClient(says(gets)) << LEAVE_SERVER << DRAIN_CLIENT
    play = play >> drained << ended(Outcome.COMPLETED)
    assert (play.record.server, play.record.redispatched, play.record.cookie_asked) == ("a2", True, Asked.DOWN)
    assert play.done().idle()


def test_who_waited_in_vain_for_the_server_that_it_named_is_told_of_another() -> None:
    """That went DOWN meanwhile: no attempt was made there, and yet the cookie led to nobody."""
    servers = tuple(
        Server(f"a{n}", TcpAddress("127.0.0.1", 8000 + n), cookie="-AB"[n], maxconn=1, check=Check()) for n in (1, 2)
    )
    play = begin(INSERT, servers=servers)
    pool = play.runtime.pools["a"]
    assert pool.take(None, pool.servers["a1"]) is not None
    play = play >> client(asks(b"Cookie: J=A")) << Like("a place", lambda step: isinstance(step, AwaitServer))
    pool.turned(pool.servers["a1"], up=False)
    play = play >> (lambda play: play.exchange.served(play.now)) << connect("a2") >> connected << SendServer(SENT)
    play = play >> server(OK) << SendClient(says(b"Set-Cookie: J=B; path=/")) << LEAVE_SERVER << DRAIN_CLIENT
    play = play >> drained << ended(Outcome.COMPLETED)
    assert (play.record.server, letters(play)) == ("a2", "DI")


def test_without_redispatch_nobody_else_is_asked() -> None:
    """503, and the cookie was right."""
    play = begin(PREFIX, retries=1) >> client(asks(b"Cookie: J=B~1")) << connect("a2")
    play = play >> failed(REFUSED) << connect("a2", after=1.0) >> failed(REFUSED)
    play = (play << answer(503) << ended(Outcome.CONNECT_FAILED, Phase.CONNECT, 503)).done()
    assert letters(play) == "VN"


def test_a_disabled_server_is_left_at_once() -> None:
    """The prefix is taken off all the same."""
    servers = (
        Server("a1", TcpAddress("127.0.0.1", 8001), cookie="A", disabled=True),
        Server("a2", TcpAddress("127.0.0.1", 8002), cookie="B"),
    )
    play = begin(PREFIX, servers=servers)
    play = play >> client(asks(b"Cookie: J=A~1")) << connect("a2") >> connected << asked(b"Cookie: J=1")
    play = play >> server(says(b"Set-Cookie: J=2")) << SendClient(says(b"Set-Cookie: J=B~2"))
    play = play << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert letters(play) == "DR"


def test_dates_are_of_the_wall_clock() -> None:
    """`maxidle` counts from the request's beginning, and the date that is set is the answer's."""
    rule = PersistenceCookie("J", CookieMode.INSERT, maxidle=60.0)

    def dated(seconds: float, name: bytes = b"A") -> bytes:
        return write_visit(Visit(name, rounded(EPOCH + seconds), None))

    play = begin(rule) >> client(GET) << connect("a1") >> wait(5.0) >> connected << SendServer(SENT)
    first = says(b"Set-Cookie: J=%b; path=/" % dated(5.0))
    play = (
        play >> server(OK) << SendClient(first) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    )
    play.exchange.epoch += 100.0
    play = play >> client(asks(b"Cookie: J=" + dated(5.0))) << connect("a2") >> connected
    play = play << asked(b"Cookie: J=" + dated(5.0)) >> server(OK)
    play = play << SendClient(says(b"Set-Cookie: J=%b; path=/" % dated(105.0, b"B"))) << LEAVE_SERVER << DRAIN_CLIENT
    play = play >> drained << ended(Outcome.COMPLETED)
    assert letters(play) == "EI"


def test_a_websocket_is_led_back_too() -> None:
    """Its 101 is the answer."""
    upgrade = asks(b"Upgrade: websocket", b"Connection: Upgrade", b"Cookie: J=B~1")
    sent = GET[:-2] + b"Cookie: J=1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    head = b"HTTP/1.1 101 Switching Protocols\r\n%bUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    play = begin(PREFIX) >> client(upgrade) << connect("a2") >> connected << SendServer(sent)
    play = play >> server(head % b"Set-Cookie: J=2\r\n")
    (play << StartTunnel(b"", head % b"Set-Cookie: J=B~2\r\n")).done()


def test_an_answer_of_ours_has_no_cookie() -> None:
    """Nor has a request that reaches no backend any letters."""
    play = begin(INSERT) >> client(b"GET / HTTP/1.1\r\n\r\n") << answer(400) << ended(Outcome.BAD_REQUEST)
    assert (play.record.cookie_asked, play.record.cookie_answered) == (None, None)
    play = begin(INSERT, retries=0) >> client(GET) << connect("a1") >> failed(REFUSED) << answer(503)
    play = (play << ended(Outcome.CONNECT_FAILED)).done()
    assert (play.record.cookie_asked, play.record.cookie_answered) == (Asked.NONE, Answered.NONE)


def test_a_reload_in_between_changes_the_next_request_only() -> None:
    """The answer is read by the rule that read the request."""
    play = begin(PREFIX) >> client(GET) << connect("a1") >> connected << SendServer(SENT)
    play.runtime.reload(begin(REWRITE).runtime.config, 100)
    play = play >> server(says(b"Set-Cookie: J=1")) << SendClient(says(b"Set-Cookie: J=A~1"))
    play = play << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    play = play >> client(GET) << connect("a2") >> connected << SendServer(SENT)
    (
        play >> server(says(b"Set-Cookie: J=1")) << SendClient(says(b"Set-Cookie: J=B")) << LEAVE_SERVER << DRAIN_CLIENT
    ).done()
