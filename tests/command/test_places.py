"""Where in the file things stand."""

from __future__ import annotations

from pumpproxy.command.places import Places, Written
from tests.command.asking import BACKENDS, FRONTENDS
from tests.command.files import SITE

LINES = SITE.splitlines()
PLACES = Places(LINES)


def test_every_route_is_found() -> None:
    """Each by what it says, in its own frontend, without its comment."""
    for name, frontend in FRONTENDS.items():
        for route in frontend.routes:
            found = PLACES.route(name, route)
            line = LINES[found.line - 1]
            assert line.startswith("route ")
            assert found.text == line.partition("  ")[0]


def test_every_server_is_found() -> None:
    """And the `use-server` lines, where there are any."""
    for name, backend in BACKENDS.items():
        for server in backend.servers:
            found = PLACES.server(name, server.name)
            assert found is not None
            assert LINES[found.line - 1] == found.text
    assert PLACES.server("shop-tls", "two", "use-server") == Written(
        LINES.index("use-server two = www.example.org") + 1, "use-server two = www.example.org"
    )
    assert PLACES.server("shop-tls", "one", "use-server") is None
    assert PLACES.server("none", "one") is None


def test_sections_are_found() -> None:
    """By kind and name."""
    assert PLACES.section("frontend", "web") == Written(LINES.index("[frontend web]") + 1, "[frontend web]")


def test_keys_are_found_where_they_hold() -> None:
    """The section's own before that of [defaults]; what is not given is nowhere."""
    assert PLACES.key("frontend web", "default-backend") == Written(2, "default-backend = rest")
    own = PLACES.key("frontend secure", "default-backend")
    assert own is not None
    assert own.text == "default-backend = wild"
    assert PLACES.key("frontend web", "not-tls") is None
