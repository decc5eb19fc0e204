"""`make deb-test`: the Debian package, built, installed and tried under a real systemd, on both releases.

    python3 -m tests.lab [--quick] [--built] [--step TEXT] [bookworm] [trixie]

As root, with nothing but Python and the programs that `tests/lab/lab` names when they are missing. Prints each step
with its figures; the exit status is 0 where all held. What is built stays in dist/.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.lab import badfile, logs, packages, piuparts, standing, unbroken
from tests.lab.booted import Booted
from tests.lab.report import Report, title
from tests.lab.site import build_site

if TYPE_CHECKING:
    from tests.lab.report import Step

SUITES = ("bookworm", "trixie")


def inside(suite: str, *, quick: bool) -> list[Step]:
    """What is done in the booted release after the installation, in this order."""
    upgrade, another_unit = (packages.package_of(suite, version) for version in (packages.NEXT, packages.AFTER_NEXT))
    steps: list[Step] = [
        standing.privilege,
        unbroken.nothing,
        unbroken.restart,
        unbroken.hand_over,
        partial(unbroken.upgrade, package=upgrade, version=packages.NEXT),
        unbroken.kill,
        badfile.reload,
        badfile.restart,
        logs.fields,
    ]
    if not quick:
        steps += [
            partial(unbroken.upgrade_of_the_unit, package=another_unit),
            unbroken.watchdog,
            badfile.hup,
            partial(badfile.upgrade, package=upgrade),
            badfile.nothing_to_fall_back_on,
            logs.journal_stands_still,
            logs.files,
            standing.socket_units,
            standing.taken_port,
            partial(unbroken.upgrade_stopped, package=upgrade),
            *(
                partial(standing.of_another_release, package=packages.package_of(other))
                for other in SUITES
                if other != suite
            ),
        ]
    return [*steps, standing.smoke, standing.purge]


def try_release(suite: str, words: list[str], *, quick: bool, built: bool) -> Report:
    """All steps of one release; without its package or its site there are no others."""
    report = Report(suite)
    steps: list[Step] = (
        [] if built else [packages.prepare, partial(packages.build, tests=not quick), packages.build_next]
    )
    if not all(report.run(step, suite) for step in steps):
        return report
    with Booted(suite) as lab:
        steps = [build_site, partial(standing.install, package=packages.package_of(suite))]
        if not all(report.run(step, lab) for step in steps):
            return report
        for step in inside(suite, quick=quick):
            if not words or any(word in title(step) for word in words):
                report.run(step, lab)
    if not quick and not words:
        report.run(piuparts.passes, suite)
    return report


def main() -> int:
    """Try the releases that were named, one after the other."""
    arguments = argparse.ArgumentParser(prog="python3 -m tests.lab")
    arguments.add_argument("--quick", action="store_true", help="what .ci/run has the time for")
    arguments.add_argument(
        "--step", action="append", default=[], metavar="TEXT", help="only steps with it in their title"
    )
    arguments.add_argument("--built", action="store_true", help="with the packages that dist/ has already")
    arguments.add_argument("suites", nargs="*", metavar="bookworm|trixie")
    options = arguments.parse_args()
    if unknown := set(options.suites) - set(SUITES):
        arguments.error(f"unknown: {', '.join(sorted(unknown))}")
    begun = time.monotonic()
    reports = {
        suite: try_release(suite, options.step, quick=options.quick, built=options.built)
        for suite in options.suites or SUITES
    }
    failed = [f"{suite}: {step}" for suite, report in reports.items() for step in report.failed]
    print(f"{len(failed)} failed, {time.monotonic() - begun:.0f} s")
    print(*(f"FAILED: {step}" for step in failed), sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
