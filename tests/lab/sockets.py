"""WebSockets that live through what is done to the proxy, run inside a booted system with Debian's python3-websockets.

    python3 sockets.py serve CERTIFICATE            echoes on 127.0.0.1:9001, with TLS on 127.0.0.1:9002
    python3 sockets.py talk CERTIFICATE             one over :80, one over :443, until its input ends

Each of the two says a number every 50 ms and wants it back. In the end one JSON object: for each how many came back,
the longest wait for one, and what ended it, if it did not last.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from typing import Any

import websockets

NAME = "ws.example.test"
PAUSE = 0.05
PATIENCE = 30.0


async def echo(connection: Any) -> None:  # noqa: ANN401 - its class has another name in each version
    """All that comes goes back."""
    async for message in connection:
        await connection.send(message)


async def serve(certificate: str) -> None:
    """Both servers, for ever."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with (
        websockets.serve(echo, "127.0.0.1", 9001),
        websockets.serve(echo, "127.0.0.1", 9002, ssl=tls),
    ):
        await asyncio.Event().wait()


async def talk(url: str, tls: ssl.SSLContext | None, ended: asyncio.Future[str]) -> dict[str, object]:
    """One WebSocket, until the input ends or it does."""
    echoes, longest, error = 0, 0.0, ""
    try:
        async with websockets.connect(url, ssl=tls) as connection:
            while not ended.done():
                said = time.monotonic()
                await connection.send(str(echoes))
                heard = await asyncio.wait_for(connection.recv(), PATIENCE)
                if heard != str(echoes):
                    error = f"said {echoes}, heard {heard!r}"
                    break
                longest = max(longest, time.monotonic() - said)
                echoes += 1
                await asyncio.sleep(PAUSE)
    except Exception as failure:  # noqa: BLE001 - whatever ended it is what is told
        error = repr(failure)
    return {"echoes": echoes, "longest": longest, "error": error}


async def both(certificate: str) -> None:
    """One over HTTP, one over TLS."""
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    tls = ssl.create_default_context(cafile=certificate)
    plain, secret = await asyncio.gather(
        talk(f"ws://{NAME}/", None, ended),
        talk(f"wss://{NAME}/", tls, ended),
    )
    sys.stdout.write(json.dumps({"ws": plain, "wss": secret}) + "\n")


if __name__ == "__main__":
    asyncio.run({"serve": serve, "talk": both}[sys.argv[1]](sys.argv[2]))
