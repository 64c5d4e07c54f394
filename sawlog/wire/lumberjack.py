"""Lumberjack: the protocol of Beats, version 2 and the older 1, both ends; bytes in, frames out, no sockets.

A sender announces a window of so many events, sends them as data frames (several of them compressed together, if
it likes), and waits for the acknowledgement of the last one's sequence number. A lower number acknowledges a part,
or, when it is 0, says that the receiver is alive and busy. All numbers are unsigned, 32 bits, big-endian.

    window      '2' 'W'  count
    data        '2' 'J'  sequence  length  JSON object
    data        '1' 'D'  sequence  pairs   (length key  length value)*     (version 1)
    compressed  '2' 'C'  length    zlib(data frames)
    ack         '2' 'A'  sequence

Two ends of sawlog do without JSON. A sender asks, by `ASKS` in the ``@metadata`` of its events, which no other receiver
minds; a receiver that hears it offers to read envelopes (`sawlog.wire.envelope`); from then on, a window of lines is
one envelope in place of its data frames.

    offer       '2' 'L'  version
    envelope    '2' 'E'  length    envelope

Source: the description of the protocol in Elastic's go-lumber and logstash-input-beats.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sawlog.errors import SawlogError
from sawlog.wire.packing import pack, unpack

MEBIBYTE: Final = 1 << 20
ASKS: Final = "envelopes"
"""The member of ``@metadata`` by which a sender says that it can send envelopes."""
OFFER: Final = 1
"""The version of envelopes that a receiver offers to read."""


class LumberjackError(SawlogError):
    """The peer does not speak the protocol, or goes beyond its bounds; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder takes from its peer; sizes in bytes. Memory stays below about the sum of the sizes."""

    window: int = 1 << 17
    """Events in a window."""
    event: int = 64 * MEBIBYTE
    """One event: a line of 10 MiB, Filebeat's ``max_bytes``, may be six times as long in JSON."""
    compressed: int = 32 * MEBIBYTE
    """A compressed frame as it comes."""
    decompressed: int = 128 * MEBIBYTE
    """A compressed frame unpacked, and all events of a window together."""
    pairs: int = 4096
    """Keys of an event of version 1."""


@dataclass(frozen=True, slots=True)
class WindowSize:
    """The sender will send `count` events and wait for their acknowledgement."""

    count: int
    version: int = 2


class Data(NamedTuple):
    """An event: the bytes of its JSON object, or, in version 1, its keys and values."""

    sequence: int
    payload: bytes
    fields: dict[str, str] | None = None


