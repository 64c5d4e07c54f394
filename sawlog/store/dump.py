"""Documents as lines of JSON, under the ids that they have: as an export writes them, and as an import reads them.

A line is a hit (``{"_index":…,"_id":…,"_source":{…}}``, as elasticdump writes it, too), or the document behind the line
of its action, as in the body of a ``_bulk``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sawlog.event import Event
from sawlog.store.base import Hit

MOST_BYTES: Final = 100 << 20
"""A longer line is no document: Elasticsearch takes no request that is larger."""
BACKING_INDEX: Final = re.compile(r"\.ds-(.+)-\d{4}\.\d\d\.\d\d-\d{6}")
"""The name of an index of a data stream (Elasticsearch, "Data streams": backing indices)."""
_ACTIONS: Final = frozenset({"create", "index", "update", "delete"})

_encode: Final = msgspec.json.Encoder().encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Dumped:
    """A document that stands in a file, at the line or row `place`. `index` is None where none is named."""

    place: int
    id: str
    index: str | None
    document: Event
    size: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands at a line or row of a file, and is no document that could be stored."""

    place: int
    reason: str


def dumped(hits: Iterable[Hit], *, as_bulk: bool = False) -> bytes:
    """Return hits as lines; with `as_bulk`, each has two, as in the body of a ``_bulk``."""
    lines: list[Any] = []
    for hit in hits:
        name, index = hit["_id"], stream_of(hit["_index"])
        if as_bulk:
            lines += ({"create": {"_index": index, "_id": name}}, hit["_source"])
        else:
            lines.append({"_index": index, "_id": name, "_source": hit["_source"]})
    return _encode_lines(lines)


def stream_of(index: str) -> str:
    """Return the data stream that an index belongs to, where documents are created; another index is its own."""
    found = BACKING_INDEX.fullmatch(index)
    return index if found is None else found[1]


def read_dump(blocks: Iterable[bytes], name: str) -> Iterator[Dumped | Unreadable]:
    """Read what stands in the lines of a file.

    A document without an id gets one of the file's `name`, its line and itself: the same one when it is read again.
    """
    action: tuple[str, dict[str, Any]] | None = None
    for place, line in enumerate(_lines(blocks), 1):
        if line is None:
            action = None
            yield Unreadable(place, f"the line has more than {MOST_BYTES >> 20} MiB")
            continue
        if not line.strip():
            continue
        try:
            value = _decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            action = None
            yield Unreadable(place, f"this is no JSON object: {error}")
            continue
        about, action = action, None
        if about is None:
            action = _action(value)
        if action is None:
            yield _found(place, line, value, about, name)
        elif action[0] == "delete":
            action = None
            yield Unreadable(place, "only documents are imported, and this deletes one")
    if action is not None:
        yield Unreadable(place, "the document of this action is missing: the file ends")


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Cut blocks into lines; None stands for one that is too long."""
    begun: list[bytes] = []
    length = 0
    for block in blocks:
        *ended, last = block.split(b"\n")
        for part in ended:
            yield b"".join((*begun, part)) if length + len(part) <= MOST_BYTES else None
            begun, length = [], 0
        length += len(last)
        begun = [*begun, last] if length <= MOST_BYTES else []
    if length:
        yield b"".join(begun) if length <= MOST_BYTES else None


def _action(value: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the action that a line is, and what it says beside."""
    if len(value) == 1:
        [(kind, beside)] = value.items()
        if kind in _ACTIONS and type(beside) is dict:
            return kind, beside
    return None


def _found(
    place: int, line: bytes, value: dict[str, Any], about: tuple[str, dict[str, Any]] | None, name: str
) -> Dumped | Unreadable:
    """Return the document of a line, which is a hit if no action stood before it."""
    beside, document = (value, value.get("_source")) if about is None else (about[1], value)
    if type(document) is not dict:
        return Unreadable(place, "this is neither a hit, with _id, _index and _source, nor an action of a _bulk")
    if about is not None and about[0] == "update":
        return Unreadable(place, "only documents are imported, and this changes one")
    known, index = beside.get("_id"), beside.get("_index")
    for key, text in (("_id", known), ("_index", index)):
        if text is not None and (type(text) is not str or not text):
            return Unreadable(place, f"its {key} is no text: {_encode(text).decode()}")
    if known is None:
        known = hashlib.blake2b(_encode([name, place, index, document]), digest_size=16).hexdigest()
    return Dumped(place, known, None if index is None else stream_of(index), document, len(line))


def rows_of(found: Sequence[tuple[str, str, Event]], first: int, size: int) -> list[Dumped]:
    """Return documents that stood in rows, from the row `first` on, and had `size` bytes together."""
    each = size // max(1, len(found))
    return [
        Dumped(place, name, stream_of(index), document, each)
        for place, (name, index, document) in enumerate(found, first)
    ]
