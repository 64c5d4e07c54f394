"""uuid: give each event a random identifier."""

from __future__ import annotations

from typing import ClassVar
from uuid import uuid4

from ingest import settings
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event


class Uuid(Filter):
    """Writes a version 4 UUID; a batch that is sent again gets others, so it is no document id."""

    name = "uuid"
    options: ClassVar[dict[str, Option]] = {
        "target": Option(Kind.FIELD, "The field for the UUID.", required=True),
        "overwrite": Option(Kind.BOOLEAN, "Whether a value that is there is replaced.", False),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        path = settings.field(options, "target")
        self._read, self._write = settings.reader(path), settings.writer(path)
        self._overwrite: bool = options["overwrite"]

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        read, write, overwrite, succeeded = self._read, self._write, self._overwrite, self.succeeded
        for event in events:
            if overwrite or read(event) in (MISSING, None):
                write(event, str(uuid4()))
            if succeeded:
                succeeded(event)
        return events
