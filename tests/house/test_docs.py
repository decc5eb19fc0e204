"""What the documents promise is there: their links lead somewhere, and the file in README is good."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
INI = re.compile(r"^```ini\n(.*?)^```", re.MULTILINE | re.DOTALL)
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=", "pumpproxy"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file of the checkout."""
    missing = [link for link in LINK.findall(document.read_text("utf-8")) if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.system
def test_the_file_in_readme_is_good(tmp_path: Path) -> None:
    """Who copies README's file gets no problem from --check."""
    (text,) = INI.findall((ROOT / "README.md").read_text("utf-8"))
    path = tmp_path / "proxy.ini"
    path.write_text(text, "utf-8")
    checked = subprocess.run(
        [*TWISTD, "-c", str(path), "--check"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert len(checked.stdout.splitlines()) == 1
