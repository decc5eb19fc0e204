"""The file that a subcommand asks about, read as the daemon reads it.

May not: print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.config import text
from pumpproxy.config.load import DEFAULT_FILES, UnreadableError, default_file, load_text, read_file
from pumpproxy.config.problems import ConfigError, Problems
from pumpproxy.flow.relaykind import check_relay

if TYPE_CHECKING:
    import argparse

    from pumpproxy.config.load import Loaded
    from pumpproxy.config.problems import Problem


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and all that was found out about it."""

    path: str
    lines: tuple[str, ...]
    """Fit for a terminal; none where it is no text."""
    problems: tuple[Problem, ...]
    loaded: Loaded | None
    """None: it cannot be used."""
    readable: bool = True


def define(parser: argparse.ArgumentParser) -> None:
    """The option that names it."""
    text = f"the file (default: one of {', '.join(DEFAULT_FILES)})"
    parser.add_argument("-c", "--config", metavar="FILE", help=text)


def read(path: str | None) -> Source:
    """The file of this name; None: the one that the daemon would take."""
    path = path or default_file() or DEFAULT_FILES[0]
    try:
        raw = read_file(path)
    except UnreadableError as error:
        return Source(path, (), error.problems, None, readable=False)
    lines = tuple(text.lines(raw, Problems(path)))
    try:
        loaded = load_text(raw, path)
        check_relay(loaded)
    except ConfigError as error:
        return Source(path, lines, error.problems, None)
    return Source(path, lines, loaded.warnings, loaded)
