"""The registry: how far each file has been delivered, in SQLite, one transaction for each acknowledgement.

The write-ahead log survives a killed process as it is. After a power cut the last few transactions may be missing;
their lines are then sent again under the same `_id`s, which does no harm.
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Final

from sawlog.errors import InputError
from shipper.identity import Mark, Record

log = logging.getLogger(__name__)

_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS file (
    key TEXT PRIMARY KEY, path TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
    offset INTEGER NOT NULL, head_length INTEGER NOT NULL, head BLOB NOT NULL,
    tail_length INTEGER NOT NULL, tail BLOB NOT NULL, retired INTEGER NOT NULL, updated REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_inode ON file (device, inode);
CREATE INDEX IF NOT EXISTS file_head ON file (head_length, head);
CREATE TABLE IF NOT EXISTS cut (
    key TEXT NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (key, offset)
) WITHOUT ROWID;
"""
_COLUMNS: Final = "key, path, device, inode, offset, head_length, head, tail_length, tail, retired"


class Registry:
    """Records by key; used from one thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the registry at `path`; a damaged one is set aside, with a word in the log.

        Raises:
            InputError: the folder cannot be written to, or another process uses the registry.
        """
        self.path = path
        self._lock = _lock(path.with_name(path.name + ".lock"))
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "file is not a database" not in str(error):
                raise InputError(f"the registry {path} cannot be opened: {error}") from error
            aside = _set_aside(path)
            log.warning(
                "the registry %s is damaged (%s); it is now %s, and files are read from their start again:"
                " what has been delivered already keeps its _id and is not doubled",
                path, error, aside.name,
            )  # fmt: skip
            self._database = _open(path)

    def close(self) -> None:
        """Close the database and let go of the lock."""
        self._database.close()
        self._lock.close()

    def by_inode(self, device: int, inode: int) -> Record | None:
        """Return the record of the file that has this inode now, if it is known."""
        return self._one("device = ? AND inode = ? AND NOT retired", (device, inode))

    def generations(self, device: int, inode: int) -> int:
        """Return how many files are known to have had this inode."""
        row = self._database.execute(
            "SELECT count(*) FROM file WHERE device = ? AND inode = ?", (device, inode)
        ).fetchone()
        return int(row[0])

    def head_lengths(self) -> list[int]:
        """Return the lengths of the heads that are known, longest first."""
        rows = self._database.execute("SELECT DISTINCT head_length FROM file ORDER BY head_length DESC")
        return [int(row[0]) for row in rows]

    def by_head(self, head: Mark) -> list[Record]:
        """Return the records of files that began like this."""
        return list(self._select("head_length = ? AND head = ?", (head.length, head.digest)))

    def records(self) -> list[Record]:
        """Return all records, by path."""
        return list(self._select("TRUE ORDER BY path, key", ()))

    def put(self, record: Record) -> None:
        """Store a record, new or changed."""
        with self._database:
            self._database.execute(
                f"INSERT OR REPLACE INTO file ({_COLUMNS}, updated) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant names
                (
                    record.key, record.path, record.device, record.inode, record.offset,
                    record.head.length, record.head.digest, record.tail.length, record.tail.digest,
                    record.retired, time.time(),
                ),
            )  # fmt: skip
            self._database.execute("DELETE FROM cut WHERE key = ? AND offset <= ?", (record.key, record.offset))

    def cut(self, key: str, offset: int) -> None:
        """Remember that an event was ended at `offset` although more might have followed.

        Said before the event is sent: should it be read again, it must end at the same place, or its `_id` would
        stand for two different texts.
        """
        with self._database:
            self._database.execute("INSERT OR IGNORE INTO cut VALUES (?, ?)", (key, offset))

    def cuts(self, key: str) -> list[int]:
        """Return where events of this file were ended early and may be read again, in order."""
        rows = self._database.execute("SELECT offset FROM cut WHERE key = ? ORDER BY offset", (key,))
        return [int(row[0]) for row in rows]

    def forget(self, key: str) -> None:
        """Remove a record."""
        with self._database:
            self._database.execute("DELETE FROM file WHERE key = ?", (key,))
            self._database.execute("DELETE FROM cut WHERE key = ?", (key,))

    def _one(self, where: str, values: tuple[int, ...]) -> Record | None:
        return next(self._select(where + " ORDER BY updated DESC", values), None)

    def _select(self, where: str, values: tuple[object, ...]) -> Iterator[Record]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM file WHERE {where}", values)  # noqa: S608 - constant clauses
        for row in rows:
            key, path, device, inode, offset, head_length, head, tail_length, tail, retired = row
            yield Record(
                key, path, device, inode, offset, Mark(head_length, head), Mark(tail_length, tail), bool(retired)
            )


def _lock(path: Path) -> IO[str]:
    """Hold a lock that ends with this process, however it ends."""
    try:
        file = path.open("w")
    except OSError as error:
        raise InputError(f"the folder {path.parent} cannot be written to: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise InputError(f"{path.parent} is in use by another sawlog; give each its own --data") from error
    return file


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=10)
    try:
        database.executescript(_SCHEMA)
        with closing(database.execute("PRAGMA quick_check")) as check:
            if (verdict := check.fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(verdict)
    except BaseException:
        database.close()
        raise
    return database


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside
