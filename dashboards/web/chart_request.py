"""What the page asks of a chart: its own query and filters, and the time to look at."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from dashboards.web.search_request import MAX_BUCKETS
from sawlog.errors import QueryError
from sawlog.store import date_math

Millis = Annotated[int, msgspec.Meta(ge=-62_000_000_000_000, le=253_000_000_000_000)]
"""Milliseconds since 1970, within the years that a date can have."""


class ChartRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /api/charts/{id}``.

    `query` is a clause. `start` and `end`, both included, are milliseconds since 1970; None is open. Charts over time
    need both of them, and the `interval` of their buckets, such as ``30s``.
    """

    query: dict[str, Any] = msgspec.field(default_factory=lambda: {"match_all": {}})
    start: Millis | None = msgspec.field(name="from", default=None)
    end: Millis | None = msgspec.field(name="to", default=None)
    interval: str | None = None


_DECODER: Final = msgspec.json.Decoder(ChartRequest)


def parse(body: bytes, *, over_time: bool) -> ChartRequest:
    """Decode the body and check what could make one chart expensive.

    Raises:
        QueryError: it is malformed, or beyond a bound; the message names which.
    """
    try:
        asked = _DECODER.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise QueryError(f"the chart's request is not understood: {error}") from None
    except RecursionError:
        raise QueryError("the chart's request is nested too deep") from None
    if not over_time:
        return asked
    if asked.start is None or asked.end is None or asked.interval is None:
        raise QueryError("a chart over time needs 'from', 'to' and 'interval'")
    buckets = (asked.end - asked.start) // date_math.interval(asked.interval)
    if not 0 <= buckets <= MAX_BUCKETS:
        raise QueryError(f"'from', 'to' and 'interval' make {buckets} buckets; at most {MAX_BUCKETS}")
    return asked
