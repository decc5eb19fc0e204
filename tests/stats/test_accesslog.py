"""The access log's lines: HAProxy's fields, and nothing that a peer could break or forge."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import LogFormat
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.persistence import Answered, Asked
from pumpproxy.policy.records import ClientAddress, Load, RequestRecord, SessionRecord
from pumpproxy.stats.accesslog import _second, escaped, line
from pumpproxy.wire.clienthello import ClientHello

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTED = 1_700_000_000.25
HELLO = ClientHello("pump2.example.org", False, (b"h2", b"http/1.1"), (0x0304, 0x0303), False, True, 517)
SESSION = SessionRecord(
    client=ClientAddress("192.0.2.7", 51234),
    frontend="https-in",
    backend="pumpio-ssl",
    server="pump",
    outcome=Outcome.COMPLETED,
    phase=Phase.DONE,
    started=STARTED,
    queued=0.0,
    connected=0.0123,
    total=8.5,
    bytes_in=1000,
    bytes_out=12345,
    load=Load(5, 4, 3, 2),
    retries=1,
    redispatched=False,
    detail="",
    hello=HELLO,
)
REQUEST = RequestRecord(
    client=ClientAddress("2001:db8::7", 51234),
    frontend="http-in",
    backend="servers",
    server="server1",
    outcome=Outcome.COMPLETED,
    phase=Phase.DONE,
    started=STARTED,
    queued=0.0,
    connected=0.001,
    total=0.25,
    bytes_in=90,
    bytes_out=2048,
    load=Load(5, 4, 3, 2),
    retries=0,
    redispatched=False,
    detail="",
    request_time=0.002,
    response_time=0.2,
    status=200,
    request_line=b"GET /index.html HTTP/1.1",
    host="pump2.example.org",
)
REFUSED = replace(
    SESSION,
    backend=None,
    server=None,
    outcome=Outcome.BAD_HELLO,
    phase=Phase.REQUEST,
    queued=None,
    connected=None,
    bytes_out=7,
    retries=0,
    hello=None,
    detail="an extension twice",
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dates are local, as HAProxy's are."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    _second.cache_clear()
    yield
    _second.cache_clear()
    monkeypatch.undo()
    time.tzset()


# Layouts ------------------------------------------------------------------------------------------------------------


def test_a_tcplog_line() -> None:
    """HAProxy's manual, 8.2.2, then ours."""
    assert line(SESSION, LogFormat.TCPLOG) == (
        "192.0.2.7:51234 [14/Nov/2023:22:13:20.250] https-in pumpio-ssl/pump 0/12/8500 12345 -- 5/4/3/2/1 0/0"
        " sni=pump2.example.org alpn=h2,http/1.1 outcome=completed"
    )


def test_an_httplog_line() -> None:
    """HAProxy's manual, 8.2.3, then ours."""
    assert line(REQUEST, LogFormat.HTTPLOG) == (
        "2001:db8::7:51234 [14/Nov/2023:22:13:20.250] http-in servers/server1 2/0/1/200/250 200 2048 - - ----"
        ' 5/4/3/2/0 0/0 "GET /index.html HTTP/1.1" outcome=completed'
    )


def test_what_was_never_reached() -> None:
    """-1 for its timer, <NOSRV> for the server, the frontend for the backend."""
    assert line(REFUSED, LogFormat.TCPLOG) == (
        "192.0.2.7:51234 [14/Nov/2023:22:13:20.250] https-in https-in/<NOSRV> -1/-1/8500 7 PR 5/4/3/2/0 0/0"
        ' outcome=bad-hello detail="an extension twice"'
    )
    unread = replace(
        REQUEST,
        server=None,
        outcome=Outcome.BAD_REQUEST,
        phase=Phase.REQUEST,
        status=400,
        request_time=None,
        queued=None,
        connected=None,
        response_time=None,
        request_line=None,
    )
    assert line(unread, LogFormat.HTTPLOG) == (
        "2001:db8::7:51234 [14/Nov/2023:22:13:20.250] http-in servers/<NOSRV> -1/-1/-1/-1/250 400 2048 - - PR--"
        ' 5/4/3/2/0 0/0 "<BADREQ>" outcome=bad-request'
    )
    assert " -1 2048 - - " in line(replace(unread, status=None), LogFormat.HTTPLOG)


