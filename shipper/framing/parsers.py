"""Parsers: what a container engine's format, JSON and multiline make of lines, one after the other.

A chain of them holds no state. The framing runs it to learn which lines make an event, and gives these lines out as
they are; the shaping runs it again on an event's lines, and gets its text and its fields.

What a container writes to standard output and to standard error stands in one file, line by line as it came, and is
joined apart. An event of one stream is therefore complete, too, when the other one has gone on for `timeout` seconds
by the engine's own clock: else a stream that falls silent would hold back the other's lines.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, pairwise
from typing import Any, Final

from sawlog.joining import BoundedRule, JoinRule
from sawlog.json_text import decode
from shipper.framing.base import cut
from shipper.framing.container import ContainerLine, read_line, seconds_between
from shipper.framing.multiline import rule_for
from shipper.framing.spring_boot import SpringBootRule
from shipper.settings import ContainerFormat, JsonSettings, MultilineSettings, Parser, SpringBoot

PARTIAL_SECONDS: Final = 5.0
"""How long a line that a container engine has cut waits for its rest."""

_Decoded = list[tuple[JsonSettings, dict[str, Any]]]


@dataclass(slots=True)
class Item:
    """An event in the making."""

    text: str
    """What the parsers after this one, and the filters of lines, work on."""
    lines: list[int]
    """The positions of the lines that it is made of."""
    last: int
    """The position of the last line that belongs to it, be it one that was dropped at a limit."""
    truncated: bool = False
    joined: bool = False
    """Whether there is more than one line in it; the parts of one that the engine has cut are one."""
    has_message: bool = True
    """Whether the text is the event's message; that of a JSON object without ``message_key`` is not."""
    stream: str | None = None
    time: str | None = None
    attrs: dict[str, str] | None = None
    decoded: _Decoded = field(default_factory=list)
    """What each JSON parser has found."""
    error: tuple[str, str] | None = None
    """Type and message of what went wrong."""


class Chain:
    """Parsers in the order in which they work."""

    def __init__(self, parsers: Sequence[Parser], max_bytes: int) -> None:
        """`max_bytes` bounds the text of an event."""
        self._steps = [_step(parser, max_bytes) for parser in ordered(parsers)]
        joint = [parser for parser in parsers if isinstance(parser, MultilineSettings | SpringBoot)]
        partial = any(isinstance(parser, ContainerFormat) and parser.partial for parser in parsers)
        waits = [parser.timeout for parser in joint] or ([PARTIAL_SECONDS] if partial else [])
        self.timeout = max(waits, default=0.0) or None

    def run(self, lines: Sequence[str], final: bool) -> tuple[list[Item], int]:
        """Return the events by their first lines, and how many of the lines are done with; with `final`, all are."""
        items = [Item(line, [at], at) for at, line in enumerate(lines)]
        done = len(lines)
        for step in self._steps:
            items, held = step.apply(items, final)
            if held is not None:
                done = min(done, held)
        items.sort(key=lambda item: item.lines[0])
        return (items, done) if done == len(lines) else _before(items, done)


def _before(items: Sequence[Item], done: int) -> tuple[list[Item], int]:
    """Go back from line `done` to one that stands within no event; return the events above it, and its position.

    The lines below are read again, as if the file began there. Events of two streams may overlap.
    """
    for item in reversed(items):
        if item.lines[0] < done <= item.last:
            done = item.lines[0]
    return [item for item in items if item.lines[0] < done], done


def works_on_lines(parsers: Sequence[Parser], encoding: str) -> bool:
    """Whether a framing has to run the parsers; it need not when the first joins lines as they are, or none does."""
    if not parsers:
        return False
    first, *others = ordered(parsers)
    if isinstance(first, ContainerFormat) or any(not isinstance(other, JsonSettings) for other in others):
        return True
    if isinstance(first, SpringBoot):
        return encoding != "utf-8"
    return isinstance(first, MultilineSettings) and first.skip_newline


def ordered(parsers: Sequence[Parser]) -> list[Parser]:
    """Put JSON without a ``message_key`` behind what joins lines: it has no text that could be joined."""
    chain: list[Parser] = []
    late: list[Parser] = []
    for parser in parsers:
        if isinstance(parser, JsonSettings) and not parser.message_key:
            late.append(parser)
        else:
            if isinstance(parser, JsonSettings | ContainerFormat):
                chain += late
                late = []
            chain.append(parser)
    return chain + late


class _ChainStep(ABC):
    @abstractmethod
    def apply(self, items: list[Item], final: bool) -> tuple[list[Item], int | None]:
        """Return what becomes of the items, and the first line of one that may go on, or None."""


def _step(parser: Parser, max_bytes: int) -> _ChainStep:
    if isinstance(parser, ContainerFormat):
        return _ReadContainer(parser, max_bytes)
    if isinstance(parser, SpringBoot):
        return _JoinSpringBoot(parser, max_bytes)
    return _JoinLines(parser, max_bytes) if isinstance(parser, MultilineSettings) else _DecodeJson(parser)


