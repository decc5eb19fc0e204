"""Where ended connections and requests are told, as the file says."""

from __future__ import annotations

from dataclasses import replace

from pumpproxy.model import Config, Frontend, LogFormat, LogSink, Mode
from pumpproxy.policy.outcome import Outcome
from pumpproxy.stats.accesslog import line
from pumpproxy.stats.sink import AccessLog
from tests.logs import logged
from tests.stats.test_accesslog import REQUEST, SESSION


def config(log: LogSink = LogSink.TWISTD, **https: object) -> Config:
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


def test_each_end_is_one_line_in_its_frontends_layout() -> None:
    """In twistd's log, as information."""
    sink = AccessLog(config())
    with logged() as lines:
        sink.ended(SESSION)
        sink.ended(REQUEST)
    assert lines == [f"info: {line(SESSION, LogFormat.TCPLOG)}", f"info: {line(REQUEST, LogFormat.HTTPLOG)}"]


def test_none_is_silence() -> None:
    """The default."""
    sink = AccessLog(config(LogSink.NONE))
    with logged() as lines:
        sink.ended(SESSION)
    assert lines == []


def test_dontlognull_leaves_out_who_sent_nothing() -> None:
    """Port scanners and health checks; a refusal of one byte is told."""
    sink = AccessLog(config(dontlognull=True))
    with logged() as lines:
        sink.ended(replace(SESSION, bytes_in=0))
        sink.ended(replace(SESSION, bytes_in=1))
        sink.ended(replace(REQUEST, bytes_in=0))
    assert len(lines) == 2


def test_dontlognull_leaves_nobody_out_whom_we_did_not_hear() -> None:
    """One too many of its source is refused before anything is read."""
    sink = AccessLog(config(dontlognull=True))
    with logged() as lines:
        sink.ended(replace(SESSION, bytes_in=0, outcome=Outcome.TOO_MANY))
    assert len(lines) == 1


def test_a_reload_is_followed() -> None:
    """From the next line on."""
    sink = AccessLog(config(LogSink.NONE))
    with logged() as lines:
        sink.declare(config(log_format=LogFormat.JSON))
        sink.ended(SESSION)
        sink.declare(config(LogSink.NONE))
        sink.ended(SESSION)
    assert lines == [f"info: {line(SESSION, LogFormat.JSON)}"]


def test_connections_of_a_frontend_that_is_gone_keep_its_layout() -> None:
    """A reload took it away while they went on."""
    sink = AccessLog(config(log_format=LogFormat.JSON))
    sink.declare(Config(config().frontends[1:], (), log=LogSink.TWISTD))
    with logged() as lines:
        sink.ended(SESSION)
    assert lines == [f"info: {line(SESSION, LogFormat.JSON)}"]


def test_braces_are_not_formats() -> None:
    """Twisted formats events by their braces: a peer's must not be any."""
    sink = AccessLog(config(log_format=LogFormat.JSON))
    with logged() as lines:
        sink.ended(replace(SESSION, detail="{line} {0} {log_level.name}"))
    assert len(lines) == 1
    assert '"detail":"{line} {0} {log_level.name}"' in lines[0]
