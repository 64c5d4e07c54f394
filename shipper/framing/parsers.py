"""Parsers: what a container engine's format, JSON and multiline make of lines, one after the other.

A chain of them holds no state. The framing runs it to learn which lines make an event, and gives these lines out as
they are; the shaping runs it again on an event's lines, and gets its text and its fields.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sawlog.json_text import decode
from shipper.framing.base import cut
from shipper.framing.container import ContainerLine, read_line
from shipper.framing.multiline import rule_for
from shipper.settings import ContainerFormat, Json, Multiline, Parser

PARTIAL_SECONDS: Final = 5.0
"""How long a line that a container engine has cut waits for its rest."""

_Decoded = list[tuple[Json, dict[str, Any]]]


@dataclass(slots=True)
class Item:
    """An event in the making."""

    text: str
    """What the parsers after this one, and the filters of lines, work on."""
    lines: list[int]
    """The positions of the lines that it is made of."""
    truncated: bool = False
    has_message: bool = True
    """Whether the text is the event's message; that of a JSON object without ``message_key`` is not."""
    stream: str | None = None
    time: str | None = None
    decoded: _Decoded = field(default_factory=list)
    """What each JSON parser has found."""
    error: tuple[str, str] | None = None
    """Type and message of what went wrong."""


class Chain:
    """Parsers in the order in which they work."""

    def __init__(self, parsers: Sequence[Parser], max_bytes: int) -> None:
        """`max_bytes` bounds the text of an event."""
        self._steps = [_step(parser, max_bytes) for parser in ordered(parsers)]
        joint = [parser for parser in parsers if isinstance(parser, Multiline)]
        partial = any(isinstance(parser, ContainerFormat) and parser.partial for parser in parsers)
        waits = [parser.timeout for parser in joint] or ([PARTIAL_SECONDS] if partial else [])
        self.timeout = max(waits, default=0.0) or None

    def run(self, lines: Sequence[str], final: bool) -> tuple[list[Item], int]:
        """Return the events, and how many of the lines are done with; with `final`, all are."""
        items = [Item(line, [at]) for at, line in enumerate(lines)]
        done = len(lines)
        for step in self._steps:
            items, held = step.apply(items, final)
            if held is not None:
                done = min(done, held)
        return items, done


def works_on_lines(parsers: Sequence[Parser]) -> bool:
    """Whether a framing has to run the parsers; it need not when the first joins lines as they are, or none does."""
    chain = ordered(parsers)
    return any(isinstance(one, ContainerFormat) for one in chain) or any(
        isinstance(one, Multiline) for one in chain[1:]
    )


def ordered(parsers: Sequence[Parser]) -> list[Parser]:
    """Put JSON without a ``message_key`` behind multiline: it has no text that could be joined."""
    chain: list[Parser] = []
    late: list[Parser] = []
    for parser in parsers:
        if isinstance(parser, Json) and not parser.message_key:
            late.append(parser)
        else:
            if not isinstance(parser, Multiline):
                chain += late
                late = []
            chain.append(parser)
    return chain + late


class _Step(ABC):
    @abstractmethod
    def apply(self, items: list[Item], final: bool) -> tuple[list[Item], int | None]:
        """Return what becomes of the items, and the first line of one that may go on, or None."""


def _step(parser: Parser, max_bytes: int) -> _Step:
    if isinstance(parser, ContainerFormat):
        return _Container(parser, max_bytes)
    return _Join(parser, max_bytes) if isinstance(parser, Multiline) else _Decode(parser)