class _ReadContainer(_ChainStep):
    def __init__(self, settings: ContainerFormat, max_bytes: int) -> None:
        self._settings = settings
        self._max_bytes = max_bytes

    def apply(self, items: list[Item], final: bool) -> tuple[list[Item], int | None]:
        """Read the engine's lines, and join the parts of one that it has cut."""
        made: list[Item] = []
        parts: dict[str, list[tuple[Item, ContainerLine]]] = {}
        for item in items:
            if not item.text:
                continue
            try:
                line = read_line(item.text, self._settings)
            except ValueError as error:
                # Whose it is cannot be told, and whether a rest was lost with it neither.
                made += map(self._whole, parts.values())
                parts.clear()
                item.error = "container", str(error)
                made.append(item)
                continue
            if self._settings.stream not in ("all", line.stream):
                continue
            for stream in [one for one in parts if one != line.stream]:
                if seconds_between(parts[stream][-1][1].time, line.time) > PARTIAL_SECONDS:
                    made.append(self._whole(parts.pop(stream)))
            parts.setdefault(line.stream, []).append((item, line))
            if not (line.partial and self._settings.partial):
                made.append(self._whole(parts.pop(line.stream)))
        if parts and not final:
            return made, min(waiting[0][0].lines[0] for waiting in parts.values())
        return [*made, *map(self._whole, parts.values())], None

    def _whole(self, parts: list[tuple[Item, ContainerLine]]) -> Item:
        item, first = parts[0]
        texts, size = [first.text], len(first.text)
        for more, line in parts[1:]:
            if size > self._max_bytes:
                break
            texts.append(line.text)
            size += len(line.text)
            item.lines += more.lines
        item.last = parts[-1][0].last
        item.text, item.truncated = cut("".join(texts).removesuffix("\n").removesuffix("\r"), self._max_bytes)
        item.stream, item.time, item.attrs = first.stream or None, first.time, first.attrs
        return item


class _DecodeJson(_ChainStep):
    def __init__(self, settings: JsonSettings) -> None:
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


class _JoinByRule(_ChainStep):
    """Joins what belongs together by a rule, each stream apart."""

    def __init__(self, rule: JoinRule, timeout: float, max_bytes: int) -> None:
        self.rule = rule
        self.max_bytes = max_bytes
        self._timeout = timeout or None

    @abstractmethod
    def joined(self, items: Sequence[Item]) -> Item:
        """Make one event of the items; the first becomes it."""

    def apply(self, items: list[Item], final: bool) -> tuple[list[Item], int | None]:
        """Join what belongs together."""
        made: list[Item] = []
        held: list[int] = []
        for run, ended in self._runs(items):
            begins, whole = self.rule.begins([item.text for item in run])
            if not (final or ended or whole):
                held.append(run[begins[-1]].lines[0])
            else:
                begins.append(len(run))
            made += [self.joined(run[begin:end]) for begin, end in pairwise(begins)]
        return made, min(held, default=None)

    def _runs(self, items: list[Item]) -> Iterator[tuple[list[Item], bool]]:
        """Part the items by streams, and where one was silent for long; say whether such a run has come to its end."""
        if len({item.stream for item in items}) == 1:
            yield items, False
            return
        runs: dict[str | None, list[Item]] = {}
        for item in items:
            for stream in [one for one in runs if one != item.stream]:
                if self._is_over(runs[stream][-1], item):
                    yield runs.pop(stream), True
            runs.setdefault(item.stream, []).append(item)
        for run in runs.values():
            yield run, False

    def _is_over(self, last: Item, other: Item) -> bool:
        """Whether nothing more is to be expected of a stream, given its last item and a later one of another."""
        if last.time is None:
            # No line of an engine's: it waits for the very next one only.
            return True
        return bool(self._timeout and other.time and seconds_between(last.time, other.time) > self._timeout)


class _JoinLines(_JoinByRule):
    def __init__(self, settings: MultilineSettings, max_bytes: int) -> None:
        super().__init__(rule_for(settings), settings.timeout, max_bytes)
        self._joint = "" if settings.skip_newline else "\n"
        self._max_lines = settings.max_lines or sys.maxsize

    def joined(self, items: Sequence[Item]) -> Item:
        """Drop what goes beyond the limits, and line feeds at the top, as Filebeat's reader does."""
        first = items[0]
        texts, size = [first.text], len(first.text)
        first.last = items[-1].last
        for item in items[1:]:
            if len(texts) == self._max_lines or size > self.max_bytes:
                first.truncated = True
                break
            texts.append(item.text)
            size += len(item.text) + 1
            _take(first, item)
        text = self._joint.join(texts if first.text else dropwhile(lambda text: not text, texts))
        first.text, shortened = cut(text, self.max_bytes)
        first.truncated |= shortened
        return first


class _JoinSpringBoot(_JoinByRule):
    """Does with lines from anywhere what `SpringBootFraming` does with those of a file: it drops none."""

    def __init__(self, settings: SpringBoot, max_bytes: int) -> None:
        rule = BoundedRule(SpringBootRule(settings.max_lines), max_bytes)
        super().__init__(rule, settings.timeout, max_bytes)

    def joined(self, items: Sequence[Item]) -> Item:
        """Join them all; only a line that is too long by itself is cut."""
        first = items[0]
        text = "\n".join(item.text for item in items)
        for item in items[1:]:
            _take(first, item)
        first.last = items[-1].last
        first.text, shortened = cut(text, self.max_bytes)
        first.truncated |= shortened
        return first


def _take(first: Item, item: Item) -> None:
    """Give an item what another one that is joined to it has, but its text."""
    first.joined = True
    first.lines += item.lines
    first.truncated |= item.truncated
    first.has_message |= item.has_message
    first.error = first.error or item.error
    first.decoded = _merged(first.decoded, item.decoded)


def _merged(one: _Decoded, other: _Decoded) -> _Decoded:
    """Put what the JSON of a further line says over what that of the first does, as Filebeat does."""
    found = {id(settings): (settings, keys) for settings, keys in one}
    for settings, keys in other:
        before = found.get(id(settings), (settings, {}))[1]
        found[id(settings)] = settings, {**before, **keys}
    return list(found.values())
