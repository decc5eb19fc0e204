"""Server lines, `server NAME = ADDRESS WORD...`, and `use-server NAME = HOST...`.

The words are those of `serverwords`. May not: know the other servers of the backend.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pumpproxy.config import addresses, checks, haproxy, values
from pumpproxy.config.problems import BadValue, Faults, did_you_mean, quoted
from pumpproxy.config.serverwords import BY_KEY, WORDS, Word
from pumpproxy.model import Server

if TYPE_CHECKING:
    from collections.abc import Callable

_hosts = values.each(values.host)


@dataclass(frozen=True, slots=True)
class UseServer:
    """One `use-server` line: connections for these hosts go to the server of this name."""

    server: str
    hosts: tuple[str, ...]


@dataclass(slots=True)
class _Line:
    """What the words of one line say."""

    faults: Faults
    written: dict[str, str] = field(default_factory=dict)
    """Every word as it stands there, by its key."""
    server: dict[str, Any] = field(default_factory=dict)
    """The values that could be read, by field of Server."""
    check: dict[str, Any] = field(default_factory=dict)
    """... of Check; the kind is `check`."""

    def take(self, text: str) -> None:
        key, equals, setting = text.partition("=")
        word = BY_KEY.get(key)
        if key in self.written:
            self.faults.add(f"{quoted(key)} stands here twice", word=text)
        elif word is not None and equals and word.parse is not None:
            self._read(word, word.parse, setting, text)
        elif word is not None and not equals and word.alone is not None:
            self._keep(word, word.alone)
        else:
            self.faults.add(f"{quoted(text)} is not known on a server's line", _hint(key, word, equals), text)
        self.written.setdefault(key, text)

    def _read(self, word: Word, parse: Callable[[str], object], setting: str, text: str) -> None:
        try:
            self._keep(word, parse(setting))
        except BadValue as bad:
            for fault in bad.faults:
                self.faults.add(f"{word.key}: {fault.message}", fault.hint, text)

    def _keep(self, word: Word, value: object) -> None:
        fields = self.check if word.key == "check" or word.key in checks.KINDS else self.server
        fields[word.field] = value


def server(argument: str, value: str) -> Server:
    """One server, of the name before its `=` and the words after it."""
    faults = Faults()
    name = faults.attempt(values.name, argument)
    first, *words = value.split()
    address = faults.attempt(addresses.server, first)
    line = _Line(faults)
    for word in words:
        line.take(word)
    check = checks.build(line.check, line.written, faults)
    if "maxqueue" in line.written and "maxconn" not in line.written:
        hint = "nobody waits for a server that takes any number"
        faults.add("'maxqueue' needs 'maxconn'", hint, line.written["maxqueue"])
    faults.check()
    return Server(name, address, check=check, **line.server)


def _hint(key: str, word: Word | None, equals: str) -> str:
    """What to write in place of a word that is unknown, or known and neither alone nor with an `=` right."""
    if word is not None and equals:
        return f"write {word.key} alone"
    usual = did_you_mean(key, (one.stem for one in WORDS)) if word is None else f"write {word.form}"
    return haproxy.on_a_server(key) or usual


def use_server(argument: str, value: str) -> UseServer:
    """One `use-server` line, of the server before its `=` and the hosts after it."""
    faults = Faults()
    name = faults.attempt(values.name, argument)
    hosts = faults.attempt(_hosts, value)
    faults.check()
    return UseServer(name, hosts)
