"""`pumpproxy run`: the daemon in the foreground, as `twistd -n --pidfile= pumpproxy` is, in this process.

Its options are those of `tap`, whatever they are. No plugin is looked for, so no other one can be in the way, and no
stale list of them either. May not: import the reactor; Twisted does, when the options are read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from twisted.application.service import ServiceMaker
from twisted.python.usage import UsageError
from twisted.scripts import twistd
from twisted.scripts._twistd_unix import ServerOptions

from pumpproxy.tap import EX_USAGE, Options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

SERVICE = ServiceMaker("pumpproxy", "pumpproxy.tap", "", "pumpproxy")
OBSERVER = "pumpproxy.stats.notices.observer"
"""Where what Twisted logs goes: a function that returns a log observer."""
ELSEWHERE = ("check",)
"""Options of `tap` that other subcommands are for."""
_METAVARS = {"config": "FILE", "last-good": "DIR", "grace": "TIME", "handover-grace": "TIME"}


class _TwistdOptions(ServerOptions):
    """twistd's, with one service."""

    loadedPlugins = {"pumpproxy": SERVICE}  # noqa: RUF012 - twistd's own way
    subCommands = [["pumpproxy", None, Options, SERVICE.description]]  # noqa: RUF012


def define(parser: argparse.ArgumentParser) -> None:
    """The options of `twistd pumpproxy`."""
    # Of each row: the long name, the short one, the default if it is a parameter, and the text.
    for long, short, default, text, *_ in cast("list[list[str]]", Options.optParameters):
        unless = f" (default: {default})" if default else ""
        names = [f"-{short}"] if short else []
        metavar = _METAVARS.get(long, "VALUE")
        parser.add_argument(*names, f"--{long}", metavar=metavar, help=_help(text, unless))
    for long, short, text in cast("list[list[str]]", Options.optFlags):
        if long not in ELSEWHERE:
            names = [f"-{short}"] if short else []
            parser.add_argument(*names, f"--{long}", action="store_true", help=_help(text))


def _help(text: str, more: str = "") -> str:
    end = "" if text.endswith("...") else "."
    return f"{text[:1].lower()}{text[1:].removesuffix(end)}{more}".replace("%", "%%")


def execute(arguments: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    options = _TwistdOptions()
    try:
        options.parseOptions(["--nodaemon", "--pidfile=", f"--logger={OBSERVER}", "pumpproxy", *_of_tap(arguments)])
    except UsageError as error:
        sys.stderr.write(f"pumpproxy: {error}\n")
        return EX_USAGE
    twistd.runApp(options)
    return 0


def _of_tap(arguments: argparse.Namespace) -> Iterator[str]:
    """As they were given; what was not is for `tap` to know."""
    for name, value in vars(arguments).items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            yield option
        elif isinstance(value, str):
            yield f"{option}={value}"
