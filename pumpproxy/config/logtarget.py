"""The value of `log`: where the access log goes.

    none  twistd  journal  stderr  syslog:local2  syslog:local2@unix:/run/log.sock  syslog:local2@udp:192.0.2.9:514
    file:/var/log/pumpproxy/access.log

May not: look whether anybody is there.
"""

from __future__ import annotations

from pumpproxy.config import addresses, haproxy
from pumpproxy.config.problems import BadValue, Fault, did_you_mean, quoted
from pumpproxy.model import FileTarget, LogSink, LogTarget, SyslogTarget
from pumpproxy.wire.syslogmessage import FACILITIES

FORMS = ("none", "twistd", "journal", "syslog:FACILITY[@unix:PATH|@udp:HOST:PORT]", "file:PATH", "stderr")
"""How each is written, for people."""

_WORDS = {sink.value: sink for sink in LogSink}
_KINDS = (*_WORDS, "syslog", "file")
_EXAMPLE = "for example syslog:local2"


def log_target(text: str) -> LogTarget:
    """Where it goes."""
    if text in _WORDS:
        return _WORDS[text]
    kind, colon, rest = text.partition(":")
    if kind == "syslog":
        return _syslog(text, rest)
    if kind == "file":
        return _file(text, rest)
    if colon and kind in _WORDS:
        raise BadValue(Fault(f"{quoted(text)} has something after '{kind}'", f"write {kind}"))
    raise BadValue(Fault(f"{quoted(text)} is not one of {', '.join(FORMS)}", _hint(text, kind)))


def _hint(text: str, kind: str) -> str:
    if kind == "stdout":
        return "write stderr"
    theirs = haproxy.log_target(text.split())
    if theirs:
        return f"write {theirs}"
    if text.startswith("/"):
        return f"write file:{text}"
    if text.partition("@")[0] in FACILITIES:
        return f"write syslog:{text}"
    return did_you_mean(kind, _KINDS)


def _syslog(text: str, rest: str) -> SyslogTarget:
    facility, at, place = rest.partition("@")
    if not facility:
        raise BadValue(Fault(f"{quoted(text)} names no facility", _EXAMPLE))
    if facility not in FACILITIES:
        hint = did_you_mean(facility, FACILITIES) or f"one of {', '.join(FACILITIES)}"
        raise BadValue(Fault(f"{quoted(facility)} is not a facility", hint))
    return SyslogTarget(facility, addresses.syslog_daemon(place)) if at else SyslogTarget(facility)


def _file(text: str, path: str) -> FileTarget:
    if not path.startswith("/"):
        # twistd may be in another directory by then, and a reload is whenever it is.
        raise BadValue(Fault(f"{quoted(text)} has no absolute path", "for example file:/var/log/pumpproxy/access.log"))
    if path.endswith("/"):
        raise BadValue(Fault(f"{quoted(text)} names a directory", "write the file's name too"))
    return FileTarget(path)
