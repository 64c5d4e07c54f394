"""environment: variables of this process's environment, as fields of ``@metadata``."""

from __future__ import annotations

import os
from typing import ClassVar, Final

from ingest import settings
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import METADATA, Event, Path, put

_OLD: Final = "fields at the top are no more made of it: use add_metadata_from_env, and mutate to copy them"


class Environment(Filter):
    """A variable that is not set sets no field; the environment is read when the pipeline starts."""

    name = "environment"
    options: ClassVar[dict[str, Option]] = {
        "add_metadata_from_env": Option(Kind.HASH, "Field below @metadata → name of a variable.", {}),
        "add_field_from_env": Option(Kind.HASH, "", refused=_OLD),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        wanted = {_path(options, name): str(variable) for name, variable in options["add_metadata_from_env"].items()}
        self._values = [(path, os.environ[variable]) for path, variable in wanted.items() if variable in os.environ]

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            for path, value in self._values:
                put(event, path, value)
            if self.succeeded:
                self.succeeded(event)
        return events


def _path(options: Options, name: str) -> Path:
    path = settings.field(options, "add_metadata_from_env", name)
    if path == ("_id",):
        # Each event has one of its own; one for all would make a single document of them.
        raise options.error("environment: the event's id is not to be replaced", "add_metadata_from_env")
    return (METADATA, *path)
