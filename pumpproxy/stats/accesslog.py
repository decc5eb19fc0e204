"""The access log's lines, in HAProxy's fields (its manual, 8.2.2 and 8.2.3), and the same facts as JSON.

A line is a pure function of a finished record. Nothing that a peer sends can break a line or forge one: what is not a
printable ASCII character, and `"`, `#`, `{`, `|`, `}`, is written as #XX. May not: decide where lines go.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from pumpproxy.model import LogFormat
from pumpproxy.policy.outcome import termination
from pumpproxy.policy.records import RequestRecord

if TYPE_CHECKING:
    from pumpproxy.policy.records import SessionRecord

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ESCAPES = {code: f"#{code:02X}" for code in (*range(0x20), *b'"#{|}', *range(0x7F, 0x100))}
_SEPARATORS = {code: f"#{code:02X}" for code in b" ,="}
"""What parts our own fields, and names from values: `alpn=outcome=completed` would be found as either."""
_NO_SERVER = "<NOSRV>"
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1.0", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


def escaped(raw: bytes) -> str:
    """A peer's bytes as safe text, HAProxy's way."""
    return raw.decode("latin-1").translate(_ESCAPES)


def line(record: SessionRecord, layout: LogFormat) -> str:
    """One line, without its end."""
    if layout is LogFormat.JSON:
        return _json(record)
    if isinstance(record, RequestRecord) and layout is LogFormat.HTTPLOG:
        return _httplog(record)
    return _tcplog(record)


def _ms(seconds: float | None) -> int:
    return -1 if seconds is None else int(seconds * 1000)


@lru_cache(maxsize=64)
def _second(wall: int) -> str:
    at = time.localtime(wall)
    day = f"{at.tm_mday:02}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year}"
    return f"{day}:{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"


def _accept_date(wall: float) -> str:
    return f"{_second(int(wall))}.{int(wall * 1000) % 1000:03}"


def _start(record: SessionRecord) -> str:
    place = f"{record.backend or record.frontend}/{record.server or _NO_SERVER}"
    return f"{record.client.host}:{record.client.port} [{_accept_date(record.started)}] {record.frontend} {place}"


def _counts(record: SessionRecord) -> str:
    load = record.load
    retries = f"{'+' if record.redispatched else ''}{record.retries}"
    counts = f"{load.process}/{load.frontend}/{load.backend}/{load.server}/{retries}"
    return f"{counts} {record.server_queue}/{record.backend_queue}"


def _alpn(names: tuple[bytes, ...]) -> str:
    return ",".join(escaped(name).translate(_SEPARATORS) for name in names) or "-"


def _ours(record: SessionRecord) -> str:
    """The fields that HAProxy has not, each `name=value`, `-` for none."""
    hello = record.hello
    tail = f" outcome={record.outcome.word}"
    if record.detail:
        tail = f'{tail} detail="{record.detail}"'
    if hello is not None:
        tail = f" sni={hello.server_name or '-'} alpn={_alpn(hello.alpn)}{tail}"
    return tail


def _tcplog(record: SessionRecord) -> str:
    times = f"{_ms(record.queued)}/{_ms(record.connected)}/{_ms(record.total)}"
    state = termination(record.outcome, record.phase)
    return f"{_start(record)} {times} {record.bytes_out} {state} {_counts(record)}{_ours(record)}"


def _cookies(record: RequestRecord) -> str:
    """What the manual's 8.5 adds for http: the request's cookie, and the answer's; `--` where the backend has none."""
    asked, answered = record.cookie_asked, record.cookie_answered
    return f"{asked.letter if asked is not None else '-'}{answered.letter if answered is not None else '-'}"


def _httplog(record: RequestRecord) -> str:
    times = "/".join(
        str(_ms(seconds))
        for seconds in (record.request_time, record.queued, record.connected, record.response_time, record.total)
    )
    status = -1 if record.status is None else record.status
    state = termination(record.outcome, record.phase) + _cookies(record)
    request = "<BADREQ>" if record.request_line is None else escaped(record.request_line)
    facts = f"{_start(record)} {times} {status} {record.bytes_out} - - {state} {_counts(record)}"
    return f'{facts} "{request}"{_ours(record)}'


def _json(record: SessionRecord) -> str:
    facts: dict[str, object] = {
        "client": record.client.host,
        "port": record.client.port,
        "time": record.started,
        "frontend": record.frontend,
        "backend": record.backend,
        "server": record.server,
        "outcome": record.outcome.word,
        "termination": termination(record.outcome, record.phase),
        "detail": record.detail,
        "queue_ms": _ms(record.queued),
        "connect_ms": _ms(record.connected),
        "total_ms": _ms(record.total),
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "connections": record.load._asdict(),
        "retries": record.retries,
        "redispatched": record.redispatched,
        "queues": {"server": record.server_queue, "backend": record.backend_queue},
        "unique_id": escaped(record.unique_id) or None,
    }
    if record.hello is not None:
        hello = record.hello
        facts["sni"] = hello.server_name
        facts["alpn"] = [escaped(name) for name in hello.alpn]
        facts["tls_versions"] = [_VERSIONS.get(version, f"0x{version:04x}") for version in hello.versions]
        facts["ech"] = hello.ech
        facts["post_quantum"] = hello.post_quantum
    if isinstance(record, RequestRecord):
        facts["request"] = None if record.request_line is None else escaped(record.request_line)
        facts["host"] = record.host
        facts["status"] = record.status
        facts["request_ms"] = _ms(record.request_time)
        facts["response_ms"] = _ms(record.response_time)
        facts["cookie_request"] = None if record.cookie_asked is None else record.cookie_asked.word
        facts["cookie_response"] = None if record.cookie_answered is None else record.cookie_answered.word
    return json.dumps(facts, separators=(",", ":"))
