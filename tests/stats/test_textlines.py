"""What stands before a line, and how a notice becomes lines."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import LogFormat
from pumpproxy.stats.accesslog import line
from pumpproxy.stats.textlines import Head, for_file, for_people, for_syslog, is_json, plain_lines
from tests.stats.test_accesslog import REQUEST, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = 1_700_000_000


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dates are local."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_each_place_has_its_own() -> None:
    """A syslog daemon puts the host in, and so do we in a file; people get twistd's date."""
    at = time.localtime(AT)
    pid = os.getpid()
    assert for_syslog(at) == f"Nov 14 22:13:20 pumpproxy[{pid}]: "
    assert for_file(at) == f"Nov 14 22:13:20 {os.uname().nodename.partition('.')[0]} pumpproxy[{pid}]: "
    assert for_people(at) == "2023-11-14T22:13:20+0000 "


def test_a_head_is_made_once_a_second() -> None:
    """Also where the clock is set back."""
    made: list[int] = []
    now = [AT + 0.0]

    def make(at: time.struct_time) -> str:
        made.append(at.tm_sec)
        return str(at.tm_sec)

    head = Head(make, lambda: now[0])
    found = []
    for now[0] in (AT + 0.1, AT + 0.9, AT + 1.0, AT + 0.5):
        found.append(head())
    assert found == ["20", "20", "21", "20"]
    assert made == [20, 21, 20]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("b/s is UP", ["b/s is UP"]),
        ("", [""]),
        ("Traceback:\n\n  File x\nBoom: y", ["Traceback:", "  File x", "Boom: y"]),
        ("a\tb\x1b[31m\r\x85\u2028c\xfc", ["a\tb#1B[31m#0D#85#2028c\xfc"]),
    ],
)
def test_a_notice_is_lines_that_nothing_breaks(text: str, lines: list[str]) -> None:
    """Empty ones are left out; control characters are shown."""
    assert plain_lines(text) == lines


@given(st.text())
def test_no_notice_forges_a_line(text: str) -> None:
    """Whatever an error says that a peer has brought about."""
    for one in plain_lines(text):
        assert len(one.splitlines()) <= 1


def test_an_object_is_told_from_the_other_layouts() -> None:
    """By its first letter; the others begin with an address."""
    for record in (SESSION, REQUEST):
        assert [is_json(line(record, layout)) for layout in LogFormat] == [False, False, True]
