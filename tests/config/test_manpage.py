"""pumpproxy.ini(5)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pumpproxy import __version__
from pumpproxy.config import manpage, schema, serverwords
from pumpproxy.config.option import Named
from tests.manpages import complaints, plain

ROOT = Path(__file__).parents[2]
DATE = "2026-11-27"


def test_it_is_a_good_page() -> None:
    """Nothing to complain of, not even of style."""
    assert complaints(manpage.page(DATE)) == ""


def test_every_key_and_word_is_there() -> None:
    """With all that its row says, whatever letters that has."""
    shown = plain(manpage.page(DATE)).replace("\u2010", "-")
    for row in schema.ROWS:
        argument = f" {row.argument}" if isinstance(row, Named) else ""
        assert f" {row.key}{argument} = {' '.join(row.value.split())} ".replace("`", "") in shown
        for piece in row.doc.replace("*", "").split("`")[::2]:
            assert " ".join(piece.split()) in shown
    for word in serverwords.WORDS:
        assert f" {word.form} default: " in shown


def test_the_command_writes_it() -> None:
    """With the date that it is given."""
    command = [sys.executable, "-m", "pumpproxy.config.manpage", DATE]
    written = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert written == manpage.page(DATE)
    assert f'.TH PUMPPROXY.INI 5 "{DATE}" "pumpproxy {__version__}"' in written
    assert written.isascii()
