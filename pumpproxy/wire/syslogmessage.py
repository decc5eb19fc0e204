"""Messages of the BSD syslog protocol (RFC 3164), as HAProxy 2.6 writes them by default.

    <150>Nov 27 23:19:05 pumpproxy[1234]: text

That is `<PRI>TIMESTAMP TAG[PID]: CONTENT`, without a hostname: a local daemon puts its own, and one that is reached by
UDP takes the sender's (RFC 3164, section 4.3.2). May not: know the time, or send.
"""

from __future__ import annotations

from typing import NamedTuple

# RFC 3164, section 4.1.1, table 1, in HAProxy's words.
_WORDS = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news")
_MORE = ("uucp", "cron", "auth2", "ftp", "ntp", "audit", "alert", "cron2")
_LOCAL = tuple(f"local{number}" for number in range(8))

FACILITIES = {word: code for code, word in enumerate((*_WORDS, *_MORE, *_LOCAL))}

LONGEST = 8192
"""Bytes of a message; what is beyond is cut. RFC 3164 says 1024, which HAProxy holds too (`len`) and a long request
line breaks; rsyslog takes 8096 bytes of text by default ($MaxMessageSize 8k), and so do others."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class LocalTime(NamedTuple):
    """The part of a broken-down local time that a stamp has."""

    month: int
    day: int
    hour: int
    minute: int
    second: int


def timestamp(at: LocalTime) -> str:
    """`Mmm dd hh:mm:ss`; a day of one digit has a space before it (section 4.1.2)."""
    return f"{MONTHS[at.month - 1]} {at.day:2} {at.hour:02}:{at.minute:02}:{at.second:02}"


def priority(facility: str, severity: int) -> int:
    """The number between the brackets: eight times the facility, and the severity (section 4.1.1)."""
    return FACILITIES[facility] * 8 + severity


def message(number: int, head: str, text: str) -> bytes:
    """One datagram: `number` is a `priority`, `head` is `TIMESTAMP TAG[PID]: `; the text is one line.

    HAProxy ends it with a line feed, also in a datagram; receivers take that off.
    """
    return f"<{number}>{head}{text}".encode("utf-8", "backslashreplace")[: LONGEST - 1] + b"\n"
