"""The envelope: a batch of one source on its way from `sawlog ship` to `sawlog ingest`, as bytes; both ends.

    envelope  'SLB'  version (1 byte)  size of the unpacked block (4 bytes, big-endian)  zlib(block)
    block     MessagePack array: key, path, fields (JSON), texts, offsets, truncated, events (JSON each), time,
              metadata (JSON)

A block has texts with their offsets, or events that were events before. What is JSON inside the block is there to
keep values out that no document can have, such as those of MessagePack's extension types. Time and metadata, which
older senders leave out, are of all events.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

import msgspec

from sawlog.batch import Batch, EventBatch, LineBatch, Settled, Source
from sawlog.errors import SawlogError
from sawlog.event import METADATA, TIMESTAMP, Event, weight_of
from sawlog.times.instant import normalise
from sawlog.wire.packing import pack, unpack

MEBIBYTE: Final = 1 << 20
PACKED_BYTES: Final = 16 * MEBIBYTE
"""The largest envelope, and the largest packet that a receiver lets the broker send."""
UNPACKED_BYTES: Final = 64 * MEBIBYTE
"""The largest block."""
MOST_EVENTS: Final = 1 << 17
FIELDS_BYTES: Final = 1 << 18
"""The largest JSON of the fields of a source."""

_MAGIC: Final = b"SLB"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">3sBI")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)


class EnvelopeError(SawlogError):
    """The bytes are no envelope or answer that this version knows, or they are beyond a bound."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What an envelope holds of a `LineBatch`; `size` is that of the unpacked block, in bytes."""

    source: Source
    texts: Sequence[str]
    offsets: Sequence[int]
    truncated: frozenset[int]
    size: int
    time: str | None = None
    """When they were read, as the sender says."""
    metadata: Event = field(default_factory=dict)
    """What the sender says of all of them in ``@metadata``."""

    def batch(self, settled: Settled) -> LineBatch:
        """Make the batch anew."""
        source = self.source
        if self.metadata:
            source = replace(source, fields={**source.fields, METADATA: self.metadata})
        return LineBatch(source, self.texts, self.offsets, self.size, settled, self.truncated, self.time)


@dataclass(frozen=True, slots=True)
class Events:
    """What an envelope holds of an `EventBatch`; `size` is that of the unpacked block, or what the events weigh."""

    source: Source
    events: Sequence[Event]
    size: int

    def batch(self, settled: Settled) -> EventBatch:
        """Make the batch anew."""
        return EventBatch(self.source, self.events, self.size, settled)


def is_envelope(data: bytes) -> bool:
    """Whether a message begins as an envelope does, of this version or another."""
    return data.startswith(_MAGIC)


def encode(batch: Batch, metadata: Event | None = None, level: int = 1) -> bytes:
    """Put a batch into an envelope; `metadata` goes into the ``@metadata`` of lines; `level`: see `pack`.

    Raises:
        EnvelopeError: it is beyond a bound, so that no receiver would take it.
    """
    source = batch.source
    block = _Block(source.key, source.path, msgspec.json.encode(source.fields), [], [], [], [])
    if isinstance(batch, LineBatch):
        block.texts, block.offsets, block.truncated = list(batch.texts), list(batch.offsets), sorted(batch.truncated)
        block.time, block.metadata = batch.time, msgspec.json.encode(metadata or {})
    else:
        block.events = [msgspec.json.encode(event) for event in batch.events()]
    _check(len(batch) <= MOST_EVENTS, f"a batch of {len(batch)} events is beyond the {MOST_EVENTS} of an envelope")
    _check(len(block.fields) <= FIELDS_BYTES, f"the fields of a source are beyond {FIELDS_BYTES} bytes")
    _weigh(block.events)
    raw = _encode_block(block)
    _check(len(raw) <= UNPACKED_BYTES, f"a batch of {len(raw)} bytes is beyond the {UNPACKED_BYTES} of an envelope")
    data = _HEADER.pack(_MAGIC, _VERSION, len(raw)) + pack(raw, level)
    _check(len(data) <= PACKED_BYTES, f"an envelope of {len(data)} bytes is beyond {PACKED_BYTES}")
    return data


