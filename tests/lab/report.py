"""What is said of the steps while they run, and whether one failed.

A step is a generator: its docstring is its title, what it yields are its figures, and an AssertionError its failure.
"""

from __future__ import annotations

import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Step = Callable[..., Iterator[str]]


def title(step: Step) -> str:
    """The docstring of a step, in one line."""
    text = (step.func if isinstance(step, partial) else step).__doc__ or ""
    return " ".join(text.split())


class Report:
    """The steps of one release."""

    def __init__(self, suite: str) -> None:
        self._suite = suite
        self.failed: list[str] = []

    def say(self, text: str) -> None:
        """A line of the report."""
        print(f"{self._suite}: {text}", flush=True)

    def run(self, step: Step, what: object) -> bool:
        """Do one step to a booted release, or for one that is not booted; whether it held."""
        begun = time.monotonic()
        self.say(title(step))
        try:
            for figure in step(what):
                self.say(f"    {figure}")
        except (AssertionError, subprocess.SubprocessError, OSError) as failure:
            self.failed.append(title(step))
            for line in str(failure).splitlines() or [repr(failure)]:
                self.say(f"    ! {line}")
            self.say(f"    FAILED after {time.monotonic() - begun:.1f} s")
            return False
        self.say(f"    ok, {time.monotonic() - begun:.1f} s")
        return True
