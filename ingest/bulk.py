"""From events to the documents of one bulk request."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sawlog.columns import Columns
from sawlog.event import METADATA, Event, mark_ingested
from sawlog.store.base import DEFAULT_INDEX, Bulk
from sawlog.times.instant import now


def bulk_of(events: Sequence[Event], *, index: str = DEFAULT_INDEX, source: str | None = None, size: int = 0) -> Bulk:
    """Make the bulk of these events, which are used up: their ``@metadata`` is taken off. Columns stay columns.

    Adds ``event.ingested`` (ECS). An event without an `_id` gets a random one: it can then be delivered twice.
    """
    if isinstance(events, Columns):
        return Bulk.of_columns(events, index, source=source, ingested=now())
    events = list(events)
    ids: list[str] = []
    for event in events:
        metadata = event.pop(METADATA, None)
        ids.append((metadata and metadata.get("_id")) or uuid.uuid4().hex)
    mark_ingested(events)
    return Bulk(ids, events, index, source, size)