def decode(data: bytes) -> Lines | Events:
    """Take a batch out of its envelope; memory stays below a small multiple of `UNPACKED_BYTES`.

    Raises:
        EnvelopeError: it is none, of another version, damaged, or beyond a bound.
    """
    raw = _unpack(data)
    try:
        block = _decode_block(raw)
        weight = _weigh(block.events)
        fields, metadata = _decode_object(block.fields), _decode_object(block.metadata)
        events = [_decode_object(event) for event in block.events]
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"the block of the envelope is not what it should be: {error}") from None
    _check(_KEY.fullmatch(block.key) is not None, "the key of the source has other characters than it may")
    _check(isinstance(fields.get("log", {}), dict), "the field 'log' of the source is no object")
    for name in ("message", METADATA, TIMESTAMP):
        _check(name not in fields, f"the source has a field '{name}', which is an event's")
    source = Source(block.key, block.path, fields)
    if events:
        _check(not (block.texts or block.offsets or block.truncated), "the envelope holds lines and events")
        return Events(source, events, max(len(raw), weight))
    count = len(block.texts)
    _check(count > 0, "the envelope is empty")
    _check(len(block.offsets) == count, f"{count} lines have {len(block.offsets)} offsets")
    truncated = frozenset(block.truncated)
    _check(not truncated or max(truncated) < count, "a line is said to be truncated and is not there")
    _check("_id" not in metadata, "the envelope gives all its lines one _id")
    _check(block.time is None or normalise(block.time) == block.time, "the time of the envelope is none")
    return Lines(source, block.texts, block.offsets, truncated, len(raw), block.time, metadata)


_Offset = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Place = Annotated[int, msgspec.Meta(ge=0, lt=MOST_EVENTS)]
_Many = msgspec.Meta(max_length=MOST_EVENTS)


# A list's length is checked before the list is made.
class _Block(msgspec.Struct, array_like=True, gc=False):
    key: str
    path: Annotated[str, msgspec.Meta(max_length=1 << 16)]
    fields: Annotated[bytes, msgspec.Meta(max_length=FIELDS_BYTES)]
    texts: Annotated[list[str], _Many]
    offsets: Annotated[list[_Offset], _Many]
    truncated: Annotated[list[_Place], _Many]
    events: Annotated[list[bytes], _Many]
    time: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    metadata: Annotated[bytes, msgspec.Meta(max_length=FIELDS_BYTES)] = b"{}"


_encode_block: Final = msgspec.msgpack.Encoder().encode
_decode_block: Final = msgspec.msgpack.Decoder(_Block).decode
_decode_object: Final[Callable[[bytes], dict[str, Any]]] = msgspec.json.Decoder(dict[str, Any]).decode


def _unpack(data: bytes) -> bytes:
    _check(is_envelope(data) and len(data) >= _HEADER.size, "the message is no envelope")
    _, version, size = _HEADER.unpack_from(data)
    _check(version == _VERSION, f"version {version} of the envelope is not known here; update the older side")
    _check(len(data) <= PACKED_BYTES, f"an envelope of {len(data)} bytes is beyond {PACKED_BYTES}")
    _check(size <= UNPACKED_BYTES, f"a block of {size} bytes is beyond {UNPACKED_BYTES}")
    try:
        raw, whole, rest = unpack(memoryview(data)[_HEADER.size :], size)
    except ValueError as error:
        raise EnvelopeError(f"the envelope does not unpack: {error}") from None
    _check(len(raw) == size and whole and not rest, "the block has not the size that it announces")
    return raw


def _weigh(events: Sequence[bytes]) -> int:
    weight = sum(map(weight_of, events))
    _check(weight <= UNPACKED_BYTES, f"events that weigh {weight} bytes are beyond the {UNPACKED_BYTES} of an envelope")
    return weight


def _check(holds: bool, words: str) -> None:
    if not holds:
        raise EnvelopeError(words)
