"""Where ended connections and requests are told, as the file says, and all else that is logged with them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from twisted.logger import Logger

from pumpproxy.model import Config, FileTarget, Frontend, LogFormat, LogSink, LogTarget, Mode, UnixAddress
from pumpproxy.policy.outcome import Outcome
from pumpproxy.stats import outlets
from pumpproxy.stats.accesslog import line
from pumpproxy.stats.losses import FIRST
from pumpproxy.stats.notices import OwnLog
from pumpproxy.stats.sink import GATHER, AccessLog
from tests.logs import logged
from tests.stats.journald import Journald
from tests.stats.reactors import LogReactor
from tests.stats.test_accesslog import REQUEST, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = Logger(namespace="pumpproxy.test")


def config(log: LogTarget = LogSink.TWISTD, **https: object) -> Config:
    """The two frontends of the records here."""
    fields: dict[str, object] = {"name": "https-in", "mode": Mode.TLS, "binds": ()}
    return Config(
        (
            Frontend(**fields | https),  # type: ignore[arg-type]
            Frontend("http-in", Mode.HTTP, (), log_format=LogFormat.HTTPLOG),
        ),
        (),
        log=log,
    )


def access_log(config: Config, reactor: LogReactor | None = None) -> AccessLog:
    """One that follows this file."""
    return AccessLog(config, (reactor or LogReactor()).real)


@pytest.fixture
def journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journald]:
    """What stands for it, at a path of its own."""
    made = Journald(tmp_path / "journal")
    monkeypatch.setattr(outlets, "JOURNAL", UnixAddress(str(made.path)))
    yield made
    made.socket.close()


def test_each_end_is_one_line_in_its_frontends_layout() -> None:
    """In twistd's log, as information."""
    sink = access_log(config())
    with logged() as lines:
        sink.ended(SESSION)
        sink.ended(REQUEST)
    assert lines == [f"info: {line(SESSION, LogFormat.TCPLOG)}", f"info: {line(REQUEST, LogFormat.HTTPLOG)}"]


def test_none_is_silence() -> None:
    """The default."""
    sink = access_log(config(LogSink.NONE))
    with logged() as lines:
        sink.ended(SESSION)
    assert lines == []


def test_dontlognull_leaves_out_who_sent_nothing() -> None:
    """Port scanners and health checks; a refusal of one byte is told."""
    sink = access_log(config(dontlognull=True))
    with logged() as lines:
        sink.ended(replace(SESSION, bytes_in=0))
        sink.ended(replace(SESSION, bytes_in=1))
        sink.ended(replace(REQUEST, bytes_in=0))
    assert len(lines) == 2


def test_dontlognull_leaves_nobody_out_whom_we_did_not_hear() -> None:
    """One too many of its source is refused before anything is read."""
    sink = access_log(config(dontlognull=True))
    with logged() as lines:
        sink.ended(replace(SESSION, bytes_in=0, outcome=Outcome.TOO_MANY))
    assert len(lines) == 1


def test_a_reload_is_followed() -> None:
    """From the next line on."""
    sink = access_log(config(LogSink.NONE))
    with logged() as lines:
        sink.declare(config(log_format=LogFormat.JSON))
        sink.ended(SESSION)
        sink.declare(config(LogSink.NONE))
        sink.ended(SESSION)
    assert lines == [f"info: {line(SESSION, LogFormat.JSON)}"]


def test_connections_of_a_frontend_that_is_gone_keep_its_layout() -> None:
    """A reload took it away while they went on."""
    sink = access_log(config(log_format=LogFormat.JSON))
    sink.declare(Config(config().frontends[1:], (), log=LogSink.TWISTD))
    with logged() as lines:
        sink.ended(SESSION)
    assert lines == [f"info: {line(SESSION, LogFormat.JSON)}"]


def test_braces_are_not_formats() -> None:
    """Twisted formats events by their braces: a peer's must not be any."""
    sink = access_log(config(log_format=LogFormat.JSON))
    with logged() as lines:
        sink.ended(replace(SESSION, detail="{line} {0} {log_level.name}"))
    assert len(lines) == 1
    assert '"detail":"{line} {0} {log_level.name}"' in lines[0]


# Logs of our own


def test_a_journal_gets_lines_and_notices(journald: Journald) -> None:
    """And twistd's log gets the notices alone."""
    sink = access_log(config(LogSink.JOURNAL))
    sink.start()
    with logged() as lines:
        sink.ended(SESSION)
        log.warn("b/s is DOWN")
        sink.stop()
        log.warn("afterwards")
    entries = journald.entries()
    assert [(entry["MESSAGE"], entry["PRIORITY"]) for entry in entries] == [
        (line(SESSION, LogFormat.TCPLOG), "6"),
        ("b/s is DOWN", "4"),
    ]
    assert "PUMPPROXY_SNI" in entries[0]
    assert lines == ["warn: b/s is DOWN", "warn: afterwards"]


