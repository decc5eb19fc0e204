"""`pumpproxy route NAME`: where a name leads, and why, from the file alone.

May not: decide it (`policy` does), resolve a name, or ask whether a server is there.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pumpproxy.command import question, source
from pumpproxy.command.check import EX_NOINPUT
from pumpproxy.command.places import Places
from pumpproxy.command.report import BOLD, GREEN, RED, Paint, told
from pumpproxy.command.telling import described, entries
from pumpproxy.command.verdict import reachable, verdict
from pumpproxy.model import InheritedAddress, TcpAddress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pumpproxy.command.question import Question
    from pumpproxy.model import Frontend

EX_USAGE = 2


def define(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    question.define(parser)
    source.define(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    parser.epilog = (
        "Exit status: 0 it leads to a backend or a redirection, 1 it is refused everywhere or the file has problems, "
        "2 wrong usage, 66 the file cannot be read."
    )


def execute(arguments: argparse.Namespace) -> int:
    """Tell it, for each frontend that such a client may come to."""
    try:
        asked = question.ask(arguments)
    except question.NoQuestionError as error:
        sys.stderr.write(f"pumpproxy route: {error}\n")
        return EX_USAGE
    found = source.read(arguments.config)
    if found.loaded is None:
        for line in told(found.problems, found.lines, Paint.of(sys.stderr)):
            sys.stderr.write(f"{line}\n")
        return 1 if found.readable else EX_NOINPUT
    config = found.loaded.config
    verdicts = [verdict(frontend, asked) for frontend in config.frontends if reachable(frontend, asked)]
    places = Places(found.lines)
    backends = {backend.name: backend for backend in config.backends}
    told_of = [described(one, asked, backends, places) for one in verdicts]
    arrives = any(one.arrives for one in verdicts)
    if arguments.json:
        whole = {"file": found.path, **_asked(asked), "arrives": arrives, "frontends": told_of}
        sys.stdout.write(json.dumps(whole, indent=2) + "\n")
        return 0 if arrives else 1
    if not verdicts:
        sys.stderr.write(f"pumpproxy route: {_nobody(asked, config.frontends)}\n")
    paint = Paint.of(sys.stdout)
    for one in told_of:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(found.path, one, paint)))
    return 0 if arrives else 1


def _lines(path: str, described: dict[str, object], paint: Paint) -> Iterable[str]:
    head, *rest = entries(described)
    yield f"{path}:{head.line}: {paint(BOLD, head.text)}"
    for entry in rest:
        where = f"{path}:{entry.line}: " if entry.line else ""
        code = {"wins": GREEN, "refused": RED}.get(entry.word)
        word = entry.word.ljust(8)
        yield f"  {word if code is None else paint(code, word)} {where}{entry.text}"


def _asked(asked: Question) -> dict[str, object]:
    return {
        "name": asked.name or asked.asked,
        "speaks": None if asked.speech is None else asked.speech.value,
        "port": asked.port,
        "path": asked.path or None,
        "alpn": list(asked.alpn),
    }


def _nobody(asked: Question, frontends: Iterable[Frontend]) -> str:
    """Why there is nothing to tell."""
    if asked.port is None:
        return f"no frontend has mode = {'tls' if asked.speech is question.Speech.TLS else 'http'}"
    binds = [bind for frontend in frontends for bind in frontend.binds]
    ports = sorted({bind.port for bind in binds if isinstance(bind, TcpAddress)})
    there = f"there are {', '.join(map(str, ports))}" if ports else "there is none"
    named = ", and those of systemd's sockets" if any(isinstance(bind, InheritedAddress) for bind in binds) else ""
    return f"no frontend listens on port {asked.port}: {there}{named}"
