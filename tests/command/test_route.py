"""`pumpproxy route`."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from pumpproxy.command.main import main
from tests.command.files import BAD, GOOD, ROOT, SHIPPED, SITE


@pytest.fixture
def site(tmp_path: Path) -> str:
    """The site's file."""
    path = tmp_path / "site.ini"
    path.write_text(SITE)
    return str(path)


def test_the_shipped_file(capsys: pytest.CaptureFixture[str]) -> None:
    """pump.io's name leads to pump.io, by the route, and by `use-server` to its server."""
    assert main(["route", "https://pump2.thisshitistemp.com/", "-c", SHIPPED]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("[frontend https-in] mode = tls, bind = *:443")
    assert [line.split()[0] for line in lines[1:]] == ["wins", "backend", "picks", "server"]
    assert lines[-1].endswith("server pump = 127.0.0.1:31337 weight=0 check=tls")
    text = Path(SHIPPED).read_text("utf-8").splitlines()
    for line in lines:
        number = int(line.partition(f"{SHIPPED}:")[2].partition(":")[0])
        assert text[number - 1].split()[0] in line


def test_the_page_shows_what_it_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The example of docs/operation.md, of the shipped file."""
    page = (ROOT / "docs" / "operation.md").read_text("utf-8")
    example = page.partition("$ pumpproxy route ")[2].partition("\n\n")[0]
    words, *shown = textwrap.dedent(f"      {example}").splitlines()
    monkeypatch.chdir(ROOT)
    assert main(["route", *words.split()]) == 0
    assert capsys.readouterr().out.splitlines() == shown


def test_each_frontend_is_told_of(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the file; it is enough that it leads somewhere on one of them."""
    assert main(["route", "gone.example.org", "-c", site]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("[")[1].split("]")[0] for line in lines if "[frontend" in line] == [
        "frontend web",
        "frontend secure",
        "frontend plain",
    ]


@pytest.mark.parametrize("action", ["reject", "drop"])
def test_refused_everywhere(tmp_path: Path, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and what the client sees."""
    path = tmp_path / "f.ini"
    path.write_text(GOOD.replace("default-backend", f"route gone.example = {action}\ndefault-backend"))
    assert main(["route", "gone.example", "-c", str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("  refused ")


def test_json(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The question, and a verdict for each frontend."""
    assert main(["route", "https://WWW.example.org/x", "--alpn", "acme-tls/1", "--json", "-c", site]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {key: found[key] for key in ("name", "speaks", "port", "path", "alpn", "arrives")} == {
        "name": "www.example.org",
        "speaks": "tls",
        "port": 443,
        "path": "/x",
        "alpn": ["acme-tls/1"],
        "arrives": True,
    }
    assert [one["backend"]["name"] for one in found["frontends"]] == ["certbot", "wild"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["www.example.org", "--port", "81"], "no frontend listens on port 81: there are 443"),
        (["http://www.example.org:443/"], ""),
        (["www.example.org", "--http"], "no frontend has mode = http"),
    ],
)
def test_nobody_is_there(tmp_path: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and what there is instead; a frontend that does not speak so is there, and refuses."""
    path = tmp_path / "f.ini"
    path.write_text(GOOD)
    assert main(["route", *words, "-c", str(path)]) == 1
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert bool(captured.out) == (not complaint)


def test_a_name_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage: one line, and no file is read."""
    assert main(["route", "foo..bar", "-c", "/no/such"]) == 2
    assert capsys.readouterr().err == "pumpproxy route: 'foo..bar' is not a host name\n"


def test_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its problems, as `check` tells them, with the same status."""
    assert main(["route", "a.example", "-c", str(tmp_path / "none.ini")]) == 66
    path = tmp_path / "bad.ini"
    path.write_text(BAD)
    assert main(["route", "a.example", "-c", str(path)]) == 1
    assert f"{path}:2: error: [global] maxcon:" in capsys.readouterr().err
