"""What the page asks of a chart: its own query and filters, and the time to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboards.web import bodies
from dashboards.web.search_request import MAX_BUCKETS
from sawlog.errors import QueryError
from sawlog.store import date_math
from sawlog.store.base import Clause


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """The body of ``POST /api/charts/{id}``: a question, with the `interval` of a chart over time.

    `query` is its clause without the time. `start` and `end`, both included, are milliseconds since 1970; None is open.
    Charts over time need both of them, and the `interval` of their buckets, such as ``30s``.
    """

    query: Clause = field(default_factory=lambda: {"match_all": {}})
    start: int | None = None
    end: int | None = None
    interval: str | None = None
    index: str | None = None
    zone: str = "UTC"
    """On whose clocks days begin."""


def parse(told: Mapping[str, Any], *, over_time: bool) -> ChartRequest:
    """Read the body and check what could make one chart expensive.

    Raises:
        QueryError: it is malformed, or beyond a bound; the message names which.
    """
    question = bodies.question(told, interval=str)
    clause = question.clause(time=False)
    asked = ChartRequest(clause, question.start, question.end, told.get("interval"), question.index, question.zone_name)
    if not over_time:
        return asked
    if asked.start is None or asked.end is None or asked.interval is None:
        raise QueryError("a chart over time needs 'from', 'to' and 'interval'")
    buckets = (asked.end - asked.start) // date_math.interval(asked.interval)
    if not 0 <= buckets <= MAX_BUCKETS:
        raise QueryError(f"'from', 'to' and 'interval' make {buckets} buckets; at most {MAX_BUCKETS}")
    return asked
