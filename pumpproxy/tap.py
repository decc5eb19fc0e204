"""What `twistd pumpproxy` takes, and the service that it makes: parses and wires, no more."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from twisted.python import usage

from pumpproxy import __version__
from pumpproxy.config import load
from pumpproxy.config.problems import BadValue, ConfigError
from pumpproxy.config.values import duration
from pumpproxy.flow.inherited import Inherited, inherited
from pumpproxy.flow.sockets import ListenError
from pumpproxy.handover.launch import Launch
from pumpproxy.handover.pidfile import PidFile
from pumpproxy.handover.predecessor import PREDECESSOR, Predecessor
from pumpproxy.handover.successor import Handover
from pumpproxy.lastgood import begin
from pumpproxy.service import ProxyService, Start
from pumpproxy.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.application.service import IService

    from pumpproxy.interfaces import Reactor
    from pumpproxy.lastgood import Begun

# sysexits.h
EX_USAGE = 2
EX_OSERR = 71
EX_NOPERM = 77
EX_CONFIG = 78


class Options(usage.Options):
    """The options of `twistd pumpproxy`. `--check` acts while they are parsed: no pid file, no reactor."""

    longdesc = (
        "Share ports 80 and 443 among several servers, by TLS server name and HTTP Host. "
        "SIGHUP reloads, SIGUSR2 hands over to a new process."
    )
    optParameters = [  # noqa: RUF012 - twisted's way of declaring them
        ["config", "c", None, f"The configuration file (default: one of {', '.join(load.DEFAULT_FILES)})."],
        ["grace", "g", "0s", "How long connections may go on after SIGTERM: 30s, 5m, ..."],
        ["handover-grace", None, "1h", "How long connections may go on once a successor serves, after SIGUSR2."],
        ["last-good", None, None, "A directory that keeps what was good, for a start at which the file is not."],
    ]
    optFlags = [  # noqa: RUF012
        ["check", None, "Check the file, print its problems and exit: 0 good, 1 problems, 2 wrong usage."],
        ["strict", None, "Refuse what is not good: a start with a bad file, whatever is kept; a check with warnings."],
    ]
    compData = usage.Completions(
        optActions={"config": usage.CompleteFiles("*.ini"), "last-good": usage.CompleteDirs()},
    )

    def opt_version(self) -> NoReturn:
        """Print the version of pumpproxy and exit."""
        print(f"pumpproxy {__version__}")  # noqa: T201
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """As Twisted does, but with exit status 2 and one line where the usage is wrong."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _complain(f"{error} (--help shows the options)")
            raise SystemExit(EX_USAGE) from error

    def parseArgs(self, *words: str) -> None:
        """There are no arguments."""
        if words:
            message = f"unexpected argument: {words[0]}"
            raise usage.UsageError(message)

    def postOptions(self) -> None:
        """Take defaults, and check if that was asked."""
        self.grace = self._duration("grace")
        self.handover_grace = self._duration("handover-grace")
        if self["last-good"] == "":
            message = "--last-good: no directory"
            raise usage.UsageError(message)
        if self["config"] is None:
            self["config"] = load.default_file()
            if self["config"] is None:
                message = f"no --config, and there is none of {', '.join(load.DEFAULT_FILES)}"
                raise usage.UsageError(message)
        if self["check"]:
            _check(self["config"], strict=bool(self["strict"]))
        # A reload reads the same file, wherever twistd goes (--rundir, daemonizing).
        self["config"] = str(Path(self["config"]).absolute())
        self.last_good = None if self["last-good"] is None else Path(self["last-good"]).absolute()

    def _duration(self, name: str) -> float:
        """Seconds of an option, as durations in the file, or none."""
        try:
            return 0.0 if self[name] in {"0", "0s"} else duration(self[name])
        except BadValue as error:
            fault = error.faults[0]
            message = f"--{name}: {fault.message}" + (f": {fault.hint}" if fault.hint else "")
            raise usage.UsageError(message) from error


def makeService(options: Options) -> IService:
    """The service, its sockets open already (twistd is still root, and has not daemonized); signals are taken."""
    from twisted.internet import reactor

    path = options["config"]
    ours = cast("Reactor", reactor)
    by_name = inherited()
    found = Inherited(by_name, shared=PREDECESSOR in by_name)
    predecessor = Predecessor(ours, found.pop(PREDECESSOR))
    # Where somebody serves already, a bad file is no reason to serve another than that.
    strict = options["strict"] or found.shared
    begun = _begin(path, None if strict else options.last_good, EX_CONFIG, predecessor.fault)
    start = Start(
        path=path,
        grace=options.grace,
        handover_grace=options.handover_grace,
        inherited=found,
        last_good=options.last_good,
        fallback=begun.fallback,
    )
    service = ProxyService(ours, begun.loaded, start)
    if found.shared:
        predecessor.main = service.supervision.took_over
    twistd = {} if options.parent is None else options.parent
    handover = Handover(ours, service, Launch.of_process(), PidFile(twistd), service.supervision)
    # First: whoever finds the port open may send a signal, which ends a process that does not expect it.
    Signals(
        ours,
        reload=handover.reload,
        hand_over=handover.begin,
        cut_grace=service.cut_grace,
        reopen=service.reopen,
    ).take()
    try:
        service.listen()
    except ListenError as error:
        _complain(str(error))
        predecessor.fault(str(error))
        raise SystemExit(EX_NOPERM if error.errno in (errno.EACCES, errno.EPERM) else EX_OSERR) from error
    predecessor.serve(found.unwanted)
    return service


def _complain(text: str) -> None:
    print(f"pumpproxy: {text}", file=sys.stderr)  # noqa: T201


def _begin(path: str, last_good: Path | None, status: int, tell: Callable[[str], None] | None = None) -> Begun:
    """What there is to serve, or all that is wrong on stderr, and told, and the end."""
    try:
        return begin(path, last_good)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201
            if tell is not None:
                tell(str(problem))
        raise SystemExit(status) from error


def _check(path: str, *, strict: bool) -> NoReturn:
    loaded = _begin(path, None, 1).loaded
    for problem in loaded.warnings:
        print(f"{problem} [warning]", file=sys.stderr)  # noqa: T201
    if strict and loaded.warnings:
        raise SystemExit(1)
    config = loaded.config
    routes = sum(len(frontend.routes) for frontend in config.frontends)
    parts = (f"{len(config.frontends)} frontends", f"{routes} routes", f"{len(config.backends)} backends")
    print(f"{path}: good: {', '.join(parts)}")  # noqa: T201
    raise SystemExit(0)
