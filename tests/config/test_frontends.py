"""Tests of a frontend's values to a Frontend."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pumpproxy.model import (
    Action,
    ConnectionMode,
    ExactHost,
    ForwardFor,
    Frontend,
    LogFormat,
    Mode,
    RegexHost,
    Route,
    TcpAddress,
    UnixAddress,
    WildcardHost,
)
from tests.config.reading import HTTP, TCP, TLS, B, H, frontend, problems


def test_all_that_a_tls_frontend_can_say() -> None:
    """Every key of `mode = tls`."""
    text = (
        "[frontend f]\nmode = tls\nbind = 127.0.0.1:443 unix:/run/f\nmaxconn = 10\ndefault-backend = b\n"
        "route a.example = b\nroute *.example if alpn h2 = drop\nroute ~x.* = reject\ninspect-delay = 1s\n"
        "no-sni = drop\nunknown-sni = reject\nnot-tls = b\nsilent = b\nlog-format = json\ndontlognull = yes\n"
        "socket-stats = on\naccept-proxy = 10.0.0.0/8\n  2001:db8::/32\nmax-per-source = 64\nrate-per-source = 600\n"
        "timeout-client = 2s\ntimeout-client-fin = 3s\ntimeout-tunnel = 4s\n"
    )
    assert frontend(text + B) == Frontend(
        name="f",
        mode=Mode.TLS,
        binds=(TcpAddress("127.0.0.1", 443), UnixAddress("/run/f")),
        routes=(
            Route(ExactHost("a.example"), "", None, "b"),
            Route(WildcardHost("example", apex=False), "", "h2", Action.DROP),
            Route(RegexHost("x.*"), "", None, Action.REJECT),
        ),
        default_backend="b",
        no_sni=Action.DROP,
        unknown_sni=Action.REJECT,
        not_tls="b",
        silent="b",
        inspect_delay=1.0,
        maxconn=10,
        accept_proxy=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
        max_per_source=64,
        rate_per_source=600,
        log_format=LogFormat.JSON,
        dontlognull=True,
        socket_stats=True,
        timeout_client=2.0,
        timeout_client_fin=3.0,
        timeout_tunnel=4.0,
    )


def test_all_that_an_http_frontend_can_say() -> None:
    """Every key of `mode = http` that the other modes have not."""
    text = (
        "default-backend = h\nroute a.example/x/ = h\nroute b.example = redirect https\n"
        "trusted-proxies = 10.0.0.0/8\n  ::1\nforwardfor = except 127.0.0.0/8\nconnection = close\n"
        "forwarded = yes\nforwarded-proto = yes\nforwarded-host = on\nforwarded-port = true\nvia = edge\n"
        "max-head = 64k\nmax-headers = 200\ntimeout-http-request = 1s\ntimeout-http-keep-alive = 2s\n"
    )
    assert frontend(HTTP + text + H) == Frontend(
        name="f",
        mode=Mode.HTTP,
        binds=(TcpAddress("*", 80),),
        routes=(
            Route(ExactHost("a.example"), "/x/", None, "h"),
            Route(ExactHost("b.example"), "", None, Action.REDIRECT_HTTPS),
        ),
        default_backend="h",
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1")),
        forwardfor=ForwardFor(networks=(ip_network("127.0.0.0/8"),)),
        forwarded=True,
        forwarded_proto=True,
        forwarded_host=True,
        forwarded_port=True,
        via="edge",
        max_head=65536,
        max_headers=200,
        connection=ConnectionMode.CLOSE,
        log_format=LogFormat.HTTPLOG,
        timeout_http_request=1.0,
        timeout_http_keep_alive=2.0,
    )


def test_a_frontend_may_undo_what_all_others_say() -> None:
    """`via = no` beside a `via` in [defaults]."""
    defaults = "[defaults]\nvia = edge\n"
    assert frontend(f"{defaults}{HTTP}default-backend = h\n{H}").via == "edge"
    assert frontend(f"{defaults}{HTTP}via = no\ndefault-backend = h\n{H}").via is None


def test_without_a_word_all_is_the_models_default() -> None:
    """A frontend of three lines."""
    assert frontend(TCP + "default-backend = b\n" + B) == Frontend(
        "f", Mode.TCP, (TcpAddress("*", 22),), default_backend="b"
    )


def test_names_without_a_route_go_to_the_default() -> None:
    """With a default-backend `no-sni` and `unknown-sni` are it, without one they are rejected."""
    with_default = frontend(TLS + "default-backend = b\n" + B)
    assert (with_default.no_sni, with_default.unknown_sni) == ("b", "b")
    without = frontend(TLS + "route a.example = b\n" + B)
    assert (without.no_sni, without.unknown_sni) == (Action.REJECT, Action.REJECT)
    assert (without.not_tls, without.silent) == (Action.EXPLAIN, Action.DROP)


@pytest.mark.parametrize(
    ("defaults", "mode", "found"),
    [
        ("", TLS, LogFormat.TCPLOG),
        ("", HTTP, LogFormat.HTTPLOG),
        ("log-format = httplog", TLS, LogFormat.TCPLOG),
        ("log-format = tcplog", HTTP, LogFormat.HTTPLOG),
        ("log-format = json", HTTP, LogFormat.JSON),
        ("log-format = json", TLS, LogFormat.JSON),
    ],
)
def test_an_inherited_log_format_gives_way_to_the_mode(defaults: str, mode: str, found: LogFormat) -> None:
    """As HAProxy's httplog in a defaults section does for a tcp frontend."""
    target = "reject" if mode == TLS else "redirect https"
    assert frontend(f"[defaults]\n{defaults}\n{mode}route a.example = {target}\n").log_format is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[frontend f]\nbind = *:1\ndefault-backend = b",
         ["1: [frontend f] has no mode (write mode = tls, tcp or http)"]),
        ("[frontend f]\nmode = tcp\ndefault-backend = b",
         ["1: [frontend f] has no address to listen on (write bind = *:PORT)"]),
        (f"{TCP}default_backend = b", [("4: [frontend f] default_backend: is not a key of [frontend] "
                                       "(did you mean 'default-backend'?)")]),
        (TCP, ["1: [frontend f] has no default-backend (mode = tcp has no routes to choose by)",
               "4: [backend b] is used by no frontend"]),
        (f"{TLS}default-backend = b\nmax-head = 32k",
         ["5: [frontend f] max-head: is for mode = http, and this section has mode = tls"]),
        (f"{HTTP}max-head = 2m\nmax-headers = 5\nroute a.example = reject",
         ["4: [frontend f] max-head: '2m' is out of range (from 1k to 1m)",
          "5: [frontend f] max-headers: 5 is out of range (from 10 to 10000)",
          "7: [backend b] is used by no frontend"]),
        (f"{TCP}default-backend = b\ninspect-delay = 1s",
         [("5: [frontend f] inspect-delay: waits for nothing: "
           "mode = tcp reads nothing of a client without accept-proxy")]),
        (f"{TCP}default-backend = b\nroute a.example = b",
         ["5: [frontend f] route a.example: is for mode = http or tls, and this section has mode = tcp"]),
        (TLS, ["1: [frontend f] refuses everything (it has no route and no default-backend)",
               "4: [backend b] is used by no frontend"]),
        (f"{TLS}default-backend = b\nlog-format = httplog",
         ["5: [frontend f] log-format: 'httplog' is not for mode = tls (write tcplog or json)"]),
        (f"{TLS}default-backend = b\ntimeout-http-request = 1s",
         ["5: [frontend f] timeout-http-request: is for mode = http, and this section has mode = tls"]),
        (f"{TLS}default-backend = b\naccept-proxy = 10.0.0.1/8\nmax-per-source = 0\nrate-per-source = 1m",
         [("5: [frontend f] accept-proxy: '10.0.0.1/8' has bits set beyond its mask "
           "(write 10.0.0.0/8 for the network, 10.0.0.1 for the one address)"),
          "6: [frontend f] max-per-source: 0 is out of range (from 1 to 2147483647)",
          "7: [frontend f] rate-per-source: '1m' is not a whole number"]),
        (f"{TLS.replace('*:443', 'unix:/a unix:/b')}default-backend = b\naccept-proxy = 10.0.0.0/8",
         ["5: [frontend f] accept-proxy: believes nobody: a client of a unix socket has no address (bind a port)"]),
        (f"{TLS}route a.example/x = b",
         ["4: [frontend f] route a.example/x: a path can only be compared in mode = http"]),
        (f"{TLS}route ~[^/]+ = b",
         ["4: [frontend f] route ~[^/]+: the pattern does not compile: unterminated character set at position 0"]),
        (f"{TLS}route ~a/b = b",
         ["4: [frontend f] route ~a/b: a '/' in the pattern can only be compared in mode = http"]),
        (f"{TLS}route a.example = redirect https\nno-sni = b",
         ["4: [frontend f] route a.example: cannot redirect: only mode = http can"]),
        (f"{TLS}route a.example = explain\nno-sni = b",
         ["4: [frontend f] route a.example: cannot explain: that is for not-tls"]),
        (f"{TLS}silent = explain\nno-sni = redirect https\nunknown-sni = b",
         ["4: [frontend f] silent: cannot explain: that is for not-tls",
          "5: [frontend f] no-sni: cannot redirect: the client speaks TLS, or nothing that we know"]),
    ],
)  # fmt: skip
def test_what_does_not_go_together(text: str, found: list[str]) -> None:
    """What is missing, of another mode, or impossible; nothing is said twice."""
    assert problems(f"{text}\n{B}" if not text.endswith("\n") else text + B) == found


