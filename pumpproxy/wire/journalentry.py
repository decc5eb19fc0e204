"""Entries of systemd's journal, in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram each.

A field is `NAME=value` and a line feed. A value with a line feed in it has the binary form: the name and a line feed,
the value's length as 64 bits little-endian, the value and a line feed. May not: send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 48 * 1024
"""Bytes of a value. With all its fields an entry then is a datagram that a socket's default buffer of 208 KiB takes:
none has to be handed over as a file (memfd), as sd_journal_send does with what is larger."""

_CUT = b"\n[... %d bytes are left out ...]\n"


def entry(fields: Sequence[tuple[str, str]]) -> bytes:
    """All these fields, in their order; names are upper case, digits and `_`, and do not begin with `_` or a digit."""
    text = "".join([f"{name}={value}\n" for name, value in fields])
    # So nearly all are, and this costs a sixth.
    if text.count("\n") == len(fields) and len(text) <= LONGEST and text.isascii():
        return text.encode("ascii")
    return b"".join([_field(name, value) for name, value in fields])


def _field(name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "backslashreplace")
    if len(raw) > LONGEST:
        raw = _shortened(raw)
    if b"\n" not in raw:
        return b"%b=%b\n" % (name.encode("ascii"), raw)
    return b"%b\n%b%b\n" % (name.encode("ascii"), len(raw).to_bytes(8, "little"), raw)


def _shortened(raw: bytes) -> bytes:
    """The beginning and the end: of a traceback the end says what happened."""
    half = (LONGEST - len(_CUT) - 20) // 2
    return raw[:half] + _CUT % (len(raw) - 2 * half) + raw[-half:]
