"""`pumpproxy run`: whose options it has, and what it hands to twistd. What a process does is in tests/system."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from twisted.scripts import twistd

from pumpproxy import tap
from pumpproxy.command import run
from pumpproxy.command.main import main, parser
from tests.command.files import BAD, GOOD

if TYPE_CHECKING:
    from pathlib import Path

    from twisted.python.usage import Options


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """Twistd's options of each start; nothing is started."""
    found: list[Options] = []
    monkeypatch.setattr(twistd, "runApp", found.append)
    return found


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A good file."""
    path = tmp_path / "f.ini"
    path.write_text(GOOD)
    return str(path)


def test_its_options_are_those_of_tap() -> None:
    """Every one that tap has, whatever it is, but what other subcommands are for."""
    rows = [*cast("list[list[str]]", tap.Options.optParameters), *cast("list[list[str]]", tap.Options.optFlags)]
    wanted = {f"--{row[0]}" for row in rows} - {"--check"}
    found = {word for action in parser("run")._actions for word in action.option_strings if word.startswith("--")}
    assert found == wanted | {"--help"}


def test_they_reach_it(ran: list[Options], file: str, tmp_path: Path) -> None:
    """As twistd's own command would take them: in the foreground, without a pid file."""
    words = ["run", "-c", file, "--grace", "5s", "--last-good", str(tmp_path), "--strict"]
    assert main(words) == 0
    (options,) = ran
    assert (options["nodaemon"], options["pidfile"]) == (True, "")
    assert options.subCommand == "pumpproxy"
    ours = options.subOptions
    assert isinstance(ours, tap.Options)
    assert (ours["config"], ours.grace, ours.last_good, ours["strict"]) == (file, 5.0, tmp_path, 1)


def test_what_is_not_said_is_taps_default(ran: list[Options], file: str) -> None:
    """Grace is none, nothing is kept."""
    assert main(["run", "--config", file]) == 0
    ours = ran[0].subOptions
    assert isinstance(ours, tap.Options)
    assert (ours.grace, ours.last_good, ours["strict"]) == (0.0, None, 0)


def test_a_value_that_tap_refuses(ran: list[Options], file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage: one line, and nothing starts."""
    with pytest.raises(SystemExit) as exit_:
        main(["run", "-c", file, "--grace", "fast"])
    assert exit_.value.code == tap.EX_USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert ran == []


def observer() -> None:
    """Stands for what takes the notices."""


def test_notices_have_their_own_observer(
    ran: list[Options], file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is twistd's --logger; one that cannot be had is told, and nothing starts."""
    monkeypatch.setattr(run, "OBSERVER", f"{__name__}.observer")
    assert main(["run", "-c", file]) == 0
    assert ran[0]["logger"] is observer
    monkeypatch.setattr(run, "OBSERVER", f"{__name__}.gone")
    assert main(["run", "-c", file]) == tap.EX_USAGE
    assert "could not be imported" in capsys.readouterr().err


def test_the_file_is_read_when_it_starts(ran: list[Options], tmp_path: Path) -> None:
    """Not while the options are parsed: what is wrong with it is the service's to tell."""
    path = tmp_path / "bad.ini"
    path.write_text(BAD)
    assert main(["run", "-c", str(path)]) == 0
    assert len(ran) == 1