class _Container(_Step):
    def __init__(self, settings: ContainerFormat, max_bytes: int) -> None:
        self._settings = settings
        self._max_bytes = max_bytes

    def apply(self, items: list[Item], final: bool) -> tuple[list[Item], int | None]:
        """Read the engine's lines, and join the parts of one that it has cut."""
        made: list[Item] = []
        parts: list[tuple[Item, ContainerLine]] = []
        for item in items:
            if not item.text:
                continue
            try:
                line = read_line(item.text, self._settings)
            except ValueError as error:
                self._finish(parts, made)
                parts = []
                item.error = "container", str(error)
                made.append(item)
                continue
            parts.append((item, line))
            if not (line.partial and self._settings.partial):
                self._finish(parts, made)
                parts = []
        if parts and not final:
            return made, parts[0][0].lines[0]
        self._finish(parts, made)
        return made, None

    def _finish(self, parts: list[tuple[Item, ContainerLine]], made: list[Item]) -> None:
        if not parts or self._settings.stream not in ("all", parts[0][1].stream):
            return
        item, first = parts[0]
        texts, size = [first.text], len(first.text)
        for more, line in parts[1:]:
            if size > self._max_bytes:
                break
            texts.append(line.text)
            size += len(line.text)
            item.lines += more.lines
        item.text, item.truncated = cut("".join(texts).removesuffix("\n").removesuffix("\r"), self._max_bytes)
        item.stream, item.time = first.stream or None, first.time
        made.append(item)


class _Decode(_Step):
    def __init__(self, settings: Json) -> None:
        self._settings = settings

    def apply(self, items: list[Item], final: bool) -> tuple[list[Item], int | None]:
        """Decode each text that is a JSON object; any other stays what it is."""
        for item in items:
            self._decode(item)
        return items, None

    def _decode(self, item: Item) -> None:
        settings = self._settings
        try:
            keys = decode(item.text)
            if not isinstance(keys, dict):
                raise ValueError("not an object")
        except ValueError as error:
            if settings.add_error_key:
                item.error = "json", f"Error decoding JSON: {error}"
            return
        item.decoded.append((settings, keys))
        if not settings.message_key:
            item.has_message = False
            return
        text = keys.get(settings.message_key)
        item.text, item.has_message = (text, True) if isinstance(text, str) else ("", False)
        if not item.has_message and settings.add_error_key:
            item.error = "json", f"Key '{settings.message_key}' not found, or no text"


class _Join(_Step):
    def __init__(self, settings: Multiline, max_bytes: int) -> None:
        self._rule = rule_for(settings)
        self._joint = "" if settings.skip_newline else "\n"
        self._max_lines = settings.max_lines or sys.maxsize
        self._max_bytes = max_bytes

    def apply(self, items: list[Item], final: bool) -> tuple[list[Item], int | None]:
        """Join what belongs together by the rule."""
        if not items:
            return [], None
        begins, complete = self._rule.begins([item.text for item in items])
        held = None
        if not final and not complete:
            last = begins.pop()
            held = items[last].lines[0]
            items = items[:last]
        ends = [*begins[1:], len(items)] if begins else []
        return [self._joined(items[begin:end]) for begin, end in zip(begins, ends, strict=True)], held

    def _joined(self, items: Sequence[Item]) -> Item:
        first, *others = items
        texts, size = [first.text], len(first.text)
        for count, item in enumerate(others, 2):
            if count > self._max_lines or size > self._max_bytes:
                first.truncated = True
                break
            texts.append(item.text)
            size += len(item.text) + 1
            first.lines += item.lines
            first.truncated |= item.truncated
            first.has_message |= item.has_message
            first.error = first.error or item.error
            first.decoded = _merged(first.decoded, item.decoded)
        first.text, shortened = cut(self._joint.join(texts), self._max_bytes)
        first.truncated |= shortened
        return first


def _merged(one: _Decoded, other: _Decoded) -> _Decoded:
    """Put what the JSON of a further line says over what that of the first does, as Filebeat does."""
    found = {id(settings): (settings, keys) for settings, keys in one}
    for settings, keys in other:
        before = found.get(id(settings), (settings, {}))[1]
        found[id(settings)] = settings, {**before, **keys}
    return list(found.values())
