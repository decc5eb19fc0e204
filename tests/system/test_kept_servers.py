"""`connection = keep-alive`: clients share servers' connections, and no request is lost, doubled or mixed up."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.system.conftest import Hosts
from tests.system.daemon import PATIENCE
from tests.system.scripted import OK, Keeper, Scripted, page
from tests.system.visitors import Visitor

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from tests.system.nginx import Nginx
    from tests.system.node import Node
    from tests.system.servers import Lighttpd

REQUESTS = 100
POST = ("Content-Length: 4",)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, lighttpd: Lighttpd, nginx: Nginx, node: Node) -> Iterator[Hosts]:
    """Three real servers behind a frontend that keeps their connections."""
    servers = {"lighttpd": lighttpd.http, "nginx": nginx.port, "node": node.port}
    for root in (lighttpd.root, nginx.root):
        (root / "page").write_text("a page\n")
    with Hosts(tmp_path_factory.mktemp("kept"), "keep-alive", servers) as running:
        yield running


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    """It."""
    with Keeper(tmp_path_factory.mktemp("keeper")) as running:
        yield running


def once(port: int, target: str, *lines: str, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
    """What a client of one request gets."""
    with Visitor(port) as visitor:
        visitor.ask(target, "a.example", *lines, method=method)
        visitor.send(body)
        answer = visitor.answer(method)
        return answer.status, answer.body


# Real servers ---------------------------------------------------------------------------------------------------------


def test_a_server_sees_fewer_connections_than_clients(kept: Hosts, nginx: Nginx, node: Node) -> None:
    """A hundred clients, one after the other, are a handful of connections at nginx and at node."""
    for number in range(REQUESTS):
        for name in ("nginx", "node"):
            with Visitor(kept.http) as visitor:
                assert visitor.get(f"/page?few-{number}", f"{name}.example").status == 200
    at_nginx = nginx.carriers("few-", REQUESTS)
    at_node = [note["connection"] for note in node.notes if "few-" in note.get("target", "") and "method" in note]
    assert len(at_node) == REQUESTS
    assert len(set(at_nginx)) <= 5
    assert len(set(at_node)) <= 5


def test_an_answer_of_any_kind_leaves_the_connection_good(kept: Hosts, nginx: Nginx) -> None:
    """HEAD, 304, 206, 404 and 405 are each followed by the right page, for other clients, on the same connection."""
    with Visitor(kept.http) as visitor:
        visitor.ask("/page?kind", "nginx.example", method="HEAD")
        tag = visitor.answer("HEAD").fields[b"etag"].decode()
    asked = [
        (304, "GET", (f"If-None-Match: {tag}",)),
        (206, "GET", ("Range: bytes=1-2",)),
        (405, "POST", ("Content-Length: 0",)),
        (200, "HEAD", ()),
        (200, "GET", ()),
    ]
    for status, method, lines in asked:
        with Visitor(kept.http) as visitor:
            visitor.ask("/page?kind", "nginx.example", *lines, method=method)
            assert visitor.answer(method).status == status
        with Visitor(kept.http) as visitor:
            assert visitor.get("/page?kind", "nginx.example").body == (nginx.root / "page").read_bytes()
    assert len(set(nginx.carriers("?kind", 1 + 2 * len(asked)))) <= 3


@pytest.mark.parametrize("name", ["lighttpd", "nginx", "node"])
def test_many_clients_at_once_each_get_their_own(kept: Hosts, name: str, nginx: Nginx, lighttpd: Lighttpd) -> None:
    """Twenty clients of thirty requests each, of different pages: nobody gets another's."""
    for root in (nginx.root, lighttpd.root):
        for number in range(20):
            (root / f"own-{number}").write_text(f"/own-{number}")
    wrong: list[bytes] = []

    def ask(number: int) -> None:
        target = f"/own-{number}" if name != "node" else f"/echo/own-{number}"
        for _ in range(3):
            with Visitor(kept.http) as visitor:
                bodies = [visitor.get(target, f"{name}.example").body for _ in range(10)]
            wrong.extend(body for body in bodies if body != f"/own-{number}".encode())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_upload_that_is_refused_spoils_nothing(kept: Hosts, node: Node) -> None:
    """413 with most of the body unsent: no other request ends in what is left of it."""
    for number in range(5):
        with Visitor(kept.http) as visitor:
            visitor.ask("/early/kept", "node.example", "Content-Length: 5000000", method="PUT")
            visitor.send(b"GET /smuggled HTTP/1.1\r\nHost: node.example\r\n\r\n")
            assert visitor.answer().status == 413
        with Visitor(kept.http) as visitor:
            assert visitor.get(f"/page?after-{number}", "node.example").body == b"node's page\n"
    assert not any(note.get("target") == "/smuggled" for note in node.notes)


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
def test_who_is_known_by_the_connection_is_alone_on_it(kept: Hosts, scheme: str) -> None:
    """Once the server was told who somebody is, for as long as the connection lasts, it carries nobody else's."""
    with Visitor(kept.http) as alice, Visitor(kept.http) as bob:
        first = alice.get("/account", "node.example")
        assert (first.status, first.body) == (401, b"undefined")
        assert alice.get("/account", "node.example", f"Authorization: {scheme} alice").body == b"alice"
        for _ in range(5):
            # The server knows her by the connection, as NTLM wants it; and does not take anybody for her.
            assert alice.get("/account", "node.example").body == b"alice"
            assert bob.get("/account", "node.example").status == 401
            with Visitor(kept.http) as stranger:
                assert stranger.get("/account", "node.example").status == 401
        assert bob.get("/account", "node.example", f"Authorization: {scheme} bob").body == b"bob"
        assert alice.get("/account", "node.example").body == b"alice"
    for _ in range(5):
        with Visitor(kept.http) as stranger:
            assert stranger.get("/account", "node.example").status == 401


