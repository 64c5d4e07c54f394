"""From events to the documents of one bulk request."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sawlog.event import METADATA, Event
from sawlog.store.base import DEFAULT_INDEX, Bulk


def bulk_of(events: list[Event], *, index: str = DEFAULT_INDEX, source: str | None = None, size: int = 0) -> Bulk:
    """Make the bulk of these events, which are used up: their ``@metadata`` is taken off.

    Adds ``event.ingested`` (ECS). An event without an `_id` gets a random one: it can then be delivered twice.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    ingested = {"ingested": now}
    ids: list[str] = []
    for event in events:
        metadata = event.pop(METADATA, None)
        ids.append((metadata and metadata.get("_id")) or uuid.uuid4().hex)
        about = event.get("event")
        event["event"] = {**about, **ingested} if isinstance(about, dict) else ingested
    return Bulk(ids, events, index, source, size)
