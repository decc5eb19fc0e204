"""The lines to try: each is one command of a shell, aimed at the loopback address alone."""

from __future__ import annotations

import shlex
from collections import defaultdict
from pathlib import Path

import pytest

from demo.lines import Line, Ports, lines


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    """All lines, where the person's environment names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return lines(Ports(1080, 1443), Path("a folder/ca.pem"), defaultdict(lambda: "a site"))


def test_each_line_says_where_it_connects_to(printed: list[Line]) -> None:
    """No name is looked up in the DNS, and nothing leaves the machine."""
    for line in printed:
        words = shlex.split(line.command)
        assert words[words.index("--connect-to") + 1].lstrip(":") in {"127.0.0.1:1080", "127.0.0.1:1443"}


def test_each_line_says_what_it_shows(printed: list[Line]) -> None:
    """A line without an expectation could not fail."""
    assert printed
    assert all(line.title and line.shows for line in printed)


def test_tls_is_always_verified(printed: list[Line]) -> None:
    """The certificate proves the route, so no line skips it."""
    for line in printed:
        words = shlex.split(line.command)
        assert "-k" not in words
        assert ("--cacert" in words) == ("127.0.0.1:1443" in line.command and "http://" not in line.command)


def test_a_proxy_of_the_person_s_own_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise curl would send the lines to http_proxy, where the loopback address is another machine's."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    printed = lines(Ports(1080, 1443), Path("ca.pem"), defaultdict(lambda: "a site"))
    assert all("--noproxy '*'" in line.command for line in printed if line.command.startswith("curl"))
