"""The short way of a request beside the long one: whatever happens, everybody gets the same."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import ConnectionMode, ForwardFor
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.straightexchange import MOST_KNOWN
from tests.playbook import GET, OK, site
from tests.policy.straightworld import ANSWERS, HOST, LINES, SECTIONS, LongWorld, ShortWorld, config

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = 1500
"""Clients..."""
REQUESTS = 20
"""...and what each asks at most."""


class Both:
    """What happens to one client happens to the other; what is seen of both must be the same."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        declared = config(chance)
        client = ClientAddress(f"198.51.100.{seed % 200}", 4000)
        self.long, self.short = LongWorld(declared, client), ShortWorld(declared, client)
        self._section = chance.choice(SECTIONS[:5])
        self.waited = 0

    def do(self, what: Callable[[LongWorld], None]) -> None:
        """To both."""
        for world in (self.long, self.short):
            if not world.over:
                what(world)
                self._settle(world)
        self._compare()

    def _settle(self, world: LongWorld) -> None:
        while not world.over and (world.attempt or world.woken or (world.draining and not world.full)):
            if world.woken:
                world.hear()
            elif world.attempt:
                world.connect()
            else:
                world.drain()

    def _compare(self) -> None:
        long, short = self.long, self.short
        assert short.got == long.got
        assert short.records == long.records
        assert [server.data for server in short.servers] == [server.data for server in long.servers]
        assert [server.reset for server in short.servers] == [server.reset for server in long.servers]
        assert [server.left for server in short.servers] == [server.left for server in long.servers]
        assert (short.finished, short.reset, short.draining) == (long.finished, long.reset, long.draining)
        assert (short.server is None) == (long.server is None)
        assert short.over or short.exchange.deadline() == long.exchange.deadline()
        assert self._standing(short) == self._standing(long)

    @staticmethod
    def _standing(world: LongWorld) -> list[object]:
        standing: list[object] = [world.woken, world.attempt is None]
        for pool in world.runtime.pools.values():
            standing.append((pool.connections, pool.waiting, pool._chance._state))
            standing += [(one.connections, one.credit, one.usable, len(one.queue)) for one in pool.servers.values()]
        return standing

    def live(self, requests: int) -> None:
        """A client's whole life."""
        for _ in range(requests):
            if self.long.over:
                return
            if self.chance.random() < 0.3:
                self._tends()
            self._ask()
            if self.long.pool.waiting:
                self.waited += 1
                self._tends()
            self._answer()

    def _tends(self) -> None:
        """Something happens to the servers: others come or go, one is there or not."""
        chance = self.chance
        place = chance.randrange(2)
        match chance.choice(["crowd", "crowd", "crowd", "room", "up", "down"]):
            case "crowd":
                self.do(LongWorld.crowds)
            case "room":
                self.do(LongWorld.makes_room)
            case how:
                self.do(lambda world: world.turns(place, up=how == "up"))

    def _ask(self) -> None:
        chance = self.chance
        line = chance.choice(LINES[:4]) if chance.random() < 0.95 else chance.choice(LINES)
        section = self._section if chance.random() < 0.85 else chance.choice(SECTIONS)
        data = b"%b\r\n%b\r\n" % (line, section)
        roll = chance.random()
        if roll < 0.03:
            data = data * 2
        elif roll < 0.05:
            data += b"body"
        cut = chance.randrange(len(data)) if chance.random() < 0.1 else 0
        for piece in (data[:cut], data[cut:]):
            if piece:
                self.do(partial(self._sends, data=piece))

    def _answer(self) -> None:
        """As many answers as are waited for, mostly whole."""
        chance = self.chance
        for _ in range(3):
            if self.long.over or self.long.server is None:
                return
            data = chance.choice(ANSWERS[:6]) if chance.random() < 0.85 else chance.choice(ANSWERS)
            cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice([0, 0, 0, 1, 2])))
            for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
                if chance.random() < 0.1:
                    self._interfere()
                if data[start:stop]:
                    self.do(partial(self._says, data=data[start:stop]))
            if chance.random() < 0.02 or b"until the end" in data:
                self.do(lambda world: world.tell(world.exchange.server_finished) if world.server else None)

    @staticmethod
    def _sends(world: LongWorld, data: bytes) -> None:
        if not world.client_paused:
            world.send(data)

    @staticmethod
    def _says(world: LongWorld, data: bytes) -> None:
        if world.server is not None and not world.server.paused:
            world.says(data)

    def _interfere(self) -> None:
        """Something else happens meanwhile."""
        chance = self.chance
        match chance.choice(_MEANWHILE):
            case "full":
                self.do(_fill)
                self.do(_take)
            case "time":
                self.do(lambda world: _wait(world, 1.0))
            case "late":
                self.do(LongWorld.pass_time)
            case "lost":
                self.do(_lose)
            case "early":
                self.do(lambda world: None if world.client_paused else world.send(GET[:9]))
            case "fin" | "reset" as how:
                self.do(lambda world: world.leave(fin=how == "fin"))
            case "ends":
                self.do(lambda world: world.tell(world.exchange.finish_up))
            case "reload":
                declared = config(chance)
                self.do(lambda world: world.runtime.reload(declared, 100))
            case "shut":
                self.do(lambda world: world.tell(world.exchange.shut_down))
            case other:
                raise AssertionError(other)


