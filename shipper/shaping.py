"""Shaping: what an input's settings make of the events that were read, before they are sent.

The order is Filebeat's: the line filters, JSON, the processors of the input, those of the whole configuration.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from sawlog.batch import Batch, EventBatch, LineBatch
from sawlog.errors import ConfigError
from sawlog.event import Event, put
from shipper.agent import Shape
from shipper.processor.base import Processor
from shipper.settings import ContainerFormat, FileInput, Json


def shape_for(settings: FileInput, processors: Sequence[Processor] = ()) -> Shape | None:
    """Return the shape that the settings ask for, or None when events are sent as they were read.

    Raises:
        ConfigError: the input's lines are in a container engine's format, which is not offered here yet.
    """
    if any(isinstance(parser, ContainerFormat) for parser in settings.parsers):
        raise ConfigError("inputs of type container are not read by `sawlog up`")
    every = (*settings.processors, *processors)
    json = settings.json
    if not (settings.include_lines or settings.exclude_lines or json or every):
        return None
    include = [re.compile(pattern) for pattern in settings.include_lines]
    exclude = [re.compile(pattern) for pattern in settings.exclude_lines]

    def wanted(text: str) -> bool:
        kept = not include or any(pattern.search(text) for pattern in include)
        return kept and not any(pattern.search(text) for pattern in exclude)

    def shape(batch: LineBatch) -> Batch | None:
        if include or exclude:
            batch = _only(batch, [at for at, text in enumerate(batch.texts) if wanted(text)])
        if json is None and not every:
            return batch
        events = batch.events()
        if json is not None:
            for event in events:
                _decode(event, json)
        for processor in every:
            events = processor.apply(events)
        return EventBatch(batch.source, events, batch.size, batch.hand_over())

    return shape


def _only(batch: LineBatch, kept: Sequence[int]) -> LineBatch:
    texts = [batch.texts[at] for at in kept]
    offsets = [batch.offsets[at] for at in kept]
    truncated = frozenset(new for new, at in enumerate(kept) if at in batch.truncated)
    return LineBatch(batch.source, texts, offsets, batch.size, batch.hand_over(), truncated)


def _decode(event: Event, settings: Json) -> None:
    """Put the keys of a line of JSON into the event (``json.*`` of Filebeat's log input)."""
    try:
        found = msgspec.json.decode(event["message"])
        if not isinstance(found, dict):
            raise msgspec.DecodeError("not an object")
    except msgspec.DecodeError as error:
        if settings.add_error_key:
            put(event, ("error", "message"), f"Error decoding JSON: {error}")
            put(event, ("error", "type"), "json")
        return
    keys: dict[str, Any] = {}
    for key, value in found.items():
        put(keys, tuple(key.split(".")) if settings.expand_keys else (key,), value)
    del event["message"]
    if settings.message_key and settings.message_key in found:
        event["message"] = found[settings.message_key]
    if not settings.keys_under_root:
        event[settings.target or "json"] = keys
        return
    for key, value in keys.items():
        if settings.overwrite_keys or key not in event:
            event[key] = value
