"""Short ways to ask about the site of these tests."""

from __future__ import annotations

import argparse

from pumpproxy.command import question, verdict
from pumpproxy.config.load import load_text
from tests.command.files import SITE

CONFIG = load_text(SITE, "site.ini").config
FRONTENDS = {frontend.name: frontend for frontend in CONFIG.frontends}
BACKENDS = {backend.name: backend for backend in CONFIG.backends}


def asked(*words: str) -> question.Question:
    """What these words ask."""
    parser = argparse.ArgumentParser()
    question.define(parser)
    return question.ask(parser.parse_args(words))


def verdict_of(frontend: str, *words: str) -> verdict.Verdict:
    """What becomes of such a client there."""
    return verdict.verdict(FRONTENDS[frontend], asked(*words))
