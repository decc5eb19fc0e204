"""What a reader of manual pages says of one."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def complaints(page: str) -> str:
    """All that mandoc finds, style included; empty for nothing."""
    if shutil.which("mandoc") is None:
        pytest.skip("needs mandoc")
    command = ["mandoc", "-Tlint", "-Wall"]
    return subprocess.run(command, input=page, capture_output=True, text=True, check=False, timeout=60).stdout


def plain(page: str) -> str:
    """What a reader sees, without faces and spaces that are the layout's."""
    if shutil.which("mandoc") is None:
        pytest.skip("needs mandoc")
    command = ["mandoc", "-Tutf8", "-Owidth=500"]
    shown = subprocess.run(command, input=page, capture_output=True, text=True, check=True, timeout=60).stdout
    while "\b" in shown:
        at = shown.index("\b")
        shown = shown[: at - 1] + shown[at + 1 :]
    return " ".join(shown.split())
