"""Which file is this? A file keeps its identity when it is renamed, and loses it when its content is replaced.

A file is known again by device and inode, and only if what stood at its head and just before the offset that was
reached still stands there: an inode is given to new files, and a file is truncated and written anew. A copy made by
``copytruncate`` is known by the same two marks once its original has been truncated. `docs/design/tailing.md`
goes through the rotation schemes one by one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sawlog.durable import sync_folder
from sawlog.private import opener

MARK_BYTES: Final = 1024
"""How much of a file's head, and of what is before the offset, is compared."""

KEY_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Mark:
    """What stood in a stretch of a file: its length in bytes and a digest of it."""

    length: int
    digest: bytes

    @classmethod
    def of(cls, data: bytes) -> Mark:
        """Make the mark of these bytes."""
        return cls(len(data), hashlib.blake2b(data, digest_size=16).digest())


NOTHING: Final = Mark.of(b"")


@dataclass(slots=True)
class Record:
    """What the registry knows of one file.

    `offset` is that of the first byte that is not yet acknowledged; `head` marks the file's first bytes and `tail`
    those just before `offset`. A record with `retired` was truncated away: only a copy can still bear its content.
    """

    key: str
    path: str
    device: int
    inode: int
    offset: int = 0
    head: Mark = NOTHING
    tail: Mark = NOTHING
    retired: bool = False
    updated: float = field(default=0.0, compare=False)
    """When it was last stored, in seconds since 1970."""


def agent_id(directory: Path) -> str:
    """Return this installation's id, made once and kept in `directory`; it is part of every event's `_id`."""
    path = directory / "agent.json"
    try:
        return str(uuid.UUID(str(json.loads(path.read_text())["id"])))
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        path.rename(path.with_suffix(".damaged"))
    new = str(uuid.uuid4())
    draft = path.with_suffix(".new")
    with open(draft, "w", opener=opener) as file:
        json.dump({"id": new}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(directory)
    return new


def key_of(agent: str, device: int, inode: int, head: bytes, generation: int) -> str:
    """Return the key of a file seen for the first time.

    It depends on nothing that a lost registry would take with it, as long as the file was not truncated before:
    a file that is read from its start once more gives the same `_id`s. The head is cut at its first line end,
    because a file may have grown since.
    """
    line = head[:MARK_BYTES].split(b"\n", 1)[0]
    about = f"{agent}\0{device}\0{inode}\0{generation}\0".encode() + line
    return base64.urlsafe_b64encode(hashlib.blake2b(about, digest_size=KEY_BYTES).digest()).decode()


def head_of(descriptor: int) -> bytes:
    """Read the file's first bytes, as many as a mark covers."""
    return os.pread(descriptor, MARK_BYTES, 0)


def tail_before(descriptor: int, offset: int) -> Mark:
    """Read the mark of what stands before `offset`."""
    length = min(MARK_BYTES, offset)
    return Mark.of(os.pread(descriptor, length, offset - length))


def bears(descriptor: int, size: int, record: Record) -> bool:
    """Whether the open file, `size` bytes long, still has the content that the record tells of."""
    return (
        size >= record.offset >= record.tail.length
        and size >= record.head.length
        and Mark.of(os.pread(descriptor, record.head.length, 0)) == record.head
        and Mark.of(os.pread(descriptor, record.tail.length, record.offset - record.tail.length)) == record.tail
    )


def looks_binary(head: bytes) -> str | None:
    """Say why the first bytes of a file are not those of a text in an encoding with ASCII's bytes, or None.

    Zero bytes at the very start are passed over: a writer that goes on at its old position after copytruncate
    leaves a hole there.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    text = head.lstrip(b"\0")
    strange = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in text)
    return "control bytes all over" if strange * 10 > len(text) else None


_MAGIC: Final = {
    b"\x1f\x8b": "gzip data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ\0": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"PK\x03\x04": "a zip archive",
    b"\x7fELF": "an executable",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89PNG": "a picture",
    b"\xca\xfe\xba\xbe": "a Java class",
}
