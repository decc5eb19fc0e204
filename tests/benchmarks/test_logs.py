"""The lines of an access log are counted in whatever files a program has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.logs import written_lines

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_about_clients_are_counted(tmp_path: Path) -> None:
    """In all files of a log that was rotated, nginx's too, and not what else a log tells."""
    (tmp_path / "twistd.log").write_text(
        "2026-11-22T13:00:00+0000 [-] serving 127.0.0.1:443\n"
        "2026-11-22T13:00:01+0000 [pumpproxy.access#info] 127.0.0.1:40000 [22/Nov/2026:13:00:01.000] f b/s 0/0/1\n"
    )
    (tmp_path / "twistd.log.1").write_text("x [y] 127.0.0.1:40001 [22/Nov/2026:13:00:01.000] f b/s 0/0/1\n" * 2)
    (tmp_path / "access.log").write_text("127.0.0.1:40002 [22/Nov/2026:13:00:01 +0000] 443 127.0.0.1:9 0/0 1 200\n")
    (tmp_path / "output").write_text("127.0.0.1:1 [no log]\n")
    assert written_lines(tmp_path) == 4
