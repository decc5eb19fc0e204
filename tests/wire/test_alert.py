"""The alert record, and what real clients make of it."""

from __future__ import annotations

import ssl

import pytest

from pumpproxy.wire.alert import AlertDescription, alert_record


def test_the_record_is_one_fatal_alert() -> None:
    """Seven bytes: content type 21, a version, the length 2, the level fatal, the description."""
    assert alert_record(AlertDescription.UNRECOGNIZED_NAME) == bytes.fromhex("15 0301 0002 02 70")


@pytest.mark.parametrize("description", AlertDescription)
def test_each_description_is_the_last_byte(description: AlertDescription) -> None:
    """No other byte depends on the description."""
    assert alert_record(description)[-1] == description
    assert alert_record(description)[:-1] == alert_record(0)[:-1]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_openssl_tells_its_user_the_reason(newest: ssl.TLSVersion) -> None:
    """A client that waits for a ServerHello reads the alert as that alert, and as nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = newest
    to_client, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, from_client, server_hostname="pump2.example.org")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    to_client.write(alert_record(AlertDescription.UNRECOGNIZED_NAME))
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        client.do_handshake()