_MEANWHILE = (*["full", "time", "early", "reload"] * 3, "late", "lost", "fin", "reset", "ends", "shut")


def _fill(world: LongWorld) -> None:
    world.full = True
    world.tell(world.exchange.client_full)


def _take(world: LongWorld) -> None:
    world.full = False
    world.tell(world.exchange.client_ready)


def _wait(world: LongWorld, seconds: float) -> None:
    world.now += seconds
    world.tell(world.exchange.deadline_passed)


def _lose(world: LongWorld) -> None:
    if world.server is not None:
        world.server = None
        world.tell(world.exchange.server_lost)


def test_both_ways_lead_everybody_to_the_same_place() -> None:
    """Whatever is asked and answered, however it is cut, and whatever happens in between."""
    short = waited = 0
    for seed in range(SEEDS):
        both = Both(seed)
        try:
            both.live(REQUESTS)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
        short += both.short.short
        waited += both.waited
    assert short > SEEDS
    assert waited > SEEDS / 3


TOLD = b"X-Forwarded-For: 192.0.2.7\r\n"


def answered(world: LongWorld, data: bytes = GET) -> None:
    """One request, and its answer."""
    world.send(data)
    while world.attempt:
        world.connect()
    world.says(OK)
    if world.draining:
        world.drain()


def keeping() -> ShortWorld:
    """One that has asked once."""
    world = ShortWorld(site(connection=ConnectionMode.KEEP_ALIVE, forwardfor=ForwardFor()))
    answered(world)
    assert world.short == 0
    return world


@pytest.mark.parametrize("line", [b"GET /other?x=y HTTP/1.1", b"GET / HTTP/1.1"])
def test_the_second_request_alike_goes_the_short_way(line: bytes) -> None:
    """Whatever its path."""
    world = keeping()
    answered(world, line + b"\r\n" + HOST + b"\r\n")
    assert world.short == 1
    assert world.servers[0].data.endswith(line + b"\r\n" + HOST + TOLD + b"\r\n")
    assert [record.outcome for record in world.records] == [Outcome.COMPLETED] * 2


def test_few_sections_are_kept() -> None:
    """The oldest goes; its next request goes the long way, and is kept again."""
    world = keeping()
    for number in range(MOST_KNOWN):
        answered(world, GET[:-2] + b"X: %d\r\n\r\n" % number)
    answered(world)
    assert world.short == 0
    answered(world)
    assert world.short == 1
