"""Messages for syslog daemons, as HAProxy 2.6 writes them."""

from __future__ import annotations

import pytest

from pumpproxy.wire.syslogmessage import FACILITIES, LONGEST, LocalTime, message, priority, timestamp


def test_a_message_is_as_haproxys() -> None:
    """What HAProxy 2.6.12 sent to /dev/log and by UDP alike: no hostname, a line feed at the end."""
    head = f"{timestamp(LocalTime(11, 27, 23, 19, 5))} haproxy[15428]: "
    assert message(priority("local2", 6), head, "127.0.0.1:35568 b/s1") == (
        b"<150>Nov 27 23:19:05 haproxy[15428]: 127.0.0.1:35568 b/s1\n"
    )


@pytest.mark.parametrize(
    ("facility", "severity", "number"),
    [("kern", 0, 0), ("daemon", 3, 27), ("auth2", 6, 86), ("cron2", 7, 127), ("local0", 4, 132), ("local7", 7, 191)],
)
def test_the_priority_has_both(facility: str, severity: int, number: int) -> None:
    """RFC 3164, section 4.1.1: eight times the one, and the other."""
    assert priority(facility, severity) == number


def test_all_facilities_are_there() -> None:
    """24, each with a number of its own."""
    assert sorted(FACILITIES.values()) == list(range(24))


def test_a_day_of_one_digit_has_a_space_before_it() -> None:
    """RFC 3164, section 4.1.2; all else has zeros."""
    assert timestamp(LocalTime(2, 3, 4, 5, 6)) == "Feb  3 04:05:06"


def test_what_is_too_long_is_cut() -> None:
    """To what receivers take; the end of the line stays."""
    sent = message(150, "", "x" * 10_000)
    assert (len(sent), sent[-2:]) == (LONGEST, b"x\n")


def test_what_cannot_be_written_is_written_otherwise() -> None:
    """Half of a surrogate pair, which a message about a file's name may have."""
    assert message(150, "", "a\udcffb\xfc") == b"<150>a\\udcffb\xc3\xbc\n"