class Enveloped(NamedTuple):
    """All events of a window, in an envelope."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Offer:
    """The receiver reads envelopes up to a version."""

    envelopes: int
    version: int = 2


@dataclass(frozen=True, slots=True)
class Ack:
    """All events up to `sequence` have arrived for good."""

    sequence: int
    version: int = 2


Frame = WindowSize | Data | Enveloped | Offer | Ack


class Decoder:
    """Makes frames of one direction of a connection. Its owner counts windows; it bounds what one may hold."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._unpacked = 0
        self._room = 0
        """How many more bytes of events the window may have."""
        self._left = 0
        """How many more events the window may have."""

    @property
    def pending(self) -> int:
        """Bytes that are held: those that wait for the rest of their frame, and those being unpacked."""
        return len(self._buffer) + self._unpacked

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take the next bytes and yield the frames that they complete; to be exhausted before the next call.

        A few bytes may unpack to very many events, so that they are made one by one.

        Raises:
            LumberjackError: the bytes are none of the protocol's, or beyond a limit; the decoder is of no more use.
        """
        self._buffer += data
        end = yield from self._parse(self._buffer, packed=False)
        del self._buffer[:end]

    def take(self, size: int, count: int = 1) -> None:
        """Count events of so many bytes together against the limits of their window.

        Raises:
            LumberjackError: they are too many, or too large.
        """
        self._room -= size
        self._left -= count
        if self._left < 0:
            raise LumberjackError("an event comes that no window has announced")
        if self._room < 0:
            raise LumberjackError(f"the events of a window are larger than {self._limits.decompressed} bytes")

    def _parse(self, buffer: bytes | bytearray, *, packed: bool) -> Generator[Frame, None, int]:
        """Yield the whole frames of `buffer` and return where the first unfinished one begins."""
        at, size = 0, len(buffer)
        while size - at >= _ONE.size:
            version, kind = buffer[at], buffer[at + 1]
            (number,) = _NUMBER.unpack_from(buffer, at + 2)
            if version not in _VERSIONS:
                raise LumberjackError(f"version {_shown(version)} of the protocol is none that is known")
            if kind == _JSON and version == _V2:
                if size - at < _TWO.size:
                    break
                (length,) = _NUMBER.unpack_from(buffer, at + 6)
                _bound(length, self._limits.event, "an event")
                begin = at + _TWO.size
                if size - begin < length:
                    break
                self.take(length)
                at = begin + length
                yield Data(number, bytes(buffer[begin:at]))
            elif kind == _COMPRESSED or (kind == _ENVELOPE and version == _V2):
                if packed:
                    raise LumberjackError("a compressed frame holds another one")
                if not self._left:
                    raise LumberjackError("a compressed frame comes that no window has announced")
                _bound(number, self._limits.compressed, "a compressed frame")
                begin = at + _ONE.size
                if size - begin < number:
                    break
                at = begin + number
                whole = bytes(buffer[begin:at])
                yield from self._unpack(whole) if kind == _COMPRESSED else (Enveloped(whole),)
            elif kind == _WINDOW and not packed:
                if not 0 < number <= self._limits.window:
                    raise LumberjackError(f"a window of {number} events is not between 1 and {self._limits.window}")
                self._room, self._left = self._limits.decompressed, number
                yield WindowSize(number, version - _V0)
                at += _ONE.size
            elif kind in _ANSWERS and not packed:
                yield (Ack if kind == _ACK else Offer)(number, version - _V0)
                at += _ONE.size
            elif kind == _DATA and version == _V1:
                found = self._pairs(buffer, at)
                if found is None:
                    break
                at, event = found
                yield event
            else:
                where = " inside a compressed one" if packed else ""
                raise LumberjackError(f"there is no frame of type {_shown(kind)} in version {chr(version)}{where}")
        if at < size and buffer[at] not in _VERSIONS:
            raise LumberjackError(f"a frame cannot begin with {_shown(buffer[at])}; is this another protocol, or TLS?")
        return at

    def _unpack(self, packed: bytes) -> Iterator[Frame]:
        limit = self._limits.decompressed
        try:
            data, whole, _ = unpack(packed, limit)
        except ValueError as error:
            raise LumberjackError(f"a compressed frame cannot be unpacked: {error}") from None
        _bound(len(data), limit, "a compressed frame, unpacked,")
        if not whole:
            raise LumberjackError("a compressed frame ends before its data does")
        self._unpacked = len(data)
        if (yield from self._parse(data, packed=True)) != len(data):
            raise LumberjackError("a compressed frame ends inside a data frame")
        self._unpacked = 0

    def _pairs(self, buffer: bytes | bytearray, at: int) -> tuple[int, Data] | None:
        """Read a data frame of version 1; None when it is not whole yet."""
        if len(buffer) - at < _TWO.size:
            return None
        sequence, count = _TWO.unpack_from(buffer, at)[2:]
        _bound(count, self._limits.pairs, "an event of version 1", "keys")
        begin = at = at + _TWO.size
        texts: list[str] = []
        for _ in range(2 * count):
            if len(buffer) - at < _NUMBER.size:
                return None
            (length,) = _NUMBER.unpack_from(buffer, at)
            at += _NUMBER.size
            _bound(at + length - begin, self._limits.event, "an event")
            if len(buffer) - at < length:
                return None
            texts.append(str(buffer[at : at + length], "utf-8", "replace"))
            at += length
        self.take(at - begin)
        return at, Data(sequence, b"", dict(zip(texts[::2], texts[1::2], strict=True)))


def encode_window(count: int) -> bytes:
    """Announce `count` events."""
    return _ONE.pack(_V2, _WINDOW, count)


def encode_ack(sequence: int, version: int = 2) -> bytes:
    """Acknowledge all events up to `sequence` of the window; 0 says "still busy"."""
    return _ONE.pack(version + _V0, _ACK, sequence)


def encode_data(payloads: Iterable[bytes], first: int = 1) -> Iterator[bytes]:
    """Yield the pieces of the data frames of JSON objects, numbered from `first`."""
    for sequence, payload in enumerate(payloads, first):
        yield _TWO.pack(_V2, _JSON, sequence, len(payload))
        yield payload


def data_headers(sizes: Sequence[int]) -> list[bytes]:
    """Return what stands before each of JSON objects of these sizes, numbered from 1."""
    fields: list[int] = [_V2_JSON, 0, 0] * len(sizes)
    fields[1::3], fields[2::3] = range(1, len(sizes) + 1), sizes
    whole = struct.pack(">" + "HII" * len(sizes), *fields)
    return [whole[at : at + _TWO.size] for at in range(0, len(whole), _TWO.size)]


def encode_compressed(frames: bytes, level: int = 3) -> bytes:
    """Pack data frames into a compressed one; `level` is Filebeat's ``compression_level``, 1 to 9."""
    packed = pack(frames, level)
    return _ONE.pack(_V2, _COMPRESSED, len(packed)) + packed


def encode_frames(frames: bytes, count: int, level: int = 3) -> bytes:
    """Write a whole window of `count` data frames; `level` 0 leaves them uncompressed."""
    return encode_window(count) + (encode_compressed(frames, level) if level else frames)


def encode_batch(payloads: Iterable[bytes], count: int, level: int = 3) -> bytes:
    """Write a whole window of `count` JSON objects; see `encode_frames`."""
    return encode_frames(b"".join(encode_data(payloads)), count, level)


def encode_offer(envelopes: int = OFFER) -> bytes:
    """Offer to read envelopes up to a version."""
    return _ONE.pack(_V2, _OFFER, envelopes)


def encode_enveloped(envelope: bytes, count: int) -> bytes:
    """Write a whole window of `count` events that are in an envelope."""
    return encode_window(count) + _ONE.pack(_V2, _ENVELOPE, len(envelope)) + envelope


_ONE: Final = struct.Struct(">BBI")
_TWO: Final = struct.Struct(">BBII")
_NUMBER: Final = struct.Struct(">I")
_V0, _V1, _V2 = b"012"
_VERSIONS: Final = (_V1, _V2)
_WINDOW, _JSON, _DATA, _COMPRESSED, _ACK, _OFFER, _ENVELOPE = b"WJDCALE"
_V2_JSON: Final = _V2 << 8 | _JSON
_ANSWERS: Final = (_ACK, _OFFER)


def _bound(number: int, limit: int, what: str, unit: str = "bytes") -> None:
    if number > limit:
        raise LumberjackError(f"{what} has {number} {unit} or more, and the limit is {limit}")


def _shown(byte: int) -> str:
    return repr(chr(byte)) if 32 < byte < 127 else f"0x{byte:02x}"
