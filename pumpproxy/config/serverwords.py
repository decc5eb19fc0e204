"""The words of a server's line after its address: how each is written and read, its default, and what it does.

The reader (`servers`), the documentation and the hints are made from them. May not: contain a word that nothing obeys,
or know what the words of a line say of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.config import checks, persistence, values
from pumpproxy.model import CheckKind, SendProxy

if TYPE_CHECKING:
    from collections.abc import Callable

HEAVIEST = 256
"""HAProxy's limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Word:
    """`KEY=VALUE`, or KEY alone."""

    key: str
    field: str
    """Of Check where the word says how to check, else of Server."""
    doc: str
    """Sentences for the documentation."""
    value: str = ""
    """How what follows the `=` is written, for hints and the documentation; empty where nothing follows."""
    parse: Callable[[str], object] | None = None
    """Takes what follows the `=`, raises BadValue; None where nothing follows."""
    alone: object = None
    """What the key without an `=` says; None where that says nothing."""
    default: str = ""
    """What holds where the word is not there, as the file would have it; empty for none."""
    unset: str = ""
    """The same in words, for the documentation."""

    @property
    def form(self) -> str:
        """How the word is written."""
        if not self.value:
            return self.key
        return f"{self.key}={self.value}" if self.alone is None else f"{self.key}[={self.value}]"

    @property
    def stem(self) -> str:
        """What a misspelt word is compared with."""
        return self.key if self.alone is not None else f"{self.key}="

    def spelled(self, value: object, text: str) -> str:
        """The word that says `value`, which is written as `text`."""
        return self.key if value == self.alone else f"{self.key}={text}"


def _flag(key: str, doc: str, field: str = "") -> Word:
    return Word(key=key, field=field or key, alone=True, unset="no", doc=doc)


# A word is a row, as a key is in the schema.
# fmt: off
OF_SERVERS = (
    Word(
        key="weight", field="weight", value="N", parse=values.number(0, HEAVIEST), default="1",
        doc="0 to 256: its share of the connections. A server of weight 0 is never chosen by balancing, and gets what "
        "`use-server` or a cookie gives it.",
    ),
    Word(
        key="cookie", field="cookie", value="VALUE", parse=persistence.server_value, unset="none",
        doc="What stands for it in the backend's `cookie`: visible ASCII without quotes, `,`, `;`, `\\`, `~` and `|`, "
        "and no other server's.",
    ),
    _flag(
        "backup",
        "It is chosen only where no other server may be, the first of them in the file that is UP; or where "
        "`redispatch` allows another server and the others have refused.",
    ),
    _flag("disabled", "It gets nothing at all, and is not checked."),
    _flag("drain", "As `weight=0`: it gets no one new, and keeps whom a cookie or `use-server` leads to it."),
    Word(
        key="maxconn", field="maxconn", value="N", parse=values.count, unset="any number",
        doc="The most connections at a time. Who comes then and finds no room elsewhere waits, first come, first "
        "served, up to `timeout-queue`.",
    ),
    Word(
        key="maxqueue", field="maxqueue", value="N", parse=values.count, unset="any number",
        doc="The most that wait for this server alone, because `use-server` or a cookie leads there. Those who wait "
        "for any server are at most as many as all those that balancing chooses among allow together. Needs `maxconn`.",
    ),
    Word(
        key="send-proxy", field="send_proxy", value="v1|v2", parse=values.choice(SendProxy), unset="none",
        doc="The header of the PROXY protocol with which its connections begin, and its checks but for `check=tcp`, "
        "which says nothing: it tells the server who the client is. The server must expect it. In `mode = http` no "
        "connection to a server of its backend is kept.",
    ),
)
CHECK = Word(
    key="check", field="check", value="|".join(kind.value for kind in CheckKind), alone=CheckKind.TCP,
    parse=values.choice(CheckKind), unset="none: it is taken to be UP",
    doc="Look again and again whether it is UP: whether it takes a connection (`check`, or `check=tcp`), answers "
    "a ClientHello (`tls-hello`), does a whole handshake, whose certificate is looked at too (`tls`), or answers a "
    "GET with a good status (`http`, in the clear). A server that is DOWN gets nothing new. The very first check "
    "decides alone.",
)
OF_CHECKS = (
    Word(
        key="inter", field="inter", value="DURATION", parse=values.duration, default="2s",
        doc="Between two checks.",
    ),
    Word(
        key="fastinter", field="fastinter", value="DURATION", parse=values.duration,
        unset="`250ms`, or `inter` if that is shorter",
        doc="The same while its state may be about to change, or somebody waits for it; not longer than `inter`.",
    ),
    Word(
        key="downinter", field="downinter", value="DURATION", parse=values.duration, unset="`inter`",
        doc="The same while it is DOWN.",
    ),
    Word(
        key="rise", field="rise", value="N", parse=values.number(1, checks.MOST), default="2",
        doc="1 to 100: so many checks in a row must pass before a server that was DOWN is UP.",
    ),
    Word(
        key="fall", field="fall", value="N", parse=values.number(1, checks.MOST), default="3",
        doc="1 to 100: so many checks in a row must fail before it is DOWN.",
    ),
    Word(
        key="check-sni", field="sni", value="HOST", parse=values.host,
        unset="the one exact name that is routed to it",
        doc="With `tls-hello` and `tls`: the server name in the hello. Where several names, or none, are routed to the "
        "server by `route` in a tls frontend or by `use-server`, and this does not say which, the hello has none.",
    ),
    _flag(
        "check-verify", field="verify",
        doc="With `tls`: a certificate that no authority of the system has signed, that is out of date or for another "
        "name (`check-sni`, its default, or else the DNS name of the address) is DOWN. Without it that is a warning. "
        "Where no name is known at all none fits.",
    ),
    Word(
        key="check-path", field="path", value="PATH", parse=checks.path, default="/",
        doc="With `http`: what is asked for, with a query if need be.",
    ),
    Word(
        key="check-host", field="host", value="HOST[:PORT]", parse=checks.host, unset="the address",
        doc="With `http`: the Host that is asked.",
    ),
    Word(
        key="check-status", field="status", value="STATUS|LOW-HIGH", parse=checks.status, default="200-399",
        doc="With `http`: the statuses that are good.",
    ),
)
# fmt: on

WORDS = (*OF_SERVERS, CHECK, *OF_CHECKS)
"""All of them, in the documentation's order."""

BY_KEY = {word.key: word for word in WORDS}
