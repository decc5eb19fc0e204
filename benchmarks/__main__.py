"""The command line: `python -m benchmarks [compare|log|scale|all|report]`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import compare, figures, logs, page, scale
from benchmarks.machine import enter_own_network, raise_descriptors
from benchmarks.proxies import ROOT, chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.figures import Figure, Section

MODES: dict[str, tuple[Callable[..., Section], type[Any], tuple[Figure, ...], str]] = {
    "compare": (compare.compare, compare.Effort, figures.COMPARED, "the daemon beside its peers (the default)"),
    "log": (logs.compare_logs, logs.Effort, figures.LOGS, "what an access log line costs"),
    "scale": (scale.scale, scale.Effort, figures.SCALE, "tens of thousands of idle relays at once"),
}
BESIDE = {"compare": "all", "log": "all", "scale": "pumpproxy,haproxy"}
"""Who is measured where --only does not say. With 50,000 relays each more takes half a minute."""
RELEASE = ROOT / "docs" / "benchmarks.json"
"""The figures that the page shows."""
DESCRIPTORS = 20_000
"""What two thousand relays take, with room to spare; a desktop's soft limit is 1024."""


def parser() -> argparse.ArgumentParser:
    """The command line's words. A mode's own options are its Effort's fields."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description="What the daemon costs on this machine.")
    modes = top.add_subparsers(dest="mode", required=True)
    for name, (_, effort, _, text) in MODES.items():
        mode = modes.add_parser(name, help=text, description=text)
        measuring(mode, name)
        for one in fields(effort):
            mode.add_argument(f"--{one.name}", type=type(one.default), default=one.default, help="%(default)s")
    every = modes.add_parser("all", help="the three, as they are by default, for the page")
    measuring(every, "all")
    every.add_argument("--rounds", type=int, default=compare.Effort.rounds, help="of compare and log: %(default)s")
    report = modes.add_parser("report", help="write docs/benchmarks.md's tables and its plot from a file")
    report.add_argument("file", type=Path, nargs="?", default=RELEASE)
    report.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
    return top


def asked(words: list[str]) -> argparse.Namespace:
    """The command line, read; without a mode it is `compare`."""
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help"}):
        words = ["compare", *words]
    return parser().parse_args(words)


def measuring(mode: argparse.ArgumentParser, name: str) -> None:
    """The options of whatever measures."""
    mode.add_argument("--only", default=BESIDE.get(name), help="names with commas between, or all")
    mode.add_argument("--twistd", help="measure the installation that this twistd belongs to, not the checkout")
    mode.add_argument("--json", type=Path, help="write the figures to this file; other modes' figures in it stay")
    mode.add_argument("--report", action="store_true", help=f"write them to {RELEASE.name}, and the page from it")


def take(mode: str, options: argparse.Namespace) -> Section:
    """Measure, and print what was found."""
    measure, effort, rows, _ = MODES[mode]
    given = {one.name: getattr(options, one.name, one.default) for one in fields(effort)}
    proxies = chosen(options.only or BESIDE[mode], options.twistd)
    with tempfile.TemporaryDirectory(prefix="pumpproxy-bench-") as folder:
        # nginx works as another user, who must get at its folder below.
        Path(folder).chmod(0o755)
        section = measure(proxies, effort(**given), Path(folder))
    counts = ", ".join(f"{key} {count}" for key, count in section.work.items())
    print(f"\n{mode}: medians ({counts})\n{figures.plain(section, rows)}", flush=True)
    return section


def main() -> None:
    """Measure what is asked for; print, store and report it."""
    if sys.platform != "linux":
        sys.exit("The benchmarks read /proc: Linux only.")
    options = asked(sys.argv[1:])
    if options.mode == "report":
        page.report(options.file, options.page)
        return
    # As Ctrl-C: what was started ends, folders are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    enter_own_network()
    raise_descriptors(DESCRIPTORS)
    modes = list(MODES) if options.mode == "all" else [options.mode]
    for mode in modes:
        section = take(mode, options)
        path = options.json or (RELEASE if options.report else None)
        if path is not None:
            figures.store(path, {mode: section})
    if options.report:
        page.report(options.json or RELEASE, ROOT / "docs" / "benchmarks.md")


if __name__ == "__main__":
    main()
