"""Tests of the one table of all keys."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pumpproxy.config import schema
from pumpproxy.config.option import Kind, Named, Option
from pumpproxy.model import Backend, Config, Frontend, Mode, Server, TcpAddress

MODELS: dict[Kind, Config | Frontend | Backend] = {
    Kind.GLOBAL: Config(frontends=(), backends=()),
    Kind.FRONTEND: Frontend("f", Mode.TLS, ()),
    Kind.BACKEND: Backend("b", servers=(Server("s", TcpAddress("127.0.0.1", 1)),)),
}
FIELDS = {"bind": "binds", "route": "routes", "server": "servers"}
"""Where the key in the plural is the field."""

OPTIONS = [row for row in schema.ROWS if isinstance(row, Option)]


def label(row: Option[object] | Named[object]) -> str:
    """A name for the row's tests."""
    return f"{row.kind.value}-{row.key}"


def test_these_are_the_keys_of_this_version() -> None:
    """A key that no code obeys is not accepted."""
    keys = {kind.value: sorted(row.key for row in schema.ROWS if row.kind is kind) for kind in Kind}
    assert keys == {
        "global": ["log", "maxconn", "nameservers", "relay"],
        "frontend": [
            "accept-proxy", "bind", "connection", "default-backend", "dontlognull", "forwarded", "forwarded-host",
            "forwarded-port", "forwarded-proto", "forwardfor", "inspect-delay", "log-format", "max-head", "max-headers",
            "max-per-source", "maxconn", "mode", "no-sni", "not-tls", "rate-per-source", "route", "silent",
            "socket-stats", "timeout-client", "timeout-client-fin", "timeout-http-keep-alive", "timeout-http-request",
            "timeout-tunnel", "trusted-proxies", "unknown-sni", "via",
        ],
        "backend": [
            "balance", "connection", "cookie", "forwardfor", "hold", "mode", "on-down", "redispatch", "retries",
            "server", "slow-start", "timeout-check", "timeout-connect", "timeout-queue", "timeout-server",
            "timeout-server-fin", "use-server", "warn-days",
        ],
    }  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_key_is_a_field_of_the_model(kind: Kind) -> None:
    """And the other way round: nothing of the model is out of the file's reach."""
    keys = {FIELDS.get(row.key, row.key.replace("-", "_")) for row in schema.ROWS if row.kind is kind}
    assert keys == {one.name for one in fields(MODELS[kind])} - {"name", "frontends", "backends", "source"}


@pytest.mark.parametrize("row", [row for row in OPTIONS if row.default], ids=label)
def test_a_default_is_the_models_default(row: Option[object]) -> None:
    """What the documentation says, what the reader uses and what the model has are one value."""
    assert row.parse(row.default) == getattr(MODELS[row.kind], row.key.replace("-", "_"))


@pytest.mark.parametrize("row", [row for row in OPTIONS if not row.default], ids=label)
def test_without_a_default_the_documentation_says_what_holds(row: Option[object]) -> None:
    """In words."""
    assert row.unset


@pytest.mark.parametrize("row", schema.ROWS, ids=label)
def test_every_key_is_documented_in_sentences(row: Option[object] | Named[object]) -> None:
    """A capital at the start, a full stop at the end, and a form of the value."""
    assert row.doc[0].isupper()
    assert row.doc.endswith(".")
    assert row.value
