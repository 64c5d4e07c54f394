"""Lines of files as columns, for pipelines whose first filters take those: an event is its line and what all share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sawlog.batch import JOINED, LineBatch
from sawlog.columns import Columns, Common
from sawlog.event import METADATA, TIMESTAMP, Event

REMEMBERED_SOURCES: Final = 64
_TIME: Final = re.compile(r"[0-9TZ:.+-]+")
"""What goes into JSON as it is."""


class LineColumns:
    """Makes columns of batches of lines, and remembers what the events of a source have in common."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[Mapping[str, Any], Common]] = {}

    def of(self, batch: LineBatch, arrived: str) -> Columns | None:
        """Return columns that are equal to ``batch.events(arrived)``; None if a source's fields are not the usual."""
        fields = batch.source.fields
        time = batch.time or fields.get(TIMESTAMP, arrived)
        if "message" in fields or not isinstance(time, str) or not _TIME.fullmatch(time):
            return None
        head = self._head(batch)
        if head is None:
            return None
        texts = list(batch.texts)
        columns = Columns([head] * len(texts), [time] * len(texts), texts, list(batch.offsets), size=batch.size)
        if any("\n" in text for text in texts):
            columns.change([at for at, text in enumerate(texts) if "\n" in text], "joined", _joined)
        columns.change(sorted(batch.truncated), "truncated", _truncated)
        return columns

    def _head(self, batch: LineBatch) -> Common | None:
        source = batch.source
        fields, head = self._sources.get(source.key, (None, None))
        if head is not None and (fields is source.fields or fields == source.fields):
            return head
        common: Event = {name: value for name, value in source.fields.items() if name != TIMESTAMP}
        common["log"] = common.get("log", {})
        if not isinstance(common["log"], dict):
            return None
        if not isinstance(common.get(METADATA), dict):
            common.pop(METADATA, None)
        if len(self._sources) >= REMEMBERED_SOURCES:
            self._sources.clear()
        head = Common(source.key, common)
        self._sources[source.key] = source.fields, head
        return head


def _joined(event: Event) -> None:
    event["log"] = {**event["log"], "flags": JOINED}


def _truncated(event: Event) -> None:
    # Whatever its source says, as in `LineBatch.events`.
    event["log"] = {**event["log"], "flags": ["truncated", *event["log"].get("flags", ())]}
