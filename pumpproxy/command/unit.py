"""`pumpproxy systemd-unit`: the units for systemd, with the paths of this installation.

Their text stands in `units/` as Debian's package installs it; nothing in it depends on the installation but the path of
this command. May not: install or start anything.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

PACKAGED = "/usr/bin/pumpproxy"
"""The command, where it is in the text."""
SERVICE = "pumpproxy.service"
SOCKETS = {
    "pumpproxy-http.socket": "pumpproxy-http.socket",
    "pumpproxy-https.socket": "pumpproxy-https.socket",
    "pumpproxy.service.d/sockets.conf": "sockets.conf",
}
"""Where each file belongs below systemd's directory, and its name in `units/`."""
DIRECTORY = "/etc/systemd/system"
HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108 - nothing is made there
"""What the service does not see: ProtectHome=, PrivateTmp=."""

_EPILOG = f"""\
The service runs as a user of its own. To install it:

  echo 'u _pumpproxy - "pumpproxy daemon" / -' | systemd-sysusers -
  pumpproxy systemd-unit > {DIRECTORY}/{SERVICE}
  systemctl daemon-reload
  systemctl enable --now pumpproxy
"""


def define(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    text = "the optional .socket units, and what the service needs to use them: then it has no capability at all"
    parser.add_argument("--sockets", action="store_true", help=text)
    text = f"write the files below this directory ({DIRECTORY}) instead"
    parser.add_argument("--directory", metavar="DIR", type=Path, help=text)
    parser.formatter_class = _raw()
    parser.epilog = _EPILOG


def _raw() -> type[argparse.HelpFormatter]:
    from argparse import RawDescriptionHelpFormatter  # noqa: PLC0415 - for the help alone

    return RawDescriptionHelpFormatter


def execute(arguments: argparse.Namespace) -> int:
    """Print or write them."""
    here = command()
    if here.startswith(HIDDEN):
        sys.stderr.write(f"pumpproxy: the service will not see {here}: install it elsewhere, in /opt for one\n")
    texts = sockets() if arguments.sockets else {SERVICE: service(here)}
    if arguments.directory is not None:
        return _write(texts, arguments.directory)
    if not arguments.sockets:
        sys.stdout.write(texts[SERVICE])
        return 0
    # As `systemctl cat` does it.
    sys.stdout.write("\n".join(f"# {DIRECTORY}/{name}\n{text}" for name, text in texts.items()))
    return 0


def _write(texts: dict[str, str], directory: Path) -> int:
    for name, text in texts.items():
        path = directory / name
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            sys.stderr.write(f"pumpproxy: {path}: {error.strerror}\n")
            return 1
        sys.stdout.write(f"{path}\n")
    return 0


def command() -> str:
    """The path of this command, as it was called, else where this Python's commands are."""
    called = Path(sys.argv[0])
    if called.name == Path(PACKAGED).name:
        return str(called.absolute())
    return str(Path(sys.prefix) / "bin" / Path(PACKAGED).name)


def service(command: str) -> str:
    """The service's unit for a command of this path."""
    return _text(SERVICE).replace(PACKAGED, _word(command))


def sockets() -> dict[str, str]:
    """The optional units, by where they belong below systemd's directory."""
    return {place: _text(name) for place, name in SOCKETS.items()}


def _text(name: str) -> str:
    return (files("pumpproxy.command") / "units" / name).read_text("utf-8")


def _word(path: str) -> str:
    """A path as one word of a command line, for systemd.service(5)."""
    word = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if any(letter.isspace() or letter in "\"'\\;" for letter in path) else word
