"""What holds for every test run: the hypothesis profiles, and that nothing is skipped unnoticed where CI=true.

May not: hold fixtures of one room (they stand in that room's conftest.py).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from pluggy import Result

# hookwrapper, and not wrapper: Debian 12's pytest, by which the package's build tests, knows the old word only.

# The same examples in every run, on every machine: a failure is the change's, not the day's. `make soak` looks further.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=100,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak",
    derandomize=False,
    deadline=None,
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# In the build of a package, where the versions of others are what is new: the first of the same examples.
settings.register_profile("package", settings.get_profile("ci"), max_examples=20)
settings.load_profile("ci")

OF_THE_MACHINE = "machine: "
"""How the reason of a skip begins that no package cures (no IPv6, another kernel): CI accepts only these."""

_unexpected = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the list of skips that CI does not accept."""
    config.stash[_unexpected] = []


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, Result[pytest.CollectReport], None]:
    """Note a module that skips itself while it is collected."""
    outcome = yield
    _note(collector.config, outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Result[pytest.TestReport], None]:
    """Note a test that skips itself; an expected failure is none."""
    outcome = yield
    report = outcome.get_result()
    if not hasattr(report, "wasxfail"):
        _note(item.config, report)


def _note(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(OF_THE_MACHINE):
        config.stash[_unexpected].append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn a green run into a failed one where CI=true and something was skipped that should have run."""
    if os.environ.get("CI") == "true" and session.config.stash[_unexpected] and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which skips failed the run."""
    unexpected = config.stash[_unexpected]
    if os.environ.get("CI") == "true" and unexpected:
        terminalreporter.section("skipped although CI=true: a package is missing, or a test hides")
        for line in unexpected:
            terminalreporter.write_line(line, red=True)
