"""Framing for lines that mean something before they are joined: a container engine's, or JSON with a text in it."""

from __future__ import annotations

from collections.abc import Sequence

from shipper.framing.base import Frames, Framing
from shipper.framing.lines import LineFraming
from shipper.framing.multiline import MultilineFraming
from shipper.framing.parsers import Chain, works_on_lines
from shipper.framing.spring_boot import SpringBootFraming
from shipper.settings import FileInput, MultilineSettings, Parser, SpringBoot


def framing_for(settings: FileInput) -> Framing:
    """Return the framing that an input's settings ask for."""
    joins = next((one for one in settings.parsers if isinstance(one, MultilineSettings | SpringBoot)), None)
    lines = LineFraming(settings.encoding, settings.max_bytes)
    if works_on_lines(settings.parsers, settings.encoding):
        return ParsedFraming(lines, settings.parsers)
    if isinstance(joins, SpringBoot):
        return SpringBootFraming(settings.max_bytes, joins.max_lines, joins.timeout)
    return MultilineFraming(lines, joins) if joins else lines


class ParsedFraming(Framing):
    """Lets the parsers say which lines make an event, and gives these out as they stand, with line feeds between.

    Lines that belong to no event (of the other stream) are passed over. What the lines say is for the shaping to
    find: it runs the same parsers on an event's lines.
    """

    def __init__(self, lines: LineFraming, parsers: Sequence[Parser]) -> None:
        self.lines = lines
        self.max_bytes = lines.max_bytes
        self._chain = Chain(parsers, lines.max_bytes)
        self.timeout = self._chain.timeout

    def frame(self, buffer: bytes, offset: int, final: bool) -> Frames:
        """Cut `buffer` into events; a last event that may go on is held back unless `final`."""
        raw, starts, consumed = self.lines.split(buffer, offset, final)
        texts, short = self.lines.texts(raw)
        items, done = self._chain.run(texts, final)
        if done < len(texts):
            consumed = starts[done] - offset
        return Frames(
            ["\n".join(texts[at] for at in item.lines) for item in items],
            [starts[item.lines[0]] for item in items],
            consumed,
            frozenset(n for n, item in enumerate(items) if item.truncated or not short.isdisjoint(item.lines)),
        )

    def whole(self, buffer: bytes, offset: int) -> int:  # noqa: D102 - Framing.whole
        return self.lines.whole(buffer, offset)

    def first(self, buffer: bytes, offset: int) -> int:  # noqa: D102 - Framing.first
        return self.lines.first(buffer, offset)
