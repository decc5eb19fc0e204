"""What is logged by twisted.logger as text, and an observer of ours for twistd's own log."""

from __future__ import annotations

import errno
import os
import pty
import socket
from typing import TYPE_CHECKING

import pytest
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from pumpproxy.model import LogSink, UnixAddress
from pumpproxy.stats import notices, outlets
from pumpproxy.stats.notices import OwnLog, journal_is_stderr, observer, told
from tests.stats.journald import Journald

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twisted.logger import LogEvent


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has none afterwards."""
    monkeypatch.setattr(OwnLog, "running", None)


@pytest.fixture
def stderr() -> Iterator[None]:
    """Standard error may be put to another use, and is given back."""
    before = os.dup(2)
    yield
    os.dup2(before, 2)
    os.close(before)


def event(level: LogLevel, text: str) -> LogEvent:
    """One that twisted.logger makes."""
    found: list[LogEvent] = []
    Logger(observer=found.append, namespace="n").emit(level, "{text}", text=text)  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (LogLevel.debug, 7),
        (LogLevel.info, 6),
        (LogLevel.warn, 4),
        (LogLevel.error, 3),
        (LogLevel.critical, 2),
    ],
)
def test_levels_are_severities(level: LogLevel, severity: int) -> None:
    """Syslog's numbers."""
    assert told(event(level, "b/s is {DOWN}")) == ("b/s is {DOWN}", severity)


def test_a_failure_has_its_traceback() -> None:
    """After the text, and critical."""
    found: list[LogEvent] = []
    try:
        raise ValueError("x\ny")  # noqa: EM101, TRY301, TRY003
    except ValueError:
        Logger(observer=found.append, namespace="n").failure("a defect", Failure())  # type: ignore[arg-type]
    text, severity = told(found[0])
    assert text.startswith("a defect\nTraceback")
    assert text.endswith("builtins.ValueError: x\ny")
    assert severity == 2


def test_what_says_nothing_is_nothing() -> None:
    """An event without a format; one that has no level is information."""
    assert told({"log_level": LogLevel.info}) == ("", 6)
    assert told({"log_format": "x"}) == ("x", 6)


@pytest.mark.usefixtures("stderr")
def test_systemd_says_whether_stderr_is_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """By device and inode: a child may have inherited the variable, and have its standard error elsewhere."""
    found = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    assert journal_is_stderr()
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino + 1}")
    assert not journal_is_stderr()
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not journal_is_stderr()
    monkeypatch.setenv("JOURNAL_STREAM", "nonsense")
    os.close(2)
    assert not journal_is_stderr()


def test_under_systemd_the_observer_writes_to_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Natively; a journald that was restarted is found again, one that is not there costs the line, which is told."""
    monkeypatch.setattr(notices, "journal_is_stderr", lambda: True)
    journald = Journald(tmp_path / "journal")
    monkeypatch.setattr(outlets, "JOURNAL", UnixAddress(str(journald.path)))
    observe = observer()
    assert OwnLog.running is observe
    assert observe.place is LogSink.JOURNAL
    observe(event(LogLevel.error, "one"))
    assert journald.entries() == [{"MESSAGE": "one", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "pumpproxy"}]
    journald.close()
    again = Journald(tmp_path / "journal")
    observe(event(LogLevel.error, "two"))
    again.close()
    observe(event(LogLevel.error, "lost"))
    observe(event(LogLevel.error, "lost"))
    third = Journald(tmp_path / "journal")
    observe(event(LogLevel.info, "three"))
    assert [entry["MESSAGE"] for entry in third.entries()] == [
        "2 log lines were lost: journal: it could not be written",
        "three",
    ]
    third.close()


def test_a_journal_that_is_full_makes_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is lost, counted, and told with the next that fits."""
    monkeypatch.setattr(notices, "journal_is_stderr", lambda: True)
    journald = Journald(tmp_path / "journal")
    monkeypatch.setattr(outlets, "JOURNAL", UnixAddress(str(journald.path)))
    observe = observer()
    for number in range(2000):
        observe(event(LogLevel.info, str(number)))
    fitted = len(journald.entries())
    assert 0 < fitted < 2000
    observe(event(LogLevel.info, "last"))
    assert [entry["MESSAGE"] for entry in journald.entries()] == [
        f"{2000 - fitted} log lines were lost: journal: it could not be written",
        "last",
    ]
    journald.close()


