"""What the outputs console and file make of events: lines, in JSON or by a format string."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from sawlog import __version__
from sawlog.dead_letter import DeadLetter, DeadLetters
from sawlog.event import METADATA, TIMESTAMP, Event
from sawlog.times.instant import now
from shipper.settings import CodecSettings

LineEncoder = Callable[[Iterable[Event]], list[str]]
"""Raises `NOT_ENCODED` for what cannot be written."""

NOT_ENCODED: Final = (TypeError, ValueError, OverflowError, RecursionError)
"""What raises when an event cannot be written: it nests too deeply, or holds what JSON or UTF-8 cannot."""

_Made = TypeVar("_Made")

_encode = msgspec.json.Encoder().encode
_HTML = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def stamped(events: list[Event]) -> list[Event]:
    """Give events without a time the moment of reading, as Filebeat does; the list is changed, and returned."""
    moment = now()
    for event in events:
        event.setdefault(TIMESTAMP, moment)
    return events


def encoded(
    events: Sequence[Event], encode: Callable[[Sequence[Event]], list[_Made]], letters: DeadLetters
) -> tuple[list[_Made], int]:
    """Return what `encode` makes of the events, and how many it cannot encode: these go to the dead letters.

    Raises:
        StoreError: the dead letters cannot be written; nothing may be acknowledged.
    """
    try:
        return encode(events), 0
    except NOT_ENCODED:
        pass
    made: list[_Made] = []
    refused: list[DeadLetter] = []
    for event in events:
        try:
            made += encode([event])
        except NOT_ENCODED as error:
            name = str(event.get(METADATA, {}).get("_id", ""))
            reason = f"it cannot be written: {str(error)[:200]}"
            refused.append(
                DeadLetter(
                    index="", id=name, status=400, type="not_json", reason=reason, document=event, stage="output"
                )
            )
    letters.append(refused)
    return made, len(refused)


def lines_of(codec: CodecSettings, beat: str = "sawlog") -> LineEncoder:
    """Return what makes a line (without its end) of each event.

    JSON has the metadata of a Beat beside the event (``@metadata``: ``beat``, ``type``, ``version``, and ``_id``). A
    format string that names a field which an event lacks makes no line of it, as in Filebeat.
    """
    template = codec.format
    if template is not None:
        return lambda events: [line for event in events if (line := template(event)) is not None]
    about = {"beat": beat, "type": "_doc", "version": __version__}

    def encoded(event: Event) -> str:
        whole = {**event, METADATA: {**about, **event.get(METADATA, {})}}
        text = json.dumps(whole, indent=2, ensure_ascii=False) if codec.pretty else _encode(whole).decode()
        return text.translate(_HTML) if codec.escape_html else text

    return lambda events: list(map(encoded, events))
