"""What happens to a client, as facts of its exchange, and the order in which what follows is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger

from pumpproxy.flow.httpfacts import HttpFacts, nothing
from pumpproxy.policy import httpsteps
from tests.fakes import environment
from tests.flow.httpstreams import HttpStream
from tests.logs import logged
from tests.playbook import CLIENT, GET, site

if TYPE_CHECKING:
    from pumpproxy.policy.httpsteps import HttpStep


class Noted(HttpFacts):
    """Does nothing but note each step, and tell one more fact while it does the first."""

    interrupts = False
    breaks = False

    def _do(self, step: HttpStep) -> None:
        self.__dict__.setdefault("done", []).append(type(step))
        if self.breaks:
            self.breaks = False
            raise ZeroDivisionError
        if self.interrupts:
            self.interrupts = False
            self._tell(self._exchange.client_lost)


def noted() -> tuple[Noted, HttpStream]:
    """One client, and its connection."""
    reactor = MemoryReactorClock()
    made, _ = environment(site(), reactor, now=reactor.seconds)
    front = Noted(made, made.runtime.frontends["f"], CLIENT)
    stream = HttpStream(reactor)
    stream.connect(front)
    return front, stream


def test_no_fact_is_no_step() -> None:
    """Only what is under way is told of with it."""
    assert nothing(0.0) == ()


def test_what_a_step_brings_about_comes_behind_those_that_are_left() -> None:
    """The client leaves while the first step is done: its end is done last."""
    front, stream = noted()
    front.interrupts = True
    stream.peer_sends(GET)
    assert front.__dict__["done"] == [httpsteps.Reach, httpsteps.ResetServer, httpsteps.Ended]


def test_a_defect_ends_this_client_alone() -> None:
    """It is logged once, and both connections are to be reset."""
    front, stream = noted()
    front.breaks = True
    # A class attribute would be named after this module.
    front.log = Logger(namespace="pumpproxy.noted")
    with logged() as lines:
        stream.peer_sends(GET)
    assert sum("ended by a defect" in line for line in lines) == 1
    assert front.__dict__["done"] == [
        httpsteps.Reach,
        httpsteps.ResetServer,
        httpsteps.ResetClient,
        httpsteps.Ended,
    ]
    assert front._exchange.request is None
