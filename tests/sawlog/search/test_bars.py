"""Bars over time, on both stores: those of days begin at midnight of the zone that was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboards.source import Buckets, Chart, Value
from dashboards.web import charts, counting
from dashboards.web.chart_request import parse
from sawlog.errors import QueryError
from sawlog.search.bars import bars
from sawlog.search.question import Question
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore

ZONES = (
    "Europe/Lisbon",
    "America/New_York",
    "Asia/Kathmandu",  # 5:45 ahead
    "Africa/Cairo",  # whose clocks jump over midnight, on 2025-04-25
    "local",
    "UTC",
)
FIRST = datetime(2025, 2, 20, tzinfo=UTC)
MOMENTS = [FIRST + timedelta(minutes=97 * number) for number in range(1_200)]
"""80 days, in which clocks are put forward."""
DAY = 86_400_000


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


def zone_named(name: str) -> ZoneInfo:
    return ZoneInfo("Asia/Tokyo" if name == "local" else name)


def midnight(day: date, zone: str) -> int:
    """Return the first moment of a day, looked for minute by minute."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while at.astimezone(zone_named(zone)).date() < day:
        at += timedelta(minutes=15)
    return millis(at)


@pytest.fixture(params=["rows in memory", "segments", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[Store]:
    made: Store
    if request.param == "elasticsearch":
        made = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    else:
        made = EmbeddedStore(tmp_path, segment_rows=300 if request.param == "segments" else 1 << 17)
    documents = [
        {
            "@timestamp": at.isoformat().replace("+00:00", "Z"),
            "message": f"request {number}",
            "log": {"level": "ERROR" if number % 10 == 0 else "INFO"},
            "service": {"name": "orders"},
        }
        for number, at in enumerate(MOMENTS)
    ]
    async with made:
        for start in range(0, len(documents), 300):
            some = documents[start : start + 300]
            await made.bulk(Bulk([str(start + number) for number in range(len(some))], some, data_stream))
        await made.refresh()
        yield made


@pytest.mark.parametrize("zone", ZONES)
async def test_days_begin_at_midnight_of_the_zone(store: Store, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    expected = Counter(midnight(at.astimezone(zone_named(zone)).date(), zone) for at in MOMENTS)
    # By a word, the rows are looked at; without one, the index has counted already.
    for query in ("", "request"):
        question = Question(query, zone=zone)
        found = await bars(store, question, 100, DAY)
        assert found is not None
        assert {bar.at: bar.events for bar in found.bars} == expected
        assert sum(bar.errors for bar in found.bars) == len(MOMENTS) / 10
        counted = await counting.count(store, question, split=None, buckets=100, facets=[], errors=False)
        assert counted["interval_ms"] == DAY
        assert {bar["at"]: bar["n"] for bar in counted["bars"]} == expected
        # A day ends where the next begins, be it after 23 hours.
        assert [bar["to"] for bar in counted["bars"][:-1]] == [bar["at"] for bar in counted["bars"][1:]]
    chart = Chart("c", "c", "bars", [Value("Events", count="")], by=Buckets(time="@timestamp"))
    told = {"zone": zone, "from": millis(MOMENTS[0]), "to": millis(MOMENTS[-1]), "interval": f"{DAY}ms"}
    drawn = await charts.draw(store, chart, {}, parse(told, over_time=True))
    assert {row.by: row.value for row in drawn["rows"]} == expected


async def test_weeks_and_hours(store: Store) -> None:
    zone = "Europe/Lisbon"
    found = await bars(store, Question(zone=zone), 100, 7 * DAY)
    assert found is not None
    assert sum(bar.events for bar in found.bars) == len(MOMENTS)
    for bar in found.bars:
        shown = datetime.fromtimestamp(bar.at / 1_000, ZoneInfo(zone))
        assert (shown.hour, shown.minute) == (0, 0)
        assert (shown.date() - date(1970, 1, 1)).days % 7 == 0
    found = await bars(store, Question(zone="Asia/Kathmandu"), 3_000, 3 * 3_600_000)
    assert found is not None
    assert all(bar.at % (3 * 3_600_000) == 0 for bar in found.bars)
    assert sum(bar.events for bar in found.bars) == len(MOMENTS)


async def test_the_ends_of_the_question_and_none(store: Store) -> None:
    start, end = millis(datetime(2025, 3, 29, 12, tzinfo=UTC)), millis(datetime(2025, 4, 2, 12, tzinfo=UTC))
    found = await bars(store, Question(start=start, end=end, zone="Europe/Lisbon"), 30, DAY)
    assert found is not None
    assert [datetime.fromtimestamp(bar.at / 1_000, UTC).hour for bar in found.bars] == [0, 0, 23, 23, 23]
    assert sum(bar.events for bar in found.bars) == found.events
    assert await bars(store, Question("nowhere"), 30) is None
    with pytest.raises(QueryError, match="more than 2,000 bars"):
        await bars(store, Question(), 30, 60_000)
