"""Tests of a whole file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import load as loading
from pumpproxy.config.load import load_file, load_text, waits_for_a_writer
from pumpproxy.config.problems import ConfigError, Place
from pumpproxy.model import (
    Action,
    Check,
    CheckKind,
    Config,
    DnsAddress,
    ExactHost,
    LogSink,
    Mode,
    Redispatch,
    Route,
    Server,
    TcpAddress,
)
from tests.config.reading import HTTP, TLS, B, H, config, load, outcome, problems

ROOT = Path(__file__).parents[2]

SMALLEST = f"{TLS}default-backend = b\n{B}"


def test_the_site_that_ships_is_right() -> None:
    """etc/proxy.ini: no warning, both frontends, the pump.io name on :443, and what [defaults] says everywhere."""
    loaded = load_file(str(ROOT / "etc" / "proxy.ini"))
    assert loaded.warnings == ()
    site = loaded.config
    assert (site.maxconn, site.log, site.source) == (4000, LogSink.TWISTD, str(ROOT / "etc" / "proxy.ini"))
    http, https = site.frontends
    assert (http.mode, http.binds, http.default_backend) == (Mode.HTTP, (TcpAddress("*", 80),), "servers")
    assert (https.mode, https.binds, https.default_backend) == (Mode.TLS, (TcpAddress("*", 443),), "servers-ssl")
    pump = ExactHost("pump2.thisshitistemp.com")
    assert http.routes == (Route(pump, "", None, Action.REDIRECT_HTTPS),)
    assert https.routes == (Route(pump, "", None, "pumpio-ssl"),)
    assert {frontend.maxconn for frontend in site.frontends} == {3000}
    assert {backend.redispatch for backend in site.backends} == {Redispatch.YES}
    assert {backend.timeout_connect for backend in site.backends} == {10.0}
    assert {(backend.timeout_queue, backend.timeout_check) for backend in site.backends} == {(60.0, 10.0)}
    assert [server.check for backend in site.backends[:2] for server in backend.servers] == [
        Check(),
        Check(CheckKind.TLS_HELLO),
    ]
    assert [backend.hold for backend in site.backends] == [False, False, True]
    check = Check(CheckKind.TLS, sni="pump2.thisshitistemp.com")
    assert site.backends[2].servers == (Server("pump", TcpAddress("127.0.0.1", 31337), weight=0, check=check),)
    assert site.backends[2].use_server == (("pump2.thisshitistemp.com", "pump"),)


def test_all_sections_in_any_order() -> None:
    """[defaults] holds for what stands above it too; the model keeps the order of the file."""
    text = (
        f"[backend z]\nserver s = a.example:1\n{TLS}default-backend = z\nnot-tls = b\n"
        f"[defaults]\ntimeout-server = 9s\n{B}[global]\nlog = none\nmaxconn = 7\n"
    )
    found = config(text)
    assert [backend.name for backend in found.backends] == ["z", "b"]
    assert found.backends[0].servers == (Server("s", DnsAddress("a.example", 1)),)
    assert {backend.timeout_server for backend in found.backends} == {9.0}
    assert (found.maxconn, found.log) == (7, LogSink.NONE)


def test_nameservers_are_read() -> None:
    """In their order; nobody where the system's are asked."""
    places = (TcpAddress("127.0.0.1", 8600), TcpAddress("2001:db8::53", 53))
    assert config(f"[global]\nnameservers = 127.0.0.1:8600 2001:db8::53\n{SMALLEST}").nameservers == places
    assert config(SMALLEST).nameservers == ()


def test_what_a_file_is_called_does_not_change_it() -> None:
    """Two configurations are equal where they declare the same."""
    assert load_text(SMALLEST, "one").config == load_text(SMALLEST.encode(), "other").config
    assert load_text(SMALLEST, "one").config.source == "one"


@pytest.mark.parametrize("text", [SMALLEST.replace("\n", "\r\n"), "\ufeff" + SMALLEST])
def test_files_of_other_systems_are_read(text: str) -> None:
    """CRLF and a byte order mark change nothing."""
    assert load(text.encode()).config == config(SMALLEST)


