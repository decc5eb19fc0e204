"""What `twistd pumpproxy` takes, and the service that it makes: parses and wires, no more."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from twisted.python import usage

from pumpproxy import __version__
from pumpproxy.config.load import load_file
from pumpproxy.config.problems import BadValue, ConfigError
from pumpproxy.config.values import duration
from pumpproxy.flow.inherited import Inherited, inherited
from pumpproxy.flow.relaying import check_relay
from pumpproxy.flow.sockets import ListenError
from pumpproxy.service import ProxyService, Start
from pumpproxy.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.application.service import IService

    from pumpproxy.config.load import Loaded
    from pumpproxy.interfaces import Reactor

DEFAULT_FILES = ("/etc/pumpproxy/proxy.ini", "etc/proxy.ini")

# sysexits.h
EX_USAGE = 2
EX_OSERR = 71
EX_NOPERM = 77
EX_CONFIG = 78


class Options(usage.Options):
    """The options of `twistd pumpproxy`. `--check` acts while they are parsed: no pid file, no reactor."""

    longdesc = "Share ports 80 and 443 among several servers, by TLS server name and HTTP Host. SIGHUP reloads."
    optParameters = [  # noqa: RUF012 - twisted's way of declaring them
        ["config", "c", None, f"The configuration file (default: one of {', '.join(DEFAULT_FILES)})."],
        ["grace", "g", "0s", "How long connections may go on after SIGTERM: 30s, 5m, ..."],
    ]
    optFlags = [  # noqa: RUF012
        ["check", None, "Check the file, print its problems and exit: 0 good, 1 problems, 2 wrong usage."],
    ]
    compData = usage.Completions(optActions={"config": usage.CompleteFiles("*.ini")})

    def opt_version(self) -> NoReturn:
        """Print the version of pumpproxy and exit."""
        print(f"pumpproxy {__version__}")  # noqa: T201
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """As Twisted does, but with exit status 2 and one line where the usage is wrong."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _complain(f"{error} (twistd pumpproxy --help shows the options)")
            raise SystemExit(EX_USAGE) from error

    def parseArgs(self, *words: str) -> None:
        """There are no arguments."""
        if words:
            message = f"unexpected argument: {words[0]}"
            raise usage.UsageError(message)

    def postOptions(self) -> None:
        """Take defaults, and check if that was asked."""
        try:
            self.grace = 0.0 if self["grace"] in {"0", "0s"} else duration(self["grace"])
        except BadValue as error:
            fault = error.faults[0]
            message = f"--grace: {fault.message}" + (f": {fault.hint}" if fault.hint else "")
            raise usage.UsageError(message) from error
        if self["config"] is None:
            found = [file for file in DEFAULT_FILES if Path(file).exists()]
            if not found:
                message = f"no --config, and there is none of {', '.join(DEFAULT_FILES)}"
                raise usage.UsageError(message)
            self["config"] = found[0]
        if self["check"]:
            _check(self["config"])
        # A reload reads the same file, wherever twistd goes (--rundir, daemonizing).
        self["config"] = str(Path(self["config"]).absolute())


def makeService(options: Options) -> IService:
    """The service, its sockets open already (twistd is still root, and has not daemonized); SIGHUP is taken."""
    from twisted.internet import reactor

    path = options["config"]
    loaded = _load(path, EX_CONFIG)
    ours = cast("Reactor", reactor)
    start = Start(path=path, grace=options.grace, inherited=Inherited(inherited()))
    service = ProxyService(ours, loaded, start)
    # First: whoever finds the port open may send SIGHUP, which ends a process that does not expect it.
    Signals(ours, reload=service.reload, cut_grace=service.cut_grace, reopen=service.reopen).take()
    try:
        service.listen()
    except ListenError as error:
        _complain(str(error))
        raise SystemExit(EX_NOPERM if error.errno in (errno.EACCES, errno.EPERM) else EX_OSERR) from error
    return service


def _complain(text: str) -> None:
    print(f"pumpproxy: {text}", file=sys.stderr)  # noqa: T201


def _load(path: str, status: int) -> Loaded:
    """The file, fit for this system, or all of its problems on stderr and the end."""
    try:
        loaded = load_file(path)
        check_relay(loaded)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201
        raise SystemExit(status) from error
    return loaded


def _check(path: str) -> NoReturn:
    loaded = _load(path, 1)
    for problem in loaded.warnings:
        print(f"{problem} [warning]", file=sys.stderr)  # noqa: T201
    config = loaded.config
    routes = sum(len(frontend.routes) for frontend in config.frontends)
    parts = (f"{len(config.frontends)} frontends", f"{routes} routes", f"{len(config.backends)} backends")
    print(f"{path}: good: {', '.join(parts)}")  # noqa: T201
    raise SystemExit(0)
