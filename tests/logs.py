"""What pumpproxy says to Twisted's log while a test looks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.logger import LogEvent


@implementer(ILogObserver)
class _Observer:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if str(event.get("log_namespace", "")).startswith("pumpproxy"):
            self.lines.append(f"{event['log_level'].name}: {formatEvent(event)}")


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """The lines as they are said, each `level: text`."""
    observer = _Observer()
    globalLogPublisher.addObserver(observer)
    try:
        yield observer.lines
    finally:
        globalLogPublisher.removeObserver(observer)
