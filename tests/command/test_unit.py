"""`pumpproxy systemd-unit`."""

from __future__ import annotations

import configparser
import sys
from typing import TYPE_CHECKING

import pytest

from pumpproxy.command import unit
from pumpproxy.command.main import main
from tests.command.files import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UNITS = ROOT / "pumpproxy" / "command" / "units"


class Unit(configparser.RawConfigParser):
    """A unit's text: keys keep their case."""

    def optionxform(self, optionstr: str) -> str:
        """As it is written."""
        return optionstr


def settings(text: str) -> Unit:
    """What a unit says; of a key that stands there more than once, the last."""
    parser = Unit(strict=False, interpolation=None)
    parser.read_string(text)
    return parser


def test_in_usr_it_is_what_debian_installs() -> None:
    """Byte by byte the file in `units/`."""
    assert unit.service("/usr/bin/pumpproxy") == (UNITS / "pumpproxy.service").read_text("utf-8")


def test_elsewhere_the_command_alone_differs() -> None:
    """In both commands that run it, and nowhere else."""
    here = unit.service("/opt/pumpproxy/bin/pumpproxy")
    differing = [
        new for old, new in zip(unit.service(unit.PACKAGED).splitlines(), here.splitlines(), strict=True) if old != new
    ]
    assert [line.split()[:2] for line in differing] == [
        ["ExecStart=/opt/pumpproxy/bin/pumpproxy", "run"],
        ["ExecReload=/opt/pumpproxy/bin/pumpproxy", "check"],
    ]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/a b/pumpproxy", '"/a b/pumpproxy"'),
        ("/50%/pumpproxy", "/50%%/pumpproxy"),
        ("/a$b/pumpproxy", "/a$$b/pumpproxy"),
    ],
)
def test_a_path_is_one_word(path: str, word: str) -> None:
    """Whatever systemd would find in it."""
    assert settings(unit.service(path))["Service"]["ExecStart"].startswith(f"{word} run --config ")


def test_the_options_are_the_commands() -> None:
    """What the unit says to `run` and to `check` is understood there."""
    from pumpproxy.command.main import parser  # noqa: PLC0415 - `run` takes Twisted with it

    for line in unit.service(unit.PACKAGED).splitlines():
        if unit.PACKAGED in line:
            name, *words = line.partition(unit.PACKAGED)[2].split()
            assert parser(name).parse_args(words).config == "/etc/pumpproxy/proxy.ini"


def test_the_command_is_the_one_that_was_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its absolute path; `python -m` has none, and means the one beside its Python."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/pumpproxy"])
    assert unit.command() == f"{tmp_path}/bin/pumpproxy"
    monkeypatch.setattr(sys, "argv", ["/usr/lib/python3/dist-packages/pumpproxy/command/__main__.py"])
    monkeypatch.setattr(sys, "prefix", "/usr")
    assert unit.command() == "/usr/bin/pumpproxy"


def test_it_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else is, so that it can be written to a file."""
    monkeypatch.setattr(sys, "argv", ["/opt/pumpproxy/bin/pumpproxy"])
    assert main(["systemd-unit"]) == 0
    assert capsys.readouterr() == (unit.service("/opt/pumpproxy/bin/pumpproxy"), "")


def test_a_place_that_is_hidden(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told beside the unit: ProtectHome= hides homes."""
    monkeypatch.setattr(sys, "argv", ["/home/me/.local/bin/pumpproxy"])
    assert main(["systemd-unit"]) == 0
    assert "the service will not see /home/me/.local/bin/pumpproxy" in capsys.readouterr().err


def test_the_sockets_are_printed_with_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    """Three files, each below its path; with the drop-in the service has no capability."""
    assert main(["systemd-unit", "--sockets"]) == 0
    text = capsys.readouterr().out
    for name in unit.SOCKETS:
        assert f"# /etc/systemd/system/{name}\n" in text
    drop_in = settings(unit.sockets()["pumpproxy.service.d/sockets.conf"])["Service"]
    assert (drop_in["AmbientCapabilities"], drop_in["CapabilityBoundingSet"]) == ("", "")


@pytest.mark.parametrize(("name", "port"), [("http", 80), ("https", 443)])
def test_a_socket_is_the_one_of_the_file(name: str, port: int) -> None:
    """IPv4 and IPv6 in one, which is what `bind = *:PORT` takes by its address; one name each, and the same service."""
    socket = settings(unit.sockets()[f"pumpproxy-{name}.socket"])["Socket"]
    assert socket["ListenStream"] == f"[::]:{port}"
    assert (socket["BindIPv6Only"], socket["FileDescriptorName"], socket["Service"]) == ("both", name, unit.SERVICE)


def test_a_restart_of_the_service_leaves_the_sockets_alone() -> None:
    """Or who comes meanwhile would be refused: nothing ties them to its end."""
    for text in unit.sockets().values():
        assert not {"PartOf", "BindsTo", "StopPropagatedFrom"} & set(settings(text)["Unit"])


def test_files_are_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below the directory; their paths are printed."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pumpproxy"])
    assert main(["systemd-unit", "--directory", str(tmp_path)]) == 0
    assert main(["systemd-unit", "--sockets", "--directory", str(tmp_path)]) == 0
    names = [unit.SERVICE, *unit.SOCKETS]
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / name) for name in names]
    assert (tmp_path / unit.SERVICE).read_bytes() == (UNITS / "pumpproxy.service").read_bytes()
    assert (tmp_path / "pumpproxy.service.d" / "sockets.conf").exists()


def test_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and status 1."""
    assert main(["systemd-unit", "--directory", str(tmp_path / "no" / "such")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_each_file_is_used() -> None:
    """No text lies there that no command prints."""
    assert {path.name for path in UNITS.iterdir()} == {unit.SERVICE, *unit.SOCKETS.values()}
