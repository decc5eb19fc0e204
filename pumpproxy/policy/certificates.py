"""What is to be said of the certificate that a server shows to its checks: once, and where something is wrong each day.

May not: look at one, or judge a server by it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

DAY = 86400.0
"""Seconds: who does not read the log today may do it tomorrow."""


class Certificate(NamedTuple):
    """The one at the end of a server's chain. Times are seconds since 1970."""

    begins: float
    ends: float
    name: str | None
    """Whom it is to be for; None: nobody knows."""
    fits: bool
    """Whether it is for that name; where there is none, any will do."""
    digest: bytes
    """Which one it is."""


class Remark(NamedTuple):
    """A line for the log."""

    text: str
    warns: bool


class CertificateWatch:
    """One server's, as its checks see it."""

    __slots__ = ("_digest", "_said")

    def __init__(self) -> None:
        self._digest = b""
        self._said = 0.0

    def seen(self, certificate: Certificate, warn_days: int, wall: float) -> Remark | None:
        """It was shown at that time; what to say, if anything: of a new one at once, of a wrong one once a day.

        `warn_days`: before its end, from which on that is warned of; 0: no date is warned of.
        """
        new = certificate.digest != self._digest
        wrong = _wrongs(certificate, warn_days, wall)
        # A clock that was set back does not silence it either.
        if not new and (not wrong or abs(wall - self._said) < DAY):
            return None
        self._digest = certificate.digest
        self._said = wall
        what = " and ".join(wrong) or _end(certificate, wall)
        whose = f" for {certificate.name}" if certificate.name is not None else ""
        return Remark(f"the certificate that it shows{whose} {what}", bool(wrong))


def _wrongs(certificate: Certificate, warn_days: int, wall: float) -> list[str]:
    wrong = []
    if not certificate.fits:
        wrong.append("is for another name")
    if warn_days and certificate.ends - wall < warn_days * DAY:
        wrong.append(_end(certificate, wall))
    if warn_days and certificate.begins > wall:
        wrong.append(f"is not valid before {_date(certificate.begins)}")
    return wrong


def _end(certificate: Certificate, wall: float) -> str:
    left = certificate.ends - wall
    days = int(abs(left) // DAY)
    some = "less than a day" if not days else "1 day" if days == 1 else f"{days} days"
    when = f"ends in {some}" if left > 0 else f"ended {some} ago"
    return f"{when}, on {_date(certificate.ends)}"


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
