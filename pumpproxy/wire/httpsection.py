"""Lines up to the empty line that ends them: the frame of a head, and of a trailer section.

Rule: what is refused, and why, depends on the bytes alone, never on how they were cut. A whole section is checked at
one go; where that finds a fault, or while the section is incomplete, line by line in the order of arrival. Each byte is
looked at a bounded number of times. May not: know what a line means.
"""

from __future__ import annotations

import re
from typing import NoReturn

from pumpproxy.wire import httpfields
from pumpproxy.wire.errors import HttpError

MAX_HEAD = 16384
"""Bytes of a section, with its start line and its empty line; as HAProxy's tune.bufsize, which bounds its heads."""
MAX_FIELDS = 100
"""Lines; Apache's LimitRequestFields, one less than HAProxy's tune.http.maxhdr."""
MAX_LINE = 8192
"""Bytes of a start line without its end; RFC 9112 section 3 asks for 8000 at least, nginx and Apache take this much."""

_END = b"\r\n\r\n"
_CR, _LF = b"\r\n"
_NOT_TEXT = re.compile(rb"[^\t -~\x80-\xff]")
# RFC 9112 section 2.2: "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR
# with SP"; a bare LF it MAY take as the end of a line, but where one reader does and the next does not, requests are
# smuggled. RFC 9110 section 5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous"; other
# control bytes are invalid too, and refused with them.
_FAULTS = {_CR: "bare CR", _LF: "bare LF", 0: "NUL"}


def _fault(text: bytes | bytearray, start: int, stop: int) -> int:
    """Where the first byte is that is not text; -1 where there is none."""
    match = _NOT_TEXT.search(text, start, stop)
    return match.start() if match else -1


class SectionReader:
    """Collects one section after another; a subclass says what a start line is.

    After a section, `line` is its start line, `length` its size in bytes (empty lines included), and `rest` what
    followed it. After an HttpError the reader is of no more use.
    """

    __slots__ = (
        "_count",
        "_held",
        "_leads",
        "_line_at",
        "_max_fields",
        "_max_head",
        "_max_line",
        "_seen",
        "length",
        "line",
        "rest",
    )

    skips_blank = False
    """Whether one empty line may come before the start line."""
    trims_names = False
    """Whether white space before a colon is taken away rather than refused."""

    def __init__(self, max_head: int = MAX_HEAD, max_fields: int = MAX_FIELDS, max_line: int = MAX_LINE) -> None:
        self.bound(max_head, max_fields, max_line)
        self.line = b""
        self.length = 0
        self.rest = b""
        self._begin()

    def bound(self, max_head: int, max_fields: int, max_line: int) -> None:
        """Other limits, for the section that comes next: bytes of it all, lines of fields, bytes of the start line."""
        self._max_head = max_head
        self._max_fields = max_fields
        self._max_line = max_line

    def _begin(self) -> None:
        self._held = bytearray()
        self._seen = 0  # the first byte not looked at yet
        self._line_at = 0  # where the unfinished line starts
        self._leads = self.skips_blank  # whether an empty line may still come first
        self._count = -1  # field lines so far; -1 before the start line

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished section are held."""
        return len(self._held)

    def first(self, byte: int) -> None:
        """Raise HttpError where no section begins with that byte, and it tells what the peer speaks instead."""

    def start(self, line: bytes) -> None:
        """Take the start line, or raise HttpError. It holds `httpfields.TEXT` alone. May be called twice with it."""

    def collect(self, data: bytes) -> httpfields.Fields | None:
        """The fields of a section that `data` completes, or None while it is unfinished.

        Raises HttpError: 414 for too long a start line, 431 for too long a section or too many lines, else 400.
        """
        held = self._held
        if held:
            # The end may begin in the last three bytes of what was held.
            scan = max(len(held) - 3, 0)
            held += data
            end = held.find(_END, scan, self._max_head)
        else:
            end = data.find(_END, 0, self._max_head)
        if end < 0:
            if not held:
                held += data
            self._check(held)
            return None
        if held:
            data = bytes(held)
        return self._whole(data, end)

    def _whole(self, data: bytes, end: int) -> httpfields.Fields:
        text = data[2:end] if self.skips_blank and end and data.startswith(b"\r\n") else data[:end]
        count = text.count(b"\r\n")
        self.line = line = text[: text.find(b"\r\n")] if count else text
        # As many bytes that are not text as the line ends have: no other control byte, and each CR and LF in its pair.
        clean = len(text.translate(None, httpfields.TEXT)) == 2 * count
        if not clean or len(line) > self._max_line or count > self._max_fields:
            self._refuse(data)
        self.start(line)
        fields = httpfields.parse(text)
        if fields is None and self.trims_names:
            fields = httpfields.parse(httpfields.trim_names(text))
        if fields is None:
            self._refuse(data)
        self.length = end + len(_END)
        self.rest = data[self.length :]
        self._begin()
        return fields

    def _refuse(self, data: bytes) -> NoReturn:
        self._check(data)
        reason = "malformed"  # never reached while both checks accept the same
        raise HttpError(reason, 400)

    def _check(self, text: bytes | bytearray) -> None:
        """Look at the bytes not looked at yet, and raise what the first fault among them deserves."""
        size = min(len(text), self._max_head)
        if not self._seen and size:
            self.first(text[0])
        fresh = text[self._seen : size]
        clean = len(fresh.translate(None, httpfields.TEXT)) == 2 * fresh.count(b"\r\n")
        while (at := text.find(b"\r", self._seen, size) if clean else _fault(text, self._seen, size)) >= 0:
            byte = text[at]
            if byte == _CR:
                if at + 1 == size:
                    break
                if text[at + 1] == _LF:
                    self._complete(bytes(text[self._line_at : at]))
                    self._line_at = self._seen = at + 2
                    continue
                at += 1  # only now is it known to be bare
            self._bound_line(at)
            raise HttpError(_FAULTS.get(byte, "control byte"), 400)
        self._seen = size if at < 0 else at
        self._bound_line(size)
        if size == self._max_head:
            self._too_large()

    def _bound_line(self, upto: int) -> None:
        if self._count < 0 and upto - self._line_at > self._max_line + 1:  # its CR may be the last byte so far
            reason = "start line too long"
            raise HttpError(reason, 414)

    def _too_large(self) -> NoReturn:
        reason = "too many fields, or too large together"
        raise HttpError(reason, 431)

    def _complete(self, line: bytes) -> None:
        if self._count < 0:
            if self._leads and not line:
                self._leads = False
                return
            self._bound_line(self._line_at + len(line) + 1)
            self.start(line)
            self._count = 0
            return
        self._count += 1
        if self._count > self._max_fields:
            self._too_large()
        httpfields.check_line(line, trims_name=self.trims_names)


class TrailerReader(SectionReader):
    """Fields without a start line, as they follow the last chunk (RFC 9112 section 7.1.2). Reads one section."""

    __slots__ = ()

    def _begin(self) -> None:
        super()._begin()
        # The end of the last chunk's line stands for a start line, so that an empty section ends as any other does.
        self._held += b"\r\n"
        self._seen = self._line_at = 2
        self._count = 0
