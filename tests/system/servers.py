"""Real servers behind the proxy: lighttpd, and a WebSocket server with TLS or without."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request, TextMessage

from tests.fakes import LOOPBACK, unused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 30.0


def needs(*programs: str) -> None:
    """Skip where a program is not installed; `make test` as root installs them."""
    for program in programs:
        if shutil.which(program) is None and shutil.which(program, path="/usr/sbin") is None:
            pytest.skip(f"{program} is not installed (Debian's package of this name)")


def make_certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate and its key in one PEM file, made by openssl."""
    pem, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", pem], check=True, capture_output=True, timeout=PATIENCE)
    pem.write_bytes(key.read_bytes() + pem.read_bytes())
    return pem


def wait_for_port(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until somebody listens there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
            return
        assert process is None or process.poll() is None, "it ended"
        time.sleep(0.02)
    msg = f"nobody listens on {port}"
    raise AssertionError(msg)


class Lighttpd:
    """lighttpd with one site over HTTP and, with its own certificate, over TLS; its access log tells what it saw."""

    def __init__(self, folder: Path, certificate: Path) -> None:
        self.http, self.tls = unused_port(), unused_port()
        self.root = folder / "site"
        self.root.mkdir()
        (self.root / "index.html").write_text("lighttpd's site\n")
        self.access_log = folder / "access.log"
        configuration = folder / "lighttpd.conf"
        configuration.write_text(f"""
            server.modules = ("mod_accesslog", "mod_openssl")
            server.document-root = "{self.root}"
            server.bind = "{LOOPBACK}"
            server.port = {self.http}
            server.errorlog = "{folder / "error.log"}"
            index-file.names = ("index.html")
            mimetype.assign = ("" => "application/octet-stream")
            accesslog.filename = "{self.access_log}"
            accesslog.format = "%h [%{{X-Forwarded-For}}i] [%{{Host}}i] %r %s"
            $SERVER["socket"] == "{LOOPBACK}:{self.tls}" {{
                ssl.engine = "enable"
                ssl.pemfile = "{certificate}"
            }}
        """)
        program = shutil.which("lighttpd") or "/usr/sbin/lighttpd"
        self.process = subprocess.Popen([program, "-D", "-f", configuration], stderr=subprocess.DEVNULL)
        wait_for_port(self.http, self.process)
        wait_for_port(self.tls, self.process)

    def seen(self, path: str) -> str:
        """The access log's line of a request for `path`; lighttpd writes it a little later."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for line in self.access_log.read_text().splitlines() if self.access_log.exists() else ():
                if f" {path} " in line:
                    return line
            # A SIGHUP makes it flush its buffered log.
            self.process.send_signal(1)
            time.sleep(0.05)
        msg = f"lighttpd saw no request for {path}"
        raise AssertionError(msg)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)


class WebSocketServer:
    """Echoes messages, with TLS where it has a certificate; a plain request gets a page that names it."""

    def __init__(self, certificate: Path | None) -> None:
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listening = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(120)
            stream = connection if self._context is None else self._context.wrap_socket(connection, server_side=True)
            head = stream.recv(65536)
            while b"\r\n\r\n" not in head:
                data = stream.recv(65536)
                if not data:
                    return
                head += data
            if b"upgrade: websocket" not in head.lower():
                page = b"the WebSocket server's page\n"
                stream.sendall(
                    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page)
                )
                return
            self._echo(stream, head)

    def _echo(self, stream: socket.socket, data: bytes) -> None:
        peer = WSConnection(ConnectionType.SERVER)
        while data:
            peer.receive_data(data)
            for event in peer.events():
                if isinstance(event, Request):
                    stream.sendall(peer.send(AcceptConnection()))
                elif isinstance(event, TextMessage):
                    answer = TextMessage(data=event.data, message_finished=event.message_finished)
                    stream.sendall(peer.send(answer))
                elif isinstance(event, Ping | CloseConnection):
                    stream.sendall(peer.send(event.response()))
            data = b"" if peer.state is ConnectionState.CLOSED else stream.recv(65536)


class WebSocketClient:
    """A session through the proxy; `certificate` is what the server must show, None speaks in the clear."""

    def __init__(self, port: int, host: str, certificate: Path | None) -> None:
        connection = socket.create_connection((LOOPBACK, port), PATIENCE)
        if certificate is not None:
            context = ssl.create_default_context(cafile=str(certificate))
            connection = context.wrap_socket(connection, server_hostname=host)
        self._stream = connection
        self._peer = WSConnection(ConnectionType.CLIENT)
        self._stream.sendall(self._peer.send(Request(host=host, target="/main/realtime/sockjs/websocket")))
        assert isinstance(self._event(), AcceptConnection)

    def echo(self, text: str) -> str:
        """Send a message, and wait for what comes back."""
        self._stream.sendall(self._peer.send(TextMessage(data=text)))
        answer = ""
        while True:
            event = self._event()
            assert isinstance(event, TextMessage)
            answer += event.data
            if event.message_finished:
                return answer

    def close(self) -> None:
        """Say goodbye, and wait for the other's."""
        self._stream.sendall(self._peer.send(CloseConnection(code=1000)))
        assert isinstance(self._event(), CloseConnection)
        self._stream.close()

    def _event(self) -> object:
        for event in self._peer.events():
            return event
        while True:
            data = self._stream.recv(65536)
            assert data, "the connection ended"
            self._peer.receive_data(data)
            for event in self._peer.events():
                return event


@contextlib.contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server whose connections are each given to `serve` in a thread, and closed after it; its port."""

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE * 4)
            serve(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    with socket.create_server((LOOPBACK, 0), backlog=1024) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def naming_server(name: bytes) -> contextlib.AbstractContextManager[int]:
    """Reads something, answers with its name and closes."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(name)

    return tcp_server(serve)


def echo_server(greeting: bytes) -> contextlib.AbstractContextManager[int]:
    """Reads a hello, greets, and echoes what comes then."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(greeting)
        while data := connection.recv(65536):
            connection.sendall(data)

    return tcp_server(serve)
