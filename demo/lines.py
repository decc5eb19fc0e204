"""What to type, and what it shows: each line works as printed, in any POSIX shell.

May not: run anything. `--connect-to` stands for the DNS entries and the ports 443 and 80 of a real site.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PUMP = "pump2.example.test"
"""The name that has a route. `.test` never exists in the DNS (RFC 6761, section 6.2)."""
WWW = "www.example.test"
"""A name that no route has: it goes to the default."""

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ANSWER = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455, section 1.3: the key, and what proves that a WebSocket server read it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One command, and the fragments that its output must have, each of them."""

    title: str
    command: str
    shows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the proxy listens."""

    http: int
    https: int


def _curl(*arguments: str) -> str:
    words = ["curl", "-sS", "-m", "10"]
    # A proxy of the person's own network has no business with the loopback address.
    if any(name.lower() in {"http_proxy", "https_proxy", "all_proxy"} for name in os.environ):
        words += ["--noproxy", "*"]
    return shlex.join([*words, *arguments])


def lines(ports: Ports, authority: Path, names: Mapping[str, str]) -> list[Line]:
    """Every line to try. `authority` is the PEM file to trust; `names` what the stand-ins call themselves, by role."""
    to_https = ["--connect-to", f"::127.0.0.1:{ports.https}"]
    to_http = ["--connect-to", f"::127.0.0.1:{ports.http}"]
    tls = ["--cacert", str(authority), *to_https]
    upgrade = []
    for header in (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    ):
        upgrade += ["-H", header]
    say = [sys.executable, "-m", "demo.say", "--cacert", str(authority), "--connect-to", f"127.0.0.1:{ports.https}"]
    return [
        Line(
            f"https://{PUMP} has a route: pump.io answers, with its own certificate.",
            _curl(*tls, f"https://{PUMP}/"),
            (f"This is {names['pump_https']}.", f"Host             {PUMP}"),
        ),
        Line(
            f"https://{WWW} has none: it goes to the default, lighttpd, with lighttpd's certificate.",
            _curl(*tls, f"https://{WWW}/"),
            (f"This is {names['www_https']}.", f"Host             {WWW}"),
        ),
        Line(
            "A WebSocket is a connection like any other: pump.io says 101, greets, and closes.",
            _curl("-i", "-N", "--http1.1", *tls, *upgrade, f"https://{PUMP}/greeting"),
            (
                "101 Switching Protocols",
                f"Sec-WebSocket-Accept: {ANSWER}",
                f"This is the WebSocket of {names['pump_https']}.",
            ),
        ),
        Line(
            "Both ways: a small client says two things over that WebSocket, and hears them back.",
            shlex.join([*say, PUMP, "Hello, pump!", "And again."]),
            ("heard: Hello, pump!", "heard: And again."),
        ),
        Line(
            "Plain HTTP is read request by request; lighttpd is told who asks (X-Forwarded-For).",
            _curl(*to_http, f"http://{WWW}/"),
            (f"This is {names['www_http']}.", "X-Forwarded-For  127.0.0.1"),
        ),
        Line(
            "A visitor who types the bare name of pump.io is sent to HTTPS: 301.",
            _curl("-i", *to_http, f"http://{PUMP}/inbox?page=2"),
            ("HTTP/1.1 301", f"ocation: https://{PUMP}/inbox?page=2"),
        ),
        Line(
            "Plain HTTP sent to the HTTPS port gets an answer that a person can read: 400.",
            _curl("-i", *to_https, f"http://{PUMP}:443/"),
            ("HTTP/1.1 400", "HTTPS"),
        ),
    ]
