"""Tests of the words of a haproxy.cfg."""

from __future__ import annotations

import re

import pytest

from pumpproxy.config import schema
from pumpproxy.config.haproxy import EQUIVALENTS, hint
from pumpproxy.config.hints import SECTIONS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timeout client 1m", "HAProxy's 'timeout client' is here: timeout-client = DURATION"),
        ("option httpclose", "HAProxy's 'option httpclose' is here: connection = close"),
        ("use_backend=b", "HAProxy's 'use_backend' is here: route NAME = TARGET"),
        ("user", "HAProxy's 'user' is here: twistd's --uid"),
        ("timeout queue 1m", "HAProxy's 'timeout queue' comes with a later version"),
        ("option", ""),
        ("", ""),
    ],
)
def test_the_longest_phrase_is_answered(text: str, expected: str) -> None:
    """Two words before one, with or without `=`; a word that HAProxy has not gets no hint."""
    assert hint(text) == expected


@pytest.mark.parametrize("ours", sorted(set(EQUIVALENTS.values())))
def test_what_is_named_exists(ours: str) -> None:
    """Each `key = ...` and each section that a hint tells somebody to write is one of ours."""
    keys = {row.key for row in schema.ROWS}
    assert {key.split()[0] for key in re.findall(r"(?:^|, )([a-z][a-z -]*?)(?: [A-Z]+)? =", ours)} <= keys
    assert {name.split()[0] for name in re.findall(r"\[([^]]*)\]", ours)} <= set(SECTIONS)