def test_lines_are_written_together(journald: Journald) -> None:
    """Those of some milliseconds; a notice comes after what was before it, and brings it along."""
    reactor = LogReactor()
    sink = access_log(config(LogSink.JOURNAL), reactor)
    sink.start()
    sink.ended(SESSION)
    sink.ended(REQUEST)
    assert journald.waiting() == []
    reactor.advance(GATHER)
    assert ["PUMPPROXY_SNI" in entry for entry in journald.entries()] == [True, False]
    assert reactor.getDelayedCalls() == []
    sink.ended(SESSION)
    log.info("afterwards")
    assert ["PUMPPROXY_SNI" in entry for entry in journald.entries()] == [True, False]
    sink.stop()
    assert reactor.getDelayedCalls() == []


def test_nothing_is_open_before_the_start(journald: Journald) -> None:
    """Who logs before it is kept waiting."""
    reactor = LogReactor()
    sink = access_log(config(LogSink.JOURNAL), reactor)
    sink.ended(SESSION)
    assert journald.waiting() == []
    reactor.advance(GATHER)
    sink.start()
    reactor.write()
    assert len(journald.waiting()) == 1
    sink.stop()


def test_the_log_may_be_changed_by_a_reload(journald: Journald) -> None:
    """From one line to the next; what stays the same is not opened again."""
    sink = access_log(config(LogSink.TWISTD))
    sink.start()
    with logged() as lines:
        sink.ended(SESSION)
        sink.declare(config(LogSink.JOURNAL))
        before = sink._outlet
        sink.ended(SESSION)
        sink.declare(config(LogSink.JOURNAL, log_format=LogFormat.JSON))
        sink.ended(SESSION)
        assert sink._outlet is before
        sink.declare(config(LogSink.NONE))
        sink.ended(SESSION)
        log.info("not there")
    assert lines == [f"info: {line(SESSION, LogFormat.TCPLOG)}", "info: not there"]
    assert [entry["MESSAGE"] for entry in journald.entries()] == [
        line(SESSION, LogFormat.TCPLOG),
        line(SESSION, LogFormat.JSON),
    ]


@pytest.mark.parametrize(("place", "twice"), [(LogSink.JOURNAL, False), (LogSink.STDERR, True)])
def test_nothing_is_written_twice(
    journald: Journald,
    monkeypatch: pytest.MonkeyPatch,
    place: LogSink,
    twice: bool,  # noqa: FBT001
) -> None:
    """Where twistd's log is ours and in the same place it is silent, from the start to the end."""
    written: list[bytes] = []
    own = OwnLog(place, lambda text, _: text.encode(), written.append)
    monkeypatch.setattr(OwnLog, "running", own)
    sink = access_log(config(LogSink.JOURNAL))
    own({"log_format": "before"})
    sink.start()
    own({"log_format": "meanwhile"})
    sink.stop()
    own({"log_format": "afterwards"})
    assert written == [b"before", *([b"meanwhile"] if twice else []), b"afterwards"]
    assert journald.waiting() == []


def test_a_notice_of_another_thread_waits_for_the_reactor(journald: Journald) -> None:
    """Whose the socket is."""
    reactor = LogReactor()
    sink = access_log(config(LogSink.JOURNAL), reactor)
    sink.start()
    thread = threading.Thread(target=lambda: log.error("from a thread"))
    thread.start()
    thread.join()
    assert journald.waiting() == []
    reactor.answer_a_thread()
    assert [entry["MESSAGE"] for entry in journald.entries()] == ["from a thread"]
    sink.stop()


def test_a_word_about_losses_is_not_counted_where_it_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there: it is in twistd's log, and does not bring another one."""
    monkeypatch.setattr(outlets, "JOURNAL", UnixAddress(str(tmp_path / "nobody")))
    monkeypatch.setattr("pumpproxy.stats.datagrams.MOST", 10)
    reactor = LogReactor()
    sink = access_log(config(LogSink.JOURNAL), reactor)
    with logged() as lines:
        sink.start()
        sink.ended(SESSION)
        reactor.advance(FIRST)
        reactor.pump([1] * 200)
        sink.stop()
    assert [text for text in lines if "lost" in text] == ["warn: 2 log lines were lost: journal: it is not there"]


def test_files_are_opened_again(tmp_path: Path) -> None:
    """Whoever has none does not mind."""
    access_log(config()).reopen()
    path, reactor = tmp_path / "log", LogReactor()
    sink = access_log(config(FileTarget(str(path))), reactor)
    sink.start()
    sink.ended(SESSION)
    sink.stop()
    reactor.answer_a_thread()
    path.unlink()
    sink = access_log(config(FileTarget(str(path))), reactor)
    sink.start()
    sink.reopen()
    sink.ended(SESSION)
    ended: list[None] = []
    sink.stop().addCallback(ended.append)
    reactor.answer_a_thread()
    assert ended == [None]
    assert path.read_text().endswith(f": {line(SESSION, LogFormat.TCPLOG)}\n")
