"""A client on a `tls` or `tcp` frontend, without a network: what is left of it whenever it ends, and at each moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from twisted.internet.error import ConnectBindError
from twisted.internet.error import ConnectionRefusedError as Refused

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.idle import TICK
from pumpproxy.flow.linger import LINGER_SIZE, LINGER_TIME
from pumpproxy.flow.relay import ServerProtocol
from pumpproxy.model import Action, Backend, Config, DnsAddress, Mode, Redispatch, Server
from pumpproxy.policy.admission import HelloBudget
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.session import MAX_EARLY, STALL_SIZE, STALL_TIME
from pumpproxy.wire.alert import AlertDescription, alert_record
from tests.fakes import environment
from tests.flow.reactors import FakeReactor
from tests.flow.streams import FakeStream
from tests.policy.declared import backend, config, server
from tests.policy.sessionbook import hello_for
from tests.wire.hellos import extension, hello, record, records

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.policy.records import SessionRecord
    from tests.flow.reactors import FakeConnector

HELLO = hello_for("x.example")
INTERNAL = alert_record(AlertDescription.INTERNAL_ERROR)


class Front:
    """A client that was accepted, and what there is around it."""

    def __init__(self, made: Config | None = None) -> None:
        self.reactor = FakeReactor()
        self.reactor.advance(5000.0)
        self.environment, self.sink = environment(
            made or config(backend("s1", "s2")), self.reactor, now=self.reactor.seconds
        )
        self.stream = FakeStream(self.reactor)
        frontend = self.environment.runtime.frontends["f"]
        self.protocol = FrontProtocol(self.environment, frontend, ClientAddress("192.0.2.7", 51234))
        self.stream.connect(self.protocol)

    def turn(self) -> None:
        """The reactor does what it has to do now."""
        for _ in range(4):
            self.reactor.advance(0)

    def passes(self, seconds: float) -> None:
        """Time passes."""
        for _ in range(round(seconds / TICK)):
            self.reactor.advance(TICK)

    @property
    def dialled(self) -> FakeConnector:
        """The latest connection asked for."""
        return self.reactor.dialled[-1]

    def fails(self) -> None:
        """It is refused."""
        self.dialled.fails(Refused())

    def takes(self) -> bytes:
        """What the client has got when it has taken everything."""
        self.turn()
        self.stream.peer_takes()
        self.turn()
        return self.stream.sent

    def over(self, outcome: Outcome, phase: Phase) -> SessionRecord:
        """Its record; it ended so, and nothing is left of it anywhere."""
        self.turn()
        record = self.sink.only
        assert (record.outcome, record.phase) == (outcome, phase)
        assert not self.stream.connected
        shared = self.environment
        assert shared.connections == set()
        assert shared.runtime.connections == shared.runtime.frontends["f"].connections == 0
        assert (shared.hellos.total, len(shared.sweep)) == (0, 0)
        assert not [one for one in self.reactor.dialled if one.state == "connecting"]
        assert not [one for one in self.reactor.dialled if one.stream is not None and one.stream.connected]
        for pool in shared.runtime.pools.values():
            assert pool.connections == 0
            assert [one.connections for one in pool.servers.values()] == [0] * len(pool.servers)
        self.reactor.advance(10_000)
        assert self.reactor.getDelayedCalls() == []
        assert not [one for one in self.reactor.dialled if one.state == "connecting"]
        assert len(self.sink.records) == 1
        return record


def accepted() -> Front:
    """Nothing was sent yet."""
    return Front()


def sniffing() -> Front:
    """Half of a hello is there."""
    front = Front()
    front.stream.peer_sends(HELLO[:50])
    return front


def connecting() -> Front:
    """The first server does not answer."""
    front = sniffing()
    front.stream.peer_sends(HELLO[50:])
    assert front.dialled.state == "connecting"
    return front


def paused() -> Front:
    """It sent more than is taken while we connect."""
    front = connecting()
    front.stream.peer_sends(bytes(MAX_EARLY + 1))
    assert not front.stream.reading
    return front


def between() -> Front:
    """The first attempt failed, and the second is a second away."""
    front = connecting()
    front.fails()
    assert [one.state for one in front.reactor.dialled] == ["disconnected"]
    return front


def relaying() -> Front:
    """Both sides talk."""
    front = connecting()
    front.dialled.established().peer_sends(b"server hello")
    assert front.takes() == b"server hello"
    return front


def half_closed() -> Front:
    """The server is done."""
    front = relaying()
    assert front.dialled.stream is not None
    front.dialled.stream.peer_finishes()
    front.turn()
    return front


def lingering() -> Front:
    """It was refused, and has not read why."""
    front = Front(config(backend("s1"), unknown_sni=Action.REJECT))
    front.stream.peer_sends(HELLO)
    return front


MOMENTS = [
    (accepted, Phase.REQUEST),
    (sniffing, Phase.REQUEST),
    (connecting, Phase.CONNECT),
    (between, Phase.CONNECT),
    (relaying, Phase.DATA),
    (half_closed, Phase.LAST),
]


@pytest.mark.parametrize(("moment", "phase"), MOMENTS)
def test_a_client_may_reset_at_any_moment(moment: Callable[[], Front], phase: Phase) -> None:
    """Nothing is left of it, and what is under way is cancelled."""
    front = moment()
    front.stream.peer_resets()
    front.turn()
    front.over(Outcome.CLIENT_LEFT, phase)


@pytest.mark.parametrize(("moment", "phase"), MOMENTS[:4])
def test_a_tls_client_may_finish_at_any_moment_before_the_relay(moment: Callable[[], Front], phase: Phase) -> None:
    """Its FIN is a goodbye, and is answered by the end."""
    front = moment()
    front.stream.peer_finishes()
    front.turn()
    front.over(Outcome.CLIENT_LEFT, phase)
    assert not front.stream.aborted


@pytest.mark.parametrize(("moment", "phase"), [*MOMENTS, (paused, Phase.CONNECT)])
def test_the_service_may_end_at_any_moment(moment: Callable[[], Front], phase: Phase) -> None:
    """Everybody is told at once."""
    front = moment()
    front.protocol.shut_down()
    front.turn()
    front.over(Outcome.SHUTDOWN, phase)


@pytest.mark.parametrize(("moment", "phase"), [*MOMENTS[:5], (paused, Phase.CONNECT)])
def test_a_defect_may_end_it_at_any_moment(moment: Callable[[], Front], phase: Phase) -> None:
    """Twisted gives up a connection whose protocol raised; the log has the exception's name."""
    front = moment()
    front.stream._lose(ZeroDivisionError())
    record = front.over(Outcome.INTERNAL, phase)
    assert record.detail == "ZeroDivisionError"


