"""The registry: how far each file has been delivered, in SQLite, one transaction for each acknowledgement.

The write-ahead log survives a killed process as it is. After a power cut the last few transactions may be missing;
their lines are then sent again under the same `_id`s, which does no harm. The same holds when the disk is full:
shipping goes on, and what could not be written is written as soon as it can be.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, Final

from sawlog.errors import InputError
from sawlog.private import open_lock, opener
from shipper.archive import ArchiveFacts
from shipper.identity import Mark, Record

log = logging.getLogger(__name__)

ALIKE: Final = 16
"""Of files that begin alike, so many are compared; there may be thousands that begin with the same banner."""

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
CREATE TABLE IF NOT EXISTS forgotten (
    device INTEGER NOT NULL, inode INTEGER NOT NULL, files INTEGER NOT NULL, PRIMARY KEY (device, inode)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cut (
    key TEXT NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (key, offset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL, length INTEGER NOT NULL,
    damage TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (name TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID;
"""
_COLUMNS: Final = "key, path, device, inode, offset, head_length, head, tail_length, tail, retired, updated"

_FACTS: Final = "kind, size, changed, length, damage"

_LEFT: Final = "INSERT INTO forgotten VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET files = files + 1"


class Registry:
    """Records by key; used from one thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the registry at `path`; a damaged one is set aside, with a word in the log.

        Raises:
            InputError: the folder cannot be written to, or another process uses the registry.
        """
        self.path = path
        self.problem: str | None = None
        """Why the last change could not be written; None when it was."""
        self._unwritten: dict[str, Record] = {}
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
        self.flush()
        self._database.close()
        self._lock.close()

    def by_inode(self, device: int, inode: int) -> Record | None:
        """Return the record of the file that has this inode now, if it is known."""
        for record in self._unwritten.values():
            if (record.device, record.inode, record.retired) == (device, inode, False):
                return record
        known = self._select("device = ? AND inode = ? AND NOT retired ORDER BY updated DESC", (device, inode))
        return next((record for record in known if record.key not in self._unwritten), None)

    def generations(self, device: int, inode: int) -> int:
        """Return how many files are known to have had this inode, the forgotten ones included."""
        keys = {record.key for record in self._select("device = ? AND inode = ?", (device, inode))}
        keys |= {one.key for one in self._unwritten.values() if (one.device, one.inode) == (device, inode)}
        row = self._database.execute(
            "SELECT files FROM forgotten WHERE device = ? AND inode = ?", (device, inode)
        ).fetchone()
        return len(keys) + (int(row[0]) if row else 0)

    def head_lengths(self) -> list[int]:
        """Return the lengths of the heads that are known, longest first."""
        rows = self._database.execute("SELECT DISTINCT head_length FROM file")
        lengths = {int(row[0]) for row in rows} | {record.head.length for record in self._unwritten.values()}
        return sorted(lengths, reverse=True)

    def by_head(self, head: Mark) -> list[Record]:
        """Return the records of files that began like this, at most `ALIKE`: first those whose files were truncated."""
        alike = f"head_length = ? AND head = ? ORDER BY retired DESC, updated DESC LIMIT {ALIKE}"
        known = self._select(alike, (head.length, head.digest))
        unwritten = [record for record in self._unwritten.values() if record.head == head]
        return unwritten + [record for record in known if record.key not in self._unwritten]

    def records(self) -> list[Record]:
        """Return all records, by path."""
        known = {record.key: record for record in self._select("TRUE", ())} | self._unwritten
        return sorted(known.values(), key=lambda record: (record.path, record.key))

    def put(self, record: Record) -> None:
        """Store a record, new or changed; while the disk is full, it is kept and written later."""
        record.updated = time.time()
        self._unwritten[record.key] = record
        self.flush()

    def flush(self) -> bool:
        """Write what could not be written before; return whether all is written."""
        if not self._unwritten:
            return True
        try:
            with self._database:
                for record in self._unwritten.values():
                    self._write(record)
        except sqlite3.OperationalError as error:
            if self.problem is None:
                log.error(
                    "the registry %s cannot be written (%s); shipping goes on, and offsets are written once they can"
                    " be: if the shipper ends before, it sends lines again, under the same _ids",
                    self.path, error,
                )  # fmt: skip
            self.problem = str(error)
            return False
        self._unwritten.clear()
        if self.problem is not None:
            log.info("the registry %s can be written again", self.path)
            self.problem = None
        return True

    def cut(self, key: str, offset: int) -> bool:
        """Remember that an event was ended at `offset` although more might have followed.

        Said before the event is sent: should it be read again, it must end at the same place, or its `_id` would
        stand for two different texts. False when it could not be written: the event must not be sent then.
        """
        try:
            with self._database:
                self._database.execute("INSERT OR IGNORE INTO cut VALUES (?, ?)", (key, offset))
        except sqlite3.OperationalError as error:
            log.debug("a cut could not be written: %s", error)
            return False
        return True

    def cuts(self, key: str) -> list[int]:
        """Return where events of this file were ended early and may be read again, in order."""
        rows = self._database.execute("SELECT offset FROM cut WHERE key = ? ORDER BY offset", (key,))
        return [int(row[0]) for row in rows]

    def archive(self, key: str) -> ArchiveFacts | None:
        """Return what is known of the compressed file that has this record; None when the file is none."""
        row = self._database.execute(f"SELECT {_FACTS} FROM archive WHERE key = ?", (key,)).fetchone()  # noqa: S608 - constant names
        return ArchiveFacts(*row) if row else None

    def put_archive(self, key: str, facts: ArchiveFacts | None) -> None:
        """Store what is known of a compressed file; while the disk is full, it is looked through again next time."""
        with contextlib.suppress(sqlite3.OperationalError), self._database:
            self._database.execute("DELETE FROM archive WHERE key = ?", (key,))
            if facts is not None:
                values = (key, facts.kind, facts.size, facts.changed, facts.length, facts.damage)
                self._database.execute("INSERT INTO archive VALUES (?,?,?,?,?,?)", values)

    def cursor(self, name: str) -> str | None:
        """Return the cursor up to which the entries of a journal are delivered, if it is known."""
        row = self._database.execute("SELECT cursor FROM journal WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def put_cursor(self, name: str, cursor: str) -> None:
        """Store a cursor; while the disk is full, the next one is."""
        with suppress(sqlite3.OperationalError), self._database:
            self._database.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (name, cursor))

    def move(self, record: Record, device: int, inode: int) -> None:
        """Give a record to another file, which has its content now; what it had before still counts as a file."""
        with contextlib.suppress(sqlite3.OperationalError), self._database:
            self._database.execute(_LEFT, (record.device, record.inode))
        record.device, record.inode = device, inode
        self.put(record)

    def vacate(self, record: Record) -> None:
        """Take the inode from the record of a file that was deleted: who gets it next is another file.

        Content alone could not tell the two apart when the new file begins with all that the old one had.
        """
        self.move(record, 0, 0)

    def forget(self, record: Record) -> None:
        """Remove the record of a file that is no more.

        That its inode had a file is remembered: the next one that gets it and begins with the same line must not
        have the same key, or its events would count as delivered.
        """
        with contextlib.suppress(sqlite3.OperationalError), self._database:
            self._database.execute("DELETE FROM file WHERE key = ?", (record.key,))
            self._database.execute("DELETE FROM cut WHERE key = ?", (record.key,))
            self._database.execute("DELETE FROM archive WHERE key = ?", (record.key,))
            self._database.execute(_LEFT, (record.device, record.inode))

    def _write(self, record: Record) -> None:
        self._database.execute(
            f"INSERT OR REPLACE INTO file ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant names
            (
                record.key, _stored(record.path), record.device, record.inode, record.offset,
                record.head.length, record.head.digest, record.tail.length, record.tail.digest,
                record.retired, record.updated,
            ),
        )  # fmt: skip
        self._database.execute("DELETE FROM cut WHERE key = ? AND offset <= ?", (record.key, record.offset))

    def _select(self, where: str, values: tuple[object, ...]) -> Iterator[Record]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM file WHERE {where}", values)  # noqa: S608 - constant clauses
        return map(_record, rows)


