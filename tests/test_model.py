"""What a declaration works out by itself."""

from __future__ import annotations

from pumpproxy.model import Frontend, Mode


def test_a_first_line_may_have_half_of_a_head() -> None:
    """So that a request's other half can still be read and answered."""
    assert Frontend("f", Mode.HTTP, ()).max_line == 8192
    assert Frontend("f", Mode.HTTP, (), max_head=1024).max_line == 512
