"""The file that is asked about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pumpproxy.command import source
from pumpproxy.config import load
from tests.command.files import BAD, GOOD, WARNED

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_good_file(tmp_path: Path) -> None:
    """Its configuration, and its warnings."""
    file = tmp_path / "f.ini"
    file.write_text(WARNED)
    found = source.read(str(file))
    assert found.loaded is not None
    assert found.lines == (*WARNED.splitlines(), "")
    assert [problem.error for problem in found.problems] == [False]


def test_a_bad_file(tmp_path: Path) -> None:
    """Its problems, and no configuration."""
    file = tmp_path / "f.ini"
    file.write_text(BAD)
    found = source.read(str(file))
    assert (found.loaded, found.readable) == (None, True)
    assert found.problems


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """That is another thing than a bad one."""
    found = source.read(str(tmp_path / "none.ini"))
    assert (found.loaded, found.readable, found.lines) == (None, False, ())
    assert "none.ini: cannot be read" in str(found.problems[0])


def test_no_line_can_harm_a_terminal(tmp_path: Path) -> None:
    """Control characters are replaced, as they are in messages."""
    file = tmp_path / "f.ini"
    file.write_bytes(b"key\x1b[31m = \x9b\n")
    assert source.read(str(file)).lines == ("key\ufffd[31m = \ufffd", "")


def test_what_the_system_has_not_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the daemon."""
    monkeypatch.delattr(os, "splice", raising=False)
    file = tmp_path / "f.ini"
    file.write_text(f"[global]\nrelay = splice\n{GOOD}")
    assert source.read(str(file)).loaded is None


def test_the_daemons_file_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that is there; where there is none, the first is what is missing."""
    first, second = tmp_path / "first.ini", tmp_path / "second.ini"
    monkeypatch.setattr(load, "DEFAULT_FILES", (str(first), str(second)))
    monkeypatch.setattr(source, "DEFAULT_FILES", (str(first), str(second)))
    assert source.read(None).path == str(first)
    second.write_text(GOOD)
    assert source.read(None).path == str(second)
