"""What stands on the booted host beside the proxy: lighttpd with a page, a WebSocket server, and the proxy's own file.

May not: need anything but Debian's packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.booted import CERTIFICATE, FILE, HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.booted import Booted

PACKAGES = ("lighttpd", "lighttpd-mod-openssl", "openssl", "logrotate", "python3-websockets")
NAMES = ("www.example.test", "other.example.test", "ws.example.test")

LIGHTTPD = f"""
server.modules = ("mod_openssl")
server.document-root = "/var/www/html"
server.bind = "127.0.0.1"
server.port = 8080
server.username = "www-data"
server.groupname = "www-data"
server.errorlog = "/var/log/lighttpd/error.log"
index-file.names = ("index.html")
mimetype.assign = ("" => "text/plain")
$SERVER["socket"] == "127.0.0.1:8443" {{
    ssl.engine = "enable"
    ssl.pemfile = "{CERTIFICATE}"
}}
"""

SOCKETS = f"""
[Unit]
Description=WebSockets that echo
[Service]
ExecStart=/usr/bin/python3 /etc/lab/sockets.py serve {CERTIFICATE}
[Install]
WantedBy=multi-user.target
"""

PROXY = """\
[global]
log = {log}

[frontend http-in]
mode            = http
bind            = {http}
forwardfor      = yes
default-backend = web
route ws.example.test = ws

[frontend https-in]
mode            = tls
bind            = {https}
default-backend = web-tls
route ws.example.test = ws-tls

[backend web]
mode       = http
server one = 127.0.0.1:8080 check

[backend web-tls]
server one = 127.0.0.1:8443 check=tls-hello

[backend ws]
mode       = http
server one = 127.0.0.1:9001 check

[backend ws-tls]
server one = 127.0.0.1:9002 check=tls-hello
"""


def proxy_ini(*, log: str = "journal", http: str = "*:80", https: str = "*:443") -> str:
    """The proxy's file of these steps: four servers, each checked."""
    return PROXY.format(log=log, http=http, https=https)


def build_site(lab: Booted) -> Iterator[str]:
    """A host with lighttpd on 8080 and 8443, and a WebSocket server."""
    lab.install(*PACKAGES)
    yield lab.run("sh", "-c", "systemctl --version | head -n 1; python3 --version; lighttpd -v").replace("\n", ", ")
    lab.shell(f"printf '127.0.0.1 {' '.join(NAMES)}\\n' >>/etc/hosts; mkdir -p /etc/lab")
    lab.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
        "-subj", f"/CN={NAMES[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES),
        "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
        "-keyout", "/etc/lab/key.pem", "-out", CERTIFICATE,
    )  # fmt: skip
    lab.shell(f"cat /etc/lab/key.pem >>{CERTIFICATE}")
    lab.write("/etc/lighttpd/lighttpd.conf", LIGHTTPD)
    lab.write("/var/www/html/index.html", "lighttpd's page\n")
    lab.put(HERE / "sockets.py")
    lab.write("/etc/systemd/system/lab-sockets.service", SOCKETS)
    lab.run("systemctl", "daemon-reload")
    lab.run("systemctl", "restart", "lighttpd", "lab-sockets")
    lab.wait_for("the servers", "curl -sf http://127.0.0.1:8080/ && curl -s http://127.0.0.1:9001/")


def take_file(lab: Booted, text: str) -> None:
    """Write the proxy's file, and have it reloaded."""
    lab.write(FILE, text)
    lab.run("systemctl", "reload", "pumpproxy")
