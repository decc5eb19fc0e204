"""What happens to the site: which servers fail, how and when, what its file and DNS say by then, and who comes.

All of it is a pure function of a seed and a number of seconds. Times are seconds from the beginning. May not: do it.
"""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.system.faultsite import GROUPS, TIMEOUTS, all_names, whole

if TYPE_CHECKING:
    from tests.system.faultsite import Group, Layout, Names, Server


class Fault(enum.Enum):
    """What is done to a server."""

    KILL = "kill"
    """SIGKILL; started again when it is over."""
    RESTART = "restart"
    """SIGTERM; started again when it is over."""
    STOP = "stop"
    """SIGSTOP, then SIGCONT."""
    REFUSE = "refuse"
    """It closes its listening socket, and goes on with what it has."""
    HOLE = "hole"
    """Its backlog is full, and it takes nobody."""
    RESET = "reset"
    """It resets what it is in the middle of; over at once."""


@dataclass(frozen=True)
class Failing:
    """A server, what becomes of it, from when and for how long."""

    server: Server
    fault: Fault
    at: float
    lasts: float


@dataclass(frozen=True)
class Asking:
    """One exchange that a client wants."""

    number: int
    up: int
    down: int
    pace: float
    """Seconds between two pieces of what it gets, and of what it sends."""


@dataclass(frozen=True)
class Visiting:
    """One client's connection: when, to whom, what for."""

    number: int
    at: float
    group: Group
    asks: tuple[Asking, ...]
    """More than one for http only."""
    leaves: float | None
    """Seconds after which it resets, whatever there is; None: it stays until the end."""
    cut: int
    """Bytes of the first segment that come alone; 0: all at once."""


@dataclass(frozen=True)
class Answering:
    """What DNS says from a time on."""

    at: float
    names: Names
    silent: float = 0.0
    """Seconds in which it says nothing at all."""


@dataclass
class Course:
    """All that happens."""

    seed: int
    seconds: float
    failing: list[Failing] = field(default_factory=list)
    layouts: list[tuple[float, Layout]] = field(default_factory=list)
    """The files of the reloads."""
    visiting: list[Visiting] = field(default_factory=list)
    answering: list[Answering] = field(default_factory=list)


RATE = 35.0
"""Clients a second, ..."""
CROWDS = 0.03
"""...this share of which is a crowd that comes to one backend at once, more than its servers may have."""
CROWD = 15
NUMBERS = 8
"""A client's exchanges are numbered from a multiple of this."""
LARGE = 600_000


def draw(seed: int, seconds: float) -> Course:
    """The course of a seed."""
    chance = random.Random(seed)
    course = Course(seed, seconds)
    for group in GROUPS:
        for name in group.servers if not group.calm else "":
            course.failing += _failing(chance, (group.name, name), seconds)
    course.failing.sort(key=lambda each: each.at)
    course.layouts = _layouts(chance, seconds)
    course.answering = _answering(chance, seconds)
    at = 0.0
    while (at := at + chance.expovariate(RATE)) < seconds:
        group = chance.choice(GROUPS)
        for _ in range(CROWD if chance.random() < CROWDS else 1):
            course.visiting.append(_visiting(chance, NUMBERS * len(course.visiting), at, group))
    return course


def _failing(chance: random.Random, server: Server, seconds: float) -> list[Failing]:
    """One after the other, with a rest between them that is often long enough to be well again."""
    found = []
    at = chance.uniform(0.2, 3.0)
    while at < seconds:
        fault = chance.choice(list(Fault))
        lasts = 0.0 if fault is Fault.RESET else chance.choice((0.1, 0.4, 1.0, 1.0, 2.0, 3.5))
        if fault is Fault.STOP and chance.random() < 0.2:
            # Longer than what waits for it.
            lasts = TIMEOUTS["tunnel"] + 2.0
        found.append(Failing(server, fault, at, lasts))
        at += lasts + chance.uniform(0.5, 7.0)
    return found


def _answering(chance: random.Random, seconds: float) -> list[Answering]:
    """Now these, now those; the last has them all."""
    found, at = [], 0.0
    while (at := at + chance.uniform(1.0, 6.0)) < seconds:
        names = {
            name: "".join(sorted(chance.sample(servers, chance.randint(1, len(servers)))))
            for name, servers in all_names().items()
        }
        found.append(Answering(at, names, chance.choice((0.0, 0.0, 0.0, 0.5, 2.0))))
    return [*found, Answering(seconds, all_names())]


def _layouts(chance: random.Random, seconds: float) -> list[tuple[float, Layout]]:
    """Each differs from the one before in a server or two, or in nothing; the last is the whole again."""
    found: list[tuple[float, Layout]] = []
    layout, at = whole(), 0.0
    while (at := at + chance.uniform(0.4, 2.0)) < seconds:
        layout = dict(layout)
        for _ in range(chance.choice((0, 1, 2, 3))):
            _change(chance, layout)
        found.append((at, layout))
    found.append((seconds, whole()))
    return found


def _change(chance: random.Random, layout: Layout) -> None:
    group = chance.choice([group for group in GROUPS if len(group.servers) > 1 and not (group.by or group.calm)])
    server = group.name, chance.choice(group.servers)
    others = [layout.get((group.name, name)) for name in group.servers if name not in {server[1], *group.backup}]
    if server not in layout:
        layout[server] = whole()[server]
        return
    kind = chance.choice(("weight", "maxconn", "drain", "disabled", "gone", "back", "back"))
    if kind in {"drain", "disabled", "gone"} and not any(other is not None and other.gets_clients for other in others):
        # Somebody must be there for the backend's clients.
        kind = "back"
    if kind == "gone":
        del layout[server]
    elif kind == "weight":
        layout[server] = replace(layout[server], weight=chance.choice((1, 2, 10, 100)))
    elif kind == "maxconn":
        layout[server] = replace(layout[server], maxconn=chance.choice((None, 3, 5, 20)))
    elif kind == "back":
        layout[server] = whole()[server]
    else:
        layout[server] = replace(layout[server], state=kind)


def _visiting(chance: random.Random, number: int, at: float, group: Group) -> Visiting:
    count = chance.choice((1, 1, 2, 5)) if group.kind == "http" else 1
    asks = tuple(_asking(chance, number + index) for index in range(count))
    leaves = chance.choice((0.0, 0.004, 0.02, 0.3, 1.5)) if chance.random() < 0.08 else None
    return Visiting(number, at, group, asks, leaves, cut=chance.choice((0, 0, 0, 1, 200)))


def _asking(chance: random.Random, number: int) -> Asking:
    sizes = [chance.choice((0, chance.randrange(2000), chance.randrange(100_000))) for _ in range(2)]
    pace = 0.0
    if chance.random() < 0.25:
        sizes[chance.randrange(2)] = chance.randrange(LARGE)
        pace = chance.choice((0.0, 0.01, 0.05))
    return Asking(number, sizes[0], sizes[1], pace)
