"""Tests of the words of a haproxy.cfg."""

from __future__ import annotations

import re

import pytest

from pumpproxy.config import schema
from pumpproxy.config.haproxy import EQUIVALENTS, ON_SERVERS, hint, on_a_server
from pumpproxy.config.hints import SECTIONS
from pumpproxy.config.serverwords import BY_KEY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timeout client 1m", "HAProxy's 'timeout client' is here: timeout-client = DURATION"),
        ("option httpclose", "HAProxy's 'option httpclose' is here: connection = close"),
        ("use_backend=b", "HAProxy's 'use_backend' is here: route NAME = TARGET"),
        ("user", "HAProxy's 'user' is here: twistd's --uid"),
        ("stats enable", "HAProxy's 'stats' comes with a later version"),
        ("timeout queue 1m", "HAProxy's 'timeout queue' is here: timeout-queue = DURATION"),
        ("option ssl-hello-chk", "HAProxy's 'option ssl-hello-chk' is here: check=tls-hello on a server's line"),
        (
            "option httpchk GET /up",
            "HAProxy's 'option httpchk' is here: check=http check-path=/PATH on a server's line",
        ),
        (
            "tcp-request connection reject if x",
            (
                "HAProxy's 'tcp-request connection' is here: accept-proxy = NET..., "
                "max-per-source = NUMBER, rate-per-source = NUMBER"
            ),
        ),
        ("balance source", "HAProxy's 'balance' is here: balance = roundrobin, leastconn, source, first or random"),
        ("log 127.0.0.1 local2", "HAProxy's 'log' is here: log = syslog:local2@udp:127.0.0.1:514 in [global]"),
        ("log 192.0.2.9:1514 user info", "HAProxy's 'log' is here: log = syslog:user@udp:192.0.2.9:1514 in [global]"),
        ("log [::1] local0", "HAProxy's 'log' is here: log = syslog:local0@udp:[::1]:514 in [global]"),
        ("log /dev/log local1 notice", "HAProxy's 'log' is here: log = syslog:local1 in [global]"),
        ("log /run/s local1", "HAProxy's 'log' is here: log = syslog:local1@unix:/run/s in [global]"),
        ("log stdout local0", "HAProxy's 'log' is here: log = stderr in [global]"),
        (
            "log global",
            "HAProxy's 'log' is here: log = syslog:FACILITY@udp:HOST:514, or syslog:FACILITY for /dev/log, in [global]",
        ),
        ("option", ""),
        ("", ""),
    ],
)
def test_the_longest_phrase_is_answered(text: str, expected: str) -> None:
    """Two words before one, with or without `=`; a word that HAProxy has not gets no hint."""
    assert hint(text) == expected


def test_a_word_of_a_servers_line_is_answered() -> None:
    """HAProxy's, as it stands there; nothing of one that HAProxy has not."""
    assert on_a_server("slowstart") == "HAProxy's 'slowstart' is here: slow-start = DURATION in the backend"
    assert on_a_server("xyzzy") == ""


@pytest.mark.parametrize("ours", sorted({*EQUIVALENTS.values(), *ON_SERVERS.values()}))
def test_what_is_named_exists(ours: str) -> None:
    """Each `key = ...` and each section that a hint tells somebody to write is one of ours."""
    keys = {row.key for row in schema.ROWS}
    assert {key.split()[0] for key in re.findall(r"(?:^|, )([a-z][a-z -]*?)(?: [A-Z]+)? =", ours)} <= keys
    assert {name.split()[0] for name in re.findall(r"\[([^]]*)\]", ours)} <= set(SECTIONS)
    assert set(re.findall(r"([a-z-]+)=", ours)) <= set(BY_KEY)


@pytest.mark.parametrize("word", ON_SERVERS)
def test_a_word_of_ours_is_not_explained_away(word: str) -> None:
    """What stands for HAProxy's word is never the answer to one that is right as it is."""
    assert word not in BY_KEY or BY_KEY[word].alone is None
