"""Files that the tests of the command ask about."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
SHIPPED = str(ROOT / "etc" / "proxy.ini")

BAD = """\
[global]
maxcon = 4000

[frontend web]
mode = tls
bind = *:99999
default-backend = nowhere

[backend here]
server one 127.0.0.1:8443
server two = 127.0.0.1:8444
"""

GOOD = """\
[frontend f]
mode = tls
bind = *:443
default-backend = b
[backend b]
server s = 127.0.0.1:8443
"""

WARNED = f"{GOOD}[backend unused]\nserver s = 127.0.0.1:1\n"

SITE = """\
[defaults]
default-backend = rest

[frontend web]
mode = http
bind = *:80
route www.example.org = redirect https
route www.example.org/shop = shop       # a path beats none
route ~(www|web)\\.example\\.org = rest
route gone.example.org = drop

[frontend secure]
mode = tls
bind = *:443 [::1]:8443
route www.example.org = shop-tls
route www.example.org if alpn acme-tls/1 = certbot
route *.example.org = wild
route ~.*\\.org = regex
unknown-sni = reject
no-sni = drop
default-backend = wild

[frontend plain]
mode = tcp
bind = systemd:plain
default-backend = wild

[backend rest]
mode = http
cookie = SERVERID insert
server one = 127.0.0.1:8080 cookie=1
server two = 127.0.0.1:8081 cookie=2 backup
[backend shop]
mode = http
server one = 127.0.0.1:8082
server old = 127.0.0.1:8083 disabled
server fading = 127.0.0.1:8084 drain
[backend shop-tls]
use-server two = www.example.org
server one = 127.0.0.1:8443
server two = 127.0.0.1:8444 weight=0
[backend certbot]
server one = 127.0.0.1:8445
[backend wild]
server one = 127.0.0.1:8446
[backend regex]
server one = 127.0.0.1:8447
"""
"""A site in which each kind of rule decides somewhere."""