def test_five_mistakes_are_five_problems() -> None:
    """Each with its line, and a hint where there is one; and nothing that follows from them."""
    text = (
        "[global]\nmaxcon = 4000\n"
        "[frontend f]\nmode = tls\nbind = *:443\ndefault-backend = servers-sll\ntimeout-client = 5000\n"
        "route pump.example = pumpio\n"
        "[backend servers-ssl]\nserver s = 127.0.0.1:8443 chekc\n"
        "[backnd pumpio]\nserver pump = 127.0.0.1:31337\n"
    )
    assert problems(text) == [
        "2: [global] maxcon: is not a key of [global] (did you mean 'maxconn'?)",
        "6: [frontend f] default-backend: there is no backend 'servers-sll' (did you mean 'servers-ssl'?)",
        (
            "7: [frontend f] timeout-client: '5000' is not a duration "
            "(HAProxy reads 5000 as milliseconds: write 5s or 5000ms)"
        ),
        "10: [backend servers-ssl] server s: 'chekc' is not known on a server's line (did you mean 'check'?)",
        "11: [backnd pumpio] 'backnd' is not a kind of section (did you mean 'backend'?)",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["there is no [frontend NAME]: nothing to listen on"]),
        (H, ["there is no [frontend NAME]: nothing to listen on", "1: [backend h] is used by no frontend"]),
        (f"{SMALLEST}[global x]\nfrob = 1\n", ["7: [global x] [global] has no name (write [global])"]),
        (f"{SMALLEST}[defaults x]\n", ["7: [defaults x] [defaults] has no name (write [defaults])"]),
        (f"{SMALLEST}[frontend]\nmode = tcp\nbind = *:1\ndefault-backend = b\n",
         ["7: [frontend] a frontend has a name (write [frontend NAME])"]),
        (f"{SMALLEST}[backend a b]\nserver s = 127.0.0.1:1\n",
         ["7: [backend a b] 'a b' is not a name (letters, digits and _ . : - only)",
          "7: [backend a b] is used by no frontend"]),
        (f"{SMALLEST}[Backend b]\n", ["7: [Backend b] 'Backend' is not a kind of section (did you mean 'backend'?)"]),
        (f"{SMALLEST}[stats]\n", ["7: [stats] 'stats' is not a kind of section (comes with a later version)"]),
        (f"{SMALLEST}[backend  b]\nserver s = 127.0.0.1:2\nretries = 1\nfrob = 1\n",
         ["7: [backend b] stands in the file twice (first in line 5)",
          "8: [backend b] server s: stands in this section twice (first in line 6)",
          "10: [backend b] frob: is not a key of [backend]"]),
    ],
)  # fmt: skip
def test_sections_that_are_wrong(text: str, found: list[str]) -> None:
    """No frontend, no kind, no name, a name too many, a section twice."""
    assert problems(text) == found


def test_the_relays_place_is_known() -> None:
    """Whoever finds that the system has it not can say where it stands; line 0 where it does not."""
    assert load(SMALLEST).relay == Place(0, "global", "relay")
    assert load(f"[global]\n\nrelay = splice\n{SMALLEST}").relay == Place(3, "global", "relay")


def test_frontend_and_backend_may_share_a_name() -> None:
    """They are told apart by what they are."""
    assert problems(f"{TLS}default-backend = f\n{B.replace('backend b', 'backend f')}") == []


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("stats", "bind = *:8404"),
    ],
)
def test_what_comes_later_is_refused_and_said_to_come(kind: str, key: str) -> None:
    """Nothing is accepted that nobody obeys."""
    text = f"{HTTP}default-backend = b\n[backend b]\nserver s = 127.0.0.1:8080\nmode = http\n"
    text = text.replace(f"[{kind}]\n", f"[{kind}]\n{key}\n") if f"[{kind}]" in text else f"{text}[{kind}]\n{key}\n"
    (only,) = problems(text)
    assert only.endswith("(comes with a later version)")


def test_warnings_do_not_keep_a_file_from_being_used() -> None:
    """They come with the configuration, and are no errors."""
    loaded = load(f"{SMALLEST}[backend spare]\nserver s = 127.0.0.1:1\n")
    assert [str(warning) for warning in loaded.warnings] == ["t.ini:7: [backend spare] is used by no frontend"]
    assert [warning.error for warning in loaded.warnings] == [False]
    assert isinstance(loaded.config, Config)


def test_warnings_are_told_with_the_errors() -> None:
    """The error says all that was found, and which of it is only a warning."""
    with pytest.raises(ConfigError) as caught:
        load(f"{SMALLEST}frob = 1\n[backend spare]\nserver s = 127.0.0.1:1\n")
    assert [(problem.line, problem.error) for problem in caught.value.problems] == [(7, True), (8, False)]


def test_a_byte_that_is_no_text_does_not_hide_the_rest() -> None:
    """NUL and what is not UTF-8 are problems of their lines, beside all others."""
    text = b"[frontend f]\nmode = tls\nbind = *:443 # caf\xe9\nroute a.example = drop\nfrob\0 = 1\nno-sni = b\n"
    assert [one.partition(":")[0] for one in problems(text)] == ["3", "5", "5", "6"]


