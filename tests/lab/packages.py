"""The packages that the steps install: built in the lab as Debian's builders do, without network, and checked.

May not: build from anything but what `.ci/deb stage` takes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pumpproxy import __version__
from tests.lab.booted import LAB, CommandFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
NEXT = f"{__version__}+1"
AFTER_NEXT = f"{__version__}+2"


def run(*command: str, **environment: str) -> str:
    """A command on this machine; what it printed, or a failure with it."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    if done.returncode:
        message = f"{' '.join(command)}: status {done.returncode}\n{done.stdout}"
        raise CommandFailedError(message)
    return done.stdout


def prepare(suite: str) -> Iterator[str]:
    """The roots to build and to boot (made once, some 90 s), and what the build needs."""
    with tempfile.TemporaryDirectory() as folder:
        run(str(ROOT / ".ci" / "deb"), "stage", folder)
        yield from run(LAB, "prepare", suite, "--for", folder).splitlines()


def package_of(suite: str, version: str = __version__) -> Path:
    """Where a built package lies."""
    return DIST / suite / f"pumpproxy_{version}_all.deb"


def build(suite: str, *, tests: bool = True) -> Iterator[str]:
    """Built, its tests run, lintian without errors and warnings."""
    shutil.rmtree(DIST / suite, ignore_errors=True)
    _build(suite, tests=tests)
    log = (DIST / suite / "build.log").read_text(errors="replace")
    yield from re.findall(r"^=+ (\d+ passed.*?) =+$", log, re.MULTILINE) if tests else ["tests: left out"]
    lintian = (DIST / suite / "lintian.log").read_text().splitlines()
    yield from (f"lintian: {line}" for line in lintian or ["nothing"])
    assert not [line for line in lintian if line.startswith(("E:", "W:"))]
    package = package_of(suite)
    depends = run("dpkg-deb", "--field", str(package), "Depends", "Installed-Size")
    yield f"{package.name}: {package.stat().st_size / 1000:.0f} kB; {'; '.join(depends.splitlines())}"


def build_next(suite: str) -> Iterator[str]:
    """Two more versions to upgrade to: a real build, and that one with another unit in it."""
    _build(suite, NEXT, tests=False)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        run("dpkg-deb", "--raw-extract", str(package_of(suite, NEXT)), str(tree))
        control = tree / "DEBIAN" / "control"
        control.write_text(control.read_text().replace(f"Version: {NEXT}\n", f"Version: {AFTER_NEXT}\n"))
        (unit,) = tree.rglob("systemd/system/pumpproxy.service")
        unit.write_text(unit.read_text().replace("[Service]\n", "[Service]\nEnvironment=LAB_UNIT=another\n"))
        run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(package_of(suite, AFTER_NEXT)))
    yield f"{NEXT} and {AFTER_NEXT}"


def _build(suite: str, version: str | None = None, *, tests: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        stage = [str(ROOT / ".ci" / "deb"), "stage", f"{folder}/src"]
        run(*stage, *([version] if version else []))
        options = {} if tests else {"DEB_BUILD_OPTIONS": "nocheck"}
        try:
            run(LAB, "build", suite, f"{folder}/src", str(out), **options)
        finally:
            # A log of what failed is wanted most.
            shutil.copytree(out, DIST / suite, dirs_exist_ok=True) if out.exists() else None
