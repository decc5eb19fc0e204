"""Where the log goes, as the file says it."""

from __future__ import annotations

import pytest

from pumpproxy.config.logtarget import FORMS, log_target
from pumpproxy.config.spelling import spelled
from pumpproxy.model import DEV_LOG, FileTarget, LogSink, LogTarget, SyslogTarget, TcpAddress, UnixAddress
from tests.config.reading import faults_of


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("none", LogSink.NONE),
        ("twistd", LogSink.TWISTD),
        ("journal", LogSink.JOURNAL),
        ("stderr", LogSink.STDERR),
        ("syslog:local2", SyslogTarget("local2", DEV_LOG)),
        ("syslog:kern@unix:/run/log.sock", SyslogTarget("kern", UnixAddress("/run/log.sock"))),
        ("syslog:auth2@udp:192.0.2.9:514", SyslogTarget("auth2", TcpAddress("192.0.2.9", 514))),
        ("syslog:local0@udp:[2001:db8::9]:1514", SyslogTarget("local0", TcpAddress("2001:db8::9", 1514))),
        ("file:/var/log/pumpproxy/access.log", FileTarget("/var/log/pumpproxy/access.log")),
        ("file:/srv/a b:c@d", FileTarget("/srv/a b:c@d")),
    ],
)
def test_each_form_is_read_and_written(text: str, target: LogTarget) -> None:
    """Messages, and the line of a reload that changes it, say it in the file's words."""
    assert log_target(text) == target
    assert spelled(target) == text


def test_the_systems_socket_need_not_be_said() -> None:
    """It is the same target, so that a reload to it changes nothing."""
    assert log_target("syslog:local2@unix:/dev/log") == log_target("syslog:local2")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("syslog", "'syslog' names no facility (for example syslog:local2)"),
        ("syslog:@udp:127.0.0.1:514", "'syslog:@udp:127.0.0.1:514' names no facility (for example syslog:local2)"),
        ("syslog:locl2", "'locl2' is not a facility (did you mean 'local2'?)"),
        ("syslog:local2@/x", "'/x' is no address of a syslog daemon (write unix:/x)"),
        ("syslog:local2@tcp:192.0.2.9:514", "'tcp:192.0.2.9:514' is no address of a syslog daemon"),
        ("journal:x", "'journal:x' has something after 'journal' (write journal)"),
        ("file:access.log", "'file:access.log' has no absolute path (for example file:/var/log/pumpproxy/access.log)"),
        ("file:/var/log/", "'file:/var/log/' names a directory (write the file's name too)"),
    ],
)
def test_what_is_wrong_with_one_is_said(text: str, fault: str) -> None:
    """With what to write."""
    (found,) = faults_of(log_target, text)
    assert f"{found.message} ({found.hint})".startswith(fault)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("stdout", "write stderr"),
        ("127.0.0.1 local2", "write syslog:local2@udp:127.0.0.1:514"),
        ("/dev/log local0 notice", "write syslog:local0"),
        ("/var/log/proxy.log", "write file:/var/log/proxy.log"),
        ("local2@udp:127.0.0.1:514", "write syslog:local2@udp:127.0.0.1:514"),
        ("journald", "did you mean 'journal'?"),
        ("sylog:local2", "did you mean 'syslog'?"),
    ],
)
def test_other_words_are_answered(text: str, hint: str) -> None:
    """By the forms that there are, and the one that was probably meant."""
    (found,) = faults_of(log_target, text)
    assert (found.message, found.hint) == (f"'{text}' is not one of {', '.join(FORMS)}", hint)
