"""The words of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import cast

import pytest

from pumpproxy import __version__
from pumpproxy.command import main as command
from tests.command.files import ROOT, SHIPPED


def status_of(*words: str) -> int:
    """What the command exits with."""
    try:
        return command.main(list(words))
    except SystemExit as exit_:
        return cast("int", exit_.code)


def test_nothing_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage, and the help."""
    assert status_of() == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for name, (_, summary) in command.SUBCOMMANDS.items():
        assert f"  {name}" in captured.err
        assert summary in captured.err


def test_the_help_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for it gets it on standard output."""
    assert status_of("--help") == 0
    assert "subcommands:" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's."""
    assert status_of("--version") == 0
    assert capsys.readouterr().out == f"pumpproxy {__version__}\n"


@pytest.mark.parametrize(
    ("word", "hint"), [("chek", "did you mean 'check'?"), ("rout", "did you mean 'route'?"), ("x", "there are run, ")]
)
def test_a_word_that_is_no_subcommand(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage: one line, with what was probably meant."""
    assert status_of(word) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"pumpproxy: '{word}' is not a subcommand (")
    assert hint in line


@pytest.mark.parametrize("words", [["--no-such"], ["check", "--no-such"], ["check", "file"], ["route"]])
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2."""
    assert status_of(*words) == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("name", command.SUBCOMMANDS)
def test_each_subcommand_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It tells what it is for."""
    assert status_of(name, "--help") == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: pumpproxy {name} ")
    assert command.SUBCOMMANDS[name][1] in " ".join(text.split())


def test_an_option_is_written_whole() -> None:
    """A later option of another name never changes what a script says."""
    assert status_of("check", "--conf", SHIPPED) == 2


def test_what_is_not_asked_for_is_not_imported() -> None:
    """No subcommand but the daemon's waits for Twisted, and none imports the reactor while it is read."""
    code = (
        "import sys; from pumpproxy.command import main\n"
        "for name in main.SUBCOMMANDS:\n"
        "    if name != 'run': main.parser(name)\n"
        "print('twisted' in sys.modules); main.parser('run'); print('twisted.internet.reactor' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]


def test_a_reader_that_leaves_is_no_failure_of_ours() -> None:
    """`pumpproxy ... | head -0`: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pumpproxy.command", "systemd-unit"],
            cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
