"""What the benchmarks' tests share: the built clients and servers."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.traffic import Tools

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def compiler() -> None:
    """Skip where the benchmarks cannot run."""
    if sys.platform != "linux":
        pytest.skip("machine: reads /proc")
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("gcc is not installed (Debian's packages gcc and libc6-dev)")


@pytest.fixture(scope="session")
def folder(compiler: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - a condition
    """Where the clients and servers are built."""
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="session")
def tools(folder: Path) -> Tools:
    """The clients and servers."""
    return Tools(folder)