def test_a_refused_client_that_does_not_read_is_closed_in_the_end() -> None:
    """The refusal stands, whoever closes."""
    front = lingering()
    front.passes(2 * LINGER_TIME + 1)
    front.over(Outcome.REFUSED, Phase.REQUEST)
    front = lingering()
    front.stream.peer_resets()
    front.turn()
    front.over(Outcome.REFUSED, Phase.REQUEST)


def test_a_refused_client_that_talks_on_and_on_is_closed() -> None:
    """What it sends is discarded, to a limit; beyond that it is not read, and has as much time as any."""
    front = lingering()
    assert front.takes() == alert_record(AlertDescription.UNRECOGNIZED_NAME)
    front.stream.peer_sends(bytes(LINGER_SIZE))
    front.turn()
    front.stream.peer_sends(b"x")
    assert front.stream.connected
    assert not front.stream.reading
    front.passes(LINGER_TIME + 1)
    front.over(Outcome.REFUSED, Phase.REQUEST)


def test_the_end_of_the_service_while_a_client_reads_why() -> None:
    """What waits for it still goes out."""
    front = lingering()
    front.protocol.shut_down()
    assert front.takes() == alert_record(AlertDescription.UNRECOGNIZED_NAME)
    front.over(Outcome.REFUSED, Phase.REQUEST)


# Connecting ---------------------------------------------------------------------------------------------------------


def test_the_pause_before_the_same_server_is_kept() -> None:
    """A second; the attempt then goes to the same address."""
    front = between()
    front.passes(0.9)
    assert len(front.reactor.dialled) == 1
    front.passes(0.2)
    assert [one.place for one in front.reactor.dialled] == ["127.0.0.1:8000"] * 2
    front.stream.peer_resets()
    front.over(Outcome.CLIENT_LEFT, Phase.CONNECT)


