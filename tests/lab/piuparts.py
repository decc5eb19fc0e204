"""Step: piuparts, which installs, removes and purges the package in a root without systemd, and compares all files.

May not: run where the machine sees its mounts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import packages

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB_ROOTS = Path(os.environ.get("LAB") or Path.home() / ".cache" / "systemd-lab")


def passes(suite: str) -> Iterator[str]:
    """Piuparts: after a purge nothing is left or changed."""
    assert shutil.which("piuparts"), "missing here: apt-get install --no-install-recommends piuparts"
    with tempfile.TemporaryDirectory() as folder:
        said = packages.run(
            "unshare", "--mount", "--propagation", "private",
            # No upgrade from the archive's version: there is none.
            "piuparts", "--no-eatmydata", "--no-upgrade-test", "--distribution", suite, "--tmpdir", folder,
            "--existing-chroot", str(LAB_ROOTS / suite / "test"), str(packages.package_of(suite)),
        )  # fmt: skip
    yield from (line.partition("INFO: ")[2] for line in said.splitlines() if "INFO: PASS" in line)
    assert "PASS: All tests." in said
