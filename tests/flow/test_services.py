"""The endpoints of one service while it is in use: the last good answer holds, and a change is said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow.inquiry import SAID
from pumpproxy.flow.services import Service
from pumpproxy.model import SrvAddress
from pumpproxy.policy.names import Endpoint, Lack
from tests.flow.reactors import Asked, FakeReactor
from tests.logs import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = SrvAddress("_https._tcp.web.example")
ONE, OTHER = Endpoint("a.example", 443, 10, 1), Endpoint("b.example", 8443, 10, 1)


@pytest.fixture(name="lines")
def _lines() -> Iterator[list[str]]:
    """What is said meanwhile."""
    with logged() as lines:
        yield lines


class Asking:
    """A service, and how many times it was told of."""

    def __init__(self, address: SrvAddress = WEB) -> None:
        self.reactor = FakeReactor()
        self.names = self.reactor.names
        self.changed: list[tuple[Endpoint, ...]] = []
        self.service = Service(
            self.reactor.real, self.names.real, address, lambda service: self.changed.append(service.endpoints)
        )
        self.service.inquiry.begin()

    def again(self) -> Asked:
        """The question that is asked when time has passed."""
        (call,) = self.reactor.getDelayedCalls()
        self.reactor.advance(call.getTime() - self.reactor.seconds())
        return self.names.only


def test_its_endpoints_are_told(lines: list[str]) -> None:
    """When there are others, or of other weights, or at other addresses; another order is no change."""
    asking = Asking()
    assert asking.names.asked[0].name == WEB.name
    asking.names.only.serves(OTHER, ONE)
    asking.again().serves(ONE, OTHER)
    assert asking.changed == [(OTHER, ONE)]
    asking.again().serves(ONE, OTHER._replace(weight=2))
    asking.again().serves(ONE, OTHER._replace(weight=2), a_example=("192.0.2.1",))
    asking.again().serves(OTHER._replace(weight=2), ONE, a_example=("192.0.2.1",))
    assert asking.changed[1:] == [(ONE, OTHER._replace(weight=2))] * 2
    assert lines == ["info: srv:_https._tcp.web.example is now at a.example:443, b.example:8443"]


def test_a_change_is_said_once(lines: list[str]) -> None:
    """When it comes, and not before."""
    asking = Asking()
    asking.names.only.serves(ONE)
    asking.again().serves(OTHER)
    asking.again().serves(OTHER._replace(weight=9))
    assert asking.service.endpoints == (OTHER._replace(weight=9),)
    assert lines[1:] == ["info: srv:_https._tcp.web.example is now at b.example:8443"]


def test_it_is_asked_for_again_when_its_answer_ends() -> None:
    """The TTL says when."""
    asking = Asking()
    asking.names.only.serves(ONE, holds=5.0)
    (call,) = asking.reactor.getDelayedCalls()
    assert call.getTime() == 5.0


def test_a_whole_name_is_asked_for_as_such() -> None:
    """Where the file has a dot at its end."""
    assert Asking(SrvAddress(WEB.name, absolute=True)).names.only.absolute
    assert not Asking().names.only.absolute


def test_what_came_along_is_kept_with_it() -> None:
    """The addresses of its hosts."""
    asking = Asking()
    asking.names.only.serves(ONE, a_example=("192.0.2.1",))
    assert asking.service.carried == {"a.example": ("192.0.2.1",)}
    asking.again().serves(ONE)
    assert asking.service.carried == {}


def test_the_last_good_answer_is_kept(lines: list[str]) -> None:
    """Where nobody answers, and where the answer is that there is nobody; that is said once, at last."""
    asking = Asking()
    asking.names.only.serves(ONE)
    for lack in (Lack.FAILED, Lack.MISSING, Lack.SILENT, Lack.SILENT):
        asking.again().fails(lack)
    assert asking.service.endpoints == (ONE,)
    assert asking.changed == [(ONE,)]
    assert lines[1:] == [
        "warn: srv:_https._tcp.web.example has no servers: no nameserver answers; the last servers stay"
    ]
    asking.again().serves(ONE)
    assert lines[2:] == ["info: srv:_https._tcp.web.example is now at a.example:443"]


def test_a_service_that_is_not_there_is_said_once(lines: list[str]) -> None:
    """At once, at the start; and when it comes."""
    asking = Asking()
    asking.names.only.fails(Lack.MISSING)
    for _ in range(SAID):
        asking.again().fails(Lack.MISSING)
    assert lines == ["warn: srv:_https._tcp.web.example has no servers: it has none"]
    assert asking.changed == []
    asking.again().serves(ONE)
    assert lines[1:] == ["info: srv:_https._tcp.web.example is now at a.example:443"]


def test_what_comes_after_the_end_is_nobody_s(lines: list[str]) -> None:
    """A reload has taken it away."""
    asking = Asking()
    asking.service.inquiry.stop()
    asking.names.only.serves(ONE)
    assert asking.changed == []
    assert lines == []
