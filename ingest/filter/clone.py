"""clone: copy events, each copy with a name."""

from __future__ import annotations

from typing import ClassVar

from ingest import settings
from ingest.filter.base import Filter
from ingest.filter.derive import derive
from ingest.options import Kind, Option, Options
from sawlog.event import Event, add_tag


class Clone(Filter):
    """The copies come right after their event; the common options work on the copies only."""

    name = "clone"
    options: ClassVar[dict[str, Option]] = {
        "clones": Option(Kind.ARRAY, "One copy is made for each name.", required=True),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._clones = [str(name) for name in options["clones"]]
        self._ecs = settings.is_ecs(options)

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        out: list[Event] = []
        for event in events:
            out.append(event)
            for name in self._clones:
                copy = derive(event)
                if self._ecs:
                    add_tag(copy, name)
                else:
                    copy["type"] = name
                if self.succeeded:
                    self.succeeded(copy)
                out.append(copy)
        return out