def test_proxies_are_believed_where_somebody_has_an_address() -> None:
    """A unix socket beside a port does no harm, nor does what `[defaults]` says for other frontends."""
    trust = "accept-proxy = 10.0.0.0/8\n"
    beside = TLS.replace("*:443", "unix:/a *:443")
    assert frontend(f"{beside}{trust}default-backend = b\n{B}").accept_proxy == (ip_network("10.0.0.0/8"),)
    alone = TLS.replace("*:443", "unix:/a")
    assert problems(f"[defaults]\n{trust}{alone}default-backend = b\n{B}") == []


def test_a_tcp_frontend_may_wait_for_a_header() -> None:
    """And for nothing else; what `[defaults]` says is for others, too."""
    text = f"{TCP}accept-proxy = 10.0.0.0/8\ninspect-delay = 1s\ndefault-backend = b\n{B}"
    assert frontend(text).inspect_delay == 1.0
    assert problems(f"[defaults]\ninspect-delay = 1s\n{TCP}default-backend = b\n{B}") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("route a.example = redirect https\nsilent = h",
         ["5: [frontend f] silent: is for mode = tls, and this section has mode = http"]),
        ("route a.example if alpn h2 = h",
         ["4: [frontend f] route a.example if alpn h2: 'if alpn' is for mode = tls: there is no hello to look into"]),
        ("default-backend = h\nlog-format = tcplog",
         ["5: [frontend f] log-format: 'tcplog' is not for mode = http (write httplog or json)"]),
        ("default-backend = redirect https\nroute a.example = h",
         [("4: [frontend f] default-backend: 'redirect https' is an action, and this is for a backend "
          "(write route ~.* = redirect https)")]),
    ],
)  # fmt: skip
def test_what_does_not_go_together_in_http(text: str, found: list[str]) -> None:
    """The same for `mode = http`."""
    unused = ["6: [backend h] is used by no frontend"] if "silent" in text else []
    assert [one for one in problems(f"{HTTP}{text}\n{H}") if one not in unused] == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.example", "A.EXAMPLE."),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.example", "*.Example"),
        ("*.example", ".example"),
        ("~a.*", "~a.* "),
        ("a.example if alpn h2", "A.example if alpn h2"),
    ],
)
def test_two_routes_for_the_same_names_are_one_too_many(one: str, other: str) -> None:
    """In whatever spelling; `*.example` and `.example` leave open which of them has www.example."""
    found = problems(f"{TLS}route {one} = b\nroute {other} = drop\n{B}")
    assert len(found) == 1
    assert found[0].startswith(f"5: [frontend f] route {other.strip()}: ")
    assert "line 4" in found[0]


def test_routes_that_differ_live_side_by_side() -> None:
    """By name, wildcard, pattern, path or condition."""
    tls = ["example", "*.example", "a.example", "a.example if alpn h2", "a.example if alpn x", "~a.*", "~b.*"]
    assert problems(TLS + "".join(f"route {host} = b\n" for host in tls) + B) == []
    http = ["a.example", "a.example/", "a.example/x", "a.example/X", ".example", ".example/x"]
    assert problems(HTTP + "".join(f"route {host} = h\n" for host in http) + H) == []
