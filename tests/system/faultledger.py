"""What clients of failing servers note: what they sent and got, how it ended, what they make of it. May not: judge."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.system.faultcourse import Asking, Visiting


class Verdict(enum.Enum):
    """What a client got."""

    SERVED = "served"
    """All that it asked for, and by whom it should."""
    CUT = "cut"
    """The beginning of that, or nothing, and then the end."""
    REFUSED = "refused"
    """The proxy's word that it will not be served: an alert, a status, on `tcp` a reset before anything else."""
    LEFT = "left"
    """It did not wait for it."""
    STUCK = "stuck"
    """Nothing came, and no end either."""
    WRONG = "wrong"
    """Something else than it must get."""


@dataclass
class Exchanged:
    """What came of one exchange."""

    asking: Asking
    began: float
    verdict: Verdict = Verdict.STUCK
    detail: str = ""
    told: dict[str, object] | None = None
    """What the server said of itself and of what it had got."""
    status: int | None = None
    ended: float = 0.0
    offered: int = 0
    """Of the connection's bytes, this one's; so for the next."""
    got: int = 0

    @property
    def server(self) -> str | None:
        """Who answered, as far as it came to that."""
        return None if self.told is None else str(self.told["server"])


@dataclass
class Visit:
    """One connection, and its ledger. Times are monotonic."""

    visiting: Visiting
    host: str
    port: int = 0
    began: float = 0.0
    ended: float = 0.0
    offered: int = 0
    """Bytes given to the kernel, or tried to."""
    got: int = 0
    first: bytes = b""
    """The first of those."""
    end: str = ""
    """How the proxy ended it, `fin` or `reset`; empty where the client did."""
    broken: bool = False
    """The kernel told of a reset to whoever sent."""
    closes: bool = False
    """An answer said that it is the last."""
    exchanged: list[Exchanged] = field(default_factory=list)

    def __str__(self) -> str:
        facts = ("host", "port", "offered", "got", "end", "closes", "exchanged")
        return f"{self.visiting}: {', '.join(f'{fact}={getattr(self, fact)!r}' for fact in facts)}"
