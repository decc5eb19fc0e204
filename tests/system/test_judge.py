"""The judge of the drawn streams is awake: what is right passes, and each thing that is not is found."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from tests.sim import strict
from tests.sim.replies import After, End, Reply, Worth
from tests.system.judge import Case
from tests.system.recorder import Heard, Ledger
from tests.system.talker import Plan, Talker

WHO = "127.20.0.1"
ASKED = b"POST /d1/0 HTTP/1.1\r\nHost: A.example.\r\nContent-Length: 2\r\nX: y\r\nKeep-Alive: 5\r\n\r\nhi"
HEARD = (
    b"POST /d1/0 HTTP/1.1\r\nHost: A.example.\r\nContent-Length: 2\r\nX: y\r\n"
    b"X-Forwarded-For: 127.20.0.1\r\nConnection: close\r\n\r\nhi"
)
GOT = b"HTTP/1.1 200 OK\r\nX-Answer: 127.20.0.1/0\r\nContent-Length: 3\r\n\r\nyes"
PAGE = b"HTTP/1.1 %d No\r\nCache-Control: no-cache\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
REPLY = Reply(b"", b"", After.BODY, End.FIN, Worth.WHOLE, 200, b"yes", [(b"X-Answer", b"127.20.0.1/0")])


def amiss(
    *,
    asked: bytes = ASKED,
    heard: bytes = HEARD,
    backend: str = "d",
    got: bytes = GOT,
    end: str = "",
    reply: Reply = REPLY,
) -> list[str]:
    """What the judge says of one client that sent `asked`, and stayed."""
    ledger = Ledger(0)
    message = strict.request(heard)
    if message is not None:
        one = Heard(backend, message, WHO, reply, b"127.20.0.1/0", spoken=True)
        ledger.heard[WHO] = [one]
        ledger.marks[one.mark] = one
    plan = Plan(WHO, asked, ((0.0, len(asked)),), None, 0.0)
    talker = SimpleNamespace(plan=plan, sent=len(asked), got=got, end=end, left=False)
    return list(Case(cast("Talker", talker), ledger, keeps=False).amiss())


def test_what_is_right_passes() -> None:
    """An answer; a refusal of what may be refused; a cut of what was cut, if it is seen."""
    assert amiss() == []
    assert amiss(asked=b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", heard=b"", got=PAGE % 400, end="fin") == []
    assert amiss(asked=ASKED.replace(b"A.example.", b"a b"), heard=b"", got=PAGE % 400, end="fin") == []
    cut = replace(REPLY, worth=Worth.CUT)
    assert amiss(got=PAGE % 502, end="fin", reply=cut) == []
    assert amiss(got=GOT[:-1], end="fin", reply=cut) == []
    assert amiss(asked=ASKED[:-1], heard=HEARD[:-1], got=PAGE % 408, end="fin") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"backend": "a"},
        {"heard": HEARD.replace(b"hi", b"ho")},
        {"heard": HEARD.replace(b"/d1/0", b"/d1/1")},
        {"heard": HEARD.replace(b"X: y", b"X: z")},
        {"heard": HEARD.replace(b"X: y\r\n", b"")},
        {"heard": HEARD.replace(b"X: y", b"X: y\r\nKeep-Alive: 5")},
        {"heard": HEARD.replace(b"127.20.0.1", b"127.20.0.2")},
        {"heard": HEARD.replace(b"A.example.", b"b.example")},
        {"asked": ASKED[:-1]},
        {"asked": b"GET / HTTP/1.1\r\n\r\n"},
        {"asked": ASKED.replace(b"Length: 2\r\n", b"Length: 2\r\nTransfer-Encoding: chunked\r\n")},
        {"got": b""},
        {"got": GOT + GOT},
        {"got": GOT[:-1]},
        {"got": GOT[:-1], "end": "fin"},
        {"got": GOT.replace(b"yes", b"no!")},
        {"got": GOT.replace(b"127.20.0.1/0", b"127.20.0.2/0")},
        {"got": GOT.replace(b"200", b"404")},
        {"got": GOT.replace(b"Content-Length: 3", b"Connection: close\r\nContent-Length: 3"), "end": "fin"},
        {"got": GOT.replace(b"Content-Length: 3", b"Content-Length : 3")},
        {"got": b"HTTP/1.1 100 Continue\r\n\r\n" + PAGE % 400, "end": "fin"},
        {"got": PAGE % 502, "end": "fin"},
        {"got": PAGE % 503, "end": "fin"},
        {"got": PAGE % 504 + GOT, "end": "fin"},
        {"reply": replace(REPLY, worth=Worth.CUT)},
        {"reply": replace(REPLY, payload=b"yes and no")},
    ],
)
def test_what_is_not_is_found(wrong: dict[str, object]) -> None:
    """Whatever a server should not have heard, and whatever a client should not have got."""
    assert amiss(**wrong)  # type: ignore[arg-type]
