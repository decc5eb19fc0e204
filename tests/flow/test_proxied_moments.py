"""A connection that must begin with a PROXY header, without a network: what is left of it whenever it ends."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.fronts import build_front
from pumpproxy.flow.idle import TICK
from pumpproxy.flow.proxied import ProxiedFront
from pumpproxy.model import Mode
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.records import ClientAddress
from tests.fakes import environment
from tests.flow.reactors import FakeReactor
from tests.flow.streams import FakeStream
from tests.policy.declared import backend, config
from tests.policy.sessionbook import hello_for
from tests.wire.proxyheaders import CLIENT4, LINE4

if TYPE_CHECKING:
    from pumpproxy.policy.records import SessionRecord

CLIENT = ClientAddress(*CLIENT4)


class Balancer:
    """A connection from one that tells of others, and what there is around it."""

    def __init__(self, **frontend: object) -> None:
        self.reactor = FakeReactor()
        self.reactor.advance(5000.0)
        fields = {"accept_proxy": (ip_network("10.0.0.0/8"),)} | frontend
        made = config(backend("s"), **fields)
        self.environment, self.sink = environment(made, self.reactor, now=self.reactor.seconds)
        self.stream = FakeStream(self.reactor)
        state = self.environment.runtime.frontends["f"]
        built = build_front(self.environment, state, ClientAddress("10.1.2.3", 40000), 443)
        assert isinstance(built, ProxiedFront)
        self.front = built
        self.stream.connect(self.front)

    def passes(self, seconds: float) -> None:
        """Time passes."""
        for _ in range(round(seconds / TICK) + 2):
            self.reactor.advance(TICK)

    def over(self, outcome: Outcome) -> SessionRecord:
        """Its record; it ended so, and nothing is left of it anywhere."""
        for _ in range(4):
            self.reactor.advance(0)
        record = self.sink.only
        assert record.outcome is outcome
        assert not self.stream.connected
        shared = self.environment
        assert shared.connections == set()
        assert shared.runtime.connections == shared.runtime.frontends["f"].connections == 0
        assert len(shared.sweep) == 0
        self.reactor.advance(10_000)
        assert self.reactor.getDelayedCalls() == []
        return record


def waiting() -> Balancer:
    """Half of a header is there."""
    here = Balancer()
    here.stream.peer_sends(LINE4[:20])
    return here


def test_it_is_told_to_the_next_protocol_as_if_it_had_just_come() -> None:
    """A hello behind it, a FIN behind that: in order, and to whom it concerns."""
    here = waiting()
    here.stream.peer_sends(LINE4[20:] + hello_for("x.example")[:9])
    assert isinstance(here.stream.protocol, FrontProtocol)
    assert list(here.environment.connections) == [here.stream.protocol]
    here.stream.peer_finishes()
    record = here.over(Outcome.CLIENT_LEFT)
    assert (record.client, record.bytes_in, record.detail) == (CLIENT, 9, "")


def test_its_deadline_is_not_told_of_afterwards() -> None:
    """The hello has the rest of that time."""
    here = Balancer(inspect_delay=5.0)
    here.passes(3.0)
    here.stream.peer_sends(LINE4)
    here.passes(2.0)
    here.stream.peer_finishes()
    record = here.over(Outcome.CLIENT_SILENT)
    assert record.client == CLIENT
    assert 5.0 <= record.total < 6.0
    assert record.detail == "no complete hello in time"


def test_the_service_ends_at_once() -> None:
    """Whoever is waited for is not waited for any longer."""
    here = waiting()
    here.front.shut_down()
    assert here.over(Outcome.SHUTDOWN).client.host == "10.1.2.3"


def test_the_service_ends_with_grace() -> None:
    """A request that comes yet is the last; a relay is one whole."""
    here = waiting()
    here.front.finish_up()
    assert here.stream.connected
    here.stream.peer_sends(LINE4[20:] + hello_for("x.example"))
    assert here.reactor.dialled[-1].state == "connecting"
    here = Balancer(mode=Mode.HTTP)
    here.front.finish_up()
    here.stream.peer_sends(LINE4)
    here.stream.peer_finishes()
    assert here.over(Outcome.CLIENT_LEFT).client == CLIENT


def test_it_holds_too_little_to_be_asked_to_go() -> None:
    """What unfinished hellos hold is not its business."""
    here = waiting()
    here.front.evict()
    assert here.stream.connected
    assert here.environment.hellos.total == 0


def test_a_defect_ends_it_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twisted tells of it as the reason of the loss."""
    here = waiting()

    def breaks(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(here.front, "_build", breaks)
    with pytest.raises(ZeroDivisionError):
        here.stream.peer_sends(LINE4[20:])
    here.stream._lose(ZeroDivisionError())
    record = here.over(Outcome.INTERNAL)
    assert (record.detail, record.client.host) == ("ZeroDivisionError", "10.1.2.3")


def test_a_reload_holds_for_whoever_comes_then() -> None:
    """One that is waited for is read to its end, as it came."""
    here = waiting()
    here.environment.runtime.reload(config(backend("s")), 100)
    state = here.environment.runtime.frontends["f"]
    built = build_front(here.environment, state, ClientAddress("10.1.2.3", 40001), 443)
    assert isinstance(built, FrontProtocol)
    here.stream.peer_sends(LINE4[20:])
    assert isinstance(here.stream.protocol, FrontProtocol)
    here.stream.peer_finishes()
    assert here.over(Outcome.CLIENT_LEFT).client == CLIENT
