"""drop: end events, all of them or a percentage."""

from __future__ import annotations

import random
from typing import ClassVar

from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import Event


class Drop(Filter):
    """Chance decides event by event; a batch that is sent again may keep other events than the first time."""

    name = "drop"
    options: ClassVar[dict[str, Option]] = {
        "percentage": Option(Kind.NUMBER, "How many of a hundred events are dropped.", 100)
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._percentage: float = options["percentage"]
        if not 0 <= self._percentage <= 100:
            raise options.error(f"drop: percentage is between 0 and 100, and got {self._percentage}", "percentage")

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        if self._percentage == 100:
            return []
        chance = random.random  # no secret depends on it
        kept = [event for event in events if chance() * 100 >= self._percentage]
        if self.succeeded:
            for event in kept:
                self.succeeded(event)
        return kept
