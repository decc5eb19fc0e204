"""Plays a course: the servers' processes, the daemon before them, the faults, the reloads, DNS and the clients.

It keeps the history of what was done when. May not: judge.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.fakes import unused_port
from tests.nameservers import Nameserver, Zone, a, srv
from tests.system.daemon import PATIENCE, Daemon
from tests.system.faultclients import Client, context_for
from tests.system.faultcourse import NUMBERS, Asking, Fault, Visiting
from tests.system.faulthistory import Failed, History
from tests.system.faultserver import Identity
from tests.system.faultservers import Processes, unused_port_at
from tests.system.faultsite import FRONT, GROUPS, SETTLED, Places, all_names, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.nameservers import Query
    from tests.system.faultcourse import Course, Failing
    from tests.system.faultledger import Visit
    from tests.system.faultservers import Process
    from tests.system.faultsite import Group, Server

BELIEVED = 3.0
"""Seconds that an answer is in use when there is another: it holds for one, and is asked for again then."""
BELIEVED_AFTER_SILENCE = 8.0
"""... after nobody answered: then it is asked for less often."""
ROUNDS = 100
"""Visits in the end, by which every server of a group has been seen."""
HEARTBEAT = 0.1
FALTERED = 0.4
"""Seconds that such a beat may be late; more, and the machine was too busy for anybody to be blamed."""


class Stage:
    """One site. What is public is for the judge."""

    def __init__(self, folder: Path, course: Course, relay: str, certificate: Path) -> None:
        self.course = course
        self.history = History()
        self.ledger = folder / "ledger"
        self._folder = folder
        self._relay = relay
        self._context = context_for(certificate)
        self._names = all_names()
        self._silent = False
        self._nameserver = Nameserver(self._answer)
        self._processes = Processes(self._identities(str(certificate)))
        self._ports = {mode: unused_port_at(FRONT) for mode in ("tls", "tcp", "http")}
        self._places = Places(
            {mode: f"{FRONT}:{port}" for mode, port in self._ports.items()},
            {server: process.address for server, process in self._processes.of.items()},
            f"{self._nameserver.place.host}:{self._nameserver.place.port}",
        )
        self.daemon: Daemon
        self.descriptors = self.memory = 0
        """Before anything happened."""
        self.descriptors_left = 0
        """When all had gone."""
        self._begun = 0.0

    def _identities(self, certificate: str) -> list[Identity]:
        found: list[Identity] = []
        for group in GROUPS:
            kind = "hello" if group.kind == "tcp" else group.kind
            port = unused_port()
            for name in group.servers:
                host = f"127.0.0.{10 + len(found)}"
                place = host, port if group.by == "host" else unused_port_at(host)
                found.append(Identity(kind, group.name, name, *place, 0, str(self.ledger), certificate, group.proxied))
        return found

    async def play(self, judge: Callable[[Stage], None]) -> None:
        """The course, then a while for everybody to be well, then the last visits, then `judge`."""
        history = self.history
        history.called = {
            (group.name, name): self._places.called(group, name) for group in GROUPS for name in group.servers
        }
        async with self._processes:
            with self._nameserver, Daemon(self._folder, self._places.text(whole(), self._relay)) as self.daemon:
                self._begun = time.monotonic()
                history.declare(whole(), self._begun, self._begun)
                history.answer(self._names, self._begun, self._begun)
                await self._measure()
                self._begun = time.monotonic()
                beating = asyncio.create_task(self._beat())
                await self._everything()
                await asyncio.sleep(SETTLED)
                await self._come_at_last()
                await self._until_quiet()
                beating.cancel()
                judge(self)

    async def _everything(self) -> None:
        by_server: dict[Server, list[Failing]] = defaultdict(list)
        for each in self.course.failing:
            by_server[each.server].append(each)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reload_all())
            tasks.create_task(self._answer_all())
            for failing in by_server.values():
                tasks.create_task(self._fail_all(failing))
            visiting = [tasks.create_task(self._visit(each)) for each in self.course.visiting]
        self.history.visits = [visit.result() for visit in visiting]

    # What is done -----------------------------------------------------------------------------------------------------

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, self._begun + at - time.monotonic()))

    async def _fail_all(self, failing: list[Failing]) -> None:
        for each in failing:
            await self._until(each.at)
            begin = time.monotonic()
            await _fail(self._processes.of[each.server], each)
            self.history.faults.append(Failed(each.server, each.fault, begin, time.monotonic()))

    async def _reload_all(self) -> None:
        for at, layout in self.course.layouts:
            await self._until(at)
            begin = time.monotonic()
            text = self._places.text(layout, self._relay)
            said = await asyncio.to_thread(self.daemon.reload, text)
            assert "reload refused" not in said, said
            self.history.declare(layout, begin, time.monotonic())

    async def _answer_all(self) -> None:
        for each in self.course.answering:
            await self._until(each.at)
            begin = time.monotonic()
            self._silent = each.silent > 0.0
            self._names = each.names
            self.history.answer(each.names, begin, begin + BELIEVED)
            if self._silent:
                await asyncio.sleep(each.silent)
                self._silent = False
                self.history.silenced(begin, time.monotonic() + BELIEVED_AFTER_SILENCE)

    def _answer(self, query: Query) -> list[bytes]:
        """DNS, in a thread of its own."""
        zone = Zone()
        for group in GROUPS:
            for name in self._names.get(group.name, ""):
                me = self._processes.of[group.name, name].me
                own = f"{name}.{group.name}.test"
                if group.by == "host":
                    zone.records.append(a(f"{group.name}.test", me.host, 1))
                else:
                    zone.records += [srv(f"_x._tcp.{group.name}.test", own, me.port, ttl=1), a(own, me.host, 1)]
        return [] if self._silent else zone(query)

    async def _beat(self) -> None:
        """Where the machine has no time for us it has none for servers and checks: as if all were stopped."""
        at = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT)
            before, at = at, time.monotonic()
            if at - before > HEARTBEAT + FALTERED:
                self.history.faults += [Failed(server, Fault.STOP, before, at) for server in self._processes.of]

    async def _visit(self, visiting: Visiting) -> Visit:
        await self._until(visiting.at)
        return await self._come(visiting)

    async def _come(self, visiting: Visiting) -> Visit:
        return await Client(visiting, (FRONT, self._ports[visiting.group.mode]), self._context).come()

    # Before and after -------------------------------------------------------------------------------------------------

    async def _measure(self) -> None:
        samples = []
        for _ in range(10):
            samples.append(self.daemon.descriptors)
            await asyncio.sleep(0.05)
        # Checks come and go.
        self.descriptors, self.memory = min(samples), self.daemon.resident

    async def _come_at_last(self) -> None:
        """Until each server has been seen."""
        for group in GROUPS:
            # The addresses of a host are one server, whose first is taken as long as it is there.
            unseen = set(group.servers[:1]) if group.by == "host" else set(group.servers) - set(group.backup)
            for _ in range(ROUNDS):
                visit = await self._come(_plain(len(self.history.last), group))
                self.history.last.append(visit)
                unseen -= {str(exchanged.server) for exchanged in visit.exchanged}
                if not unseen:
                    break
            assert not unseen, f"{group.name}: nobody came to {unseen}, though all is well"

    async def _until_quiet(self) -> None:
        """Wait until it holds no more descriptors than before, but for a while."""
        for _ in range(int(PATIENCE * 20)):
            self.descriptors_left = self.daemon.descriptors
            if self.descriptors_left <= self.descriptors:
                return
            await asyncio.sleep(0.05)

    def lines(self) -> dict[tuple[str, int], list[dict[str, object]]]:
        """The access log's, by the client's address and port."""
        found: dict[tuple[str, int], list[dict[str, object]]] = defaultdict(list)
        for line in self.daemon.log.splitlines():
            if '{"client":' in line:
                facts = json.loads(line[line.index("{") :])
                found[facts["client"], facts["port"]].append(facts)
        return found


def _plain(number: int, group: Group) -> Visiting:
    """A visit of little; its number is below those of a course."""
    number = -NUMBERS * (number + 1)
    return Visiting(number, 0.0, group, (Asking(number, 10, 1000, 0.0),), None, 0)


async def _fail(process: Process, failing: Failing) -> None:
    """Do it, and undo it."""
    fault = failing.fault
    if fault in {Fault.KILL, Fault.RESTART}:
        await process.end(signal.SIGKILL if fault is Fault.KILL else signal.SIGTERM)
        await asyncio.sleep(failing.lasts)
        await process.start()
    elif fault is Fault.STOP:
        process.tell(signal.SIGSTOP)
        await asyncio.sleep(failing.lasts)
        process.tell(signal.SIGCONT)
    else:
        await process.order(fault.value)
        if fault is not Fault.RESET:
            await asyncio.sleep(failing.lasts)
            await process.order("listen")