def test_another_server_is_tried_at_once() -> None:
    """And gets all that the client sent meanwhile."""
    front = Front(config(backend("s1", "s2", redispatch=Redispatch.YES)))
    front.stream.peer_sends(HELLO)
    front.fails()
    assert front.dialled.place == "127.0.0.1:8001"
    front.stream.peer_sends(b"early")
    stream = front.dialled.established()
    stream.peer_takes()
    assert stream.sent == HELLO + b"early"
    stream.peer_resets()
    record = front.over(Outcome.SERVER_LEFT, Phase.DATA)
    assert (record.server, record.retries, record.redispatched) == ("s2", 1, True)


def test_a_paused_client_is_read_again_once_the_server_is_there() -> None:
    """Everything arrives, in order."""
    front = paused()
    front.stream.peer_sends(b"the rest")
    stream = front.dialled.established()
    front.turn()
    for _ in range(5):
        stream.peer_takes()
        front.turn()
    assert stream.sent == HELLO + bytes(MAX_EARLY + 1) + b"the rest"
    front.protocol.shut_down()
    front.over(Outcome.SHUTDOWN, Phase.DATA)


def test_a_server_by_name() -> None:
    """Its name is asked for; where it has no address there is nobody."""
    named = Backend("b", servers=(Server("s", DnsAddress("app.example", 8443)),), retries=0)
    front = Front(config(named))
    front.stream.peer_sends(HELLO)
    front.reactor.names.only.answer("192.0.2.1")
    assert front.dialled.place == "192.0.2.1:8443"
    front.stream.peer_resets()
    front.over(Outcome.CLIENT_LEFT, Phase.CONNECT)
    front = Front(config(named))
    front.stream.peer_sends(HELLO)
    front.reactor.names.only.answer()
    assert front.takes() == INTERNAL
    front.stream.peer_finishes()
    record = front.over(Outcome.CONNECT_FAILED, Phase.CONNECT)
    assert record.detail == "its name has no address"


def test_a_server_without_a_socket_of_ours_is_no_defect() -> None:
    """Out of descriptors: the client is told, and the log says overload."""
    front = Front(config(backend("s", retries=0)))
    front.stream.peer_sends(HELLO)
    front.dialled.fails(ConnectBindError(24, "too many open files"))
    assert front.takes() == INTERNAL
    front.stream.peer_finishes()
    front.over(Outcome.OVERLOAD, Phase.CONNECT)


# tcp ----------------------------------------------------------------------------------------------------------------


def tcp(**fields: object) -> Front:
    """A client at a `tcp` frontend before one server."""
    return Front(config(backend(server("s", 8000), **fields), mode=Mode.TCP))


def test_a_tcp_client_is_connected_for_at_once() -> None:
    """The server may speak first."""
    front = tcp()
    front.dialled.established().peer_sends(b"220 hello\r\n")
    assert front.takes() == b"220 hello\r\n"
    front.stream.peer_resets()
    front.over(Outcome.CLIENT_LEFT, Phase.DATA)


def test_a_tcp_client_is_reset_where_nobody_is_left() -> None:
    """At once, and also where there was nobody to try."""
    front = tcp(retries=0)
    front.fails()
    assert front.stream.aborted
    front.over(Outcome.CONNECT_FAILED, Phase.CONNECT)
    front = Front(config(backend(), mode=Mode.TCP))
    assert front.stream.aborted
    front.over(Outcome.NO_SERVER, Phase.CONNECT)


def test_a_tcp_request_with_its_fin_waits_for_the_server() -> None:
    """Both are delivered, and the answer comes back."""
    front = tcp()
    front.stream.peer_sends(b"request")
    front.stream.peer_finishes()
    stream = front.dialled.established()
    front.turn()
    stream.peer_takes()
    front.turn()
    assert (stream.sent, stream.fin) == (b"request", True)
    stream.peer_sends(b"answer")
    stream.peer_finishes()
    assert front.takes() == b"answer"
    front.over(Outcome.COMPLETED, Phase.DONE)


# Time ---------------------------------------------------------------------------------------------------------------


def test_the_inspect_delay_ends_a_client_that_trickles() -> None:
    """From the accept, whatever comes; a silent one likewise."""
    front = Front(config(backend("s"), inspect_delay=2.0))
    for byte in range(18):
        front.stream.peer_sends(HELLO[byte : byte + 1])
        front.passes(0.1)
    assert front.sink.records == []
    front.passes(0.4)
    assert front.stream.fin
    front.stream.peer_finishes()
    front.over(Outcome.CLIENT_SILENT, Phase.REQUEST)


