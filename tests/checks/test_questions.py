"""What is asked of a server, and what its answers are worth: no network, and no word of the server's in the log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.checks.questions import ConnectQuestion, HelloQuestion, HttpQuestion, Question, Reply, host_of
from pumpproxy.model import Check, CheckKind, DnsAddress, ServerAddress, TcpAddress, UnixAddress
from pumpproxy.policy.health import Answer, CheckStatus

ADDRESS = TcpAddress("192.0.2.1", 8080)
MODES = ("whole", "bytes")


def http(address: ServerAddress = ADDRESS, **check: object) -> HttpQuestion:
    """One about `/`, unless it is said otherwise."""
    return HttpQuestion(Check(CheckKind.HTTP, **check), address)  # type: ignore[arg-type]


def hear(question: Question, data: bytes, mode: str = "whole") -> Answer | None:
    """The answer to these bytes, whole or one by one."""
    for part in [data] if mode == "whole" else [data[at : at + 1] for at in range(len(data))]:
        reply = question.heard(part)
        assert reply.send == b""
        if reply.answer is not None:
            return reply.answer
    return None


def test_a_connection_is_all() -> None:
    """A tcp check says nothing, and has its answer with the connection."""
    question = ConnectQuestion()
    assert question.begin() == Reply(answer=Answer(CheckStatus.L4OK, "connected"))
    assert not question.polite


@pytest.mark.parametrize("first", [0x15, 0x16])
def test_an_alert_is_an_answer_as_well(first: int) -> None:
    """Any TLS record is: its first byte tells."""
    question = HelloQuestion(b"hello")
    assert question.begin() == Reply(b"hello")
    assert hear(question, bytes((first,)) + b"whatever") == Answer(CheckStatus.L6OK, "answered in TLS")


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-x", b"\x00", b"\x17"])
def test_text_is_none(data: bytes) -> None:
    """Somebody else listens there."""
    assert hear(HelloQuestion(b"hello"), data) == Answer(CheckStatus.L6RSP, "answered, but not in TLS")


def test_silence_is_none() -> None:
    """Neither an end without a word, nor a reset, nor nothing at all."""
    question = HelloQuestion(b"hello")
    assert question.ended(cleanly=True) == Answer(CheckStatus.L6RSP, "closed without an answer to the hello")
    assert question.ended(cleanly=False) == Answer(CheckStatus.L6RSP, "reset without an answer to the hello")
    assert question.late.status is CheckStatus.L6TOUT


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (ADDRESS, "192.0.2.1:8080"),
        (TcpAddress("192.0.2.1", 80), "192.0.2.1"),
        (TcpAddress("192.0.2.1", 180), "192.0.2.1:180"),
        (TcpAddress("2001:db8::80", 80), "[2001:db8::80]"),
        (TcpAddress("2001:db8::80", 8080), "[2001:db8::80]:8080"),
        (DnsAddress("app.example", 81), "app.example:81"),
        (UnixAddress("/run/app.sock"), "localhost"),
    ],
)
def test_the_host_is_the_address(address: ServerAddress, host: str) -> None:
    """As a URL has it."""
    assert host_of(address) == host


def test_what_is_asked() -> None:
    """One GET on a connection of its own, by the name of the proxy."""
    asked = http(path="/health?deep", host="app.example").begin().send
    assert asked == (
        b"GET /health?deep HTTP/1.1\r\nHost: app.example\r\nUser-Agent: pumpproxy\r\nAccept: */*\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert b"\r\nHost: 192.0.2.1:8080\r\n" in http().begin().send


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "L7OK"), (204, "L7OK"), (399, "L7OK"), (400, "L7STS"), (404, "L7STS"), (503, "L7STS"), (101, "L7STS")],
)
def test_the_status_tells(status: int, word: str, mode: str) -> None:
    """Those of the range are good; what it is is said."""
    data = b"HTTP/1.1 %d Whatever\r\nContent-Length: 4\r\n\r\nbody" % status
    assert hear(http(), data, mode) == Answer(CheckStatus(word), f"status {status}")


def test_the_range_is_the_files() -> None:
    """Both of its ends belong to it."""
    answers = [hear(http(status=(401, 403)), b"HTTP/1.1 %d x\r\n\r\n" % status) for status in (200, 400, 401, 403, 404)]
    assert [answer.status.value for answer in answers if answer] == ["L7STS", "L7STS", "L7OK", "L7OK", "L7STS"]


@pytest.mark.parametrize("mode", MODES)
def test_an_interim_response_is_no_answer(mode: str) -> None:
    """The one behind it is; an endless row of them is none."""
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    answer = hear(http(), interim * 3 + b"HTTP/1.1 204 No Content\r\n\r\n", mode)
    assert answer == Answer(CheckStatus.L7OK, "status 204")
    endless = hear(http(), interim * 1000, "whole")
    assert endless == Answer(CheckStatus.L7RSP, "too many interim responses")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "malformed status line"),
        (b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n", "field line without a colon"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", "too many fields, or too large together"),
    ],
)
def test_what_is_no_response(data: bytes, text: str) -> None:
    """It is said in our words what is wrong with it."""
    answer = hear(http(), data)
    assert answer is not None
    assert answer.status is CheckStatus.L7RSP
    assert answer.text == text


def test_a_head_is_bounded() -> None:
    """A server that never ends its head is heard out no longer than any other."""
    question, heard = http(), 0
    answer = None
    for _ in range(100):
        answer = hear(question, b"HTTP/1.1 200 OK\r\nX: " if not heard else b"x" * 1024)
        heard += 1
        if answer is not None:
            break
    assert answer is not None
    assert answer.status is CheckStatus.L7RSP
    assert heard < 20


def test_an_end_before_the_answer() -> None:
    """Where it came, and how."""
    question = http()
    assert question.ended(cleanly=True) == Answer(CheckStatus.L7RSP, "closed without a response")
    assert hear(question, b"HTTP/1.1 200 O") is None
    assert question.ended(cleanly=False) == Answer(CheckStatus.L7RSP, "reset within its response")
    assert question.late.status is CheckStatus.L7TOUT


@given(st.binary(min_size=1, max_size=200))
def test_no_server_speaks_in_the_log(data: bytes) -> None:
    """Whatever it says: an answer's text is one of ours, and a status a number."""
    for question in (http(), HelloQuestion(b"hello")):
        answer = hear(question, data)
        if answer is not None:
            assert answer.text.isascii()
            assert answer.text.isprintable()
            assert len(answer.text) < 60
