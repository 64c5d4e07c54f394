"""What the outputs console and file make of events: lines, in JSON or by a format string."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import msgspec

from sawlog import __version__
from sawlog.event import METADATA, TIMESTAMP, Event
from shipper.settings import Codec

Lines = Callable[[Iterable[Event]], list[str]]

_encode = msgspec.json.Encoder().encode
_HTML = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def now() -> str:
    """Return this moment as an event's ``@timestamp``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamped(events: list[Event]) -> list[Event]:
    """Give events without a time the moment of reading, as Filebeat does; the list is changed, and returned."""
    moment = now()
    for event in events:
        event.setdefault(TIMESTAMP, moment)
    return events


def lines_of(codec: Codec) -> Lines:
    """Return what makes a line (without its end) of each event.

    JSON has the metadata of a Beat beside the event (``@metadata``: ``beat``, ``type``, ``version``, and ``_id``). A
    format string that names a field which an event lacks makes no line of it, as in Filebeat.
    """
    template = codec.format
    if template is not None:
        return lambda events: [line for event in events if (line := template(event)) is not None]
    beat = {"beat": "sawlog", "type": "_doc", "version": __version__}

    def encoded(event: Event) -> str:
        whole = {**event, METADATA: {**beat, **event.get(METADATA, {})}}
        text = json.dumps(whole, indent=2, ensure_ascii=False) if codec.pretty else _encode(whole).decode()
        return text.translate(_HTML) if codec.escape_html else text

    return lambda events: list(map(encoded, events))
