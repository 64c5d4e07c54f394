"""Shaping: what an input's settings make of the events that were read, before they are sent.

The order is Filebeat's: the parsers, the line filters on what they have made, nulls left out, the processors of the
input, those of the whole configuration.

Whatever a line holds, it harms no other: when a step fails at a batch, its events are worked on one by one, and the
one that the step cannot take goes on as it was before the step, tagged, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sawlog.batch import Batch, EventBatch, LineBatch, nobody
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, add_tag, get, put, remove
from shipper.expression import Expressions
from shipper.following import Shape
from shipper.framing.parsers import Chain, Item, works_on_lines
from shipper.json_keys import expanded, write_keys
from shipper.processor.base import Processor, keep_reason
from shipper.settings import FileInput, JsonSettings, MultilineSettings, SpringBoot

FAILED: Final = "_shipperfailure"
"""The tag of an event that a step could not take."""

Wanted = Callable[[str], object]
_Make = Callable[[LineBatch], list[Event]]


def shape_for(settings: FileInput, processors: Sequence[Processor] = ()) -> Shape | None:
    """Return the shape that the settings ask for, or None when events are sent as they were read."""
    every = (*settings.processors, *processors)
    wanted = _wanted(settings)
    make = _maker(settings, wanted)
    if make is None and not every:
        return None if wanted is None else lambda batch: _only(batch, wanted)

    def shape(batch: LineBatch) -> Batch | None:
        left = _only(batch, wanted) if make is None and wanted is not None else batch
        if left is None:
            return None
        try:
            events = make(left) if make is not None else left.events()
            for processor in every:
                events = processor.apply(events)
        except Exception:
            events = [event for one in _singles(left) for event in _contained(one, make, every)]
        return EventBatch(left.source, events, left.size, left.hand_over()) if events else None

    return shape


def _singles(batch: LineBatch) -> Iterator[LineBatch]:
    """Part a batch into batches of one event, whose ends nobody hears of."""
    for at, (text, offset) in enumerate(zip(batch.texts, batch.offsets, strict=True)):
        cut = frozenset({0} if at in batch.truncated else ())
        yield LineBatch(batch.source, [text], [offset], 0, nobody, cut)


def _contained(batch: LineBatch, make: _Make | None, processors: Sequence[Processor]) -> list[Event]:
    """Work on one event; a step that fails leaves it as it was, and the next one goes on with it."""
    events = batch.events()
    try:
        events = make(batch) if make is not None else events
    except Exception as error:
        events = [_failed(event, "the input's parsers", error) for event in events]
    return contained(events, processors)


def contained(events: list[Event], processors: Sequence[Processor]) -> list[Event]:
    """Work on what one line has become; a step that fails leaves it as it was, and the next one goes on with it."""
    for processor in processors:
        before = [dict(event) for event in events]
        try:
            events = processor.apply(events)
        except Exception as error:
            events = [_failed(event, type(processor).__name__, error) for event in before]
    return events


def _failed(event: Event, step: str, error: Exception) -> Event:
    add_tag(event, FAILED)
    keep_reason(event, f"{step}: {type(error).__name__}: {str(error)[:200]}")
    return event


def _wanted(settings: FileInput) -> Wanted | None:
    include = Expressions(settings.include_lines).search if settings.include_lines else None
    exclude = Expressions(settings.exclude_lines).search if settings.exclude_lines else None
    if exclude is None:
        return include
    if include is None:
        return lambda text: not exclude(text)
    return lambda text: include(text) and not exclude(text)


def _only(batch: LineBatch, wanted: Wanted) -> LineBatch | None:
    kept = [at for at, text in enumerate(batch.texts) if wanted(text)]
    if not kept:
        return None
    texts = [batch.texts[at] for at in kept]
    offsets = [batch.offsets[at] for at in kept]
    truncated = frozenset(new for new, at in enumerate(kept) if at in batch.truncated)
    return LineBatch(batch.source, texts, offsets, batch.size, batch.hand_over(), truncated)


def _maker(settings: FileInput, wanted: Wanted | None) -> _Make | None:
    """Return what makes events by the parsers and the options that set fields; None when there are none."""
    joined = works_on_lines(settings.parsers, settings.encoding)
    # What the framing has joined by itself is one line by now.
    parsers = [one for one in settings.parsers if joined or not isinstance(one, MultilineSettings | SpringBoot)]
    if not (parsers or settings.index or settings.pipeline or settings.publisher_disable_host):
        return None
    chain = Chain(parsers, settings.max_bytes)

    def make(batch: LineBatch) -> list[Event]:
        events: list[Event] = []
        for at, event in enumerate(batch.events()):
            text = event["message"]
            items, _ = chain.run(text.split("\n") if joined else [text], final=True)
            if items and (wanted is None or wanted(items[0].text)):
                if joined:
                    _flag(event, at in batch.truncated, items[0].joined)
                _place(event, items[0], settings)
                events.append(event)
        return events

    return make


def _flag(event: Event, truncated: bool, joined: bool) -> None:
    """Say what was done to the lines; the batch cannot tell an engine's parts of one line from several lines."""
    flags = [*(["truncated"] if truncated else []), *(["multiline"] if joined else [])]
    event["log"].pop("flags", None)
    if flags:
        event["log"]["flags"] = flags


