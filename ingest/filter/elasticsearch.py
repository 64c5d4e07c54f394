"""elasticsearch: search for earlier documents, and copy of what is found into the event.

The searches of a batch go to the cluster together, by ``_msearch``; what is asked twice is asked once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, ClassVar, Final

import msgspec

from ingest import settings
from ingest.elastic_connection import OPTIONS, Cluster
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.filter.waiting import Background
from ingest.options import Kind, Option, Options
from sawlog.errors import SawlogError, StoreUnavailableError
from sawlog.event import METADATA, MISSING, Event, Path, get
from sawlog.json_text import decode
from sawlog.store.elasticsearch import ElasticsearchStore, RefusedError

TOGETHER: Final = 100
"""So many searches are one request."""
AT_ONCE: Final = 4
"""So many requests are under way."""

_ESQL: Final = "ES|QL is not asked: write the query in Lucene's syntax, or a query_template"
_TOTAL: Final = (METADATA, "total_hits")
_encode: Final = msgspec.json.Encoder().encode

Lookup = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Header and body."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """What is copied: from where in a hit or in an answer, to where in the event."""

    name: str
    path: Path
    to: Path


class Elasticsearch(Filter):
    """The common options need a hit or an aggregation; a search that fails tags its event, and finds nothing."""

    name = "elasticsearch"
    waits = True
    options: ClassVar[dict[str, Option]] = {
        "query": Option(Kind.STRING, "The search, in Lucene's syntax; takes sprintf."),
        "query_template": Option(Kind.PATH, "A file with the search in Elasticsearch's JSON; its texts take sprintf."),
        "query_type": Option(Kind.STRING, "The language of the search.", "dsl", one_of=("dsl", "esql")),
        "query_params": Option(Kind.HASH, "", refused=_ESQL),
        "index": Option(Kind.STRING, "The indices, commas between several; all if empty; takes sprintf.", ""),
        "sort": Option(Kind.STRING, "The order: field:asc or field:desc, commas between several.", "@timestamp:desc"),
        "enable_sort": Option(Kind.BOOLEAN, "Whether hits are ordered.", True),
        "result_size": Option(Kind.NUMBER, "How many hits are wanted; of several, fields become lists.", 1),
        "fields": Option(Kind.HASH, "Field of the document → field of the event.", {}),
        "docinfo_fields": Option(Kind.HASH, "What a hit says of its document (_id, _index) → field of the event.", {}),
        "aggregation_fields": Option(Kind.HASH, "Name of an aggregation → field of the event.", {}),
        "target": Option(Kind.FIELD, "The field below which all these are set."),
        "retry_on_failure": Option(Kind.NUMBER, "How often a search is repeated that failed.", 0),
        "retry_on_status": Option(Kind.ARRAY, "Answers, besides none, after which it is.", []),
        "tag_on_failure": Option(Kind.ARRAY, "Tags of an event whose search fails.", ["_elasticsearch_lookup_failure"]),
        **OPTIONS,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options["query_type"] == "esql":
            raise options.error(f"elasticsearch: {_ESQL}", "query_type")
        self._cluster = Cluster(options)
        self._cluster.check_files()
        self._index = settings.template(options, "index")
        self._make = _maker(options)
        self._fields = _copies(options, "fields")
        self._docinfo = _copies(options, "docinfo_fields")
        self._aggregations = _copies(options, "aggregation_fields")
        self._tags = options["tag_on_failure"]
        self._retries = int(options["retry_on_failure"])
        self._retried = {int(status) for status in options["retry_on_status"]}
        self._background = Background()
        self._store: ElasticsearchStore | None = None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        keys: list[bytes | None] = []
        searches: dict[bytes, Lookup] = {}
        for event in events:
            try:
                index = self._index(event)
                search: Lookup = ({"index": index} if index else {}, self._make(event))
                key = _encode(search)
            except ValueError as error:
                fail(event, self._tags, f"elasticsearch: {error}")
                keys.append(None)
                continue
            searches[key] = search
            keys.append(key)
        answers = self._background.run(self._ask(searches)) if searches else {}
        for event, one in zip(events, keys, strict=True):
            if one is not None:
                self._take(event, answers[one])
        return events

    async def _ask(self, searches: dict[bytes, Lookup]) -> dict[bytes, dict[str, Any]]:
        """Return an answer to each search, of which some are only errors."""
        keys = list(searches)
        room = asyncio.Semaphore(AT_ONCE)

        async def some(part: list[bytes]) -> list[dict[str, Any]]:
            async with room:
                return await self._tried([searches[key] for key in part])

        parts = [keys[at : at + TOGETHER] for at in range(0, len(keys), TOGETHER)]
        found = await asyncio.gather(*map(some, parts))
        return {
            key: answer
            for part, answers in zip(parts, found, strict=True)
            for key, answer in zip(part, answers, strict=True)
        }

    async def _tried(self, searches: list[Lookup]) -> list[dict[str, Any]]:
        """Ask, and ask those again that failed in a way that may pass."""
        answers = await self._once(searches)
        for _ in range(self._retries):
            again = [at for at, answer in enumerate(answers) if answer.get("status", 200) in {0, *self._retried}]
            if not again:
                break
            for at, answer in zip(again, await self._once([searches[at] for at in again]), strict=True):
                answers[at] = answer
        return answers

    async def _once(self, searches: list[Lookup]) -> list[dict[str, Any]]:
        try:
            if self._store is None:
                self._store = await self._cluster.connect()
                self._background.on_end(self._store.close)
            return await self._store.search_many(searches)
        except SawlogError as error:
            status = (
                error.status
                if isinstance(error, RefusedError)
                else 0
                if isinstance(error, StoreUnavailableError)
                else 400
            )
            return [{"error": str(error), "status": status}] * len(searches)

    def _take(self, event: Event, answer: dict[str, Any]) -> None:
        if why := _failure(answer):
            fail(event, self._tags, f"elasticsearch: {why}")
            return
        hits = answer["hits"]["hits"]
        aggregations = answer.get("aggregations") or {}
        try:
            settings.put_field(event, _TOTAL, _total(answer["hits"]))
            if hits:
                for copy in self._fields:
                    _set(event, copy, [hit.get("_source") or {} for hit in hits])
                for copy in self._docinfo:
                    _set(event, copy, hits)
            for copy in self._aggregations if aggregations else ():
                settings.put_field(event, copy.to, aggregations.get(copy.name))
        except ValueError as error:
            fail(event, self._tags, f"elasticsearch: {error}")
            return
        if (hits or aggregations) and self.succeeded:
            self.succeeded(event)


def _set(event: Event, copy: _Copy, documents: list[dict[str, Any]]) -> None:
    values = [_value(document, copy) for document in documents]
    settings.put_field(event, copy.to, values if len(values) > 1 else values[0])


def _value(document: dict[str, Any], copy: _Copy) -> Any:
    found = get(document, copy.path, MISSING)
    if found is MISSING and len(copy.path) == 1:
        return get(document, tuple(copy.name.split(".")))
    return None if found is MISSING else found


def _total(hits: dict[str, Any]) -> Any:
    total = hits.get("total", 0)
    return total["value"] if isinstance(total, dict) else total


def _failure(answer: dict[str, Any]) -> str | None:
    """Say why a search found nothing that can be believed."""
    error = answer.get("error")
    if isinstance(error, dict):
        causes = error.get("root_cause") or [error]
        return f"{causes[0].get('type')}: {causes[0].get('reason')}"
    if error:
        return str(error)
    failures = answer.get("_shards", {}).get("failures")
    return f"shards fail: {json.dumps(failures[0])[:300]}" if failures else None


def _copies(options: Options, name: str) -> list[_Copy]:
    above = settings.field(options, "target") if options["target"] else ()
    return [
        _Copy(str(old), settings.field(options, name, old) if str(old).startswith("[") else (str(old),),
              (*above, *settings.field(options, name, new)))
        for old, new in options[name].items()
    ]  # fmt: skip


def _maker(options: Options) -> Callable[[Event], Mapping[str, Any]]:
    """Return the function that makes the body of an event's search; it raises ValueError."""
    if options["query_template"]:
        if options["query"]:
            raise options.error("give a query or a query_template, not both", "query_template")
        return _of_template(options)
    if not options["query"]:
        raise options.error("elasticsearch needs the option 'query' or 'query_template'")
    query = settings.template(options, "query")
    rest: dict[str, Any] = {"size": int(options["result_size"])}
    if options["enable_sort"]:
        rest["sort"] = _order(options)
    return lambda event: {"query": {"query_string": {"query": query(event)}}, **rest}


