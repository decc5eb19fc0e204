"""The fields by which the journal finds an access log line."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given

from pumpproxy.policy.outcome import Outcome
from pumpproxy.stats.journalfields import fields
from tests.stats.test_accesslog import HELLO, RAW, REFUSED, REQUEST, SESSION


def test_the_fields_of_a_connection() -> None:
    """What it was, who it was, what became of it."""
    assert dict(fields(SESSION)) == {
        "PUMPPROXY_FRONTEND": "https-in",
        "PUMPPROXY_BACKEND": "pumpio-ssl",
        "PUMPPROXY_SERVER": "pump",
        "PUMPPROXY_OUTCOME": "completed",
        "PUMPPROXY_TERMINATION": "--",
        "PUMPPROXY_CLIENT": "192.0.2.7",
        "PUMPPROXY_SNI": "pump2.example.org",
        "PUMPPROXY_BYTES_IN": "1000",
        "PUMPPROXY_BYTES_OUT": "12345",
        "PUMPPROXY_TOTAL_MS": "8500",
    }


def test_the_fields_of_a_request() -> None:
    """Its host and its status, and no SNI."""
    found = dict(fields(REQUEST))
    assert (found["PUMPPROXY_HOST"], found["PUMPPROXY_STATUS"]) == ("pump2.example.org", "200")
    assert "PUMPPROXY_SNI" not in found


def test_what_is_not_known_has_no_field() -> None:
    """`journalctl -F PUMPPROXY_SERVER` lists servers, and no dashes."""
    found = dict(fields(replace(REFUSED, hello=HELLO._replace(server_name=None))))
    assert not found.keys() & {"PUMPPROXY_BACKEND", "PUMPPROXY_SERVER", "PUMPPROXY_SNI", "PUMPPROXY_STATUS"}
    assert (found["PUMPPROXY_DETAIL"], found["PUMPPROXY_TERMINATION"]) == ("an extension twice", "PR")
    found = dict(fields(replace(REQUEST, host=None, status=None, outcome=Outcome.CLIENT_LEFT)))
    assert not found.keys() & {"PUMPPROXY_HOST", "PUMPPROXY_STATUS"}


@given(RAW)
def test_no_peer_writes_a_field(raw: bytes) -> None:
    """Names are what the journal takes, each once; a value is one line."""
    found = fields(replace(REQUEST, request_line=raw, unique_id=raw))
    assert len({name for name, _ in found}) == len(found)
    assert all(re.fullmatch("PUMPPROXY_[A-Z_]+", name) and "\n" not in value for name, value in found)