@pytest.mark.parametrize(
    ("asked", "answered", "state"),
    [
        (Asked.NONE, Answered.INSERTED, "--NI"),
        (Asked.VALID, Answered.REWRITTEN, "--VR"),
        (Asked.DOWN, Answered.NONE, "--DN"),
    ],
)
def test_what_became_of_the_cookie_is_two_more_letters(asked: Asked, answered: Answered, state: str) -> None:
    """HAProxy's manual, 8.5; in `tcplog`, as there, the state has two."""
    record = replace(REQUEST, cookie_asked=asked, cookie_answered=answered)
    assert f" 2048 - - {state} 5/4/3/2/0 " in line(record, LogFormat.HTTPLOG)
    assert " 2048 -- 5/4/3/2/0 " in line(record, LogFormat.TCPLOG)
    facts = json.loads(line(record, LogFormat.JSON))
    assert (facts["cookie_request"], facts["cookie_response"]) == (asked.word, answered.word)
    assert facts["termination"] == "--"


def test_a_redispatch_is_a_plus_before_the_retries() -> None:
    """`+2`."""
    assert " 5/4/3/2/+2 0/0 " in line(replace(SESSION, retries=2, redispatched=True), LogFormat.TCPLOG)


def test_a_hello_without_a_name_or_protocols() -> None:
    """A dash each."""
    bare = HELLO._replace(server_name=None, alpn=())
    assert line(replace(SESSION, hello=bare), LogFormat.TCPLOG).endswith(" 0/0 sni=- alpn=- outcome=completed")


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0.0, 0), (0.0004, 0), (0.0019, 1), (1.0, 1000), (86400.5, 86_400_500)]
)
def test_timers_are_whole_milliseconds(seconds: float, milliseconds: int) -> None:
    """What has begun is not counted."""
    assert f"0/12/{milliseconds} " in line(replace(SESSION, total=seconds), LogFormat.TCPLOG)


@pytest.mark.parametrize(
    ("wall", "date"),
    [
        (0.0, "[01/Jan/1970:00:00:00.000]"),
        (1_709_210_096.999, "[29/Feb/2024:12:34:56.999]"),
        (1_709_210_096.9999, "[29/Feb/2024:12:34:56.999]"),
        (1_735_689_599.5, "[31/Dec/2024:23:59:59.500]"),
    ],
)
def test_the_date_is_haproxys(wall: float, date: str) -> None:
    """English months whatever the locale, milliseconds."""
    assert date in line(replace(SESSION, started=wall), LogFormat.TCPLOG)


def test_the_date_is_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As HAProxy's and everybody else's in the same log."""
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    _second.cache_clear()
    assert "[15/Nov/2023:00:13:20.250]" in line(SESSION, LogFormat.TCPLOG)


def test_a_tcplog_of_a_request_and_an_httplog_of_a_connection() -> None:
    """The layout follows the file as far as there are facts for it."""
    assert '"GET' not in line(REQUEST, LogFormat.TCPLOG)
    assert " 0/1/250 2048 -- " in line(REQUEST, LogFormat.TCPLOG)
    assert line(SESSION, LogFormat.HTTPLOG) == line(SESSION, LogFormat.TCPLOG)


# JSON ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unique_id", "told"), [(b"", None), (b"0123abcd", "0123abcd"), (b'\x00\xff"{\n', "#00#FF#22#7B#0A")]
)
def test_what_a_connection_is_called(unique_id: bytes, told: str | None) -> None:
    """Of a peer's making, as a rule not: it is text all the same. Other layouts have no room for it."""
    for record in (SESSION, REQUEST):
        named = replace(record, unique_id=unique_id)
        assert json.loads(line(named, LogFormat.JSON))["unique_id"] == told
        assert line(named, LogFormat.TCPLOG) == line(record, LogFormat.TCPLOG)


