"""Real servers that are told of their clients by the PROXY protocol: lighttpd, nginx and HAProxy, and what each saw.

Each serves over HTTP and, with its own certificate, over TLS, and on both wants a header first.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, unused_port
from tests.system.servers import PATIENCE, wait_for_port

if TYPE_CHECKING:
    from pathlib import Path


def program(name: str) -> str:
    """Where Debian has it."""
    return shutil.which(name) or f"/usr/sbin/{name}"


class Told(ABC):
    """One such server. `command` starts it, its file written, with a log in which each line ends with the path."""

    name: str

    def __init__(self, folder: Path, certificate: Path) -> None:
        self.http, self.tls = unused_port(), unused_port()
        self.log = folder / "seen.log"
        (folder / "page").write_text(f"{self.name}'s page\n")
        command = self.command(folder, certificate)
        with (folder / "output").open("ab") as output, self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=output, stdin=subprocess.DEVNULL)
        wait_for_port(self.http, self.process)
        wait_for_port(self.tls, self.process)

    @abstractmethod
    def command(self, folder: Path, certificate: Path) -> list[str]:
        """What starts it."""

    def saw(self, path: str) -> list[str]:
        """Of whom it was told for a request for `path`: address and port, and as many of ours as it knows."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = (line.split() for line in self.log.read_text().splitlines())
            for line in lines:
                if line[-1:] == [path]:
                    return line[:-1]
            self.flush()
            time.sleep(0.05)
        msg = f"{self.name} saw no request for {path}:\n{self.log.read_text()}"
        raise AssertionError(msg)

    def flush(self) -> None:
        """Have it write its log; most do."""
        assert self.process.poll() is None

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)


class ToldLighttpd(Told):
    """By mod_extforward's hap-PROXY; it knows nothing of where the client came to."""

    name = "lighttpd"

    def command(self, folder: Path, certificate: Path) -> list[str]:
        """With one site of static files."""
        configuration = folder / "lighttpd.conf"
        configuration.write_text(f"""
            server.modules = ("mod_openssl", "mod_extforward", "mod_accesslog")
            server.document-root = "{folder}"
            server.bind = "{LOOPBACK}"
            server.port = {self.http}
            server.errorlog = "{folder / "error.log"}"
            mimetype.assign = ("" => "text/plain")
            accesslog.filename = "{self.log}"
            accesslog.format = "%h %{{remote}}p %U"
            extforward.forwarder = ("{LOOPBACK}" => "trust")
            extforward.hap-PROXY = "enable"
            $SERVER["socket"] == "{LOOPBACK}:{self.tls}" {{
                ssl.engine = "enable"
                ssl.pemfile = "{certificate}"
            }}
        """)
        return [program("lighttpd"), "-D", "-f", str(configuration)]

    def flush(self) -> None:
        """A SIGHUP does that."""
        self.process.send_signal(1)


class ToldNginx(Told):
    """By `proxy_protocol` of its addresses."""

    name = "nginx"

    def command(self, folder: Path, certificate: Path) -> list[str]:
        """One process, with one site of static files."""
        temporary = " ".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        configuration = folder / "nginx.conf"
        configuration.write_text(f"""
            daemon off;
            master_process off;
            pid {folder}/nginx.pid;
            events {{ }}
            http {{
                log_format seen "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr "
                                "$proxy_protocol_server_port $uri";
                access_log {self.log} seen;
                default_type text/plain;
                {temporary}
                server {{
                    listen {LOOPBACK}:{self.http} proxy_protocol;
                    listen {LOOPBACK}:{self.tls} ssl proxy_protocol;
                    ssl_certificate {certificate};
                    ssl_certificate_key {certificate};
                    root {folder};
                }}
            }}
        """)
        return [program("nginx"), "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(configuration)]


class ToldHaproxy(Told):
    """By `accept-proxy`; it knows of the TLVs, too: the name, and the connection's ID."""

    name = "haproxy"

    def command(self, folder: Path, certificate: Path) -> list[str]:
        """One that answers by itself."""
        configuration = folder / "haproxy.cfg"
        configuration.write_text(
            f"""
            global
                log stdout format raw local0
            defaults
                mode http
                log global
                timeout client 30s
                log-format "%ci %cp %fi %fp %[fc_pp_authority] %[fc_pp_unique_id] %HP"
            frontend told
                bind {LOOPBACK}:{self.http} accept-proxy
                bind {LOOPBACK}:{self.tls} accept-proxy ssl crt {certificate}
                http-request return status 200 content-type text/plain string "haproxy's page"
        """.rstrip(" ")
        )
        return [program("haproxy"), "-db", "-f", str(configuration)]


class Teller:
    """HAProxy before us: its `frontends` are clients' ports by name, all lines of its file a test's own."""

    def __init__(self, folder: Path, text: str) -> None:
        self._socket = folder / "haproxy.sock"
        configuration = folder / "haproxy.cfg"
        configuration.write_text(
            f"""
            global
                stats socket {self._socket}
            defaults
                mode tcp
                timeout connect 5s
                timeout client 30s
                timeout server 30s
                timeout check 5s
            {text}
        """.rstrip(" ")
        )
        self._output = folder / "output"
        with self._output.open("ab") as output:
            command = [program("haproxy"), "-db", "-f", str(configuration)]
            self.process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def checked(self, backend: str) -> str:
        """What the last check of the backend's server said, once one has been done."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, self._output.read_text()
            for line in self._stats():
                fields = line.split(",")
                # HAProxy's management guide, 9.1: pxname, svname, ..., check_status is the 37th.
                if fields[:2] == [backend, "s"] and fields[36] not in ("", "INI"):
                    return fields[36].removeprefix("* ")
            time.sleep(0.05)
        msg = f"no check of {backend}: {self._output.read_text()}"
        raise AssertionError(msg)

    def _stats(self) -> list[str]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(str(self._socket))
                connection.sendall(b"show stat\n")
                parts = []
                while part := connection.recv(65536):
                    parts.append(part)
        except OSError:
            return []  # it is starting
        return b"".join(parts).decode().splitlines()

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)
