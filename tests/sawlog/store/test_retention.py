"""How long and how much is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sawlog.store.retention import Retention, age_of, retention_of


@pytest.mark.parametrize(
    ("text", "expected", "again"),
    [
        ("30d", Retention(timedelta(days=30)), "30d"),
        ("36h", Retention(timedelta(hours=36)), "36h"),
        ("48h", Retention(timedelta(days=2)), "2d"),
        ("50GB", Retention(size=50 << 30), "50GB"),
        ("100mb", Retention(size=100 << 20), "100MB"),
        ("30d, 2TB", Retention(timedelta(days=30), 2 << 40), "30d,2TB"),
        ("1024gb,12h", Retention(timedelta(hours=12), 1 << 40), "12h,1TB"),
    ],
)
def test_what_is_kept(text: str, expected: Retention, again: str) -> None:
    assert retention_of(text) == expected
    assert str(expected) == again
    assert retention_of(again) == expected


@pytest.mark.parametrize("text", ["", "30", "0d", "30d,", "1d,1h", "1GB,2GB", "1.5GB", "50G", "50kB", "a week", "-1d"])
def test_what_is_no_retention(text: str) -> None:
    with pytest.raises(ValueError, match=r"takes a number of days or hours such as '30d' or '12h', a size such as"):
        retention_of(text)


def test_a_size_that_is_full_at_once() -> None:
    with pytest.raises(ValueError, match="takes 100MB or more, and got '30d,99MB'"):
        retention_of("30d,99MB")


def test_elasticsearch_keeps_by_time_alone() -> None:
    assert age_of("30d") == timedelta(days=30)
    with pytest.raises(ValueError, match="takes a number of days or hours such as '30d' or '12h', and got '30d,1GB'"):
        age_of("30d,1GB")