def test_a_json_line_of_a_connection() -> None:
    """The same facts, and what the hello offered."""
    assert json.loads(line(SESSION, LogFormat.JSON)) == {
        "client": "192.0.2.7",
        "port": 51234,
        "time": STARTED,
        "frontend": "https-in",
        "backend": "pumpio-ssl",
        "server": "pump",
        "outcome": "completed",
        "termination": "--",
        "detail": "",
        "queue_ms": 0,
        "connect_ms": 12,
        "total_ms": 8500,
        "bytes_in": 1000,
        "bytes_out": 12345,
        "connections": {"process": 5, "frontend": 4, "backend": 3, "server": 2},
        "retries": 1,
        "queues": {"server": 0, "backend": 0},
        "unique_id": None,
        "redispatched": False,
        "sni": "pump2.example.org",
        "alpn": ["h2", "http/1.1"],
        "tls_versions": ["TLSv1.3", "TLSv1.2"],
        "ech": False,
        "post_quantum": True,
    }


def test_a_json_line_of_a_request() -> None:
    """With what HTTP adds."""
    facts = json.loads(line(REQUEST, LogFormat.JSON))
    assert {key: facts[key] for key in ("request", "host", "status", "request_ms", "response_ms")} == {
        "request": "GET /index.html HTTP/1.1",
        "host": "pump2.example.org",
        "status": 200,
        "request_ms": 2,
        "response_ms": 200,
    }
    assert "sni" not in facts


def test_a_json_line_of_what_was_refused() -> None:
    """Null for what there is not, -1 for timers, as in the other layouts."""
    facts = json.loads(line(REFUSED, LogFormat.JSON))
    assert (facts["backend"], facts["server"], facts["queue_ms"], facts["connect_ms"]) == (None, None, -1, -1)
    assert (facts["termination"], facts["detail"]) == ("PR", "an extension twice")


def test_versions_that_nobody_knows_yet_are_numbers() -> None:
    """As on the wire."""
    hello = HELLO._replace(versions=(0x0305, 0x0300, 0x7F1C))
    assert json.loads(line(replace(SESSION, hello=hello), LogFormat.JSON))["tls_versions"] == [
        "0x0305",
        "SSLv3",
        "0x7f1c",
    ]


# What peers choose --------------------------------------------------------------------------------------------------

PRINTABLE = re.compile(r"[ -~]*")
TCPLOG = re.compile(
    r"(?P<client>\S+):(?P<port>\d+) \[(?P<date>[^\] ]+)\] (?P<frontend>\S+) (?P<backend>[^/ ]+)/(?P<server>\S+) "
    r"(?P<timers>-?\d+/-?\d+/-?\d+) (?P<bytes>\d+) (?P<term>\S\S) "
    r"(?P<counts>\d+/\d+/\d+/\d+/\+?\d+) (?P<queues>\d+/\d+)"
    r"(?: sni=(?P<sni>\S+) alpn=(?P<alpn>\S+))? outcome=(?P<outcome>\S+)"
)
HTTPLOG = re.compile(
    r"(?P<client>\S+):(?P<port>\d+) \[(?P<date>[^\] ]+)\] (?P<frontend>\S+) (?P<backend>[^/ ]+)/(?P<server>\S+) "
    r"(?P<timers>(?:-?\d+/){4}-?\d+) (?P<status>-?\d+) (?P<bytes>\d+) - - (?P<term>\S{4}) "
    r"(?P<counts>\d+/\d+/\d+/\d+/\+?\d+) (?P<queues>\d+/\d+) "
    r'"(?P<request>[^"]*)" outcome=(?P<outcome>\S+)'
)
FORGERY = b'x" 200 1 - - -- outcome=completed\n192.0.2.9:1 [14/Nov/2023:22:13:20.250] \x00\x7f\xff\r sni=evil,h2'
RAW = st.one_of(
    st.binary(max_size=60), st.just(FORGERY), st.text('"#{|} ,=\n\r\t\x00\x1b\x7fé/x', max_size=20).map(str.encode)
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"GET / HTTP/1.1", "GET / HTTP/1.1"),
        (b'a"b', "a#22b"),
        (b"a#22b", "a#2322b"),
        (b"{a|b}", "#7Ba#7Cb#7D"),
        (b"\n\r\t\x00\x1b\x7f\x80\xff", "#0A#0D#09#00#1B#7F#80#FF"),
        ("ü".encode(), "#C3#BC"),
        (b"\\", "\\"),
        (b"", ""),
    ],
)
def test_unsafe_bytes_are_written_as_haproxy_writes_them(raw: bytes, text: str) -> None:
    """A hash and two digits, upper case."""
    assert escaped(raw) == text


