"""The options of `twistd pumpproxy`, and what makeService makes of them."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from pumpproxy import __version__, tap
from pumpproxy.config import load
from pumpproxy.lastgood import NAME
from pumpproxy.service import ProxyService
from tests.fakes import LOOPBACK, unused_port

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "[frontend f]\nmode = tls\nbind = {bind}\ndefault-backend = b\n[backend b]\nserver s = 127.0.0.1:8443\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file."""
    path = tmp_path / "proxy.ini"
    path.write_text(GOOD.format(bind=f"{LOOPBACK}:{unused_port()}"))
    return path


@pytest.fixture(autouse=True)
def _signals() -> object:
    """Give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR2)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def status_of(*words: str) -> int:
    """The exit status that these options lead to while they are parsed."""
    with pytest.raises(SystemExit) as exit_:
        tap.Options().parseOptions(list(words))
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_check_of_a_good_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that counts, and status 0."""
    assert status_of("-c", str(file), "--check") == 0
    assert capsys.readouterr().out == f"{file}: good: 1 frontends, 0 routes, 1 backends\n"


def test_check_shows_warnings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning does not fail a check."""
    file.write_text(file.read_text() + "[backend unused]\nserver s = 127.0.0.1:1\n")
    assert status_of("-c", str(file), "--check") == 0
    assert "[backend unused]" in capsys.readouterr().err


def test_check_of_a_bad_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its problems, and status 1."""
    file.write_text("[frontend f]\nmode = tls\nbnd = *:1\n")
    assert status_of("-c", str(file), "--check") == 1
    assert f"{file}:3: [frontend f] bnd: " in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named."""
    assert status_of("-c", str(tmp_path / "none.ini"), "--check") == 1
    assert "none.ini: cannot be read" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours."""
    assert status_of("--version") == 0
    assert capsys.readouterr().out == f"pumpproxy {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [["--no-such"], ["word"], ["--grace", "-1s"], ["--handover-grace", "fast"], ["--last-good", ""]],
)
def test_wrong_usage(file: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and one line."""
    assert status_of("-c", str(file), *words) == tap.EX_USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The first that is there; without one, the usage is wrong."""
    monkeypatch.setattr(load, "DEFAULT_FILES", (str(tmp_path / "first.ini"), str(tmp_path / "second.ini")))
    assert status_of("--check") == tap.EX_USAGE
    assert "second.ini" in capsys.readouterr().err
    (tmp_path / "second.ini").write_text(GOOD.format(bind="*:443"))
    assert status_of("--check") == 0


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("0s", 0.0), ("250ms", 0.25), ("2m", 120.0)])
def test_grace_is_a_duration(file: Path, text: str, seconds: float) -> None:
    """As in the file, and zero besides."""
    options = tap.Options()
    options.parseOptions(["-c", str(file), "--grace", text])
    assert (options.grace, options.handover_grace) == (seconds, 3600.0)
    options = tap.Options()
    options.parseOptions(["-c", str(file), "--handover-grace", text])
    assert (options.grace, options.handover_grace) == (0.0, seconds)


def test_the_path_is_absolute(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload finds the file wherever twistd has gone."""
    monkeypatch.chdir(file.parent)
    options = tap.Options()
    options.parseOptions(["-c", file.name])
    assert options["config"] == str(file)


def made(*words: str) -> ProxyService:
    """The service that these options make."""
    options = tap.Options()
    options.parseOptions(list(words))
    service = tap.makeService(options)
    assert isinstance(service, ProxyService)
    return service


def test_make_service_listens_and_takes_signals(file: Path) -> None:
    """Both before anything is served: the port is bound, and neither signal would kill."""
    service = made("-c", str(file))
    (bind,) = service.config.frontends[0].binds
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((bind.host, bind.port))  # type: ignore[union-attr]
    assert callable(signal.getsignal(signal.SIGHUP))
    assert callable(signal.getsignal(signal.SIGUSR2))
    service.stopService()


def test_make_service_refuses_a_bad_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """EX_CONFIG, every problem on stderr."""
    file.write_text("[frontend f]\n")
    with pytest.raises(SystemExit) as exit_:
        made("-c", str(file))
    assert exit_.value.code == tap.EX_CONFIG
    assert capsys.readouterr().err


def test_a_relay_that_the_system_has_not(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A problem of the file like any other, for --check and at the start; no traceback, and nothing is opened."""
    monkeypatch.delattr(os, "splice", raising=False)
    file.write_text(f"[global]\nrelay = splice\n{file.read_text()}")
    assert status_of("-c", str(file), "--check") == 1
    assert capsys.readouterr().err.startswith(f"{file}:2: [global] relay: splice needs splice(2)")
    with pytest.raises(SystemExit) as exit_:
        made("-c", str(file))
    assert exit_.value.code == tap.EX_CONFIG
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_make_service_tells_of_a_busy_port(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """EX_OSERR, one line; what was opened already is closed again."""
    free = unused_port()
    with socket.create_server((LOOPBACK, 0)) as busy:
        file.write_text(GOOD.format(bind=f"{LOOPBACK}:{free} {LOOPBACK}:{busy.getsockname()[1]}"))
        with pytest.raises(SystemExit) as exit_:
            made("-c", str(file))
    assert exit_.value.code == tap.EX_OSERR
    assert len(capsys.readouterr().err.splitlines()) == 1
    with socket.create_server((LOOPBACK, free)):
        pass


def test_a_check_may_be_strict(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is a problem then; without one nothing changes."""
    assert status_of("-c", str(file), "--check", "--strict") == 0
    file.write_text(file.read_text() + "[backend unused]\nserver s = 127.0.0.1:1\n")
    capsys.readouterr()
    assert status_of("-c", str(file), "--check", "--strict") == 1
    assert capsys.readouterr().out == ""


def test_a_start_with_the_last_good_one(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad file gives way to what is kept, unless the start is strict; --check is about the file alone."""
    (tmp_path / NAME).write_text(file.read_text())
    file.write_text("[frontend f]\n")
    words = ("-c", str(file), "--last-good", str(tmp_path))
    service = made(*words)
    assert service.config.source == str(tmp_path / NAME)
    assert service.last_good.in_use
    service.stopService()
    with pytest.raises(SystemExit) as exit_:
        made(*words, "--strict")
    assert exit_.value.code == tap.EX_CONFIG
    assert NAME not in capsys.readouterr().err
    assert status_of(*words, "--check") == 1


def test_the_directory_is_absolute(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the file: a daemon goes elsewhere."""
    monkeypatch.chdir(file.parent)
    options = tap.Options()
    options.parseOptions(["-c", file.name, "--last-good", "state"])
    assert options.last_good == file.parent / "state"
