"""Who is read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pumpproxy.policy.httpsteps import (
    PAUSE_CLIENT,
    PAUSE_SERVER,
    RESUME_CLIENT,
    RESUME_SERVER,
    HttpStep,
)
from pumpproxy.policy.pressure import MAX_PIPELINED, Pressure

if TYPE_CHECKING:
    from pumpproxy.policy.transaction import Transaction


class Way:
    """What is asked of a transaction here."""

    connected = True
    holds_much = False

    @property
    def up(self) -> Way:
        """Its upload, as far as that matters."""
        return self


def adjusted(pressure: Pressure, way: Way | None = None) -> list[HttpStep]:
    """The steps that follow."""
    steps: list[HttpStep] = []
    pressure.adjust(cast("Transaction | None", way), steps)
    return steps


def test_a_client_far_ahead_is_paused_once() -> None:
    """Until what was kept of it is wanted."""
    pressure = Pressure()
    pressure.hold(b"x" * MAX_PIPELINED)
    assert adjusted(pressure) == []
    pressure.hold(b"y")
    assert adjusted(pressure) == [PAUSE_CLIENT]
    assert adjusted(pressure) == []
    assert pressure.take_held() == b"x" * MAX_PIPELINED + b"y"
    assert adjusted(pressure) == [RESUME_CLIENT]
    assert pressure.take_held() == b""


def test_a_client_is_paused_while_its_server_holds_much() -> None:
    """Or where nobody will read what it sends."""
    pressure, way = Pressure(), Way()
    way.holds_much = True
    assert adjusted(pressure, way) == [PAUSE_CLIENT]
    way.holds_much = False
    assert adjusted(pressure, way) == [RESUME_CLIENT]
    pressure.unwanted = True
    assert adjusted(pressure, way) == [PAUSE_CLIENT]


def test_a_server_is_paused_while_its_client_is_full() -> None:
    """And the next server begins unpaused."""
    pressure, way = Pressure(), Way()
    pressure.client_full = True
    assert adjusted(pressure, way) == [PAUSE_SERVER]
    assert adjusted(pressure, way) == []
    pressure.client_full = False
    assert adjusted(pressure, way) == [RESUME_SERVER]
    pressure.client_full = True
    assert adjusted(pressure, way) == [PAUSE_SERVER]
    assert adjusted(pressure) == []
    pressure.client_full = False
    assert adjusted(pressure, way) == []
