"""A file's bytes as lines: UTF-8, with or without a byte order mark, ended by LF or CRLF.

May not: know what the lines mean. What no editor writes into such a file (NUL, control characters, bytes that are not
UTF-8) is a Problem with its line and is replaced by U+FFFD, so that nothing after this meets it.
"""

from __future__ import annotations

import re

from pumpproxy.config.problems import Place, Problems

# C0 without the tab, DEL, C1, and lone surrogates (a caller's `surrogateescape`): unprintable in every message.
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")

_TOO_MANY = 20
"""Lines with such a character after which the file is no text at all: a screen full of the same problem says less."""


def lines(raw: str | bytes, problems: Problems) -> list[str]:
    """The lines of a file, without their ends; none where it is no text."""
    if isinstance(raw, bytes) and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.error(Place(1), "the file is UTF-16", "save it as UTF-8")
        return []
    found = [_clean(line, number, problems) for number, line in enumerate(_decoded(raw, problems), 1)]
    problems.found.sort(key=lambda problem: problem.line)
    if len(problems.found) > _TOO_MANY:
        line = problems.found[_TOO_MANY].line
        del problems.found[_TOO_MANY:]
        problems.error(Place(line), "more lines are like these: the file is no text")
        return []
    return found


def _decoded(raw: str | bytes, problems: Problems) -> list[str]:
    if isinstance(raw, str):
        return raw.removeprefix("\ufeff").split("\n")
    # A line feed is never part of a longer UTF-8 sequence (RFC 3629 section 1), so the bytes can be cut first.
    cut = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [_decoded_line(line, number, problems) for number, line in enumerate(cut, 1)]


def _decoded_line(line: bytes, number: int, problems: Problems) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.error(Place(number), f"byte 0x{line[error.start]:02X} is not UTF-8", "save the file as UTF-8")
        return line.decode("utf-8", "replace")


def _clean(line: str, number: int, problems: Problems) -> str:
    line = line.removesuffix("\r")
    bad = _UNPRINTABLE.search(line)
    if bad is None:
        return line
    name = "a NUL byte" if bad[0] == "\0" else f"the control character U+{ord(bad[0]):04X}"
    problems.error(Place(number), f"{name} in the line", "lines end in LF or CRLF" if bad[0] == "\r" else "")
    return _UNPRINTABLE.sub("\ufffd", line)