def test_what_follows_half_a_line_begins_on_another() -> None:
    """A pipe had room for a part of it only."""
    written: list[bytes] = []
    full = [True]

    def write(data: bytes) -> None:
        if full:
            full.clear()
            raise BlockingIOError(errno.EAGAIN, "full", 2)
        written.append(data)

    own = OwnLog(LogSink.STDERR, lambda text, _: f"{text}\n".encode(), write)
    for text in ("torn", "one", "two"):
        own(event(LogLevel.info, text))
    assert written == [b"\n1 log line was lost: stderr: it could not be written\n", b"one\n", b"two\n"]


def test_one_that_is_muted_is_silent() -> None:
    """The service writes to the same place by itself."""
    written: list[bytes] = []
    own = OwnLog(LogSink.STDERR, lambda text, severity: f"{severity}{text}".encode(), written.append)
    own.muted = True
    own(event(LogLevel.warn, "not here"))
    own.muted = False
    own(event(LogLevel.warn, "here"))
    assert written == [b"4here"]


@pytest.mark.usefixtures("stderr")
@pytest.mark.parametrize("kind", ["file", "pipe", "socket", "terminal"])
def test_standard_error_of_any_kind_gets_lines(tmp_path: Path, kind: str) -> None:
    """With time and severity, a line each; nobody else's descriptor is changed."""
    match kind:
        case "file":
            writing = os.open(tmp_path / "err", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            reading = os.open(tmp_path / "err", os.O_RDONLY)
        case "pipe":
            reading, writing = os.pipe()
        case "socket":
            reading, writing = (end.detach() for end in socket.socketpair())
        case _:
            reading, writing = pty.openpty()
    os.dup2(writing, 2)
    observe = observer()
    observe(event(LogLevel.warn, "one\ntwo"))
    found = os.read(reading, 1000).decode().splitlines()
    assert [text[25:] for text in found] == ["[warn] one", "[warn] two"]
    assert observe.place is LogSink.STDERR
    assert os.get_blocking(writing)
    os.close(reading)
    os.close(writing)


@pytest.mark.usefixtures("stderr")
@pytest.mark.parametrize("kind", ["pipe", "socket", "room"])
def test_standard_error_that_is_full_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Nobody reads it: lines are lost, and counted; also where it may not be opened anew (another user's)."""
    if kind == "socket":
        reading, writing = (end.detach() for end in socket.socketpair())
    else:
        reading, writing = os.pipe()
    if kind == "room":

        def refuse(*_: object) -> int:
            raise PermissionError(errno.EACCES, "no")

        monkeypatch.setattr("pumpproxy.stats.notices.os.open", refuse)
    os.dup2(writing, 2)
    observe = observer()
    for _ in range(5000):
        observe(event(LogLevel.info, "x" * 100))
    os.set_blocking(reading, False)
    while len(os.read(reading, 1 << 20)) == 1 << 20:
        pass
    observe(event(LogLevel.info, "last"))
    found = os.read(reading, 1000).decode().splitlines()
    assert found[-2].endswith(" log lines were lost: stderr: it could not be written")
    assert found[-1].endswith("[info] last")
    os.close(reading)
    os.close(writing)


@pytest.mark.usefixtures("stderr")
def test_standard_error_that_is_closed_is_nobodys() -> None:
    """Whoever started us so wants to hear nothing."""
    os.close(2)
    observe = observer()
    observe(event(LogLevel.info, "x"))
    assert observe.place is LogSink.STDERR
