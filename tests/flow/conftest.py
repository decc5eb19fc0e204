"""Every test of real sockets runs against both relays, and so against both kinds of transport below the protocols.

Where clients may take the short way, it runs by the long way on the lean transport as well: both lead to one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from pumpproxy.flow.relaykind import RelayUnavailableError, kind_for
from pumpproxy.model import RelayKind
from tests.flow.peers import Proxied

if TYPE_CHECKING:
    from collections.abc import Iterator


class Below(NamedTuple):
    """What is below the protocols of a test."""

    kind: RelayKind
    short: bool = True

    def __str__(self) -> str:
        return self.kind.value if self.short else f"{self.kind.value}, long way"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Two or three times, where a test's module makes a Proxied."""
    module = metafunc.module
    if "relay_kind" in metafunc.fixturenames and hasattr(module, "Proxied"):
        kinds = getattr(module, "RELAYS", [RelayKind.PORTABLE, RelayKind.SPLICE])
        ways = [Below(kind) for kind in kinds]
        if RelayKind.SPLICE in kinds and hasattr(module, "FrontProtocol"):
            ways.append(Below(RelayKind.SPLICE, short=False))
        metafunc.parametrize("relay_kind", ways, ids=str, indirect=True)


@pytest.fixture(autouse=True)
def relay_kind(request: pytest.FixtureRequest) -> Iterator[None]:
    """What every Proxied of the test uses."""
    wanted: Below = getattr(request, "param", Below(RelayKind.PORTABLE))
    try:
        Proxied.kind = kind_for(wanted.kind)
    except RelayUnavailableError as problem:
        pytest.skip(f"machine: {problem}")
    Proxied.short = wanted.short
    yield
    Proxied.kind = RelayKind.PORTABLE
    Proxied.short = True
