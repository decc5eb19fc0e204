"""pumpproxy(8)."""

from __future__ import annotations

import subprocess
import sys

from pumpproxy import __version__
from pumpproxy.command import manpage
from pumpproxy.command.main import SUBCOMMANDS, parser
from tests.command.files import ROOT
from tests.manpages import complaints, plain

DATE = "2026-11-27"


def test_it_is_a_good_page() -> None:
    """Nothing to complain of, not even of style."""
    assert complaints(manpage.page(DATE)) == ""


def test_every_option_is_there() -> None:
    """In the synopsis and in its subcommand's part, with what `--help` says."""
    shown = plain(manpage.page(DATE)).replace("\u2010", "-")
    for name, (_, summary) in SUBCOMMANDS.items():
        assert summary in shown
        assert f"pumpproxy {name} " in shown
        for action in parser(name)._actions:
            for option in action.option_strings:
                assert option == "-h" or option in shown
            if action.dest != "help":
                assert (action.help or "")[1:] in shown


def test_every_exit_status_is_there() -> None:
    """And what is said of `run` is what the daemon's options promise."""
    shown = plain(manpage.page(DATE))
    statuses = shown.partition("EXIT STATUS")[2].partition("SIGNALS")[0]
    for status in (0, 1, 2, 66, 71, 77, 78, 143):
        assert f" {status} " in statuses


def test_the_command_writes_it() -> None:
    """With the date that it is given."""
    command = [sys.executable, "-m", "pumpproxy.command.manpage", DATE]
    written = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert written == manpage.page(DATE)
    assert f'.TH PUMPPROXY 8 "{DATE}" "pumpproxy {__version__}"' in written
    assert written.isascii()
