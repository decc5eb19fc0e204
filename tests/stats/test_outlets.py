"""What a line and a notice become in each log of our own."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import FileTarget, LogFormat, LogSink, LogTarget, SyslogTarget, TcpAddress, UnixAddress
from pumpproxy.stats import outlets
from pumpproxy.stats.accesslog import line
from pumpproxy.stats.journalfields import fields
from pumpproxy.stats.textlines import CRITICAL, WARNING
from tests.fakes import LOOPBACK
from tests.stats.journald import Journald
from tests.stats.reactors import LogReactor
from tests.stats.test_accesslog import REQUEST, SESSION

if TYPE_CHECKING:
    from pathlib import Path

TCPLOG, HTTPLOG = line(SESSION, LogFormat.TCPLOG), line(REQUEST, LogFormat.HTTPLOG)
JSON = line(REQUEST, LogFormat.JSON)
TRACEBACK = "Traceback:\n  File x\nBoom: \r\x1b"
PID = os.getpid()
DATE = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"


def tell(target: LogTarget, *, systemd: bool = False) -> None:
    """Start the outlet of this target, tell it three lines and two notices, and stop it."""
    reactor = LogReactor()
    made = outlets.outlet_for(target, reactor.real, systemd=systemd)
    assert made is not None
    outlet, _ = made
    outlet.start()
    outlet.ended(TCPLOG, SESSION)
    outlet.ended(HTTPLOG, REQUEST)
    outlet.ended(JSON, REQUEST)
    outlet.reopen()
    outlet.notice("b/s is DOWN", WARNING)
    outlet.notice(TRACEBACK, CRITICAL, counted=False)
    ended: list[None] = []
    outlet.stop().addCallback(ended.append)
    if not ended:
        reactor.answer_a_thread()
    assert ended == [None]


def test_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layout is the message; a traceback is one entry."""
    journald = Journald(tmp_path / "journal")
    monkeypatch.setattr(outlets, "JOURNAL", UnixAddress(str(journald.path)))
    tell(LogSink.JOURNAL)
    ours = {"SYSLOG_IDENTIFIER": "pumpproxy"}
    assert journald.entries() == [
        {"MESSAGE": TCPLOG, "PRIORITY": "6", **ours, **dict(fields(SESSION))},
        {"MESSAGE": HTTPLOG, "PRIORITY": "6", **ours, **dict(fields(REQUEST))},
        {"MESSAGE": JSON, "PRIORITY": "6", **ours, **dict(fields(REQUEST))},
        {"MESSAGE": "b/s is DOWN", "PRIORITY": "4", **ours},
        {"MESSAGE": TRACEBACK, "PRIORITY": "2", **ours},
    ]
    journald.close()


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_a_syslog_daemon(tmp_path: Path, kind: str) -> None:
    """Facility 18, and the severity; each line of a traceback is a message, and none is forged."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log") if kind == "unix" else (LOOPBACK, 0))
        address = UnixAddress(str(tmp_path / "log")) if kind == "unix" else TcpAddress(*daemon.getsockname())
        tell(SyslogTarget("local2", address))
        daemon.settimeout(20)
        found = [daemon.recv(65536).decode() for _ in range(7)]
    heads = [re.fullmatch(rf"<(\d+)>{DATE} pumpproxy\[{PID}\]: (.*)\n", message) for message in found]
    assert [(head[1], head[2]) for head in heads if head] == [
        ("150", TCPLOG),
        ("150", HTTPLOG),
        ("150", JSON),
        ("148", "b/s is DOWN"),
        ("146", "Traceback:"),
        ("146", "  File x"),
        ("146", "Boom: #0D#1B"),
    ]


def test_a_file(tmp_path: Path) -> None:
    """As a syslog daemon writes it; an object stands alone."""
    path = tmp_path / "log"
    tell(FileTarget(str(path)))
    head = rf"{DATE} {re.escape(os.uname().nodename.partition('.')[0])} pumpproxy\[{PID}\]: "
    expected = [
        head + re.escape(TCPLOG),
        head + re.escape(HTTPLOG),
        re.escape(JSON),
        head + re.escape("[warn] b/s is DOWN"),
        *(head + re.escape(f"[critical] {text}") for text in ("Traceback:", "  File x", "Boom: #0D#1B")),
    ]
    found = path.read_text().splitlines()
    assert [bool(re.fullmatch(*pair)) for pair in zip(expected, found, strict=True)] == [True] * 7


@pytest.mark.parametrize("systemd", [False, True])
def test_standard_error(capfd: pytest.CaptureFixture[str], systemd: bool) -> None:  # noqa: FBT001
    """For people as twistd writes it; for systemd each line begins with its severity, an object too."""
    tell(LogSink.STDERR, systemd=systemd)
    found = capfd.readouterr().err.splitlines()
    told = [TCPLOG, HTTPLOG, JSON, "b/s is DOWN", "Traceback:", "  File x", "Boom: #0D#1B"]
    if systemd:
        assert found == [f"<{number}>{text}" for number, text in zip("6664222", told, strict=True)]
        return
    date = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} "
    heads = [date, date, "", rf"{date}\[warn\] ", *[rf"{date}\[critical\] "] * 3]
    expected = [head + re.escape(text) for head, text in zip(heads, told, strict=True)]
    assert [bool(re.fullmatch(*pair)) for pair in zip(expected, found, strict=True)] == [True] * 7


@pytest.mark.parametrize("target", [LogSink.NONE, LogSink.TWISTD])
def test_others_are_none_of_ours(target: LogTarget) -> None:
    """Nothing is written there by an outlet."""
    assert outlets.outlet_for(target, LogReactor().real, systemd=False) is None


def test_a_line_as_long_as_they_get_fits_into_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request line of half a head, each byte of it escaped; and a traceback of a megabyte."""
    journald = Journald(tmp_path / "journal")
    monkeypatch.setattr(outlets, "JOURNAL", UnixAddress(str(journald.path)))
    reactor = LogReactor()
    made = outlets.outlet_for(LogSink.JOURNAL, reactor.real, systemd=False)
    assert made is not None
    outlet, _ = made
    outlet.start()
    outlet.ended("#00" * 8192, REQUEST)
    outlet.notice("x\n" * (1 << 19), CRITICAL)
    request, traceback = journald.entries()
    assert request["MESSAGE"] == "#00" * 8192
    assert "bytes are left out" in traceback["MESSAGE"]
    outlet.stop()
    journald.close()
