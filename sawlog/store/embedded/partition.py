"""A partition: one tantivy index in a folder of its own, and the small file beside it.

``partition.json`` holds when the partition began and was last written, whether it is sealed, its first and last
``@timestamp`` once it is, and its frontier. It is written before each commit, by rename, so that the frontier is
never behind the index.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import tantivy
from tantivy import Query

from sawlog.store.embedded.fields import ANALYZER, TIME, schema

META: Final = "partition.json"
MOST_SOURCES: Final = 50_000


class Frontier(msgspec.Struct):
    """Bounds the ids in a partition: those made of a source's key and an offset lie at or below the key's end.

    `others` says that there are ids of another form, or too many sources to remember: then any id may be in.
    """

    ends: dict[str, int] = {}
    others: bool = False

    def beyond(self, name: str) -> bool:
        """Whether `name` is surely not in the partition."""
        key, _, offset = name.rpartition(":")
        return not self.others and bool(key) and _digits(offset) and int(offset) > self.ends.get(key, -1)

    def extend(self, names: Iterable[str]) -> None:
        """Take in ids that are about to be added."""
        for name in names:
            key, _, offset = name.rpartition(":")
            if key and _digits(offset):
                if int(offset) > self.ends.get(key, -1):
                    self.ends[key] = int(offset)
            else:
                self.others = True
        if len(self.ends) > MOST_SOURCES:
            self.ends.clear()
            self.others = True


class Meta(msgspec.Struct):
    """What ``partition.json`` holds; times are seconds since 1970, `low` and `high` are milliseconds."""

    began: float
    written: float
    frontier: Frontier
    sealed: bool = False
    low: int | None = None
    high: int | None = None


class Partition:
    """An open partition. Raises ValueError or OSError where its files are damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta = msgspec.json.decode((path / META).read_bytes(), type=Meta)
        self.index = tantivy.Index.open(str(path))
        self.index.register_tokenizer("sawlog", ANALYZER)
        self.schema = self.index.schema
        self.index.reload()

    @classmethod
    def create(cls, directory: Path) -> Partition:
        """Begin a partition in `directory`, named so that names sort by time."""
        now = time.time()
        fresh = directory / ".new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        tantivy.Index(schema(), path=str(fresh))
        write(fresh / META, msgspec.json.encode(Meta(now, now, Frontier())))
        names = [path.name for path in directory.iterdir()]
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        number = next(number for number in range(len(names) + 1) if f"{stamp}-{number:04}" not in names)
        path = directory / f"{stamp}-{number:04}"
        fresh.rename(path)
        sync(directory)
        return cls(path)

    @staticmethod
    def paths(directory: Path) -> list[Path]:
        """Return the folders of the partitions in `directory`, oldest first."""
        return sorted(path for path in directory.iterdir() if path.name[:1].isdigit() and path.is_dir())

    def searcher(self) -> tantivy.Searcher:
        """Return the documents committed when `reload` was last called."""
        return self.index.searcher()

    def reload(self) -> None:
        """Make what was committed since visible."""
        self.index.reload()

    def overlaps(self, low: int, high: int) -> bool:
        """Whether documents with a time from `low` to `high` may be in it."""
        meta = self.meta
        return meta.low is None or meta.high is None or (meta.low <= high and low <= meta.high)

    def existing(self, names: list[str]) -> set[str]:
        """Return those of `names` that are committed ids."""
        asked = [name for name in names if not self.meta.frontier.beyond(name)]
        searcher = self.searcher()
        if not asked or not searcher.num_docs:
            return set()
        query = Query.term_set_query(self.schema, "_id", asked)
        hits = searcher.search(query, limit=len(asked), count=False).hits
        return {str(searcher.doc(address).get_first("_id")) for _, address in hits}

    def save(self) -> None:
        """Write ``partition.json``; call it before a commit."""
        self.meta.written = time.time()
        write(self.path / META, msgspec.json.encode(self.meta))

    def seal(self) -> None:
        """Note that no document will follow, and the times of those that are there."""
        stats = self.searcher().aggregate(Query.all_query(), {"time": {"stats": {"field": TIME}}})["time"]
        if stats["count"]:
            self.meta.low, self.meta.high = int(stats["min"]), int(stats["max"])
        self.meta.sealed = True
        write(self.path / META, msgspec.json.encode(self.meta))

    def drop(self) -> None:
        """Delete the partition."""
        doomed = self.path.with_name(f".dropped-{self.path.name}")
        self.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def write(path: Path, content: bytes) -> None:
    """Replace a file as a whole, durably."""
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync(path.parent)


def sync(directory: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
