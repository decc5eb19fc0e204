"""What the Debian package is made of: that it is there, good, and the same wherever it stands twice.

What the package does is tried in the lab: `python3 -m tests.lab`.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from pumpproxy import __version__
from pumpproxy.config.load import load_file

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "debian"


def test_it_is_of_this_version() -> None:
    """Its changelog begins with the version of the code."""
    assert (DEBIAN / "changelog").read_text("utf-8").startswith(f"pumpproxy ({__version__})")


def test_a_fresh_installation_has_a_good_file(tmp_path: Path) -> None:
    """With nothing to warn of, as it is and with what is commented out in it."""
    text = (DEBIAN / "proxy.ini").read_text("utf-8")
    whole = re.sub(r"^#(?! |$)", "", text, flags=re.MULTILINE)
    assert whole.count("pump") > text.count("\n[backend pump]")
    for number, one in enumerate((text, whole)):
        path = tmp_path / f"{number}.ini"
        path.write_text(one, "utf-8")
        loaded = load_file(str(path))
        assert loaded.warnings == ()
        assert len(loaded.config.backends) == 2 + number


@pytest.mark.parametrize("name", ["docs", "examples"])
def test_what_it_takes_from_the_checkout_is_there(name: str) -> None:
    """Pages and examples, by the names that they have here."""
    listed = (DEBIAN / f"pumpproxy.{name}").read_text("utf-8").split()
    assert listed
    assert [file for file in listed if not (ROOT / file).is_file()] == []


def test_the_pages_link_to_pages_that_it_has() -> None:
    """Each page that the installed ones lead to, but for those about the code, is installed, too."""
    listed = {Path(file).name for file in (DEBIAN / "pumpproxy.docs").read_text("utf-8").split()}
    links = re.findall(r"\]\((?:docs/)?([\w.-]+\.md)", (ROOT / "docs" / "debian.md").read_text("utf-8"))
    assert set(links) - listed == {"testing.md"}


def test_the_page_shows_its_rotation() -> None:
    """docs/operation.md has the lines of the logrotate file."""
    _, _, lines = (DEBIAN / "pumpproxy.logrotate").read_text("utf-8").partition("\n")
    page = (ROOT / "docs" / "operation.md").read_text("utf-8")
    shown = re.search(r"^    /var/log/pumpproxy/\*\.log \{\n.*?^    \}\n", page, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert dedent(shown[0]) == lines.expandtabs(4)