# Servers that close ---------------------------------------------------------------------------------------------------


def test_a_connection_is_used_again_after_a_while(keeper: Keeper) -> None:
    """By another client, a second and a half later."""
    server = Scripted(page)
    with keeper.before(server) as port:
        assert once(port, "/one") == (200, b"/one")
        time.sleep(1.5)
        assert once(port, "/two") == (200, b"/two")
    assert server.connections == [0, 0]


def test_a_request_at_a_time_is_on_a_connection(keeper: Keeper) -> None:
    """Ten that overlap are ten connections; those that come afterwards need no more."""
    all_there = threading.Barrier(10)

    def answer(connection: socket.socket, count: int, head: bytes) -> bool:
        if b"/at-once" in head:
            all_there.wait(PATIENCE)
        return page(connection, count, head)

    server = Scripted(answer)
    with keeper.before(server) as port, contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(Visitor(port)) for _ in range(10)]
        for number, visitor in enumerate(visitors):
            visitor.ask(f"/at-once-{number}")
        for number, visitor in enumerate(visitors):
            assert visitor.answer().body == b"/at-once-%d" % number
        for number in range(10):
            assert once(port, f"/later-{number}")[0] == 200
    assert sorted(server.connections[:10]) == list(range(10))
    assert max(server.connections) == 9


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
def test_a_server_that_will_close_is_not_asked_again(keeper: Keeper, head: bytes) -> None:
    """It said so, or its version does: whatever it does about the connection."""

    def answer(connection: socket.socket, _count: int, _head: bytes) -> bool:
        connection.sendall(head + b"Content-Length: 2\r\n\r\nok")
        return True

    server = Scripted(answer)
    with keeper.before(server) as port:
        for _ in range(5):
            assert once(port, "/") == (200, b"ok")
    assert server.connections == list(range(5))


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_an_idle_connection_that_was_closed_is_nobodys_error(keeper: Keeper, pause: float) -> None:
    """A server that closes after each answer without a word of it: GET and POST get theirs, each sent once."""

    def answer(connection: socket.socket, count: int, head: bytes) -> bool:
        page(connection, count, head)
        return False

    server = Scripted(answer)
    with keeper.before(server) as port:
        for number in range(5):
            assert once(port, f"/{number}") == (200, b"/%d" % number)
            time.sleep(pause)
        if pause:
            assert once(port, "/post", *POST, method="POST", body=b"body") == (200, b"/post")
    sent = [said for _, said in server.seen]
    assert len(sent) == len(set(sent)) == 5 + bool(pause)


def drop_the_second(connection: socket.socket, count: int, head: bytes) -> bool:
    """Answer the first of a connection; and close when another comes, as if an idle time had just ended."""
    return count == 0 and page(connection, count, head)


def test_a_get_on_a_dying_connection_is_sent_again(keeper: Keeper) -> None:
    """The client gets its answer from a new connection, and sees nothing of it."""
    server = Scripted(drop_the_second)
    with keeper.before(server) as port:
        assert once(port, "/one") == (200, b"/one")
        assert once(port, "/two") == (200, b"/two")
    assert server.seen == [(0, b"GET /one"), (0, b"GET /two"), (1, b"GET /two")]


def test_a_post_on_a_dying_connection_is_never_sent_twice(keeper: Keeper) -> None:
    """The server may have done what it was asked for: the client is told 502, and decides."""
    server = Scripted(drop_the_second)
    with keeper.before(server) as port:
        assert once(port, "/one") == (200, b"/one")
        assert once(port, "/order", *POST, method="POST", body=b"body")[0] == 502
    assert server.seen == [(0, b"GET /one"), (0, b"POST /orderbody")]


def test_a_get_whose_answer_began_is_not_sent_again(keeper: Keeper) -> None:
    """A byte of an answer, and it is the server's failure."""

    def answer(connection: socket.socket, count: int, head: bytes) -> bool:
        if count == 0:
            return page(connection, count, head)
        connection.sendall(b"HTTP/1.1 2")
        return False

    server = Scripted(answer)
    with keeper.before(server) as port:
        assert once(port, "/one") == (200, b"/one")
        assert once(port, "/two")[0] == 502
    assert server.connections == [0, 0]


def test_a_client_that_leaves_within_an_answer_takes_the_connection_along(keeper: Keeper) -> None:
    """What is left of the answer must be nobody's."""
    half_sent, gone = threading.Event(), threading.Event()

    def answer(connection: socket.socket, count: int, head: bytes) -> bool:
        if b"/half" not in head:
            return page(connection, count, head)
        connection.sendall(OK + b"Content-Length: 100\r\n\r\nhalf")
        half_sent.set()
        gone.wait(PATIENCE)
        connection.sendall(b"x" * 96)
        return True

    server = Scripted(answer)
    with keeper.before(server) as port:
        with Visitor(port) as visitor:
            visitor.ask("/half")
            assert half_sent.wait(PATIENCE)
        assert once(port, "/other") == (200, b"/other")
        gone.set()
        assert once(port, "/another") == (200, b"/another")
    assert server.connections[0] not in server.connections[1:]
