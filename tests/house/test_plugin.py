"""twistd finds the service, and pays nothing for it until it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.application.service import IServiceMaker, ServiceMaker
from twisted.plugin import getPlugins

from pumpproxy import __version__

ROOT = Path(__file__).parents[2]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


def run(*command: str) -> str:
    """What a command prints, run away from the checkout with the checkout on its path."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=True, timeout=60).stdout


def test_twisted_knows_the_plugin() -> None:
    """One ServiceMaker called pumpproxy, whose module is the tap."""
    found = [plugin for plugin in getPlugins(IServiceMaker) if isinstance(plugin, ServiceMaker)]
    assert {plugin.module for plugin in found if plugin.tapname == "pumpproxy"} == {"pumpproxy.tap"}


def test_twistd_lists_the_command() -> None:
    """`twistd --help` names pumpproxy and says what it does."""
    listed = [line.split(maxsplit=1) for line in run(*TWISTD, "--help").splitlines() if "pumpproxy" in line]
    assert [name for name, _ in listed] == ["pumpproxy"]
    assert listed[0][1].startswith("Share ports 80 and 443")


def test_the_version_is_ours() -> None:
    """`twistd pumpproxy --version` prints the package's version, and not Twisted's."""
    assert __version__ in run(*TWISTD, "pumpproxy", "--version")


def test_the_plugin_costs_every_other_twistd_nothing() -> None:
    """Each twistd of the machine may import the plugin: it brings neither the reactor nor the proxy with it."""
    code = (
        "import sys, twisted.application.service; before = set(sys.modules);"
        "import twisted.plugins.pumpproxy_plugin; print(*sorted(set(sys.modules) - before))"
    )
    assert run(sys.executable, "-c", code).split() == ["twisted.plugins", "twisted.plugins.pumpproxy_plugin"]