def _place(event: Event, item: Item, settings: FileInput) -> None:
    """Give the event what the parsers have found, and what the input's own options say."""
    del event["message"]
    keyed = [json for json, _ in item.decoded if json.message_key and not json.is_parser]
    if item.has_message and not keyed:
        event["message"] = item.text
    if item.stream is not None:
        event["stream"] = item.stream
    if item.time is not None:
        event[TIMESTAMP] = item.time
    if item.attrs is not None:
        put(event, ("docker", "attrs"), item.attrs)
    for json, keys in item.decoded:
        _place_json(event, json, dict(keys), item, settings.keep_null)
    if item.has_message and keyed and get(event, _text_path(keyed[-1])) != item.text:
        # Its place was taken, as `log` always is: the text is not lost.
        event.setdefault("message", item.text)
    if item.error is not None:
        put(event, ("error", "type"), item.error[0])
        put(event, ("error", "message"), item.error[1])
    for name, template in (("raw_index", settings.index), ("pipeline", settings.pipeline)):
        value = template(event) if template is not None else None
        if value is not None:
            put(event, (METADATA, name), value)
    if settings.publisher_disable_host:
        event.pop("host", None)


def _text_path(settings: JsonSettings) -> Path:
    under = "" if settings.keys_under_root else f"{settings.target}."
    return tuple(f"{under}{settings.message_key}".split("."))


def _place_json(event: Event, settings: JsonSettings, keys: dict[str, Any], item: Item, keep_null: bool) -> None:
    if settings.message_key and item.has_message:
        keys[settings.message_key] = item.text
    if not keep_null:
        keys = without_null(keys)
    try:
        keys = expanded(keys)
    except ValueError as error:
        if settings.add_error_key:
            put(event, ("error", "message"), f"Error expanding JSON: {error}")
            put(event, ("error", "type"), "json")
    if settings.document_id:
        name = remove(keys, tuple(settings.document_id.split(".")))
        if isinstance(name, str) and name:
            put(event, (METADATA, "_id"), name)
        elif name is not MISSING:
            put(keys, tuple(settings.document_id.split(".")), name)
    if not settings.keys_under_root:
        put(event, tuple(settings.target.split(".")), keys)
        return
    write_keys(event, keys, settings.overwrite_keys)


def without_null(value: dict[str, Any]) -> dict[str, Any]:
    """Leave out, at every depth of objects, what has no value."""
    return {
        key: without_null(below) if isinstance(below, dict) else below
        for key, below in value.items()
        if below is not None
    }
