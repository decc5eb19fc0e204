"""Another process like this one: its command, its surroundings, and what it is handed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pumpproxy.handover.launch import Launch

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]

TELLS = """
import json, os, signal, socket, sys
from pumpproxy.flow.inherited import inherited
handed = inherited()

def link(name):
    try:
        return os.readlink("/proc/self/fd/" + name)
    except FileNotFoundError:
        return "what lists them"

tells = {
    "handed": handed,
    "words": sys.argv[1:],
    "folder": os.getcwd(),
    "parent": os.getppid(),
    "pid": os.getpid(),
    "environment": {name: os.environ.get(name) for name in ("LISTEN_PID", "WATCHDOG_PID", "KEPT")},
    "open": sorted(int(name) for name in os.listdir("/proc/self/fd") if "socket" in link(name)),
}
socket.socket(fileno=3).sendall(json.dumps(tells).encode())
"""


def told(launch: Launch, handed: Sequence[tuple[str, int]] = ()) -> tuple[int, dict[str, object]]:
    """The number that the shell says, and what the process tells, that is started so."""
    ours, its = socket.socketpair()
    with ours:
        with its:
            shell = launch.start([("channel", its.fileno()), *handed])
        assert os.waitpid(shell, 0) == (shell, 0)
        ours.settimeout(30)
        heard = b""
        while data := ours.recv(65536):
            heard += data
    line, _, tells = heard.partition(b"\n")
    word, number = line.split()
    assert word == b"pid"
    return int(number), json.loads(tells)


def test_it_is_handed_descriptors_as_by_systemd(tmp_path: Path) -> None:
    """By their names and numbers, whatever numbers they have here; it is no child of ours, and gets nothing else."""
    (tmp_path / "tells.py").write_text(TELLS)
    command = (sys.executable, str(tmp_path / "tells.py"), "a b", "$c'")
    launch = Launch(command, str(tmp_path), {**os.environ, "PYTHONPATH": str(ROOT), "KEPT": "yes"})
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(12)]
    number, tells = told(launch, [(f"s{place}", one.fileno()) for place, one in enumerate(reversed(sockets))])
    for one in sockets:
        one.close()
    assert tells["pid"] == number
    assert tells["parent"] != os.getpid()
    assert tells["handed"] == {"channel": [3]} | {f"s{place}": [4 + place] for place in range(12)}
    assert tells["words"] == ["a b", "$c'"]
    assert tells["folder"] == str(tmp_path)
    assert tells["environment"] == {"LISTEN_PID": str(number), "WATCHDOG_PID": None, "KEPT": "yes"}
    assert tells["open"] == list(range(3, 16))


def test_nothing_is_left_open_here() -> None:
    """The places that descriptors are moved to are closed again, also where nothing can be started."""
    launch = Launch(("true",), "/", {"PATH": os.environ["PATH"]})
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    with socket.socket() as one:
        os.waitpid(launch.start([("one", one.fileno())]), 0)
        with pytest.raises(OSError, match="Bad file"):
            launch.start([("one", one.fileno()), ("gone", 9999)])
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before


def test_a_directory_that_is_gone_starts_nothing(tmp_path: Path) -> None:
    """What the words mean depends on it."""
    launch = Launch(("true",), str(tmp_path / "gone"), {})
    with pytest.raises(FileNotFoundError, match="gone"):
        launch.start([])


SHOWS = """
import json, os, sys
from pumpproxy.handover.launch import Launch
if "gone" in sys.argv:
    os.rmdir(os.getcwd())
launch = Launch.of_process()
print(json.dumps([launch.command, launch.folder, dict(launch.environment)]))
"""


def shown(*words: str, cwd: Path, added: dict[str, str] | None = None) -> tuple[list[str], str, dict[str, str]]:
    """What a process started so would start again."""
    result = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{cwd}", **(added or {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    command, folder, kept = json.loads(result.stdout)
    return command, folder, kept


@pytest.mark.parametrize("words", [("-W", "error", "-m", "shows", "-c", "x y"), ("shows.py", "--option")])
def test_the_command_is_the_one_of_the_start(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Options of the interpreter too, a module or a script; in the directory of the start."""
    (tmp_path / "shows.py").write_text(SHOWS)
    command, folder, _ = shown(*words, cwd=tmp_path)
    assert command == [sys.executable, *words]
    assert folder == str(tmp_path)


@pytest.mark.parametrize("option", ["", " -I"])
def test_a_script_is_called_as_such(tmp_path: Path, option: str) -> None:
    """The process has its name then, and the interpreter that it names by then."""
    script = tmp_path / "a-script-with-a-long-name"
    script.write_text(f"#!{sys.executable}{option}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n{SHOWS}")
    script.chmod(0o755)
    done = subprocess.run([script, "-c", "x y"], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)[0] == [str(script), "-c", "x y"]


def test_what_was_said_to_one_process_is_not_said_to_the_next(tmp_path: Path) -> None:
    """Of sockets that were handed over, and of whose watchdog it is; the rest of the environment stays."""
    (tmp_path / "shows.py").write_text(SHOWS)
    said = {"LISTEN_FDS": "1", "LISTEN_PIDFDID": "7", "WATCHDOG_PID": "8", "WATCHDOG_USEC": "9", "NOTIFY_SOCKET": "/n"}
    _, _, environment = shown("shows.py", cwd=tmp_path, added=said)
    assert {name: environment.get(name) for name in said} == {
        "LISTEN_FDS": None,
        "LISTEN_PIDFDID": None,
        "WATCHDOG_PID": None,
        "WATCHDOG_USEC": "9",
        "NOTIFY_SOCKET": "/n",
    }


def test_the_directory_goes_by_the_name_that_was_used(tmp_path: Path) -> None:
    """A link to the release in use may lead to another by then; a name that is not its own counts for nothing."""
    release, link = tmp_path / "release-1", tmp_path / "current"
    release.mkdir()
    link.symlink_to(release)
    (release / "shows.py").write_text(SHOWS)
    assert shown("shows.py", cwd=link, added={"PWD": str(link)})[1] == str(link)
    assert shown("shows.py", cwd=link, added={"PWD": "/"})[1] == str(release)
    assert shown("shows.py", cwd=link, added={"PWD": "current"})[1] == str(release)


def test_a_directory_without_a_name(tmp_path: Path) -> None:
    """It is gone before anybody asked: the name that it had may be there again."""
    (tmp_path / "shows.py").write_text(SHOWS)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert shown(str(tmp_path / "shows.py"), "gone", cwd=folder, added={"PWD": str(folder)})[1] == str(folder)
    folder.mkdir()
    assert shown(str(tmp_path / "shows.py"), "gone", cwd=folder, added={"PWD": ""})[1] == "/"
