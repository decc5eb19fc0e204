"""`pumpproxy check`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pumpproxy.command.main import main
from tests.command.files import BAD, GOOD, SHIPPED, WARNED

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file."""
    path = tmp_path / "f.ini"
    path.write_text(GOOD)
    return path


def test_the_shipped_file_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that counts."""
    assert main(["check", "--strict", "-c", SHIPPED]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == f"{SHIPPED}: good: 2 frontends, 2 routes, 3 backends, 3 servers\n"


def test_a_bad_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every problem on standard error, their number on standard output; status 1."""
    file.write_text(BAD)
    assert main(["check", "-c", str(file)]) == 1
    captured = capsys.readouterr()
    assert sum(line.startswith(f"{file}:") for line in captured.err.splitlines()) == 4
    assert captured.out == f"{file}: bad: 4 errors\n"


@pytest.mark.parametrize(("words", "status", "verdict"), [([], 0, "good"), (["--strict"], 1, "bad")])
def test_warnings(file: Path, words: list[str], status: int, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They count only where that is asked; they are told anyway."""
    file.write_text(WARNED)
    assert main(["check", "-c", str(file), *words]) == status
    captured = capsys.readouterr()
    assert f"{file}:7: warning: [backend unused]" in captured.err
    assert captured.out.startswith(f"{file}: {verdict}: 1 warning, 1 frontend")


def test_quiet(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No summary; problems are told all the same."""
    assert main(["check", "-q", "-c", str(file)]) == 0
    assert capsys.readouterr() == ("", "")
    file.write_text(BAD)
    assert main(["check", "--quiet", "-c", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error: " in captured.err


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A status of its own."""
    assert main(["check", "-c", str(tmp_path / "none.ini")]) == 66
    assert "none.ini: error: cannot be read: No such file" in capsys.readouterr().err


def test_json_of_a_bad_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object with everything, on standard output; nothing elsewhere."""
    file.write_text(BAD)
    assert main(["check", "--json", "-c", str(file)]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    assert (found["file"], found["good"], found["counts"]) == (str(file), False, {"errors": 4, "warnings": 0})
    assert found["problems"][0] == {
        "file": str(file),
        "line": 2,
        "section": "global",
        "key": "maxcon",
        "severity": "error",
        "message": "is not a key of [global]",
        "hint": "did you mean 'maxconn'?",
    }


def test_json_of_a_good_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what is in it; `good` is what the status says."""
    file.write_text(WARNED)
    assert main(["check", "--json", "-c", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["good"] is True
    assert [problem["severity"] for problem in found["problems"]] == ["warning"]
    expected = {"errors": 0, "warnings": 1, "frontends": 1, "routes": 0, "backends": 2, "servers": 2}
    assert found["counts"] == expected
    assert main(["check", "--json", "--strict", "-c", str(file)]) == 1
    assert json.loads(capsys.readouterr().out)["good"] is False


def test_json_of_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What concerns no line has none."""
    assert main(["check", "--json", "-c", str(tmp_path / "none.ini")]) == 66
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["section"], problem["key"], problem["hint"]) == (None, None, None, None)