@given(st.binary(max_size=300))
def test_what_is_escaped_can_be_read_back(raw: bytes) -> None:
    """So that nothing passes for something else."""
    text = escaped(raw)
    assert PRINTABLE.fullmatch(text)
    assert '"' not in text
    assert re.sub(r"#([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), text).encode("latin-1") == raw


@given(RAW)
def test_no_request_line_breaks_or_forges_a_line(raw: bytes) -> None:
    """Every field stays what it is; the request stays between its quotes."""
    text = line(replace(REQUEST, request_line=raw), LogFormat.HTTPLOG)
    assert PRINTABLE.fullmatch(text)
    match = HTTPLOG.fullmatch(text)
    assert match is not None
    assert match["request"] == escaped(raw)
    assert (match["client"], match["status"], match["outcome"]) == ("2001:db8::7", "200", "completed")


@given(st.lists(RAW.filter(bool), max_size=4))
def test_no_protocol_name_breaks_or_forges_a_line(names: list[bytes]) -> None:
    """However it is spelled: the list can be taken apart again."""
    text = line(replace(SESSION, hello=HELLO._replace(alpn=tuple(names))), LogFormat.TCPLOG)
    assert PRINTABLE.fullmatch(text)
    match = TCPLOG.fullmatch(text)
    assert match is not None
    assert (match["sni"], match["outcome"]) == ("pump2.example.org", "completed")
    if names:
        assert match["alpn"].count(",") == len(names) - 1
    else:
        assert match["alpn"] == "-"


@given(RAW, st.lists(RAW, max_size=3))
def test_json_is_one_line_that_can_be_read_back(request: bytes, names: list[bytes]) -> None:
    """Printable ASCII, and the facts that went in."""
    hello = HELLO._replace(alpn=tuple(names))
    text = line(replace(REQUEST, request_line=request, hello=hello), LogFormat.JSON)
    assert PRINTABLE.fullmatch(text)
    pairs: list[tuple[str, object]] = json.loads(text, object_pairs_hook=list)
    facts = dict(pairs)
    assert len(facts) == len(pairs), "a key twice"
    assert facts["request"] == escaped(request)
    assert facts["alpn"] == [escaped(name) for name in names]


@given(st.sampled_from(list(Outcome)), st.sampled_from(list(Phase)), st.booleans())
def test_every_end_has_its_line(outcome: Outcome, phase: Phase, redispatched: bool) -> None:  # noqa: FBT001
    """In every layout."""
    session = replace(SESSION, outcome=outcome, phase=phase, redispatched=redispatched)
    request = replace(REQUEST, outcome=outcome, phase=phase, redispatched=redispatched)
    assert TCPLOG.fullmatch(line(session, LogFormat.TCPLOG))
    assert HTTPLOG.fullmatch(line(request, LogFormat.HTTPLOG))
    assert json.loads(line(session, LogFormat.JSON))["outcome"] == outcome.word
