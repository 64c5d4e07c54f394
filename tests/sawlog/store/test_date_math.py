"""Date math: what Elasticsearch's documentation says of rounding, steps and formats."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.errors import QueryError
from sawlog.store import date_math

NOW = date_math.parse("2025-03-31T13:45:30.250Z")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("now", "2025-03-31T13:45:30.250Z", "2025-03-31T13:45:30.250Z"),
        ("now-15m", "2025-03-31T13:30:30.250Z", "2025-03-31T13:30:30.250Z"),
        ("now/d", "2025-03-31T00:00:00.000Z", "2025-03-31T23:59:59.999Z"),
        ("now-1d/d", "2025-03-30T00:00:00.000Z", "2025-03-30T23:59:59.999Z"),
        ("now-1M", "2025-02-28T13:45:30.250Z", "2025-02-28T13:45:30.250Z"),
        ("now/w", "2025-03-31T00:00:00.000Z", "2025-04-06T23:59:59.999Z"),
        ("now/M", "2025-03-01T00:00:00.000Z", "2025-03-31T23:59:59.999Z"),
        ("now+y", "2026-03-31T13:45:30.250Z", "2026-03-31T13:45:30.250Z"),
        ("2024-02", "2024-02-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z"),
        ("2024-02-01T10:20", "2024-02-01T10:20:00.000Z", "2024-02-01T10:20:59.999Z"),
        ("2024-02-01T10:20:30.1234567+02:00", "2024-02-01T08:20:30.123Z", "2024-02-01T08:20:30.123Z"),
        ("2024-02-01||+1M/d", "2024-03-01T00:00:00.000Z", "2024-03-01T23:59:59.999Z"),
        ("1740823200000", "2025-03-01T10:00:00.000Z", "2025-03-01T10:00:00.000Z"),
        (1740823200000, "2025-03-01T10:00:00.000Z", "2025-03-01T10:00:00.000Z"),
    ],
)
def test_a_date_stands_for_its_span(text: object, first: str, last: str) -> None:
    assert date_math.iso(date_math.resolve(text, now=NOW)) == first
    assert date_math.iso(date_math.resolve(text, round_up=True, now=NOW)) == last


@pytest.mark.parametrize(
    "text", ["", "yesterday", "now-15", "now/q", "2025-13-01", "2025-02-30", "now+9999999y", None, True]
)
def test_what_is_no_date_is_refused(text: object) -> None:
    with pytest.raises(QueryError, match="no date"):
        date_math.resolve(text, now=NOW)


@given(st.text(max_size=30) | st.text("now+-/|0123456789dMyhTZ:.", max_size=30))
def test_any_text_is_a_date_or_a_query_error(text: str) -> None:
    with suppress(QueryError):
        assert date_math.resolve(text, now=NOW) <= date_math.resolve(text, round_up=True, now=NOW)


@pytest.mark.parametrize(("text", "millis"), [("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("1d", 86_400_000)])
def test_intervals(text: str, millis: int) -> None:
    assert date_math.interval(text) == millis
