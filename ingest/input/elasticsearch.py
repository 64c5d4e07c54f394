"""elasticsearch: the documents that a search of a cluster finds, once or at the times of a schedule.

A page of hits is a batch. The next one is fetched while it is under way, and offered when it is delivered. An event's
id is made of the document's index, id and version: what is read twice is there already, what has changed is new.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Any, ClassVar, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from ingest.elastic_connection import OPTIONS, Cluster
from ingest.failure import fail
from ingest.input.base import Input
from ingest.input.decoding import settle_timestamp
from ingest.input.delivering import delivered
from ingest.input.memory_queue import draw
from ingest.options import Kind, Option, Options
from ingest.settings import ECS_COMPATIBILITY, field, is_ecs, put_field
from sawlog.backoff import FIRST_WAIT, LONGEST_WAIT, wait
from sawlog.batch import Deliver, Source
from sawlog.durable import sync_folder
from sawlog.errors import InputError, StoreError, StoreUnavailableError
from sawlog.event import METADATA, TIMESTAMP, Event, Path, get, put
from sawlog.store.base import Hit
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.times.instant import normalise, now

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = (FIRST_WAIT, LONGEST_WAIT)
"""The first pause before something is tried again that failed for now, and the longest."""
LONGEST_SLEEP: Final = 30.0
"""Between looks at the clock, which may be set meanwhile."""

_ID_BYTES: Final = 512
"""The longest id that Elasticsearch takes."""
_FAILED: Final = ["_elasticsearch_input_failure"]
_BOUND: Final = "one connection's time limit is request_timeout_seconds"
_encode: Final = msgspec.json.Encoder().encode


class Elasticsearch(Input):
    """Without a schedule it ends when all that was found is delivered; a cluster that is away is waited for."""

    name = "elasticsearch"
    default_codec = ""
    options: ClassVar[dict[str, Option]] = {
        "index": Option(Kind.STRING, "The indices or aliases to search.", "logstash-*"),
        "query": Option(Kind.STRING, "The search, in Elasticsearch's JSON.", '{ "sort": [ "_doc" ] }'),
        "query_type": Option(Kind.STRING, "The language of the search.", "dsl", one_of=("dsl", "esql")),
        "response_type": Option(
            Kind.STRING,
            "Whether events are made of hits, or one of all aggregations.",
            "hits",
            one_of=("hits", "aggregations"),
        ),
        "size": Option(Kind.NUMBER, "How many hits come at once.", 1000),
        "search_api": Option(
            Kind.STRING,
            "How pages are asked for; auto: search_after from Elasticsearch 8 on.",
            "auto",
            one_of=("auto", "search_after", "scroll"),
        ),
        "scroll": Option(Kind.STRING, "How long the cluster keeps a search between two pages.", "1m"),
        "slices": Option(Kind.NUMBER, "In how many parts the search is made, which are under way together."),
        "retries": Option(Kind.NUMBER, "", 0, noted="a cluster that does not answer is asked again without end"),
        "schedule": Option(
            Kind.STRING, "When to search, as cron says it, with seconds or a time zone; once if not given."
        ),
        "schedule_overlap": Option(
            Kind.BOOLEAN, "", True, noted="searches do not overlap; what was due meanwhile is done once"
        ),
        "docinfo": Option(Kind.BOOLEAN, "Whether events say which document they are of.", False),
        "docinfo_target": Option(Kind.FIELD, "Where: [@metadata][input][elasticsearch], or @metadata without ECS."),
        "docinfo_fields": Option(Kind.ARRAY, "What of it.", ["_index", "_type", "_id"]),
        "target": Option(Kind.FIELD, "The field for the document; the event itself if not given."),
        "tracking_field": Option(Kind.FIELD, "The field whose last value is :last_value in the next search."),
        "tracking_field_seed": Option(
            Kind.STRING, "That value for the first search.", "1970-01-01T00:00:00.000000000Z"
        ),
        "last_run_metadata_path": Option(Kind.PATH, "The file for that value."),
        "request_timeout_seconds": Option(Kind.NUMBER, "Seconds for one request.", 60),
        "connect_timeout_seconds": Option(Kind.NUMBER, "", 10, noted=_BOUND),
        "socket_timeout_seconds": Option(Kind.NUMBER, "", 60, noted=_BOUND),
        "ecs_compatibility": ECS_COMPATIBILITY,
        **OPTIONS,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.given("codec"):
            place = options.positions["codec"]
            options.notes.append(f"{place}: elasticsearch: 'codec' has no effect: documents are events already")
        if options["query_type"] == "esql":
            raise options.error("ES|QL is not asked: write the query in Elasticsearch's JSON", "query_type")
        self._cluster = Cluster(options)
        self._seconds = float(options["request_timeout_seconds"])
        self._index: str = options["index"]
        self._query = _query(options)
        self._slices = _slices(options, self._query)
        self._aggregations: bool = options["response_type"] == "aggregations"
        self._size = int(options["size"])
        self._api: str = options["search_api"]
        self._alive: str = options["scroll"]
        self._schedule: str | None = options["schedule"]
        if self._schedule:
            _times(options, self._schedule)
        self._events = _Events(self, options)
        self._last = _LastValue(options) if options["tracking_field"] else None

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        store = await self._cluster.connect(self._seconds)
        try:
            if not self._schedule:
                await self._search(store, deliver)
                return
            while True:
                await _until(next_time(self._schedule, datetime.now(UTC)))
                try:
                    await self._search(store, deliver)
                except StoreError as error:
                    log.error("%s: the search fails until it is due again: %s", self.id, error)
        except StoreError as error:
            raise InputError(f"{self.id}: {error}") from None
        finally:
            await store.close()

    async def _search(self, store: ElasticsearchStore, deliver: Deliver) -> None:
        query = self._query if self._last is None else self._last.fill_in(self._query)
        source = Source(self.id, self._index)
        if self._aggregations:
            path = f"/{_quoted(self._index)}/_search"
            answer = await self._asked(store, "POST", path, {**query, "size": 0})
            event: Event = {METADATA: {"_id": draw()}}
            await self._delivered(deliver, source, [self._events.whole(event, answer.get("aggregations") or {})])
            return
        if self._api == "scroll" or (self._api == "auto" and int((await self._version(store)).split(".")[0]) < 8):
            parts = [self._scrolled(store, part) for part in self._parts(query)]
            await _together(*(self._take(deliver, source, part) for part in parts))
            return
        path = f"/{_quoted(self._index)}/_pit?keep_alive={_quoted(self._alive)}"
        pit = {"id": (await self._asked(store, "POST", path))["id"], "keep_alive": self._alive}
        try:
            parts = [self._paged(store, part, pit) for part in self._parts(query)]
            await _together(*(self._take(deliver, source, part) for part in parts))
        finally:
            with suppress(StoreError):
                await store.request("DELETE", "/_pit", {"id": pit["id"]})

    def _parts(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        whole = {"version": True, **query, "size": self._size}
        if self._slices < 2:
            return [whole]
        return [{**whole, "slice": {"id": number, "max": self._slices}} for number in range(self._slices)]

    async def _paged(
        self, store: ElasticsearchStore, query: dict[str, Any], pit: dict[str, str]
    ) -> AsyncGenerator[list[Hit], None]:
        """Go through the hits at a point in time; the cluster may give it another name with each page."""
        query = {"sort": [{"_shard_doc": "asc"}], "track_total_hits": False, **query, "pit": pit}
        while True:
            answer = await self._asked(store, "POST", "/_search", query)
            hits: list[Hit] = answer["hits"]["hits"]
            if not hits:
                return
            yield hits
            pit["id"] = answer.get("pit_id", pit["id"])
            query["search_after"] = hits[-1]["sort"]

    async def _scrolled(self, store: ElasticsearchStore, query: dict[str, Any]) -> AsyncGenerator[list[Hit], None]:
        path = f"/{_quoted(self._index)}/_search?scroll={_quoted(self._alive)}"
        answer = await self._asked(store, "POST", path, query)
        try:
            while hits := answer["hits"]["hits"]:
                yield hits
                more = {"scroll_id": answer["_scroll_id"], "scroll": self._alive}
                answer = await self._asked(store, "POST", "/_search/scroll", more)
        finally:
            with suppress(StoreError):
                await store.request("DELETE", "/_search/scroll", {"scroll_id": answer["_scroll_id"]})

    async def _take(self, deliver: Deliver, source: Source, pages: AsyncGenerator[list[Hit], None]) -> None:
        """Deliver pages one after the other; the next one is fetched meanwhile."""
        async with aclosing(pages):
            page = await anext(pages, None)
            while page is not None:
                following = asyncio.create_task(_following(pages))
                try:
                    await self._delivered(deliver, source, [self._events.of_hit(hit) for hit in page])
                    if self._last is not None:
                        self._last.keep(page[-1])
                    page = await following
                finally:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)

    async def _delivered(self, deliver: Deliver, source: Source, events: list[Event]) -> None:
        """Return when the events are safe; until then they are offered again."""
        size = len(_encode([{key: value for key, value in event.items() if key != METADATA} for event in events]))
        await delivered(deliver, source, events, size, RETRY_SECONDS)

    async def _version(self, store: ElasticsearchStore) -> str:
        return str(await self._patient(store.version))

    async def _asked(
        self, store: ElasticsearchStore, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        return await self._patient(lambda: store.request(method, path, body))

    async def _patient(self, ask: Any) -> Any:
        """Ask until the cluster answers. Raises StoreError when it refuses."""
        failures = 0
        while True:
            try:
                return await ask()
            except StoreUnavailableError as error:
                failures += 1
                if failures == 1:
                    log.warning("%s: %s; asking again", self.id, error)
                await asyncio.sleep(wait(failures, *RETRY_SECONDS))


class _Events:
    """What hits become."""

    def __init__(self, owner: Elasticsearch, options: Options) -> None:
        self._decorate = owner.decorate
        self._target: Path = field(options, "target") if options["target"] else ()
        self._docinfo: list[str] = [str(name) for name in options["docinfo_fields"]] if options["docinfo"] else []
        default = "[@metadata][input][elasticsearch]" if is_ecs(options) else METADATA
        self._about = field(options, "docinfo_target", options["docinfo_target"] or default)

    def of_hit(self, hit: Hit) -> Event:
        """Make the event of a hit; of one that makes no event, one with all of the hit as a text."""
        event: Event = {METADATA: {"_id": _id(hit)}}
        try:
            self._fill(event, hit)
        except ValueError as error:
            event = {METADATA: {"_id": _id(hit)}, "event": {"original": json.dumps(hit, ensure_ascii=False)}}
            fail(event, _FAILED, f"elasticsearch: {error}")
        return self._decorated(event)

    def whole(self, event: Event, value: dict[str, Any]) -> Event:
        """Make an event of an object that is no document."""
        event.update(value) if not self._target else put(event, self._target, value)
        return self._decorated(event)

    def _fill(self, event: Event, hit: Hit) -> None:
        document = hit.get("_source") or {}
        if self._target:
            put_field(event, self._target, document)
        else:
            for name, value in document.items():
                # What becomes of an event, its id among it, is not for a document to say.
                if name == TIMESTAMP:
                    event[TIMESTAMP] = value
                    settle_timestamp(event, "elasticsearch")
                elif name != METADATA:
                    put_field(event, (name,), value)
        if self._docinfo:
            about = get(event, self._about, {})
            if not isinstance(about, dict):
                raise ValueError(f"[{']['.join(self._about)}] is no object, which docinfo needs")
            put_field(event, self._about, {**about, **{name: hit.get(name) for name in self._docinfo}})

    def _decorated(self, event: Event) -> Event:
        if TIMESTAMP not in event:
            event[TIMESTAMP] = now()
        if self._decorate is not None:
            self._decorate(event)
        return event


class _LastValue:
    """The last value of the field that is tracked, in a file."""

    def __init__(self, options: Options) -> None:
        if not options["last_run_metadata_path"]:
            raise options.error("tracking_field needs last_run_metadata_path, a file for its value", "tracking_field")
        self._path = field(options, "tracking_field")
        self._file = File(options["last_run_metadata_path"])
        self._seed: str = options["tracking_field_seed"]

    def fill_in(self, query: dict[str, Any]) -> dict[str, Any]:
        """Put the value and the present, half a minute ago, where the search has their names."""
        present = normalise(datetime.fromtimestamp(datetime.now(UTC).timestamp() - 30, UTC).isoformat()) or now()
        filled = _filled(query, {":last_value": self._read(), ":present": present})
        assert isinstance(filled, dict)
        return filled

    def keep(self, hit: Hit) -> None:
        """Remember the value of a hit that is delivered, with those before it."""
        value = get(hit.get("_source") or {}, self._path)
        if value is None:
            return
        new = self._file.with_name(f"{self._file.name}.new")
        new.parent.mkdir(parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8") as out:
            out.write(value if isinstance(value, str) else json.dumps(value))
            out.flush()
            os.fsync(out.fileno())
        new.replace(self._file)
        sync_folder(self._file.parent)

    def _read(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8").strip() or self._seed
        except FileNotFoundError:
            return self._seed


def next_time(schedule: str, after: datetime) -> datetime:
    """Return the next time of a schedule: a cron line of five fields, or six with seconds, and perhaps a zone.

    Raises:
        ValueError: it is none.
    """
    fields = schedule.split()
    zone: Any = datetime.now().astimezone().tzinfo
    if fields and "/" in fields[-1] and fields[-1][0].isalpha():
        zone = ZoneInfo(fields.pop())
    elif fields and fields[-1] in ("UTC", "GMT"):
        fields.pop()
        zone = UTC
    try:
        return next(CronSim(" ".join(fields), after.astimezone(zone)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(str(error) or "it names no time") from None


def _times(options: Options, schedule: str) -> None:
    try:
        next_time(schedule, datetime.now(UTC))
    except (ValueError, KeyError, OSError) as error:
        hint = "such as '*/5 * * * *' or '0 6 * * * Europe/Berlin'"
        raise options.error(f"'{schedule}' is no schedule: {error}", "schedule", hint) from None


async def _following(pages: AsyncGenerator[list[Hit], None]) -> list[Hit] | None:
    return await anext(pages, None)


async def _until(moment: datetime) -> None:
    left = (moment - datetime.now(UTC)).total_seconds()
    while left > 0:
        await asyncio.sleep(min(left, LONGEST_SLEEP))
        left = (moment - datetime.now(UTC)).total_seconds()


def _query(options: Options) -> dict[str, Any]:
    try:
        query = json.loads(options["query"])
    except ValueError as error:
        raise options.error(f"the query is no JSON: {error}", "query") from None
    if not isinstance(query, dict):
        raise options.error("the query is no JSON object", "query")
    return query


def _slices(options: Options, query: dict[str, Any]) -> int:
    if options["slices"] is None:
        return 1
    if "slice" in query:
        raise options.error("the query has a 'slice' already", "slices")
    if options["slices"] < 1:
        raise options.error("there is one slice at least", "slices")
    return int(options["slices"])


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, words) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, words) for one in value]
    if isinstance(value, str):
        for word, meant in words.items():
            value = value.replace(word, meant)
    return value


def _id(hit: Hit) -> str:
    text = f"{hit.get('_index')}:{hit.get('_id')}:{hit.get('_version', 0)}"
    data = text.encode("utf-8", "surrogatepass")
    return text if len(data) <= _ID_BYTES else hashlib.blake2b(data, digest_size=20).hexdigest()


def _quoted(text: str) -> str:
    return quote(text, safe="*,-")


async def _together(*work: Any) -> None:
    """Do work at the same time; when one part fails, the others end."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
