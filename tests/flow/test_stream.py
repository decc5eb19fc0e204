"""What is a connection's own end, and what is a defect of ours."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.python.failure import Failure

from pumpproxy.flow.stream import StreamProtocol, is_network_end


@pytest.mark.parametrize(
    ("reason", "is_one"),
    [
        (ConnectionDone(), True),
        (ConnectionLost("reset"), True),
        (ConnectionAborted(), True),
        (ValueError("a defect"), False),
        (OSError(9, "a defect too"), False),
    ],
)
def test_what_ends_a_connection(reason: Exception, is_one: bool) -> None:  # noqa: FBT001
    """Twisted gives an exception that a protocol raised as the reason of the connection's loss."""
    assert is_network_end(Failure(reason)) is is_one


def test_a_fin_is_told_apart_from_the_end() -> None:
    """Twisted asks for the interface; without it a FIN would close the whole connection."""
    assert IHalfCloseableProtocol.providedBy(StreamProtocol())
