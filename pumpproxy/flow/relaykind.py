"""Which relay this system has of what a file wants.

May not: import Twisted, so that a file is checked at once.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from pumpproxy.config.load import load_file
from pumpproxy.config.problems import ConfigError, Problem
from pumpproxy.model import RelayKind

if TYPE_CHECKING:
    from pumpproxy.config.load import Loaded


class RelayUnavailableError(Exception):
    """The file asks for a relay that this system has not; its text is one line for a person."""


def kind_for(wanted: RelayKind) -> RelayKind:
    """SPLICE or PORTABLE, whichever this system has of what the file wants. Raises RelayUnavailableError."""
    has_splice = hasattr(os, "splice") and hasattr(select, "epoll")
    if wanted is RelayKind.SPLICE and not has_splice:
        message = "splice needs splice(2) and epoll(7), and this system has not both"
        raise RelayUnavailableError(message)
    return RelayKind.SPLICE if has_splice and wanted is not RelayKind.PORTABLE else RelayKind.PORTABLE


def load_fit(path: str) -> Loaded:
    """A file that can be used on this system. Raises ConfigError, as `load_file`."""
    loaded = load_file(path)
    check_relay(loaded)
    return loaded


def check_relay(loaded: Loaded) -> None:
    """Raise ConfigError where this system has not the relay that a file wants, before anything follows the file."""
    try:
        kind_for(loaded.config.relay)
    except RelayUnavailableError as error:
        place = loaded.relay
        hint = "write auto or portable"
        problem = Problem(loaded.config.source, place.line, place.section, place.key, str(error), hint)
        found = sorted((problem, *loaded.warnings), key=lambda each: each.line)
        raise ConfigError(tuple(found)) from error
