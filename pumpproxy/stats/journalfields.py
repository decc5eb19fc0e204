"""What the journal is told of an ended connection or request: fields, by which `journalctl NAME=value` finds it.

Only what is known has a field. What a peer chose is escaped as in the line. May not: write the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.outcome import termination
from pumpproxy.policy.records import RequestRecord

if TYPE_CHECKING:
    from pumpproxy.policy.records import SessionRecord


def fields(record: SessionRecord) -> list[tuple[str, str]]:
    """Name and value, beside the line itself."""
    found = [
        ("PUMPPROXY_FRONTEND", record.frontend),
        ("PUMPPROXY_OUTCOME", record.outcome.word),
        ("PUMPPROXY_TERMINATION", termination(record.outcome, record.phase)),
        ("PUMPPROXY_CLIENT", record.client.host),
        ("PUMPPROXY_BYTES_IN", str(record.bytes_in)),
        ("PUMPPROXY_BYTES_OUT", str(record.bytes_out)),
        ("PUMPPROXY_TOTAL_MS", str(int(record.total * 1000))),
    ]
    if record.backend is not None:
        found.append(("PUMPPROXY_BACKEND", record.backend))
    if record.server is not None:
        found.append(("PUMPPROXY_SERVER", record.server))
    if record.detail:
        found.append(("PUMPPROXY_DETAIL", record.detail))
    if record.hello is not None and record.hello.server_name:
        found.append(("PUMPPROXY_SNI", record.hello.server_name))
    if isinstance(record, RequestRecord):
        if record.host:
            found.append(("PUMPPROXY_HOST", record.host))
        if record.status is not None:
            found.append(("PUMPPROXY_STATUS", str(record.status)))
    return found
