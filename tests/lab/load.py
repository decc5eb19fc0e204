"""Visitors that keep coming to :80 and :443, run inside a booted system with nothing but Python's standard library.

    python3 load.py RATE CERTIFICATE QUERY

RATE new connections a second, half of them to each port, until its input ends. Each asks lighttpd for its page, with a
query of so many bytes, and reads the answer to its end. Then one JSON object: what became of them all, and how long the
slowest took. A connection that the kernel refuses is `refused`; one that ends without its whole answer is named by what
it met.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import Counter

NAME = "www.example.test"
PAGE = b"lighttpd's page\n"
PATIENCE = 60.0
"""Seconds for one visit: more than the proxy may be away."""


class Visits:
    """What became of all visits."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.slowest = {80: 0.0, 443: 0.0}
        self.waits: list[float] = []

    def report(self) -> str:
        """As JSON."""
        waits = sorted(self.waits) or [0.0]
        return json.dumps(
            {
                "visits": self.ends.total(),
                "ends": dict(self.ends),
                "slowest": self.slowest,
                "median": waits[len(waits) // 2],
                "p99": waits[len(waits) * 99 // 100],
            }
        )


async def answer(port: int, tls: ssl.SSLContext, query: int) -> str:
    """One visit; what it met."""
    target = f"/?{'q' * query}" if query else "/"
    context, name = (tls, NAME) if port == 443 else (None, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        got = await reader.read(-1)
    finally:
        writer.close()
    if not got:
        return "closed"
    status = got.split(b" ", 2)[1:2]
    if status != [b"200"]:
        return "status " + b"".join(status).decode(errors="replace")
    return "good" if got.endswith(PAGE) else "cut"


async def visit(visits: Visits, port: int, tls: ssl.SSLContext, query: int) -> None:
    """One visit, timed, its end counted whatever it was."""
    begun = time.monotonic()
    try:
        end = await asyncio.wait_for(answer(port, tls, query), PATIENCE)
    except ConnectionRefusedError:
        end = "refused"
    except ConnectionResetError:
        end = "reset"
    except TimeoutError:
        end = "timeout"
    except (OSError, EOFError) as error:
        end = type(error).__name__
    took = time.monotonic() - begun
    visits.ends[end] += 1
    visits.waits.append(took)
    visits.slowest[port] = max(visits.slowest[port], took)


async def come(rate: float, certificate: str, query: int) -> Visits:
    """Visits at this rate until the input ends; those that are on their way are waited for."""
    tls = ssl.create_default_context(cafile=certificate)
    visits = Visits()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    running: set[asyncio.Task[None]] = set()
    begun, number = time.monotonic(), 0
    while not ended.done():
        task = asyncio.create_task(visit(visits, (80, 443)[number % 2], tls, query))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
    await asyncio.gather(*running)
    return visits


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(come(float(sys.argv[1]), sys.argv[2], int(sys.argv[3]))).report() + "\n")
