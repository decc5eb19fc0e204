"""What is said of a server's certificate, and how often."""

from __future__ import annotations

import pytest

from pumpproxy.policy.certificates import DAY, Certificate, CertificateWatch, Remark

NOW = 1_796_000_000.0
"""2026-11-30 00:53:20 UTC."""
SHOWN = "the certificate that it shows for pump.example"


def certificate(
    left: float, *, begun: float = 9 * DAY, name: str | None = "pump.example", fits: bool = True, digest: bytes = b"1"
) -> Certificate:
    """One that ends in so many seconds."""
    return Certificate(NOW - begun, NOW + left, name, fits, digest)


def said(shown: Certificate, warn_days: int = 14) -> Remark | None:
    """What is said of it the first time."""
    return CertificateWatch().seen(shown, warn_days, NOW)


def test_a_good_one_is_told_of_once() -> None:
    """How long it holds, and for whom; then no more, for years."""
    watch = CertificateWatch()
    shown = certificate(61 * DAY + 5)
    assert watch.seen(shown, 14, NOW) == Remark(f"{SHOWN} ends in 61 days, on 2027-01-30 00:53 UTC", warns=False)
    assert [watch.seen(shown, 14, NOW + day * DAY) for day in range(1, 45)] == [None] * 44


@pytest.mark.parametrize(
    ("left", "warn_days", "warns"),
    [(14 * DAY, 14, False), (14 * DAY - 1, 14, True), (1, 0, False), (-5 * DAY, 0, False), (29 * DAY, 30, True)],
)
def test_the_days_before_its_end(left: float, warn_days: int, *, warns: bool) -> None:
    """It is warned of from so many days on; with 0 of no date at all."""
    remark = said(certificate(left), warn_days)
    assert remark is not None
    assert remark.warns is warns


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (5 * DAY + 1, "ends in 5 days, on 2026-12-05 00:53 UTC"),
        (DAY, "ends in 1 day, on 2026-12-01 00:53 UTC"),
        (3600, "ends in less than a day, on 2026-11-30 01:53 UTC"),
        (-3600, "ended less than a day ago, on 2026-11-29 23:53 UTC"),
        (-3 * DAY, "ended 3 days ago, on 2026-11-27 00:53 UTC"),
    ],
)
def test_how_long(left: float, text: str) -> None:
    """In whole days, with the date."""
    assert said(certificate(left)) == Remark(f"{SHOWN} {text}", warns=True)


def test_one_that_is_for_another_name() -> None:
    """It is warned of, whatever `warn-days` says."""
    assert said(certificate(90 * DAY, fits=False), 0) == Remark(f"{SHOWN} is for another name", warns=True)


def test_one_that_is_not_valid_yet() -> None:
    """It is warned of."""
    remark = said(certificate(90 * DAY, begun=-DAY))
    assert remark == Remark(f"{SHOWN} is not valid before 2026-12-01 00:53 UTC", warns=True)


def test_all_that_is_wrong_is_one_line() -> None:
    """The name, and the date."""
    remark = said(certificate(-DAY, fits=False))
    assert remark is not None
    assert remark.text == f"{SHOWN} is for another name and ended 1 day ago, on 2026-11-29 00:53 UTC"


def test_without_a_name() -> None:
    """Where nobody knows whom it is to be for, nobody is named."""
    remark = said(certificate(61 * DAY, name=None))
    assert remark is not None
    assert remark.text.startswith("the certificate that it shows ends in 61 days")


def test_a_wrong_one_is_told_of_once_a_day() -> None:
    """However often it is shown."""
    watch = CertificateWatch()
    shown = certificate(-DAY)
    heard = [hour for hour in range(72) if watch.seen(shown, 14, NOW + hour * 3600)]
    assert heard == [0, 24, 48]


def test_a_clock_that_is_set_back_does_not_silence_it() -> None:
    """A day either way."""
    watch = CertificateWatch()
    shown = certificate(DAY)
    assert watch.seen(shown, 14, NOW) is not None
    assert watch.seen(shown, 14, NOW - DAY) is not None


def test_another_one_is_told_of_at_once() -> None:
    """Also that it is good again."""
    watch = CertificateWatch()
    assert watch.seen(certificate(-DAY), 14, NOW) is not None
    renewed = watch.seen(certificate(90 * DAY, digest=b"2"), 14, NOW + 60)
    assert renewed is not None
    assert not renewed.warns


def test_one_that_grows_old_is_warned_of_when_its_days_come() -> None:
    """From the day on that `warn-days` says, though it was told of when it was new."""
    watch = CertificateWatch()
    shown = certificate(20 * DAY)
    heard = [day for day in range(10) if watch.seen(shown, 14, NOW + day * DAY + 1)]
    assert heard == [0, 6, 7, 8, 9]
