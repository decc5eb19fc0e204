"""twistd's pid file at a hand-over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pumpproxy.handover.pidfile import PidFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ours."""
    file = tmp_path / "proxy.pid"
    file.write_text(str(os.getpid()))
    return file


def names(path: Path) -> list[str]:
    """The files there."""
    return sorted(one.name for one in path.parent.iterdir())


def test_it_steps_aside_and_is_removed_there(path: Path) -> None:
    """Twistd looks at its option again at the end."""
    options: dict[str, object] = {"pidfile": str(path)}
    PidFile(options).step_aside()
    assert names(path) == [f"proxy.pid.{os.getpid()}"]
    assert options["pidfile"] == f"{path}.{os.getpid()}"


def test_it_comes_back(path: Path) -> None:
    """In place of what a successor wrote that failed; more than once."""
    options: dict[str, object] = {"pidfile": str(path)}
    file = PidFile(options)
    for _ in range(2):
        file.step_aside()
        path.write_text("1")
        file.come_back()
        file.come_back()
        assert names(path) == ["proxy.pid"]
        assert path.read_text() == str(os.getpid())
        assert options["pidfile"] == str(path)


@pytest.mark.parametrize("content", ["1", "\xff", None])
def test_another_process_file_is_let_be(path: Path, content: str | None) -> None:
    """Or what is no pid file, or is not there."""
    path.unlink()
    if content is not None:
        path.write_text(content, "latin-1")
    before = names(path)
    options: dict[str, object] = {"pidfile": str(path)}
    file = PidFile(options)
    file.step_aside()
    file.come_back()
    assert (names(path), options) == (before, {"pidfile": str(path)})


@pytest.mark.parametrize("options", [{}, {"pidfile": ""}, {"pidfile": None}])
def test_there_may_be_none(options: dict[str, object]) -> None:
    """`--pidfile=`, or a twist that knows none."""
    before = dict(options)
    PidFile(options).step_aside()
    assert options == before


def test_where_it_may_not_move(path: Path) -> None:
    """It is told, and stays."""
    (path.parent / f"proxy.pid.{os.getpid()}").mkdir()
    options: dict[str, object] = {"pidfile": str(path)}
    with pytest.raises(OSError, match="proxy"):
        PidFile(options).step_aside()
    assert path.exists()
    assert options["pidfile"] == str(path)