def test_the_inspect_delay_ends_a_client_that_says_nothing() -> None:
    """Nothing ever came of it."""
    front = Front(config(backend("s"), inspect_delay=2.0))
    front.passes(1.8)
    assert not front.stream.fin
    front.passes(0.4)
    assert front.stream.fin
    front.stream.peer_finishes()
    front.over(Outcome.CLIENT_SILENT, Phase.REQUEST)


def test_a_large_hello_that_stalls_is_ended_before_the_inspect_delay() -> None:
    """It holds too much for waiting so long."""
    front = Front(config(backend("s"), inspect_delay=60.0))
    whole = records(hello(extension(21, bytes(60_000))), 1)
    front.passes(1)
    front.stream.peer_sends(whole[: STALL_SIZE + 1])
    assert front.environment.hellos.total == STALL_SIZE + 1
    front.passes(STALL_TIME + 0.2)
    assert front.stream.fin
    front.stream.peer_finishes()
    front.over(Outcome.CLIENT_SILENT, Phase.REQUEST)


def test_what_a_hello_holds_is_given_back_when_it_is_complete() -> None:
    """Its bytes are the connection's then, and no unfinished hello's."""
    front = sniffing()
    assert front.environment.hellos.total == 50
    front.stream.peer_sends(HELLO[50:])
    assert front.environment.hellos.total == 0
    front.stream.peer_resets()
    front.over(Outcome.CLIENT_LEFT, Phase.CONNECT)


def test_the_largest_unfinished_hello_goes_where_all_hold_too_much() -> None:
    """It is told why, and the budget is its successors'."""
    front = Front()
    front.environment.hellos = HelloBudget(limit=100)
    large = record(hello(extension(21, bytes(1000))))
    front.stream.peer_sends(large[:100])
    assert front.environment.hellos.total == 100
    front.stream.peer_sends(large[100:101])
    assert front.takes() == INTERNAL
    assert front.environment.hellos.total == 0
    front.stream.peer_finishes()
    front.over(Outcome.OVERLOAD, Phase.REQUEST)


def test_a_hello_in_time_is_not_ended_later() -> None:
    """Connecting may take longer."""
    front = Front(config(backend("s", timeout_connect=30.0), inspect_delay=2.0))
    front.stream.peer_sends(HELLO)
    front.passes(20)
    stream = front.dialled.established()
    stream.peer_takes()
    assert stream.sent == HELLO
    front.passes(3)
    front.protocol.shut_down()
    front.over(Outcome.SHUTDOWN, Phase.DATA)


def test_the_timeouts_of_the_relay_are_those_in_force_when_it_starts() -> None:
    """A reload while the hello came changed them."""
    made = config(backend("s"))
    front = Front(made)
    front.stream.peer_sends(HELLO[:9])
    frontends = (replace(made.frontends[0], timeout_client=3.0),)
    front.environment.runtime.reload(replace(made, frontends=frontends), 100)
    front.stream.peer_sends(HELLO[9:])
    front.dialled.established().peer_takes()
    front.passes(2.5)
    assert front.sink.records == []
    front.passes(1)
    front.over(Outcome.CLIENT_IDLE, Phase.DATA)


# Late connections ---------------------------------------------------------------------------------------------------


def test_a_connection_that_the_session_does_not_want_is_reset() -> None:
    """It was made in the same turn in which the client was given up."""
    front = connecting()
    protocol = front.protocol
    built = ServerProtocol(protocol._connected)
    front.stream.peer_resets()
    front.turn()
    late = FakeStream(front.reactor)
    late.connect(built)
    front.turn()
    assert late.aborted
    front.over(Outcome.CLIENT_LEFT, Phase.CONNECT)


def test_a_server_that_fails_as_a_defect_cuts_the_client() -> None:
    """An exception in the server's protocol is Twisted's reason for its end."""
    front = relaying()
    assert front.dialled.stream is not None
    front.dialled.stream._lose(ZeroDivisionError())
    front.turn()
    assert front.stream.aborted
    front.over(Outcome.INTERNAL, Phase.DATA)
