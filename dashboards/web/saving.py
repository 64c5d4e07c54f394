"""Searches, charts and dashboards that people save from the page: kept in a file of the data folder, or in an index.

The file is ``saved.json`` beside the embedded index; with Elasticsearch, the index `INDEX` has a document for each.
Each has a version, which changes with it: whoever replaces one says which he has seen, so that of two people who edit
the same dashboard the second is told, and none is overwritten unseen.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast
from urllib.parse import quote

import msgspec

from dashboards.source import ObjectsFile
from dashboards.web import own
from sawlog.durable import sync_folder
from sawlog.errors import QueryError, SawlogError, StoreError
from sawlog.store.base import Store
from sawlog.store.embedded.store import EmbeddedStore

if TYPE_CHECKING:
    from sawlog.store.elasticsearch import ElasticsearchStore

FILE: Final = "saved.json"
INDEX: Final = ".sawlog-saved"
MOST: Final = 1_000
MAX_CONTENT: Final = 32 * 1024
"""Bytes of one object's content."""
FIRST: Final = "0"
"""The version of what an earlier sawlog saved, which kept none."""

SavedKind = Literal["search", "chart", "dashboard"]


class SavedConflictError(SawlogError):
    """Somebody else has changed or deleted the object meanwhile."""


class Saved(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One object as the page saves it; `dashboards.web.own` has what each kind's `content` is.

    `version` is that of the object which it replaces, and empty for one that is new.
    """

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: SavedKind
    content: dict[str, Any]
    id: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]{1,80}$")] = ""
    version: Annotated[str, msgspec.Meta(max_length=80)] = ""


_ONE: Final = msgspec.json.Decoder(Saved)
_MANY: Final = msgspec.json.Decoder(list[Saved])


class SavedObjects(ABC):
    """Where saved objects are kept."""

    @abstractmethod
    async def all(self) -> list[Saved]:
        """Return them, by title."""

    @abstractmethod
    async def find(self, name: str) -> Saved | None:
        """Return the one of this id."""

    @abstractmethod
    async def put(self, one: Saved) -> Saved:
        """Keep it, in place of the one of its id and version if it has a version; return it with its new one.

        Raises:
            SavedConflictError: there is another of this id, or none of this version any more.
        """

    @abstractmethod
    async def remove(self, name: str, version: str = "") -> None:
        """Forget the one of this id; none is no error.

        Raises:
            SavedConflictError: a `version` is given, and it has another.
        """


def saved_beside(store: Store) -> SavedObjects:
    """Return where what is saved beside a store is kept."""
    if isinstance(store, EmbeddedStore):
        return SavedFile(store.directory.parent / FILE)
    return SavedIndex(cast("ElasticsearchStore", store))


def read(body: bytes, source: ObjectsFile) -> Saved:
    """Read what is to be saved; without an id it gets one.

    Raises:
        QueryError: it is malformed or too large, or cannot be drawn.
    """
    try:
        one = _ONE.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise QueryError(f"what is to be saved is not understood: {error}") from None
    except RecursionError:
        raise QueryError("what is to be saved is nested too deep") from None
    check(one, source)
    return one if one.id else msgspec.structs.replace(one, id=uuid.uuid4().hex[:12])


def check(one: Saved, source: ObjectsFile) -> None:
    """Check that it can be drawn and exported: neither must fail at one object among many. Raises QueryError."""
    try:
        one = msgspec.convert(msgspec.to_builtins(one), Saved)
    except msgspec.ValidationError as error:
        raise QueryError(f"what is to be saved is not understood: {error}") from None
    if len(msgspec.json.encode(one.content)) > MAX_CONTENT:
        raise QueryError(f"what is to be saved is larger than {MAX_CONTENT} bytes")
    if one.id in own.RESERVED or one.id in source.ids:
        raise QueryError(f"'{one.id}' is the id of what comes with sawlog; save it under another")
    if one.kind == "search":
        own.check_search(one.content)
    elif one.kind == "chart":
        own.read_chart(one.content, source.data_view)
    else:
        own.read_dashboard(one.content)


def told(one: Saved) -> dict[str, Any]:
    """Return it as the page gets it."""
    return {"id": one.id, "title": one.title, "kind": one.kind, "version": one.version, "content": one.content}


def _changed(one: Saved, there: Saved | None) -> SavedConflictError:
    if there is None:
        return SavedConflictError(f"'{one.title}' was deleted meanwhile")
    if not one.version:
        return SavedConflictError(f"there is a {there.kind} of the id '{one.id}' already: '{there.title}'")
    return SavedConflictError(f"somebody has changed '{there.title}' since you opened it")


class SavedFile(SavedObjects):
    """Objects in one file, which is written anew for each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()

    async def all(self) -> list[Saved]:
        """Read the file."""
        return await asyncio.to_thread(self._read)

    async def find(self, name: str) -> Saved | None:
        """Look for it in the file."""
        return next((one for one in await self.all() if one.id == name), None)

    async def put(self, one: Saved) -> Saved:
        """Write the file with it."""
        async with self._lock:
            return await asyncio.to_thread(self._put, one)

    async def remove(self, name: str, version: str = "") -> None:
        """Write the file without it."""
        async with self._lock:
            await asyncio.to_thread(self._remove, name, version)

    def _put(self, one: Saved) -> Saved:
        with self._alone():
            kept = self._read()
            there = next((other for other in kept if other.id == one.id), None)
            if one.version != (there.version if there else ""):
                raise _changed(one, there)
            if there is None and len(kept) >= MOST:
                raise QueryError(f"there are {MOST} saved objects already")
            one = msgspec.structs.replace(one, version=uuid.uuid4().hex[:12])
            self._write([*(other for other in kept if other.id != one.id), one])
            return one

    def _remove(self, name: str, version: str) -> None:
        with self._alone():
            kept = self._read()
            there = next((other for other in kept if other.id == name), None)
            if there is None:
                return
            if version and version != there.version:
                raise _changed(msgspec.structs.replace(there, version=version), there)
            self._write([one for one in kept if one.id != name])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes away: the command line imports beside a page that runs."""
        try:
            folder = os.open(self._path.parent, os.O_RDONLY)
        except OSError as error:
            raise StoreError(f"it cannot be saved: {self._path.parent}: {error.strerror or error}") from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _read(self) -> list[Saved]:
        try:
            kept = _MANY.decode(self._path.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreError(f"what was saved cannot be read: {self._path}: {error}") from error
        return _sorted(msgspec.structs.replace(one, version=one.version or FIRST) for one in kept)

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
        asked = {"query": {"match_all": {}}, "size": MOST, "seq_no_primary_term": True}
        answer = await self._store.search(asked, INDEX)
        return _sorted(_of(hit) for hit in answer["hits"]["hits"])

    async def find(self, name: str) -> Saved | None:
        """Get the document."""
        answer = await self._store.request("GET", f"/{INDEX}/_doc/{quote(name, safe='')}", missing={"found": False})
        return _of(answer) if answer["found"] else None

    async def put(self, one: Saved) -> Saved:
        """Index the document if it is of the version that was seen."""
        document = {"title": one.title, "kind": one.kind, "content": json.dumps(one.content)}
        if not one.version:
            if len(await self.all()) >= MOST:
                raise QueryError(f"there are {MOST} saved objects already")
            path = _path(one.id, "_create")
        else:
            path = f"{_path(one.id)}&{_condition(one.version)}"
        try:
            answer = await self._store.request("PUT", path, document)
        except StoreError as error:
            if _is_conflict(error):
                raise _changed(one, await self.find(one.id)) from None
            raise
        return msgspec.structs.replace(one, version=_version(answer))

    async def remove(self, name: str, version: str = "") -> None:
        """Delete the document."""
        path = f"{_path(name)}&{_condition(version)}" if version else _path(name)
        try:
            await self._store.request("DELETE", path, missing={})
        except StoreError as error:
            there = await self.find(name) if _is_conflict(error) else None
            if there is not None:
                raise _changed(msgspec.structs.replace(there, version=version), there) from None
            if not _is_conflict(error):
                raise


def _sorted(many: Iterable[Saved]) -> list[Saved]:
    return sorted(many, key=lambda one: (one.title.lower(), one.id))


def _of(hit: Mapping[str, Any]) -> Saved:
    source = hit["_source"]
    return Saved(source["title"], source["kind"], json.loads(source["content"]), hit["_id"], _version(hit))


def _version(hit: Mapping[str, Any]) -> str:
    return f"{hit['_seq_no']}.{hit['_primary_term']}"


def _condition(version: str) -> str:
    """Return what makes a request one of this version only; what is none was never there."""
    number, _, term = version.partition(".")
    known = number.isdecimal() and term.isdecimal() and len(version) < 40
    return f"if_seq_no={number}&if_primary_term={term}" if known else "if_seq_no=0&if_primary_term=999999999"


def _is_conflict(error: StoreError) -> bool:
    return getattr(error, "status", None) == 409


def _path(name: str, how: str = "_doc") -> str:
    return f"/{INDEX}/{how}/{quote(name, safe='')}?refresh=true"
