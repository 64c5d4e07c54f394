"""Lines of a file for Lumberjack: as JSON that is pasted of pieces, or, for another end of sawlog, in envelopes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sawlog.batch import LineBatch, nobody
from sawlog.event import METADATA, TIMESTAMP, Event
from sawlog.times.instant import now
from sawlog.wire import envelope
from sawlog.wire.lumberjack import ASKS, OFFER, data_headers

_encoder: Final = msgspec.json.Encoder()
_encode: Final = _encoder.encode
_OWN: Final = frozenset({"message", METADATA, TIMESTAMP})
_JOINED: Final = b',"flags":["multiline"]'
_PIECES: Final = 8
"""Of so many pieces is a frame."""


class Pasting:
    """The lines of a batch, each with the time of now; `metadata` stands beside their ids."""

    def __init__(self, batch: LineBatch, metadata: Event) -> None:
        """Raises ValueError, TypeError: the source or the metadata cannot be written as JSON."""
        self._batch = LineBatch(
            batch.source, batch.texts, batch.offsets, batch.size, nobody, batch.truncated, time=now()
        )
        self._metadata = metadata
        fields = dict(batch.source.fields)
        log = fields.pop("log", {})
        about = _opened({**metadata, ASKS: OFFER})
        self._before = _opened(fields) + b'"message":"'
        self._between = b'","log":' + _opened(log) + b'"offset":'
        self._behind = b"},%s:%s" % (_encode(METADATA), about) + b'"_id":' + _encode(batch.source.key)[:-1] + b":"
        self._end = b'"},%s:%s}' % (_encode(TIMESTAMP), _encode(self._batch.time))

    @classmethod
    def of(cls, batch: LineBatch, metadata: Event) -> Pasting | None:
        """Make one, or None when something is not as usual, so that the events have to be made.

        That is a source with fields of an event's own, lines that were cut, texts that JSON cannot hold.
        """
        fields = batch.source.fields
        log = fields.get("log", {})
        if batch.truncated or not batch.texts or not _OWN.isdisjoint(fields) or not {"offset", "flags"}.isdisjoint(log):
            return None
        try:
            "".join(batch.texts).encode()
            return cls(batch, metadata)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return None

    def sizes(self) -> list[int]:
        """Return about how many bytes the JSON of each line has."""
        shared = len(self._before) + len(self._between) + len(self._behind) + len(self._end)
        return [shared + len(text) for text in self._batch.texts]

    def frames(self, begin: int, end: int) -> bytes:
        """Return the data frames of the lines from one position to before another, numbered from 1."""
        texts, numbers = self._texts(begin, end), [b"%d" % offset for offset in self._batch.offsets[begin:end]]
        middles = numbers
        if b"\\n" in b"".join(texts):
            middles = [
                number + _JOINED if "\n" in text else number
                for number, text in zip(numbers, self._batch.texts[begin:end], strict=True)
            ]
        shared = len(self._before) + len(self._between) + len(self._behind) + len(self._end)
        count = end - begin
        made: list[bytes] = [b""] * (count * _PIECES)
        made[0::_PIECES] = data_headers(
            [
                shared + len(text) + len(middle) + len(number)
                for text, middle, number in zip(texts, middles, numbers, strict=True)
            ]
        )
        made[1::_PIECES] = [self._before] * count
        made[2::_PIECES] = texts
        made[3::_PIECES] = [self._between] * count
        made[4::_PIECES] = middles
        made[5::_PIECES] = [self._behind] * count
        made[6::_PIECES] = numbers
        made[7::_PIECES] = [self._end] * count
        return b"".join(made)

    def envelope(self, begin: int, end: int, level: int) -> bytes:
        """Return the envelope of the lines from one position to before another.

        Raises:
            EnvelopeError: they are beyond its bounds.
        """
        batch = self._batch
        texts, offsets = batch.texts[begin:end], batch.offsets[begin:end]
        part = LineBatch(batch.source, texts, offsets, 0, nobody, time=batch.time)
        return envelope.encode(part, self._metadata, level)

    def _texts(self, begin: int, end: int) -> Sequence[bytes]:
        # No text has a line feed in JSON. (A comma could be its last character, behind a quotation mark of its own.)
        return _encoder.encode_lines(self._batch.texts[begin:end])[1:-2].split(b'"\n"')


def _opened(members: Event) -> bytes:
    """Return the JSON of an object without its end, ready for another member."""
    text = _encode(members)[:-1]
    return text + b"," if members else text