def test_a_binary_file_is_one_short_list() -> None:
    """Twenty lines and a last word, and nothing about sections."""
    found = problems(bytes(range(256)) * 100)
    assert len(found) == 21
    assert found[-1].endswith("the file is no text")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "cannot be read: No such file or directory"),
        ("", "cannot be read: Is a directory"),
        ("a\0b", "cannot be read: embedded null byte"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_too(tmp_path: Path, name: str, message: str) -> None:
    """Of the file as a whole, without a line."""
    path = str(tmp_path / name)
    with pytest.raises(ConfigError) as caught:
        load_file(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_file_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is longer than any configuration is refused before it is looked at."""
    monkeypatch.setattr(loading, "LARGEST", len(SMALLEST))
    path = tmp_path / "proxy.ini"
    path.write_text(SMALLEST, "utf-8")
    assert load_file(str(path)).warnings == ()
    path.write_text(SMALLEST + "#", "utf-8")
    with pytest.raises(ConfigError, match="is longer than"):
        load_file(str(path))


def test_a_large_file_is_read() -> None:
    """A thousand backends and ten thousand routes, and as many misspelt targets refused."""
    backends = "".join(f"[backend b{n}]\nserver s = 127.0.0.1:8080\n" for n in range(1000))
    routes = "".join(f"route host{n}.example = b{n % 1000}\n" for n in range(10_000))
    assert len(config(TLS + routes + backends).frontends[0].routes) == 10_000
    wrong = problems(TLS + routes.replace("= b", "= c") + backends)
    assert sum("there is no backend 'c" in one for one in wrong) == 10_000


_FRAGMENTS = [
    "[global]", "[defaults]", "[frontend f]", "[frontend g]", "[backend b]", "[backend", "[x y]", "mode = tls",
    "mode = http", "mode = tcp", "bind = *:443", "bind = [::1]:80", "  127.0.0.1:80", "default-backend = b",
    "route a.example = b", "route *.example/x if alpn h2 = redirect https", "route ~a+ = b # c", "route ~(a+)+ = b",
    "route ~[ = b", "server s = 127.0.0.1:443 weight=0", "server t = x:1 check", "use-server s = a.example *",
    "forwardfor = except 10.0.0.0/8", "log-format = httplog", "retries = 3", "redispatch = 2", "timeout-client = 5",
    "timeout-server = 1m", "not-tls = explain", "silent = redirect https", "maxconn = 0", "# comment", "= v", "key",
    " = ", "\0", "\ufeff", "  indented = 1", "connection = close", "trusted-proxies = ::/0", "mode =",
]  # fmt: skip


def declares_or_refuses(raw: str | bytes) -> None:
    """Whatever the text is: a configuration that could be used, or a ConfigError that says why not."""
    read = outcome(raw)
    if isinstance(read, ConfigError):
        assert any(problem.error for problem in read.problems)
        assert [problem.line for problem in read.problems] == sorted(problem.line for problem in read.problems)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", str(read))
        return
    assert not any(warning.error for warning in read.warnings)
    names = {backend.name for backend in read.config.backends}
    for frontend in read.config.frontends:
        assert frontend.binds
        targets = [frontend.no_sni, frontend.unknown_sni, frontend.not_tls, frontend.silent]
        targets += [frontend.default_backend or Action.REJECT, *(route.target for route in frontend.routes)]
        assert {target for target in targets if isinstance(target, str)} <= names


@given(st.one_of(st.text(), st.binary()))
def test_no_text_raises_anything_else(raw: str | bytes) -> None:
    """Noise is refused by a ConfigError, and by nothing else."""
    declares_or_refuses(raw)


@given(st.lists(st.one_of(st.sampled_from(_FRAGMENTS), st.text(max_size=8)), max_size=24))
def test_no_mixture_of_lines_raises_anything_else(lines: list[str]) -> None:
    """Lines that mean something, in an order that may not: a configuration, or a ConfigError."""
    declares_or_refuses("\n".join(lines))


@given(st.lists(st.sampled_from(_FRAGMENTS), max_size=6), st.integers(0, 12))
def test_a_file_with_some_lines_more_is_read_or_refused(lines: list[str], at: int) -> None:
    """A right file into which something was pasted."""
    right = [*TLS.splitlines(), "default-backend = b", *B.splitlines()]
    declares_or_refuses("\n".join([*right[:at], *lines, *right[at:]]))


def test_what_is_read_at_once(tmp_path: Path) -> None:
    """A file is, and whatever cannot be read at all; a FIFO waits for its writer, a terminal for a person."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    waiting = {
        name: waits_for_a_writer(str(tmp_path / name)) for name in ("fifo", "file", "none", ".", "a\0b", "x" * 999)
    }
    assert [name for name, waits in waiting.items() if waits] == ["fifo"]


def test_the_bytes_stay_with_what_was_read(tmp_path: Path) -> None:
    """Whoever keeps a good configuration keeps what was checked, and not what the file is by then."""
    path = tmp_path / "proxy.ini"
    path.write_bytes(SMALLEST.encode())
    loaded = load_file(str(path))
    path.write_bytes(b"other")
    assert loaded.raw == SMALLEST.encode()


def test_the_file_where_nobody_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that is there, if any."""
    files = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setattr(loading, "DEFAULT_FILES", tuple(map(str, files)))
    assert loading.default_file() is None
    for file in reversed(files):
        file.touch()
        assert loading.default_file() == str(file)
