"""Where a client's connection stands, and how it ends."""

from __future__ import annotations

import pytest

from pumpproxy.policy.httpsteps import RESET_CLIENT, RESET_SERVER, Ended, FinishClient
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.request import Ending, Fault
from pumpproxy.policy.runtime import Runtime
from pumpproxy.policy.standing import Stage, Standing
from tests.playbook import CLIENT, EPOCH, site


def standing() -> Standing:
    """One that was accepted."""
    runtime = Runtime(site(), 9)
    return Standing(runtime, runtime.frontends["f"], CLIENT, 0.0, EPOCH)


LEFT = Ending(Outcome.CLIENT_LEFT, Phase.REQUEST)


def test_a_connection_without_a_byte_counts_as_a_request() -> None:
    """It has a record, once; later ends have none."""
    one = standing()
    one.close(LEFT)
    finished, ended = one.flush()
    assert finished == FinishClient(b"")
    assert isinstance(ended, Ended)
    assert ended.record.outcome is Outcome.CLIENT_LEFT
    assert one.stage is Stage.OVER
    one.close(LEFT)
    assert one.flush() == (FinishClient(b""),)


def test_the_first_request_began_with_the_accept() -> None:
    """A later one with its first byte."""
    one = standing()
    one.now = 3.0
    assert one.begin().started == 0.0
    one.end(LEFT)
    one.now = 5.0
    assert one.begin().started == 5.0


@pytest.mark.parametrize("told", [True, False])
def test_a_cut_ends_both_connections(*, told: bool) -> None:
    """The client's is reset where it is still there; no server was engaged."""
    one = standing()
    one.cut(LEFT, told=told)
    steps = one.flush()
    assert (RESET_CLIENT in steps) is told
    assert RESET_SERVER not in steps


def test_a_fault_before_an_answer_is_told() -> None:
    """By a page of ours, which is counted."""
    one = standing()
    one.fail(Fault(400, Ending(Outcome.BAD_REQUEST, Phase.REQUEST, "why")))
    finished, ended = one.flush()
    assert isinstance(finished, FinishClient)
    assert finished.reply.startswith(b"HTTP/1.1 400 ")
    assert isinstance(ended, Ended)
    assert (ended.record.bytes_out, ended.record.status, ended.record.detail) == (len(finished.reply), 400, "why")
