"""The words of the command line, and which module does what they ask for.

A subcommand's module has `define`, which says what else it takes, and `execute`, which returns the exit status. May
not: import a subcommand that is not asked for; the daemon's takes half a second.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from typing import TYPE_CHECKING, Protocol, cast

from pumpproxy import __version__
from pumpproxy.config.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = "Share ports 80 and 443 among several servers, by TLS server name and HTTP Host."

SUBCOMMANDS = {
    "run": ("run", "Serve, in the foreground. SIGHUP reloads, SIGUSR2 hands over, SIGTERM ends it."),
    "check": ("check", "Tell everything that is wrong with a file."),
    "route": ("route", "Tell where a name leads, and why, from the file alone."),
    "systemd-unit": ("unit", "Print the units for systemd, with the paths of this installation."),
}
"""The module of each, and what it is for."""

EX_USAGE = 2


class Subcommand(Protocol):
    """What a subcommand's module has."""

    def define(self, parser: argparse.ArgumentParser) -> None:
        """Say which options and arguments there are."""

    def execute(self, arguments: argparse.Namespace) -> int:
        """Do it, and say how it went: the exit status."""


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say (None: those of this process); the exit status."""
    words = sys.argv[1:] if words is None else list(words)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):
            # A file may have letters that the terminal has not.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = _execute(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has read enough. Python would complain at the end, when it flushes again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _execute(words: Sequence[str]) -> int:
    if not words:
        general().print_help(sys.stderr)
        return EX_USAGE
    if words[0].startswith("-"):
        # Ends here: it is an option that prints and exits, or wrong.
        general().parse_args(words)
    name, *rest = words
    if name not in SUBCOMMANDS:
        hint = did_you_mean(name, SUBCOMMANDS) or f"there are {', '.join(SUBCOMMANDS)}"
        print(f"pumpproxy: {name!r} is not a subcommand ({hint})", file=sys.stderr)
        return EX_USAGE
    return subcommand(name).execute(parser(name).parse_args(rest))


def subcommand(name: str) -> Subcommand:
    """Its module."""
    return cast("Subcommand", importlib.import_module(f"pumpproxy.command.{SUBCOMMANDS[name][0]}"))


def parser(name: str) -> argparse.ArgumentParser:
    """Of one subcommand's words."""
    summary = SUBCOMMANDS[name][1]
    made = argparse.ArgumentParser(prog=f"pumpproxy {name}", description=summary, allow_abbrev=False)
    subcommand(name).define(made)
    return made


def general() -> argparse.ArgumentParser:
    """Of what stands before a subcommand."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name.ljust(width)}  {summary}" for name, (_, summary) in SUBCOMMANDS.items()]
    made = argparse.ArgumentParser(
        prog="pumpproxy",
        usage="pumpproxy [-h] [--version] SUBCOMMAND ...",
        description=DESCRIPTION,
        epilog="\n".join(["subcommands:", *lines, "", "pumpproxy SUBCOMMAND --help tells of each."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"pumpproxy {__version__}")
    return made
