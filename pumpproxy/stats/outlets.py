"""The logs that we write ourselves: what a line and a notice become there. One outlet a target of the file.

May not: block, raise, or decide what is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pumpproxy.model import FileTarget, LogSink, SyslogTarget, UnixAddress
from pumpproxy.stats import textlines
from pumpproxy.stats.datagrams import Datagrams
from pumpproxy.stats.journalfields import fields
from pumpproxy.stats.losses import Losses
from pumpproxy.stats.textlines import INFO, NAME, WORDS, Head, is_json, plain_lines
from pumpproxy.stats.writer import Writer, open_file, open_stderr
from pumpproxy.wire.journalentry import entry
from pumpproxy.wire.syslogmessage import message, priority

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pumpproxy.interfaces import Reactor
    from pumpproxy.model import LogTarget
    from pumpproxy.policy.records import SessionRecord

JOURNAL = UnixAddress("/run/systemd/journal/socket")
"""Where journald takes entries."""


class Outlet(Protocol):
    """One log. What it is told before `start` is kept."""

    def start(self) -> None:
        """Once the process is what it stays: the user, and not to be forked any more."""

    def ended(self, line: str, record: SessionRecord) -> None:
        """An access log line, and what it is of."""

    def notice(self, text: str, severity: int, *, counted: bool = True) -> None:
        """Anything else, of several lines perhaps; `counted` where it is told that it was lost."""

    def reopen(self) -> None:
        """Whoever rotates the log has moved it away."""

    def stop(self) -> Deferred[None]:
        """Take no more; fires once everything is there, or given up."""


class JournalOutlet:
    """systemd's journal."""

    def __init__(self, reactor: Reactor, losses: Losses) -> None:
        self._datagrams = Datagrams(reactor, JOURNAL, losses)
        self.start = self._datagrams.start
        self.stop = self._datagrams.stop

    def ended(self, line: str, record: SessionRecord) -> None:
        """With its fields."""
        self._datagrams.put(entry([*_known(line, INFO), *fields(record)]))

    def notice(self, text: str, severity: int, *, counted: bool = True) -> None:
        """One entry, whatever it has of lines."""
        self._datagrams.put(journal_notice(text, severity), counted=counted)

    def reopen(self) -> None:
        """There is nothing to open."""


def _known(text: str, severity: int) -> list[tuple[str, str]]:
    return [("MESSAGE", text), ("PRIORITY", str(severity)), ("SYSLOG_IDENTIFIER", NAME)]


def journal_notice(text: str, severity: int) -> bytes:
    """As the journal takes it."""
    return entry(_known(text, severity))


class SyslogOutlet:
    """A syslog daemon; each line is a message of its own."""

    def __init__(self, reactor: Reactor, target: SyslogTarget, losses: Losses) -> None:
        self._datagrams = Datagrams(reactor, target.address, losses)
        self._head = Head(textlines.for_syslog)
        self._numbers = {severity: priority(target.facility, severity) for severity in WORDS}
        self._info = self._numbers[INFO]
        self.start = self._datagrams.start
        self.stop = self._datagrams.stop

    def ended(self, line: str, record: SessionRecord) -> None:  # noqa: ARG002 - the line has it all
        """As information, which is HAProxy's severity for it."""
        self._datagrams.put(message(self._info, self._head(), line))

    def notice(self, text: str, severity: int, *, counted: bool = True) -> None:
        """With its severity."""
        for line in plain_lines(text):
            self._datagrams.put(message(self._numbers[severity], self._head(), line), counted=counted)

    def reopen(self) -> None:
        """There is nothing to open."""


class FileOutlet:
    """A file that lines are appended to."""

    def __init__(self, reactor: Reactor, target: FileTarget, losses: Losses) -> None:
        self._writer = Writer(reactor, lambda: open_file(target.path), losses)
        self._head = Head(textlines.for_file)
        self.start = self._writer.start
        self.stop = self._writer.stop
        self.reopen = self._writer.reopen

    def ended(self, line: str, record: SessionRecord) -> None:  # noqa: ARG002 - the line has it all
        """After the time."""
        self._writer.put(f"{'' if is_json(line) else self._head()}{line}\n".encode())

    def notice(self, text: str, severity: int, *, counted: bool = True) -> None:
        """After the time and the severity, each line of it."""
        self._writer.put(_text(text, f"{self._head()}[{WORDS[severity]}] "), counted=counted)


class StderrOutlet:
    """Standard error."""

    def __init__(self, reactor: Reactor, losses: Losses, *, prefixed: bool) -> None:
        """`prefixed`: systemd reads it, which has the time and wants to know the severity."""
        self._writer = Writer(reactor, open_stderr, losses)
        self._head = Head((lambda _: f"<{INFO}>") if prefixed else textlines.for_people)
        self._prefixed = prefixed
        self.start = self._writer.start
        self.stop = self._writer.stop

    def ended(self, line: str, record: SessionRecord) -> None:  # noqa: ARG002 - the line has it all
        """After the time; under systemd after the severity."""
        alone = is_json(line) and not self._prefixed
        self._writer.put(f"{'' if alone else self._head()}{line}\n".encode())

    def notice(self, text: str, severity: int, *, counted: bool = True) -> None:
        """After the time and the severity, each line of it."""
        self._writer.put(stderr_notice(text, severity, self._head(), prefixed=self._prefixed), counted=counted)

    def reopen(self) -> None:
        """It has no name."""


def stderr_notice(text: str, severity: int, head: str, *, prefixed: bool) -> bytes:
    """As standard error has it; `head` is for people, and not used where it is `prefixed` for systemd."""
    return _text(text, f"<{severity}>" if prefixed else f"{head}[{WORDS[severity]}] ")


def _text(text: str, head: str) -> bytes:
    return "".join(f"{head}{line}\n" for line in plain_lines(text)).encode("utf-8", "backslashreplace")


def outlet_for(target: LogTarget, reactor: Reactor, *, systemd: bool) -> tuple[Outlet, Losses] | None:
    """That of a target, and what it loses; None for those that are none of ours. `systemd`: as for StderrOutlet."""
    losses = Losses(reactor, str(target.value if isinstance(target, LogSink) else target))
    match target:
        case LogSink.JOURNAL:
            return JournalOutlet(reactor, losses), losses
        case LogSink.STDERR:
            return StderrOutlet(reactor, losses, prefixed=systemd), losses
        case SyslogTarget():
            return SyslogOutlet(reactor, target, losses), losses
        case FileTarget():
            return FileOutlet(reactor, target, losses), losses
        case _:
            return None
