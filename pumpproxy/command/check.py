"""`pumpproxy check`: everything that is wrong with a file, at once.

May not: open what the file names.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pumpproxy.command import source
from pumpproxy.command.report import GREEN, RED, Paint, counted, told

if TYPE_CHECKING:
    import argparse

    from pumpproxy.command.source import Source

EX_NOINPUT = 66
"""sysexits.h"""


def define(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    source.define(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    parser.add_argument("--strict", action="store_true", help="count a warning as a problem")
    parser.add_argument("--quiet", "-q", action="store_true", help="print problems only, no summary")
    parser.epilog = "Exit status: 0 good, 1 problems, 2 wrong usage, 66 the file cannot be read."


def execute(arguments: argparse.Namespace) -> int:
    """Tell it: problems to standard error, the summary to standard output."""
    found = source.read(arguments.config)
    good = found.loaded is not None and not (arguments.strict and found.problems)
    if arguments.json:
        sys.stdout.write(json.dumps(_object(found, good=good), indent=2) + "\n")
        return status(found, good=good)
    for line in told(found.problems, found.lines, Paint.of(sys.stderr)):
        sys.stderr.write(f"{line}\n")
    if not arguments.quiet:
        sys.stdout.write(f"{found.path}: {_summary(found, Paint.of(sys.stdout), good=good)}\n")
    return status(found, good=good)


def status(found: Source, *, good: bool) -> int:
    """What to exit with."""
    if not found.readable:
        return EX_NOINPUT
    return 0 if good else 1


def _counts(found: Source) -> dict[str, int]:
    counts = {
        "errors": sum(problem.error for problem in found.problems),
        "warnings": sum(not problem.error for problem in found.problems),
    }
    if found.loaded is not None:
        config = found.loaded.config
        counts["frontends"] = len(config.frontends)
        counts["routes"] = sum(len(frontend.routes) for frontend in config.frontends)
        counts["backends"] = len(config.backends)
        counts["servers"] = sum(len(backend.servers) for backend in config.backends)
    return counts


def _summary(found: Source, paint: Paint, *, good: bool) -> str:
    counts = _counts(found)
    # Of what there may be none of nothing is said.
    parts = [
        counted(number, word[:-1]) for word, number in counts.items() if number or word not in ("errors", "warnings")
    ]
    return f"{paint(GREEN, 'good') if good else paint(RED, 'bad')}: {', '.join(parts)}"


def _object(found: Source, *, good: bool) -> dict[str, object]:
    problems = [
        {
            "file": problem.file,
            "line": problem.line or None,
            "section": problem.section or None,
            "key": problem.key or None,
            "severity": "error" if problem.error else "warning",
            "message": problem.message,
            "hint": problem.hint or None,
        }
        for problem in found.problems
    ]
    return {"file": found.path, "good": good, "problems": problems, "counts": _counts(found)}
