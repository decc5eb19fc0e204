"""Where a figure is taken, and what the machine allows."""

from __future__ import annotations

import os
import resource
import shutil
import sys

import pytest

from benchmarks import machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="machine: reads /proc")


def test_facts_name_the_place() -> None:
    """Everything that the page says of it."""
    facts = machine.facts()
    assert set(facts) == {"date", "cpu", "memory", "kernel", "python", "user"}
    assert all(facts.values())


@pytest.mark.parametrize(
    ("descriptors", "memory", "allowed", "why"),
    [
        (100_000 + machine.SPARE, 1 << 40, 50_000, ""),
        (
            20_000,
            1 << 40,
            (20_000 - machine.SPARE) // 2,
            "the limit of open files (ulimit -Hn) is 20000, a relay takes two",
        ),
        (1 << 20, 320 << 20, 10_240, "memory"),
    ],
)
def test_what_does_not_allow_all_is_told(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, memory: int, allowed: int, why: str
) -> None:
    """As many relays as asked for, or as the tightest limit allows, with that limit's name."""
    monkeypatch.setattr(machine, "raise_descriptors", lambda wanted: min(wanted, descriptors))
    monkeypatch.setattr(machine, "available_memory", lambda: memory)
    count, reason = machine.relays_allowed(50_000)
    assert count == allowed
    assert reason.startswith(why)
    assert bool(reason) == bool(why)


def test_the_limit_is_raised_as_far_as_it_goes() -> None:
    """Up to the hard limit at least, never down."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 10, hard))
        assert machine.raise_descriptors(hard - 5) == hard - 5
        assert machine.raise_descriptors(100) == hard - 5
        assert machine.raise_descriptors(hard) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_ordinary_user_stays_where_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root's rights there is no other network, and no error."""
    monkeypatch.delenv(machine.OWN_NETWORK, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it went elsewhere"))
    machine.enter_own_network()


def test_root_gets_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command again, in a namespace, and marked so that it is done once."""
    started = []
    monkeypatch.delenv(machine.OWN_NETWORK, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/true")
    monkeypatch.setattr(sys, "argv", ["benchmarks", "log", "--rounds", "1"])
    monkeypatch.setattr(os, "execve", lambda *words: started.append(words))
    machine.enter_own_network()
    ((_, command, environment),) = started
    assert command == ["/bin/true", "--net", "--", sys.executable, "-m", "benchmarks", "log", "--rounds", "1"]
    assert environment[machine.OWN_NETWORK] == "1"
