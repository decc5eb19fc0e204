"""The last configuration that was good: when it is kept, how, and when it is served."""

from __future__ import annotations

import os
import re
import stat
import threading
from typing import TYPE_CHECKING, cast

import pytest
import pytest_twisted
from twisted.internet import reactor

from pumpproxy import lastgood
from pumpproxy.config.load import load_text
from pumpproxy.config.problems import ConfigError
from pumpproxy.lastgood import NAME, Fallback, LastGood, begin, store
from tests.flow.peers import until
from tests.logs import logged

if TYPE_CHECKING:
    from pathlib import Path

    from pumpproxy.config.load import Loaded
    from pumpproxy.interfaces import Reactor

GOOD = "[frontend f]\nmode = tls\nbind = *:1\ndefault-backend = b\n[backend b]\nserver s = 127.0.0.1:8443\n"
BAD = GOOD.replace("bind", "bnd")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where it is kept."""
    made = tmp_path / "state"
    made.mkdir()
    return made


def loaded(comment: str) -> Loaded:
    """A good configuration that can be told from others."""
    return load_text(f"# {comment}\n{GOOD}".encode(), "proxy.ini")


def keeping(folder: Path | None, fallback: Fallback | None = None) -> LastGood:
    """A service's."""
    return LastGood(cast("Reactor", reactor), folder, fallback)


def test_a_good_file_is_served_itself(tmp_path: Path, folder: Path) -> None:
    """Whatever is kept."""
    (folder / NAME).write_text(BAD)
    file = tmp_path / "proxy.ini"
    file.write_text(GOOD)
    begun = begin(str(file), folder)
    assert (begun.loaded.config.source, begun.fallback) == (str(file), None)


def test_a_bad_file_gives_way_to_what_was_kept(tmp_path: Path, folder: Path) -> None:
    """All its problems are told, and since when there is the other one."""
    store(folder, GOOD.encode())
    os.utime(folder / NAME, (1.7e9, 1.7e9))
    file = tmp_path / "proxy.ini"
    file.write_text(BAD)
    begun = begin(str(file), folder)
    assert begun.loaded.config.source == str(folder / NAME)
    assert begun.fallback is not None
    assert str(begun.fallback.problems[0]).startswith(f"{file}:3: [frontend f] bnd: ")
    assert re.fullmatch(r"2023-11-1[45] \d\d:\d\d:20", begun.fallback.date)


def test_so_does_a_file_that_is_not_there(tmp_path: Path, folder: Path) -> None:
    """It is named."""
    store(folder, GOOD.encode())
    begun = begin(str(tmp_path / "none.ini"), folder)
    assert begun.fallback is not None
    assert "none.ini: cannot be read" in str(begun.fallback.problems[0])


def test_a_kept_file_that_is_bad_by_now(tmp_path: Path, folder: Path) -> None:
    """A newer version may refuse it: both files' problems are told, each with its path."""
    store(folder, BAD.encode())
    file = tmp_path / "proxy.ini"
    file.write_text(BAD)
    with pytest.raises(ConfigError) as refused:
        begin(str(file), folder)
    assert {problem.file for problem in refused.value.problems} == {str(file), str(folder / NAME)}


def test_nothing_kept(tmp_path: Path, folder: Path) -> None:
    """The file's problems, and that there is nothing else."""
    with pytest.raises(ConfigError) as refused:
        begin(str(tmp_path / "none.ini"), folder)
    assert [problem.file for problem in refused.value.problems] == [str(tmp_path / "none.ini"), str(folder / NAME)]
    with pytest.raises(ConfigError) as refused:
        begin(str(tmp_path / "none.ini"), None)
    assert len(refused.value.problems) == 1


