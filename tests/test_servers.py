"""What a server's declaration works out by itself."""

from __future__ import annotations

import pytest

from pumpproxy.places import TcpAddress
from pumpproxy.servers import Admin, Server


@pytest.mark.parametrize(
    ("disabled", "drain", "admin"),
    [(False, False, Admin.READY), (False, True, Admin.DRAIN), (True, False, Admin.MAINT), (True, True, Admin.MAINT)],
)
def test_the_file_s_words_are_an_administrative_state(disabled: bool, drain: bool, admin: Admin) -> None:  # noqa: FBT001
    """`disabled` outweighs `drain`; without either a server is ready."""
    assert Server("s", TcpAddress("127.0.0.1", 80), disabled=disabled, drain=drain).admin is admin
