"""Two processes that write to one file."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from pumpproxy.handover import appending

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_nobody_overwrites_what_another_has_written(tmp_path: Path) -> None:
    """Who opened a file to write on from its end, writes at its end from now on; who only reads reads on."""
    path = tmp_path / "log"
    path.write_bytes(b"0\n")
    with path.open("rb+", 0) as one, path.open("rb+", 0) as other, path.open("rb") as reading:
        for file in (one, other):
            file.seek(0, os.SEEK_END)
        appending.append()
        for file, line in ((one, b"one\n"), (other, b"other\n"), (one, b"more\n")):
            file.write(line)
        assert reading.read() == b"0\none\nother\nmore\n"
    assert path.read_bytes() == b"0\none\nother\nmore\n"


def test_without_proc_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines may be overwritten then, and nothing else is wrong."""
    monkeypatch.setattr(appending, "OPEN", tmp_path / "none")
    with (tmp_path / "log").open("wb", 0) as file:
        appending.append()
        assert not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_APPEND
