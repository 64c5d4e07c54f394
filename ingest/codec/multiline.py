"""multiline: several lines, one event, by a pattern that says which lines belong to their neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from ingest import timeout
from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.grok.compiler import Expression
from ingest.grok.library import load
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError
from sawlog.event import Event, add_tag
from sawlog.joining import BoundedNeighbours, Open

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Joining:
    """Which lines are one event, for an input that cuts lines itself and so knows where each event stood."""

    rule: BoundedNeighbours
    idle_seconds: float | None
    """An event ends, too, when nothing has come for so long; None: it waits."""
    tag: str
    """That of events of several lines; may be empty."""


class Multiline(Codec):
    """Lines are joined by line feeds; an event that reaches a limit ends there, tagged."""

    name = "multiline"
    options: ClassVar[dict[str, Option]] = {
        "pattern": Option(Kind.STRING, "What is searched for in each line; may use grok's patterns.", required=True),
        "what": Option(
            Kind.STRING,
            "Whether a line that matches belongs to the one above or to the one below.",
            required=True,
            one_of=("previous", "next"),
        ),
        "negate": Option(Kind.BOOLEAN, "Whether the lines that do not match belong to a neighbour.", False),
        "patterns_dir": Option(Kind.ARRAY, "Folders or files of more patterns.", []),
        "charset": settings.CHARSET,
        "delimiter": settings.DELIMITER,
        "multiline_tag": Option(Kind.STRING, "The tag of events of several lines; empty: none.", "multiline"),
        "max_lines": Option(Kind.NUMBER, "An event that has more lines ends.", 500),
        "max_bytes": Option(Kind.STRING, "An event that has as many bytes ends: 10 MiB, 500kb.", "10 MiB"),
        "auto_flush_interval": Option(
            Kind.NUMBER, "An event ends when nothing has come for so many seconds; not given: it waits for the next."
        ),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
        "streaming_input": Option(Kind.BOOLEAN, "", False, noted="every input here is a stream"),
    }

    def __init__(self, options: Options) -> None:
        try:
            self._expression = Expression(options["pattern"], load(map(str, options["patterns_dir"])))
        except ConfigError as error:
            name = "pattern" if error.position is None else "patterns_dir"
            raise options.error(error.message, name, error.hint) from None
        self._search = self._expression.search()
        self._negate: bool = options["negate"]
        self._rule = BoundedNeighbours(
            lambda line: (self._search(line) is not None) is not self._negate,
            above=options["what"] == "previous",
            max_lines=int(options["max_lines"]),
            max_bytes=_bytes(options),
        )
        self._tag: str = options["multiline_tag"]
        self._keep_original = settings.keeps_original(options)
        self._lines = settings.LineCutter(settings.charset(options), settings.delimiter(options))
        if options["auto_flush_interval"] is not None:
            self.auto_flush_interval = float(options["auto_flush_interval"])
        self._texts: list[str] = []
        self._open = Open()

    @property
    def joining(self) -> Joining:
        """The rule by which it joins lines."""
        # The input reads in a thread of its own.
        search, negate, rule = timeout.Limited(self._expression.search_within), self._negate, self._rule
        limited = BoundedNeighbours(
            lambda line: search(line) is not negate,
            above=rule.above,
            max_lines=rule.max_lines,
            max_bytes=rule.max_bytes,
        )
        return Joining(limited, self.auto_flush_interval, self._tag)

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        return list(self._events(self._lines.feed(data)))

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        rest = self._lines.rest()
        return [*self._events([rest] if rest else []), *self._finish()]

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        return b"".join([settings.encode_json(event) + b"\n" for event in events])

    def _events(self, lines: list[str]) -> Iterator[Event]:
        # A line on which the expression runs away matches nothing.
        found = timeout.answers(lines, lambda line: self._search(line) is not None, lambda _: None)
        rule = self._rule
        for line, matches in zip(lines, found, strict=True):
            mark = matches is not self._negate
            if rule.parts(self._open, mark):
                yield from self._finish()
            self._texts.append(line)
            rule.add(self._open, line, mark)
            if rule.is_whole(self._open):
                yield from self._finish()

    def _finish(self) -> list[Event]:
        if not self._texts:
            return []
        events = settings.text_events(["\n".join(self._texts)], self._keep_original)
        if self._tag and len(self._texts) > 1:
            add_tag(events[0], self._tag)
        if self._open.size >= self._rule.max_bytes:
            add_tag(events[0], "multiline_codec_max_bytes_reached")
        if self._open.lines > self._rule.max_lines:
            add_tag(events[0], "multiline_codec_max_lines_reached")
        self._texts, self._open = [], Open()
        return events


def _bytes(options: Options) -> int:
    """Read a size as Logstash does: ``10 MiB`` counts in 1024s, ``10mb`` in 1000s, a bare number in bytes."""
    found = _SIZE.fullmatch(options["max_bytes"])
    if found is None:
        raise options.error(f"'{options['max_bytes']}' is no size", "max_bytes", "such as 10 MiB")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit.lower() or " "))