def listing(path: Path) -> list[Record]:
    """Return the records of a registry, by path, also while a shipper has it.

    Raises:
        InputError: there is no registry, or it cannot be read.
    """
    rows = _read(path, f"SELECT {_COLUMNS} FROM file ORDER BY path, key")  # noqa: S608 - constant names
    return [_record(row) for row in rows]


def archives(path: Path) -> dict[str, ArchiveFacts]:
    """Return what a registry knows of compressed files, by the keys of their records.

    Raises:
        InputError: there is no registry, or it cannot be read.
    """
    there = _read(path, "SELECT 1 FROM sqlite_master WHERE name = 'archive'")
    rows = _read(path, f"SELECT key, {_FACTS} FROM archive") if there else []  # noqa: S608 - constant names
    return {row[0]: ArchiveFacts(*row[1:]) for row in rows}


def _read(path: Path, question: str) -> list[tuple[Any, ...]]:
    if not path.is_file():
        raise InputError(f"there is no registry {path}")
    try:
        # Without its log's files beside it, only a database that is known to stay as it is can be read from a
        # folder that cannot be written to.
        mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=10)) as database:
            return database.execute(question).fetchall()
    except sqlite3.DatabaseError as error:
        raise InputError(f"the registry {path} cannot be read: {error}") from None


def in_use(path: Path) -> bool:
    """Whether another process has the registry at `path` just now; makes nothing."""
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _record(row: tuple[Any, ...]) -> Record:
    key, path, device, inode, offset, head_length, head, tail_length, tail, retired, updated = row
    marks = Mark(head_length, head), Mark(tail_length, tail)
    return Record(key, os.fsdecode(path), device, inode, offset, *marks, bool(retired), updated)


def _stored(path: str) -> str | bytes:
    """Return a path as the database takes it: one that is no UTF-8, as names of files may be, as its bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _lock(path: Path) -> IO[str]:
    """Hold a lock that ends with this process, however it ends."""
    try:
        file = open_lock(path)
    except OSError as error:
        raise InputError(f"the folder {path.parent} cannot be written to: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise InputError(f"{path.parent} is in use by another sawlog; give each its own --data") from error
    return file


def _open(path: Path) -> sqlite3.Connection:
    # SQLite gives the files beside it the same mode.
    with suppress(OSError):  # SQLite says it better
        os.close(opener(str(path), os.O_RDWR | os.O_CREAT))
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
