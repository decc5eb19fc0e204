"""How the demonstration runs the proxy: its file, its output, its end."""

from __future__ import annotations

import configparser
import signal
import sys
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from demo.daemon import STOP_PATIENCE, Daemon, configuration, twistd

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProcessTransport

    from demo.daemon import Reactor

PORTS = {"http": 1, "https": 2, "www_http": 3, "www_https": 4, "pump_https": 5}


class FakeProcess:
    """Notes the signals that it gets; `gone` makes it answer as a process that has ended."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.gone = False

    def signalProcess(self, number: int) -> None:
        """As IProcessTransport's, with numbers only."""
        if self.gone:
            raise ProcessExitedAlready
        self.signals.append(number)


def daemon() -> tuple[Daemon, FakeProcess, MemoryReactorClock, list[str]]:
    """A Daemon whose process is a fake."""
    reactor, told, process = MemoryReactorClock(), list[str](), FakeProcess()
    protocol = Daemon(cast("Reactor", reactor), told.append)
    protocol.transport = cast("IProcessTransport", process)
    return protocol, process, reactor, told


def test_the_file_names_every_port_once() -> None:
    """Two frontends and three servers, each with the port that it was given."""
    parser = configparser.ConfigParser(delimiters=["="])
    parser.read_string(configuration("pump.test", PORTS))
    binds = {parser[name]["bind"] for name in parser if name.startswith("frontend")}
    servers = {value for name in parser for key, value in parser[name].items() if key.startswith("server ")}
    assert binds == {"127.0.0.1:1", "127.0.0.1:2"}
    assert servers == {"127.0.0.1:3", "127.0.0.1:4", "127.0.0.1:5"}


def test_the_twistd_of_this_environment_comes_first() -> None:
    """Whatever python runs the demonstration, its own twistd runs the proxy."""
    command = twistd()
    assert command[0].startswith(sys.prefix) or command[0] == sys.executable


def test_output_is_told_in_whole_lines() -> None:
    """A line that comes in pieces is told once; the last one even without its end."""
    protocol, _, _, told = daemon()
    protocol.outReceived(b"one\ntw")
    protocol.errReceived(b"o\nthree")
    protocol.processEnded(Failure(ProcessDone(0)))
    assert told == ["one", "two", "three"]


@pytest.mark.parametrize("stubborn", [False, True])
def test_it_is_asked_to_end_and_then_made_to(stubborn: bool) -> None:  # noqa: FBT001
    """SIGTERM first; SIGKILL only where that was not enough."""
    protocol, process, reactor, _ = daemon()
    stopped = Deferred.fromCoroutine(protocol.stop())
    if stubborn:
        reactor.advance(STOP_PATIENCE)
    protocol.processEnded(Failure(ProcessDone(0)))
    reactor.advance(STOP_PATIENCE)
    assert stopped.called
    assert protocol.asked
    assert process.signals == [signal.SIGTERM, signal.SIGKILL][: 1 + stubborn]


def test_an_end_that_comes_first_is_no_error() -> None:
    """The process may be gone before it is asked, and even before that was noticed."""
    protocol, process, _, _ = daemon()
    process.gone = True
    stopped = Deferred.fromCoroutine(protocol.stop())
    protocol.processEnded(Failure(ProcessDone(0)))
    assert stopped.called
    again = Deferred.fromCoroutine(protocol.stop())
    assert again.called
