"""Datagrams to the supervisor, which are never in the way of anything."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from pumpproxy.systemd.notify import LONGEST, PATIENCE, Notifier
from tests.systemd.ear import Ear

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.systemd.ear import Message


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    """At a path."""
    with Ear(tmp_path) as made:
        yield made


def said_by(ear: Ear, *, silent: bool = False) -> list[dict[str, str]]:
    """What is heard when each verb is used once."""
    notifier = Notifier(ear.address)
    if silent:
        notifier.silence()
    notifier.ready("2 routes")
    notifier.reloading()
    notifier.status("3 routes")
    notifier.stopping("ending", 2.5)
    notifier.alive()
    notifier.main_pid(77)
    notifier.store("pumpproxy-x", [])
    notifier.forget("pumpproxy-x")
    notifier.silence()
    notifier.silence()
    return ear.said()


def test_each_verb_is_one_message(ear: Ear) -> None:
    """In the words of sd_notify(3); the time of a reload is CLOCK_MONOTONIC's."""
    before = time.monotonic_ns() // 1000
    said = said_by(ear)
    assert before <= int(said[1].pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000
    assert said == [
        {"READY": "1", "STATUS": "2 routes"},
        {"RELOADING": "1"},
        {"STATUS": "3 routes"},
        {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": "2500000", "STATUS": "ending"},
        {"WATCHDOG": "1"},
        {"MAINPID": "77"},
        {"FDSTORE": "1", "FDNAME": "pumpproxy-x"},
        {"FDSTOREREMOVE": "1", "FDNAME": "pumpproxy-x"},
    ]


def test_an_abstract_socket_will_do() -> None:
    """As containers have it."""
    with Ear(None) as ear:
        assert len(said_by(ear)) == 8


def test_the_address_is_that_of_the_process(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """NOTIFY_SOCKET; without it nobody listens."""
    monkeypatch.setenv("NOTIFY_SOCKET", ear.address)
    notifier = Notifier.of_process()
    assert notifier.listened_to
    notifier.status("here")
    assert ear.said() == [{"STATUS": "here"}]
    notifier.silence()
    assert not notifier.listened_to
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not Notifier.of_process().listened_to


def test_after_silence_nothing_is_said(ear: Ear) -> None:
    """Another process speaks for the service."""
    assert said_by(ear, silent=True) == []


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative", "/nowhere/at/all", "@", f"/{'x' * 200}", "/a\0b"])
def test_without_anybody_there_it_is_nothing(address: str) -> None:
    """Also where the address is none that we know, or cannot be."""
    notifier = Notifier(address)
    notifier.ready("x")
    notifier.store("pumpproxy-x", [0])
    assert not notifier.listened_to


def test_descriptors_are_handed_over(ear: Ear) -> None:
    """The very socket, and it stays ours."""
    notifier = Notifier(ear.address)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        notifier.store("pumpproxy-x", [listening.fileno()])
        (message,) = ear.heard()
        (descriptor,) = message.descriptors
        assert os.fstat(descriptor).st_ino == os.fstat(listening.fileno()).st_ino
        assert listening.getsockname()[1] > 0
    notifier.silence()


def test_a_descriptor_that_is_none_is_tolerated(ear: Ear) -> None:
    """Nothing is said, and the next message goes through."""
    notifier = Notifier(ear.address)
    for wrong in (-1, 9999):
        notifier.store("pumpproxy-x", [wrong])
    notifier.alive()
    assert ear.said() == [{"WATCHDOG": "1"}]
    notifier.silence()


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("one\nREADY=1\r\tline", "one READY=1  line"),
        ("Stra\xdfe \u20ac", "Stra\xdfe \u20ac"),
        ("undecodable \udcff", "undecodable  "),
        ("red \x1b[31m", "red  [31m"),
        ("\u20ac" * LONGEST, "\u20ac" * (LONGEST // 3)),
    ],
)
def test_a_status_is_one_line_of_utf_8(ear: Ear, text: str, heard: str) -> None:
    """Whatever a file's problem repeats: a line break would be another assignment, and what is too long is lost."""
    notifier = Notifier(ear.address)
    notifier.ready(text)
    notifier.status(text)
    assert ear.said() == [{"READY": "1", "STATUS": heard}, {"STATUS": heard}]
    notifier.silence()


def full(notifier: Notifier) -> int:
    """Fill the queue of whoever does not listen; how many messages there was room for."""
    for sent in range(100_000):
        before = time.monotonic()
        notifier.main_pid(sent)
        if time.monotonic() - before > PATIENCE / 2:
            return sent
    msg = "the queue is never full"
    raise AssertionError(msg)


def test_a_supervisor_that_does_not_listen_is_waited_for_once(ear: Ear) -> None:
    """What must arrive waits a little for room; then nothing does, until something arrived again."""
    notifier = Notifier(ear.address)
    room = full(notifier)
    before = time.monotonic()
    for _ in range(200):
        notifier.alive()
        notifier.ready("x")
    assert time.monotonic() - before < 200 * PATIENCE / 4
    heard: list[Message] = ear.heard()
    assert len(heard) == room
    notifier.ready("again")
    assert ear.said() == [{"READY": "1", "STATUS": "again"}]
    assert full(notifier) == room
    notifier.silence()


def test_a_supervisor_that_is_gone_is_tolerated(tmp_path: Path) -> None:
    """It began anew, or ended."""
    with Ear(tmp_path) as ear:
        notifier = Notifier(ear.address)
    notifier.ready("x")
    notifier.alive()
    assert notifier.listened_to
    notifier.silence()
