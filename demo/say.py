"""Say something over a WebSocket and print what comes back: `python -m demo.say --help`.

May not: speak anything but TLS with a verified certificate. Blocking: a client of one connection needs no reactor.
"""

from __future__ import annotations

import argparse
import base64
import secrets
import socket
import ssl
import sys
from typing import TYPE_CHECKING

from demo.websocket import Frames, Message, Opcode, accept, frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE = 10.0
"""Seconds for each answer."""


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.say", description=__doc__.partition("\n")[0])
    parser.add_argument("--cacert", required=True, help="the certificate authority to trust, a PEM file")
    parser.add_argument("--connect-to", required=True, metavar="HOST:PORT", help="where the proxy listens")
    parser.add_argument("--path", default="/")
    parser.add_argument("name", help="the site's name: SNI, Host and the certificate's")
    parser.add_argument("message", nargs="+")
    return parser.parse_args(argv)


class Conversation:
    """An open WebSocket. Owns the socket; `close` ends both."""

    def __init__(self, stream: ssl.SSLSocket, name: str, path: str) -> None:
        self._stream = stream
        self._frames = Frames(masked=False)
        self._messages = self._read(self._shake_hands(name, path))

    def hear(self) -> Message:
        """The next message. Raises EOFError where the peer is gone."""
        message = next(self._messages, None)
        if message is None:
            raise EOFError
        return message

    def say(self, text: str) -> None:
        """Send a text message."""
        self._send(Opcode.TEXT, text.encode("utf-8"))

    def close(self) -> None:
        """Close as sections 5.5.1 and 7.1.1 ask: say so, hear the same, let the server close the connection."""
        self._send(Opcode.CLOSE, b"")
        for _ in self._messages:
            pass
        self._stream.close()

    def _send(self, opcode: Opcode, payload: bytes) -> None:
        self._stream.sendall(frame(opcode, payload, secrets.token_bytes(4)))

    def _shake_hands(self, name: str, path: str) -> bytes:
        """Upgrade; the bytes read beyond the head are returned."""
        key = base64.b64encode(secrets.token_bytes(16))
        self._stream.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key.decode('ascii')}\r\n\r\n".encode("ascii")
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._stream.recv(4096) or sys.exit("The connection was closed before an answer.")
        head, _, rest = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 ") or accept(key) not in head:
            sys.exit("No WebSocket there: " + head.decode("latin-1").partition("\r\n")[0])
        return rest

    def _read(self, first: bytes) -> Iterator[Message]:
        data = first
        while True:
            yield from self._frames.feed(data)
            data = self._stream.recv(65536)
            if not data:
                return


def main(argv: Sequence[str]) -> None:
    """Say each message, and print what is heard until as many were answered."""
    options = arguments(argv)
    host, _, port = options.connect_to.rpartition(":")
    context = ssl.create_default_context(cafile=options.cacert)
    plain = socket.create_connection((host, int(port)), timeout=PATIENCE)
    with context.wrap_socket(plain, server_hostname=options.name) as stream:
        conversation = Conversation(stream, options.name, options.path)
        print("greeted:", conversation.hear().payload.decode("utf-8"))
        for message in options.message:
            conversation.say(message)
            print("said: ", message)
            print("heard:", conversation.hear().payload.decode("utf-8"))
        conversation.close()


if __name__ == "__main__":
    main(sys.argv[1:])
