"""modules: parse what Filebeat's modules have read, each fileset by the pipeline that sawlog has for it.

An event says by ``event.module`` and ``fileset.name`` what it is; Filebeat's own agent and `sawlog ship` set both. In
Filebeat, an ingest pipeline of Elasticsearch parses; here, a file of `ingest/pipelines/modules` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, cast

from ingest.failure import fail, is_parsed
from ingest.filter.base import Filter
from ingest.filter.geoip import Geoip
from ingest.module_pipelines import pipeline_of
from ingest.options import Block, Kind, Option, Options, Setting
from ingest.plugins import make
from sawlog.event import TIMESTAMP, Event, get, put

KEEPS_ORIGINAL: Final = "preserve_original_event"
"""The tag with which an event keeps its text in ``event.original``, as in Filebeat."""
_GEO: Final = Option(
    Kind.PATH, "A City database of MaxMind's for `source.geo`; without it, the one in a usual place, if there is any."
)


class Modules(Filter):
    """Events that no module has read go on as they are; a fileset's pipeline is compiled when its first one comes."""

    name = "modules"
    options: ClassVar[dict[str, Option]] = {
        "database": _GEO,
        "tag_on_failure": Option(
            Kind.ARRAY, "Tags for events of modules for which there is no pipeline.", ["_modulefailure"]
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._tags = [str(tag) for tag in options["tag_on_failure"]]
        self._pipelines: dict[str, Callable[[list[Event]], list[Event]] | None] = {}
        self._geo = _geoip(options)

    def apply(self, events: list[Event]) -> list[Event]:
        """Parse the events in place; all go on."""
        groups: dict[str, list[int]] = {}
        for at, event in enumerate(events):
            dataset = _dataset(event)
            if dataset is not None:
                groups.setdefault(dataset, []).append(at)
        for dataset, places in groups.items():
            self._parse(dataset, events, places)
        return events

    def _parse(self, dataset: str, events: list[Event], places: list[int]) -> None:
        if dataset not in self._pipelines:
            pipeline = pipeline_of(dataset)
            self._pipelines[dataset] = pipeline.filter if pipeline is not None else None
        parse = self._pipelines[dataset]
        group = [events[at] for at in places]
        if parse is None:
            for event in group:
                fail(event, self._tags, f"modules: there is no pipeline for the dataset '{dataset}'")
            return
        for event in group:
            _prepare(event)
        for at, event in zip(places, self._located(parse(group)), strict=True):
            events[at] = event
            if self.succeeded and is_parsed(event):
                self.succeeded(event)

    def _located(self, events: list[Event]) -> list[Event]:
        """Add where the clients are, if there is a database that knows."""
        if self._geo is not None:
            self._geo.apply([one for one in events if is_parsed(one) and isinstance(get(one, ("source", "ip")), str)])
        return events


def _dataset(event: Event) -> str | None:
    fileset, module = get(event, ("fileset", "name")), get(event, ("event", "module"))
    return f"{module}.{fileset}" if isinstance(fileset, str) and isinstance(module, str) else None


def _prepare(event: Event) -> None:
    """Keep what a pipeline replaces: the time of reading, and, if it is wanted, the text."""
    if TIMESTAMP in event:
        put(event, ("event", "created"), event[TIMESTAMP])
    tags = event.get("tags")
    if isinstance(tags, list) and KEEPS_ORIGINAL in tags and isinstance(event.get("message"), str):
        put(event, ("event", "original"), event["message"])


def _geoip(options: Options) -> Geoip | None:
    """Return what looks addresses up, or None if there is no database.

    Raises:
        ConfigError: the database that is named cannot be read.
    """
    at = options.positions.get("database", options.position)
    given = {"source": "[source][ip]", "target": "source", "tag_on_failure": []}
    if options["database"]:
        given["database"] = options["database"]
    block = Block("geoip", [Setting(name, value, at) for name, value in given.items()], at)
    geoip = cast("Geoip", make("filter", block)[0])
    return geoip if geoip.has_database else None