def _order(options: Options) -> list[Any]:
    order: list[Any] = []
    for one in options["sort"].split(","):
        field, colon, way = one.strip().rpartition(":")
        if not colon:
            order.append(way)
        elif way in ("asc", "desc"):
            order.append({field: way})
        else:
            raise options.error(f"elasticsearch: '{one.strip()}' is no order", "sort", "write field:asc or field:desc")
    return order


def _of_template(options: Options) -> Callable[[Event], Mapping[str, Any]]:
    path = options["query_template"]
    try:
        text = File(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise options.error(f"elasticsearch: '{path}' cannot be read: {error}", "query_template") from None
    try:
        given = json.loads(text)
    except ValueError:
        # Places that stand outside of texts: what comes out must be JSON, event by event.
        whole = settings.template(options, "query_template", text)
        return lambda event: _object(decode(whole(event)))
    if not isinstance(given, dict):
        raise options.error(f"elasticsearch: '{path}' holds no JSON object", "query_template")
    shape = _shaper(options, given)
    return lambda event: _object(shape(event))


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("the template makes no JSON object of this event")
    return value


def _shaper(options: Options, value: Any) -> Callable[[Event], Any]:
    """Return the function that fills in the texts; so no value of an event can be more than a text of the search."""
    if isinstance(value, dict):
        members = {key: _shaper(options, one) for key, one in value.items()}
        return lambda event: {key: one(event) for key, one in members.items()}
    if isinstance(value, list):
        items = [_shaper(options, one) for one in value]
        return lambda event: [item(event) for item in items]
    if settings.is_dynamic(value):
        return settings.template(options, "query_template", value)
    return lambda event: value
