"""Every test of real sockets runs against both relays, and so against both kinds of transport below the protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow.relaying import RelayUnavailableError, kind_for
from pumpproxy.model import RelayKind
from tests.flow.peers import Proxied

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Twice, where a test's module makes a Proxied."""
    if "relay_kind" in metafunc.fixturenames and hasattr(metafunc.module, "Proxied"):
        kinds = getattr(metafunc.module, "RELAYS", [RelayKind.PORTABLE, RelayKind.SPLICE])
        metafunc.parametrize("relay_kind", kinds, ids=lambda kind: str(kind.value), indirect=True)


@pytest.fixture(autouse=True)
def relay_kind(request: pytest.FixtureRequest) -> Iterator[None]:
    """What every Proxied of the test uses."""
    wanted = getattr(request, "param", RelayKind.PORTABLE)
    try:
        Proxied.kind = kind_for(wanted)
    except RelayUnavailableError as problem:
        pytest.skip(f"machine: {problem}")
    yield
    Proxied.kind = RelayKind.PORTABLE
