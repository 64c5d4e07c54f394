"""Searches and dashboards that people save from the page: kept in a file of the data folder, or in an index.

The file is ``saved.json`` beside the embedded index; with Elasticsearch, the index `INDEX` has a document for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast
from urllib.parse import quote

import msgspec

from dashboards.build import encode, search_object
from dashboards.source import read as read_source
from sawlog.durable import sync_folder
from sawlog.errors import QueryError, StoreError
from sawlog.search import language
from sawlog.search.filters import read_filters
from sawlog.store.base import Store
from sawlog.store.embedded import EmbeddedStore

if TYPE_CHECKING:
    from sawlog.store.elasticsearch import ElasticsearchStore

FILE: Final = "saved.json"
INDEX: Final = ".sawlog-saved"
MOST: Final = 1_000
MAX_CONTENT: Final = 32 * 1024
"""Bytes of one object's content."""

SavedKind = Literal["search", "dashboard"]


class Saved(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One object as the page saves it; `content` is the page's own: of a search, query, filters, time and columns."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: SavedKind
    content: dict[str, Any]
    id: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]{1,80}$")] = ""


_ONE: Final = msgspec.json.Decoder(Saved)
_MANY: Final = msgspec.json.Decoder(list[Saved])


class SavedObjects(ABC):
    """Where saved objects are kept."""

    @abstractmethod
    async def all(self) -> list[Saved]:
        """Return them, by title."""

    @abstractmethod
    async def put(self, one: Saved) -> None:
        """Keep it; one of this id gives way."""

    @abstractmethod
    async def remove(self, name: str) -> None:
        """Forget the one of this id; none is no error."""


def saved_beside(store: Store) -> SavedObjects:
    """Return where what is saved beside a store is kept."""
    if isinstance(store, EmbeddedStore):
        return SavedFile(store.directory.parent / FILE)
    return SavedIndex(cast("ElasticsearchStore", store))


def read(body: bytes) -> Saved:
    """Read what is to be saved; without an id it gets one.

    Raises:
        QueryError: it is malformed or too large.
    """
    try:
        one = _ONE.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise QueryError(f"what is to be saved is not understood: {error}") from None
    if len(msgspec.json.encode(one.content)) > MAX_CONTENT:
        raise QueryError(f"what is to be saved is larger than {MAX_CONTENT} bytes")
    _check(one.content)
    return one if one.id else msgspec.structs.replace(one, id=uuid.uuid4().hex[:12])


def _check(content: dict[str, Any]) -> None:
    """Check what an export reads of the content: it must not fail at one object among many. Raises QueryError."""
    for key in ("query", "language", "order"):
        if not isinstance(content.get(key, ""), str | None):
            raise QueryError(f"'{key}' of what is to be saved is a text")
    columns = content.get("columns") or []
    if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise QueryError("'columns' of what is to be saved is a list of fields")
    read_filters(content.get("filters"))


def told(one: Saved) -> dict[str, Any]:
    """Return it as the page gets it."""
    return {"id": one.id, "title": one.title, "kind": one.kind, "content": one.content}


def exported(saved: list[Saved]) -> str:
    """Return the searches among them as Kibana's saved objects, NDJSON for its import."""
    return encode([_exported(one) for one in saved if one.kind == "search"])


def _exported(one: Saved) -> dict[str, Any]:
    text = one.content.get("query") or ""
    try:
        read_as = language.read(text, one.content.get("language") or "auto").language
    except QueryError:
        read_as = "kql"
    asked = {
        "query": {"query": text, "language": "lucene" if read_as == "lucene" else "kuery"},
        "filter": [_kibana_filter(each) for each in one.content.get("filters") or []],
    }
    order = "asc" if one.content.get("order") == "oldest" else "desc"
    columns = one.content.get("columns") or []
    return search_object(one.id, one.title, "", columns, asked, read_source().data_view, order=order)


def _kibana_filter(told: dict[str, Any]) -> dict[str, Any]:
    """Return a filter as Kibana's filter bar has it; those of several values are a query of alternatives there."""
    field, operator, values = told["field"], told["operator"], told.get("values") or []
    if operator in {"exists", "missing"}:
        query: dict[str, Any] = {"exists": {"field": field}}
    elif operator == "range":
        query = {
            "range": {field: {side: one for side, one in zip(("gte", "lt"), values, strict=False) if one is not None}}
        }
    else:
        phrases = [{"match_phrase": {field: one}} for one in values]
        query = phrases[0] if len(phrases) == 1 else {"bool": {"should": phrases, "minimum_should_match": 1}}
    meta = {
        "negate": operator in {"is_not", "missing"},
        "disabled": False,
        "alias": None,
        "type": "custom",
        "key": "query",
    }
    return {"meta": meta, "query": query, "$state": {"store": "appState"}}


class SavedFile(SavedObjects):
    """Objects in one file, which is written anew for each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()

    async def all(self) -> list[Saved]:
        """Read the file."""
        return await asyncio.to_thread(self._read)

    async def put(self, one: Saved) -> None:
        """Write the file with it."""
        async with self._lock:
            kept = [other for other in await self.all() if other.id != one.id]
            if len(kept) >= MOST:
                raise QueryError(f"there are {MOST} saved objects already")
            await asyncio.to_thread(self._write, [*kept, one])

    async def remove(self, name: str) -> None:
        """Write the file without it."""
        async with self._lock:
            await asyncio.to_thread(self._write, [one for one in await self.all() if one.id != name])

    def _read(self) -> list[Saved]:
        try:
            return sorted(_MANY.decode(self._path.read_bytes()), key=lambda one: one.title.lower())
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreError(f"what was saved cannot be read: {self._path}: {error}") from error

    def _write(self, saved: list[Saved]) -> None:
        beside = self._path.with_suffix(".new")
        try:
            with beside.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(saved)))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(f"it cannot be saved: {self._path}: {error.strerror or error}") from error


class SavedIndex(SavedObjects):
    """Objects as documents of an index; the content is one text, of which the index knows no fields."""

    def __init__(self, store: ElasticsearchStore) -> None:
        self._store = store

    async def all(self) -> list[Saved]:
        """Ask for all documents."""
        answer = await self._store.search({"query": {"match_all": {}}, "size": MOST}, INDEX)
        found = []
        for hit in answer["hits"]["hits"]:
            source = hit["_source"]
            found.append(Saved(source["title"], source["kind"], json.loads(source["content"]), hit["_id"]))
        return sorted(found, key=lambda one: one.title.lower())

    async def put(self, one: Saved) -> None:
        """Index the document."""
        there = {other.id for other in await self.all()}
        if len(there) >= MOST and one.id not in there:
            raise QueryError(f"there are {MOST} saved objects already")
        document = {"title": one.title, "kind": one.kind, "content": json.dumps(one.content)}
        await self._store.request("PUT", _path(one.id), document)

    async def remove(self, name: str) -> None:
        """Delete the document."""
        await self._store.request("DELETE", _path(name), missing={})


def _path(name: str) -> str:
    return f"/{INDEX}/_doc/{quote(name, safe='')}?refresh=true"
