"""null: events end here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ingest.options import Option
from ingest.output.base import Output
from sawlog.event import Event
from sawlog.store.base import Refusal


class Null(Output):
    """Takes all events, to measure what comes before."""

    name = "null"
    options: ClassVar[dict[str, Option]] = {}

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        return ()
