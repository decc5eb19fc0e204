"""Entries of systemd's journal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.journalentry import LONGEST, entry
from tests.stats.journald import read_entry


def test_a_field_of_one_line_is_text() -> None:
    """Name, equals sign, value, line feed."""
    assert entry([("MESSAGE", "it is UP"), ("PRIORITY", "6")]) == b"MESSAGE=it is UP\nPRIORITY=6\n"


def test_a_field_of_several_lines_has_its_length() -> None:
    """64 bits, little-endian, of bytes; nothing within it can pass for another field."""
    sent = entry([("MESSAGE", "a\nPRIORITY=0\n\xfc"), ("PRIORITY", "3")])
    assert sent == b"MESSAGE\n\x0f\0\0\0\0\0\0\0a\nPRIORITY=0\n\xc3\xbc\nPRIORITY=3\n"


@given(st.lists(st.tuples(st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True), st.text()), unique_by=lambda f: f[0]))
def test_whatever_a_value_is_it_can_be_read_back(fields: list[tuple[str, str]]) -> None:
    """By who knows the protocol."""
    assert read_entry(entry(fields)) == {
        name: value.encode("utf-8", "backslashreplace").decode() for name, value in fields
    }


@pytest.mark.parametrize("unit", ["x", "x\n"])
def test_of_a_very_long_value_the_middle_is_left_out(unit: str) -> None:
    """A datagram has to take it; beginning and end stay, and it says how much is missing."""
    value = "begin" + unit * 300_000 + "end"
    found = read_entry(entry([("MESSAGE", value)]))["MESSAGE"]
    assert len(found) <= LONGEST
    assert found.startswith("begin" + unit)
    assert found.endswith("end")
    missing = len(value) - len(found.partition("\n[... ")[0]) - len(found.partition(" left out ...]\n")[2])
    assert f"\n[... {missing} bytes are left out ...]\n" in found
