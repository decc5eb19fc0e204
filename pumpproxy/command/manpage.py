"""pumpproxy(8): `python -m pumpproxy.command.manpage [DATE] > pumpproxy.8`; of each option what its `--help` says.

May not: name an option that there is not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pumpproxy import __version__
from pumpproxy.command.main import SUBCOMMANDS, parser
from pumpproxy.config import roff

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_DESCRIPTION = """\
## NAME

pumpproxy - share ports 80 and 443 among several servers, by name

## SYNOPSIS

"""

_ABOUT = """\
## DESCRIPTION

**pumpproxy** listens on the ports that several servers want, reads just enough of each connection to know whom it is
for, and relays it there: TLS by the server name of its ClientHello, unopened, and HTTP request by request, by the Host.
`pumpproxy.ini(5)` tells of the file that says what is routed where.

Without `-c` a subcommand reads `/etc/pumpproxy/proxy.ini`, and where that is not there `etc/proxy.ini` in the working
directory.

## SUBCOMMANDS
"""

_MORE = {
    "run": """\
The same as `twistd -n --pidfile= pumpproxy`, in this process: it stays in the foreground, and does not become another
user. All addresses are opened before anything is served. `twistd(1)` is for who wants a daemon.

With `--last-good` every configuration that is taken, at the start and by each reload, is kept in that directory, byte
by byte, as `last-good.ini`. A start whose file is bad, or not there, then serves that one, and says so in the log, with
every problem of the file; a reload reads the file again. `--strict` refuses instead.
""",
    "check": """\
Each problem is `FILE:LINE: error:` or `warning:`, then the line of the file, and a hint where there is one, on standard
error; a line that sums up is on standard output. All problems are told at once. Nothing is opened or asked.
""",
    "route": """\
For each frontend that such a client may come to: the line of the file that wins, those that it beats, and the backend
with its servers, or what the client is answered. The running service decides by the same code. Whether a server is
there is not asked.
""",
    "systemd-unit": "",
}

_END = """\
## EXIT STATUS

| | |
| --- | --- |
| 0 | `check`: the file is good. `route`: it leads to a backend, or to a redirection |
| 1 | `check`: the file has problems (with `--strict`: or warnings). `route`: it is refused on every frontend, or the \
file has problems. `systemd-unit`: a file cannot be written |
| 2 | wrong usage |
| 66 | `check` and `route`: the file cannot be read |
| 71 | `run`: an address cannot be opened, because somebody else has it, or for another reason of the system |
| 77 | `run`: an address may not be opened: a port below 1024 without the privilege |
| 78 | `run`: the file has problems, or cannot be read, and there is no last good one |
| 143 | `run`: ended by SIGTERM, after everything was closed properly |

## SIGNALS

| | |
| --- | --- |
| `SIGHUP` | read the file again, and follow it; with a problem in it nothing changes, and the log says what is wrong |
| `SIGTERM` | the end: listen no more, wait for `--grace`, reset what is left. A second one cuts the grace short |
| `SIGINT` | the same as SIGTERM |
| `SIGUSR1` | open the file of `log = file:PATH` by its name again, after a rotation |
| `SIGUSR2` | hand over to a new process, and finish what runs; where that one cannot serve, nothing changes |

## ENVIRONMENT

| | |
| --- | --- |
| `NO_COLOR` | with any value: no colours |
| `TERM` | `dumb`, or none: no colours |

## FILES

| | |
| --- | --- |
| `/etc/pumpproxy/proxy.ini` | the configuration file |
| `/var/lib/pumpproxy/last-good.ini` | the last configuration that was good, with the systemd unit |

## EXAMPLES

Where does a browser get to, and why?

    pumpproxy route https://pump.example.org/

Is the edited file good? Follow it if it is:

    pumpproxy check && systemctl reload pumpproxy

## SEE ALSO

`pumpproxy.ini(5)`, `twistd(1)`, `systemctl(1)`
"""


def page(date: str = "") -> str:
    """The whole page. `date`: of its foot."""
    lines = [*roff.head("pumpproxy", 8, date, f"pumpproxy {__version__}"), *roff.body(_DESCRIPTION)]
    for name in SUBCOMMANDS:
        lines += [f".B pumpproxy {roff.code(name)}", *roff.filled(_synopsis(name)), ".br"]
    lines += [".B pumpproxy", *roff.filled("`--version` | `--help`"), *roff.body(_ABOUT)]
    for name in SUBCOMMANDS:
        lines += _subcommand(name)
    return "\n".join([*lines, *roff.body(_END)]) + "\n"


def _options(made: argparse.ArgumentParser) -> list[argparse.Action]:
    # argparse tells of them only in its help.
    return [action for action in made._actions if action.dest != "help"]  # noqa: SLF001


def _form(action: argparse.Action) -> str:
    """As it is typed, with each of its names."""
    value = f" *{action.metavar}*" if action.metavar else ""
    return ", ".join(f"`{name}`{value}" for name in action.option_strings) or f"*{action.metavar}*"


def _synopsis(name: str) -> str:
    parts = []
    for action in sorted(_options(parser(name)), key=lambda action: not action.option_strings):
        value = f" *{action.metavar}*" if action.metavar else ""
        parts.append(f"[`{action.option_strings[-1]}`{value}]" if action.option_strings else f"*{action.metavar}*")
    return " ".join(parts)


def _subcommand(name: str) -> Iterator[str]:
    yield from roff.body(f"### `{name}`\n\n{SUBCOMMANDS[name][1]}\n\n{_MORE[name]}")
    made = parser(name)
    for action in _options(made):
        text = (action.help or "").replace("%%", "%")
        yield from roff.term(_form(action), f"{text[:1].upper()}{text[1:]}.")
    if made.epilog and made.epilog.count("\n"):
        about, _, example = made.epilog.partition("\n\n")
        indented = "\n".join(f"  {line}" for line in example.splitlines())
        yield from roff.body(f"{about}\n\n{indented}")


if __name__ == "__main__":
    sys.stdout.write(page(*sys.argv[1:2]))
