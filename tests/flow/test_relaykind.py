"""Which relay this system has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pumpproxy.config.load import load_text
from pumpproxy.config.problems import ConfigError
from pumpproxy.flow.relaykind import RelayUnavailableError, check_relay, kind_for
from pumpproxy.model import RelayKind


@pytest.mark.skipif(not hasattr(os, "splice"), reason="machine: no splice(2)")
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RelayKind.AUTO, RelayKind.SPLICE),
        (RelayKind.SPLICE, RelayKind.SPLICE),
        (RelayKind.PORTABLE, RelayKind.PORTABLE),
    ],
)
def test_on_linux(wanted: RelayKind, found: RelayKind) -> None:
    """The kernel's, unless the file says otherwise."""
    assert kind_for(wanted) is found


def test_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The portable one; the file cannot have what is not there."""
    monkeypatch.delattr(os, "splice", raising=False)
    assert kind_for(RelayKind.AUTO) is RelayKind.PORTABLE
    with pytest.raises(RelayUnavailableError, match=r"splice\(2\)"):
        kind_for(RelayKind.SPLICE)


def test_a_system_without_them_has_the_proxy_all_the_same() -> None:
    """Not even the names are there on other systems; everything can be imported, and the portable relay is found."""
    code = (
        "import fcntl, os, select\n"
        "for room, start in (select, 'epoll'), (os, 'splice'), (fcntl, 'f_setpipe'):\n"
        "    for name in [name for name in vars(room) if name.lower().startswith(start)]: delattr(room, name)\n"
        "import pumpproxy.tap\n"
        "from pumpproxy.flow.relaykind import kind_for\n"
        "from pumpproxy.model import RelayKind\n"
        "print(kind_for(RelayKind.AUTO).value)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("portable\n", "")


def test_a_file_that_wants_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one problem at its line, with the file's warnings; `auto` and `portable` are always good."""
    monkeypatch.delattr(os, "splice", raising=False)
    site = "[frontend f]\nmode = tcp\nbind = *:1\ndefault-backend = b\n[backend b]\nserver s = 127.0.0.1:1\n"
    for word in ("auto", "portable"):
        check_relay(load_text(f"[global]\nrelay = {word}\n{site}", "proxy.ini"))
    unused = "[backend unused]\nserver s = 127.0.0.1:1\n"
    with pytest.raises(ConfigError) as refused:
        check_relay(load_text(f"[global]\nrelay = splice\n{site}{unused}", "proxy.ini"))
    first, *warnings = map(str, refused.value.problems)
    assert first == (
        "proxy.ini:2: [global] relay: splice needs splice(2) and epoll(7), and this system has not both "
        "(write auto or portable)"
    )
    assert any("[backend unused]" in warning for warning in warnings)