def test_a_relay_that_this_system_has_not(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a problem like any other."""
    monkeypatch.delattr(os, "splice", raising=False)
    store(folder, GOOD.encode())
    file = tmp_path / "proxy.ini"
    file.write_text(f"[global]\nrelay = splice\n{GOOD}")
    assert begin(str(file), folder).fallback is not None


def test_the_bytes_are_kept_as_they_are(folder: Path) -> None:
    """A byte order mark, ends of lines and all; readable for their owner alone, and nothing else is left there."""
    raw = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert load_text(raw, "proxy.ini").raw == raw
    (folder / f"{NAME}.new").write_text("of a writer that was killed")
    (folder / f"{NAME}.new").chmod(0o644)
    store(folder, raw)
    assert (folder / NAME).read_bytes() == raw
    assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [NAME]


def test_what_is_kept_already_is_not_written_again(folder: Path) -> None:
    """Its date is that of the configuration."""
    store(folder, GOOD.encode())
    os.utime(folder / NAME, (1.7e9, 1.7e9))
    store(folder, GOOD.encode())
    assert (folder / NAME).stat().st_mtime == 1.7e9
    store(folder, b"# other\n")
    assert (folder / NAME).stat().st_mtime > 1.7e9


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """Nobody else's file is overwritten."""
    other = tmp_path / "other"
    other.write_text("mine")
    for name in (NAME, f"{NAME}.new"):
        (folder / name).symlink_to(other)
    store(folder, GOOD.encode())
    assert other.read_text() == "mine"
    assert (folder / NAME).read_text() == GOOD
    assert not (folder / NAME).is_symlink()


@pytest_twisted.ensureDeferred
async def test_the_newest_is_kept_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is written at a time, off the reactor's thread; of several that come meanwhile the last."""
    written: list[tuple[bytes, bool]] = []
    begun, go_on = threading.Event(), threading.Event()

    def slowly(_: Path, raw: bytes) -> None:
        begun.set()
        go_on.wait(20)
        written.append((raw.split(b"\n")[0], threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(lastgood, "store", slowly)
    kept = keeping(folder)
    kept.started(loaded("1"))
    await until(begun.is_set)
    kept.took(loaded("2"))
    kept.took(loaded("3"))
    go_on.set()
    await until(lambda: len(written) == 2)
    assert written == [(b"# 1", False), (b"# 3", False)]


@pytest_twisted.ensureDeferred
async def test_where_nothing_can_be_kept_the_log_says_so(tmp_path: Path) -> None:
    """A warning, with the path; the next one is tried again."""
    kept = keeping(tmp_path / "none")
    with logged() as lines:
        kept.started(loaded("1"))
        await until(lambda: len(lines) == 1)
    assert lines[0].startswith("warn: the configuration is not kept as the last good one: ")
    assert str(tmp_path / "none") in lines[0]
    (tmp_path / "none").mkdir()
    kept.took(loaded("2"))
    await until((tmp_path / "none" / NAME).exists)


def test_a_start_with_the_last_good_one_is_told_loudly(folder: Path) -> None:
    """Each problem of the file and what is served instead, at error; it is not kept again."""
    with pytest.raises(ConfigError) as refused:
        load_text(BAD, "proxy.ini")
    kept = keeping(folder, Fallback(refused.value.problems, "2026-11-27 23:00:00"))
    with logged() as lines:
        assert kept.started(loaded("kept")) == kept.in_use
    assert [line.partition(": ")[0] for line in lines] == ["error"] * len(lines)
    assert len(lines) == len(refused.value.problems) + 1
    assert "serving the last good configuration of 2026-11-27 23:00:00: proxy.ini is refused" in lines[-1]
    assert kept.in_use == "serving the last good configuration of 2026-11-27 23:00:00"


@pytest_twisted.ensureDeferred
async def test_a_good_reload_ends_it(folder: Path) -> None:
    """From then on the file is served, and kept."""
    kept = keeping(folder, Fallback((), "2026-11-27 23:00:00"))
    kept.took(loaded("good again"))
    assert kept.in_use == ""
    await until((folder / NAME).exists)


def test_without_a_directory_nothing_is_kept() -> None:
    """Nor said."""
    with logged() as lines:
        kept = keeping(None)
        kept.started(loaded("1"))
        kept.took(loaded("2"))
    assert (lines, kept.in_use) == ([], "")
