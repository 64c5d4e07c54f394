"""Lines of a file as JSON objects, pasted of pieces: what all share is encoded once, of a line only its message."""

from __future__ import annotations

from typing import Final

import msgspec

from sawlog.batch import LineBatch
from sawlog.event import METADATA, TIMESTAMP, Event
from sawlog.times.instant import now

_encoder: Final = msgspec.json.Encoder()
_encode: Final = _encoder.encode
_OWN: Final = frozenset({"message", METADATA, TIMESTAMP})
_JOINED: Final = b',"flags":["multiline"]'


def pasted(batch: LineBatch, metadata: Event) -> list[bytes] | None:
    """Return the JSON of `batch.events()`, each with the time now, and `metadata` beside its id.

    None when something is not as usual, so that the events have to be made: a source with fields of an event's own,
    lines that were cut, texts that JSON cannot hold.
    """
    source = batch.source
    fields = dict(source.fields)
    log = fields.pop("log", {})
    if batch.truncated or not batch.texts or not _OWN.isdisjoint(fields) or not {"offset", "flags"}.isdisjoint(log):
        return None
    try:
        # No text has a line feed in JSON. (A comma could be its last character, behind a quotation mark of its own.)
        texts = _encoder.encode_lines(batch.texts)[1:-2].split(b'"\n"')
        before = _opened(fields) + b'"message":"'
        between = b'","log":' + _opened(log) + b'"offset":'
        behind = b"},%s:%s" % (_encode(METADATA), _opened(metadata)) + b'"_id":' + _encode(source.key)[:-1] + b":"
        end = b'"},%s:%s}' % (_encode(TIMESTAMP), _encode(now()))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    numbers = [b"%d" % offset for offset in batch.offsets]
    several = [_JOINED if "\n" in text else b"" for text in batch.texts] if b"\\n" in b"".join(texts) else None
    if several is None:
        return [
            b"".join((before, text, between, number, behind, number, end))
            for text, number in zip(texts, numbers, strict=True)
        ]
    return [
        b"".join((before, text, between, number, flags, behind, number, end))
        for text, number, flags in zip(texts, numbers, several, strict=True)
    ]


def _opened(members: Event) -> bytes:
    """Return the JSON of an object without its end, ready for another member."""
    text = _encode(members)[:-1]
    return text + b"," if members else text
