"""When a relay has been silent for too long, and whose silence it is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pumpproxy.policy.inactivity import RelayTimeouts, due
from tests.policy.declared import backend, config

TIMEOUTS = RelayTimeouts(client=10.0, server=20.0, tunnel=100.0, client_fin=3.0, server_fin=5.0)


@dataclass
class Half:
    """What `due` asks of a side. `at`: when it was last active."""

    active: float = 0.0
    bytes: int = 0
    finished: bool = False
    stalled: bool = False
    gone: bool = False


def half(words: str, at: float) -> Half:
    """A side by words: `spoke finished stalled gone`."""
    said = set(words.split())
    assert said <= {"spoke", "finished", "stalled", "gone"}
    return Half(at, int("spoke" in said), "finished" in said, "stalled" in said, "gone" in said)


def test_the_timeouts_are_those_of_the_frontend_and_the_backend() -> None:
    """The client's side of it stands in the frontend, the server's in the backend."""
    made = config(
        backend("a", timeout_server=2.0, timeout_server_fin=4.0),
        timeout_client=1.0,
        timeout_client_fin=3.0,
        timeout_tunnel=5.0,
    )
    assert RelayTimeouts.of(made.frontends[0], made.backends[0]) == RelayTimeouts(1.0, 2.0, 5.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("client", "server", "deadline", "late"),
    [
        # Before both have spoken, each has its own.
        (("", 0), ("", 0), 10, "client"),
        (("spoke", 0), ("", 0), 10, "client"),
        (("spoke", 50), ("", 45), 60, "client"),
        (("spoke", 50), ("", 30), 50, "server"),
        (("spoke", 50), ("", 40), 60, "client"),
        (("", 5), ("spoke", 50), 15, "client"),
        # One that does not take what it is sent is waited for, and the other is not.
        (("spoke", 50), ("stalled", 45), 65, "server"),
        (("stalled", 45), ("spoke", 30), 55, "client"),
        (("stalled", 45), ("spoke stalled", 30), 50, "server"),
        # Both have spoken: the later of both, and nothing else.
        (("spoke", 7), ("spoke", 9), 109, "client"),
        (("spoke", 9), ("spoke", 7), 109, "server"),
        (("spoke", 9), ("spoke", 9), 109, "client"),
        (("spoke stalled", 9), ("spoke", 7), 109, "client"),
        (("spoke", 7), ("spoke stalled", 9), 109, "server"),
        (("spoke", 9), ("spoke stalled", 9), 109, "server"),
        (("spoke stalled", 9), ("spoke", 9), 109, "client"),
        (("spoke stalled", 9), ("spoke stalled", 7), 109, "server"),
        # The client has closed its half: the server is waited for.
        (("spoke finished", 10), ("spoke", 12), 17, "server"),
        (("finished", 10), ("", 12), 17, "server"),
        (("spoke finished gone", 10), ("spoke", 12), 17, "server"),
        # ... unless the client does not take what it is sent.
        (("spoke finished stalled", 10), ("spoke", 12), 13, "client"),
        # The server has closed its half: the client is waited for.
        (("spoke", 12), ("spoke finished", 10), 15, "client"),
        (("spoke", 12), ("spoke finished stalled", 10), 15, "server"),
        # Both have: what is buffered goes out, and each has its time for it.
        (("spoke finished", 10), ("spoke finished", 10), 13, "client"),
        (("spoke finished", 15), ("spoke finished", 10), 15, "server"),
        (("spoke finished gone", 5), ("spoke finished", 10), 15, "server"),
        (("spoke finished", 10), ("spoke finished gone", 5), 13, "client"),
    ],
)
def test_who_is_due_and_when(client: tuple[str, float], server: tuple[str, float], deadline: float, late: str) -> None:
    """`timeout-client` and -server until both have spoken, then -tunnel alone, at the end the two -fin."""
    one, other = half(*client), half(*server)
    found = due(one, other, TIMEOUTS)
    assert found[0] == deadline
    assert found[1] is (one if late == "client" else other)
