"""What a server is told before anything else on a connection: the header of the PROXY protocol, where it gets one.

Rule: it tells of the client as the log does, and of nobody else. May not: find out an address, or make up an ID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import SendProxy
from pumpproxy.wire.proxyblock import UNIQUE_ID
from pumpproxy.wire.proxywriter import ALPN, AUTHORITY, v1, v2

if TYPE_CHECKING:
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.wire.clienthello import ClientHello


def header_for(
    server: ServerState,
    client: ClientAddress,
    local: ClientAddress | None,
    unique_id: bytes,
    hello: ClientHello | None = None,
) -> bytes:
    """That of this server's connection, which is for that client; empty where it gets none.

    `local`: where the client came to; None: nobody knows, and so the header is of an unknown client. `unique_id`: what
    its connection is called; empty for no name.
    """
    version = server.declared.send_proxy
    if version is None:
        return b""
    if version is SendProxy.V1:
        return v1(client, local)
    tlvs = []
    if hello is not None and hello.alpn:
        # The protocol "in use" (2.2.1) is settled inside the TLS connection, which nobody here sees: what the client
        # likes best is as near as can be told.
        tlvs.append((ALPN, hello.alpn[0]))
    if hello is not None and hello.server_name:
        # In its one spelling, by which it was routed.
        tlvs.append((AUTHORITY, hello.server_name.encode("ascii")))
    if unique_id:
        tlvs.append((UNIQUE_ID, unique_id))
    return v2(client, local, tlvs)
