"""Parsed events of files, kept as columns as long as nobody asks for dictionaries.

What differs from line to line in a log of one service is little: the time, the head (level, logger, thread, process;
heads repeat), the message and the offset, and for some lines the ids of a trace. A batch of such lines stays four
lists side by side; the bodies of bulk requests are made of them by pasting pieces of JSON that each head has ready.
Whatever has more than that, such as a stack trace, is an event of its own at its position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, overload

import msgspec

from sawlog.event import METADATA, TIMESTAMP, Event, mark_ingested

_encoder: Final = msgspec.json.Encoder()


def _text(value: object) -> str:
    return _encoder.encode(value).decode()


def _members(value: object) -> list[str]:
    """Return the members of an object as JSON; none of what is no object."""
    return [_text({name: one})[1:-1] for name, one in value.items()] if isinstance(value, dict) else []


_PIECES: Final = 10
"""Of so many pieces is what stands in the body of a bulk request for one event."""


class Common:
    """What the events of one source with the same level, logger, thread and so on have in common.

    `common` is the event but for ``@timestamp``, ``message``, ``log.offset``, ``trace``, ``span`` and the id. `action`
    and one of the tails are what stands before and behind an event's own values in the body of a ``_bulk`` request:
    `tail` as it is, or `tail_ingested` with the value of ``event.ingested`` still to come.
    """

    __slots__ = ("_event", "_log", "_metadata", "action", "key", "tail", "tail_ingested")

    def __init__(self, key: str, common: Event) -> None:
        """`key` is that of the source; ``@metadata`` of `common` is what the events have there beside their id."""
        self.key = key
        log = common.get("log", {})
        self._log = {**log, "offset": 0}
        metadata = common.get(METADATA)
        self._metadata = {**metadata, "_id": ""} if isinstance(metadata, dict) else {"_id": ""}
        # The gaps stand there already, so that filling them does not make the dictionaries grow.
        self._event: Event = {**common, TIMESTAMP: "", "message": "", "log": None, METADATA: None}
        self.action = f'{{"create":{{"_id":"{_text(key)[1:-1]}:'
        rest = {name: value for name, value in common.items() if name not in ("log", METADATA)}
        # What the events have of their own must not stand there twice.
        own = {name: value for name, value in log.items() if name != "offset"}
        before = "".join(f",{member}" for member in _members(own)) + "}"
        self.tail = before + "".join(f",{member}" for member in _members(rest))
        about = rest.pop("event", None)
        if isinstance(about, dict):
            about = {name: value for name, value in about.items() if name != "ingested"}
        before += "".join(f",{member}" for member in _members(rest))
        self.tail_ingested = f'{before},"event":{{{"".join(f"{one}," for one in _members(about))}"ingested":"'

    def __contains__(self, name: str) -> bool:
        return name in self._event

    def event(self, time: str, message: str, offset: int) -> Event:
        """Make an event; what it has below the top is shared, but for ``log`` and ``@metadata``."""
        # Copying a half-made event and filling its gaps beats making one.
        event = self._event.copy()
        event["@timestamp"] = time
        event["message"] = message
        event["log"] = log = self._log.copy()
        log["offset"] = offset
        event["@metadata"] = metadata = self._metadata.copy()
        metadata["_id"] = f"{self.key}:{offset}"
        return event


ITS_OWN: Final = Common("", {})
"""Stands where an event is one of its own."""


@dataclass(slots=True)
class Columns(Sequence[Event]):
    """Events as lists side by side; iterating, and asking for one, makes dictionaries anew each time.

    `ids` are those of the trace and the span of events that have them, by position; `events` are those that have more
    than the columns hold, by position, as dictionaries.
    """

    heads: list[Common] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    ids: dict[int, tuple[str, str]] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    size: int = 0
    """About how many bytes the lines had."""
    longest: int = 0
    """How long the longest of `events` was, in characters of JSON, when `body` was last made."""

    def __len__(self) -> int:
        return len(self.heads)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Columns: ...
    def __getitem__(self, at: int | slice) -> Event | Columns:
        position = range(len(self.heads))[at]
        if isinstance(position, range):
            return self.take(position)
        if position in self.events:
            return self.events[position].copy()
        event = self.heads[position].event(self.times[position], self.messages[position], self.offsets[position])
        return event | traced(self.ids[position]) if position in self.ids else event

    def __iter__(self) -> Iterator[Event]:
        return iter(self.dictionaries())

    def dictionaries(self) -> list[Event]:
        """Make all events, each with its id in ``@metadata``."""
        made = [
            head.event(time, message, offset)
            for head, time, message, offset in zip(self.heads, self.times, self.messages, self.offsets, strict=True)
        ]
        for position, ids in self.ids.items():
            made[position] |= traced(ids)
        for position, event in self.events.items():
            made[position] = event.copy()
        return made

    def put(self, at: int, event: Event) -> None:
        """Let an event of its own stand at a position."""
        self.events[at] = event
        self.ids.pop(at, None)
        self.heads[at] = ITS_OWN
        self.times[at] = self.messages[at] = ""

    def take(self, positions: Sequence[int]) -> Columns:
        """Return the events at these positions, in their order."""
        beside = enumerate(positions) if self.ids or self.events else ()
        ids, events = {}, {}
        for new, old in beside:
            if old in self.ids:
                ids[new] = self.ids[old]
            if old in self.events:
                events[new] = self.events[old]
        return Columns(
            [self.heads[at] for at in positions],
            [self.times[at] for at in positions],
            [self.messages[at] for at in positions],
            [self.offsets[at] for at in positions],
            ids,
            events,
            self.size * len(positions) // max(1, len(self.heads)),
        )

    def has(self, name: str) -> bool:
        """Whether any event has this field at its top, besides those that all have."""
        commons = {id(head): head for head in self.heads}
        return any(name in head for head in commons.values()) or any(name in event for event in self.events.values())

    def names(self) -> list[str]:
        """Return the ids of the documents."""
        names = [f"{head.key}:{offset}" for head, offset in zip(self.heads, self.offsets, strict=True)]
        for position, event in self.events.items():
            names[position] = event[METADATA]["_id"]
        return names

    def body(self, ingested: str | None, added: Event) -> bytes:
        """Return the body of a ``_bulk`` that creates the documents.

        `ingested` becomes their ``event.ingested``; `added` are fields that no event has and all documents get.

        Raises:
            ValueError, TypeError: one of them is nothing that JSON can hold.
        """
        count = len(self.heads)
        if not count:
            return b""
        # No text has a line feed in JSON. (A comma could be its last character, behind a quotation mark of its own.)
        messages = _encoder.encode_lines(self.messages).decode()[1:-2].split('"\n"')
        offsets = list(map(str, self.offsets))
        pieces: list[str] = [""] * (count * _PIECES)
        pieces[0::_PIECES] = [head.action for head in self.heads]
        pieces[1::_PIECES] = offsets
        pieces[2::_PIECES] = ['"}}\n{"@timestamp":"'] * count
        pieces[3::_PIECES] = self.times
        pieces[4::_PIECES] = ['","message":"'] * count
        pieces[5::_PIECES] = messages
        traces = ['","log":{"offset":'] * count
        for position, (trace, span) in self.ids.items():
            traces[position] = f'","trace":{{"id":"{trace}"}},"span":{{"id":"{span}"}},"log":{{"offset":'
        pieces[6::_PIECES] = traces
        pieces[7::_PIECES] = offsets
        if ingested is None:
            pieces[8::_PIECES] = [head.tail for head in self.heads]
        else:
            pieces[8::_PIECES] = [head.tail_ingested for head in self.heads]
        end = "" if ingested is None else f'{ingested}"}}'
        pieces[9::_PIECES] = [f"{end}{''.join(f',{one}' for one in _members(added))}}}\n"] * count
        for position, event in self.events.items():
            start = position * _PIECES
            pieces[start : start + _PIECES] = [_line(event, ingested, added), *[""] * (_PIECES - 1)]
        self.longest = max((len(pieces[position * _PIECES]) for position in self.events), default=0)
        return "".join(pieces).encode()


class ColumnDocuments(Sequence[Event]):
    """Columns as what is sent to a store: events without ``@metadata``, with what is added to all of them."""

    __slots__ = ("added", "columns", "ingested")

    def __init__(self, columns: Columns, ingested: str | None = None, added: Event | None = None) -> None:
        """`ingested` becomes their ``event.ingested``; `added` are fields that none of them has."""
        self.columns = columns
        self.ingested = ingested
        self.added = added or {}

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> ColumnDocuments: ...
    def __getitem__(self, at: int | slice) -> Event | ColumnDocuments:
        if isinstance(at, slice):
            return self.of(self.columns[at])
        return document(self.columns[at], self.ingested, self.added)[1]

    def __iter__(self) -> Iterator[Event]:
        for event in self.columns.dictionaries():
            yield document(event, self.ingested, self.added)[1]

    def of(self, columns: Columns) -> ColumnDocuments:
        """Do the same with other columns."""
        return ColumnDocuments(columns, self.ingested, self.added)

    def body(self) -> bytes:
        """Return the body of a ``_bulk`` that creates them. Raises as `Columns.body` does."""
        return self.columns.body(self.ingested, self.added)


class Names(Sequence[str]):
    """The ids of columns, made when they are asked for."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        return self._columns.names()[at] if isinstance(at, slice) else self._columns[at][METADATA]["_id"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names())


def joined(several: Sequence[Columns]) -> Columns:
    """Put the events of several together, in order."""
    whole = Columns()
    for one in several:
        start = len(whole.heads)
        whole.heads += one.heads
        whole.times += one.times
        whole.messages += one.messages
        whole.offsets += one.offsets
        whole.size += one.size
        whole.ids |= {start + position: ids for position, ids in one.ids.items()}
        whole.events |= {start + position: event for position, event in one.events.items()}
    return whole


def traced(ids: tuple[str, str]) -> dict[str, Any]:
    """Return the fields of a trace's and a span's id."""
    return {"trace": {"id": ids[0]}, "span": {"id": ids[1]}}


def document(event: Event, ingested: str | None, added: Event) -> tuple[str, Event]:
    """Make a document of an event, which may be changed at its top: its id, and what is sent to a store."""
    name = event.pop(METADATA)["_id"]
    if ingested is not None:
        mark_ingested([event], ingested)
    return name, event | added


def _line(event: Event, ingested: str | None, added: Event) -> str:
    name, sent = document(event.copy(), ingested, added)
    return f'{{"create":{{"_id":{_text(name)}}}}}\n{_text(sent)}\n'
