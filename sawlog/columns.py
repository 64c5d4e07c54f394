"""Parsed events of files, kept as columns as long as nobody asks for dictionaries.

What differs from line to line in a log of one service is little: the time, the head (level, logger, thread, process;
heads repeat), the message and the offset, and for some lines the ids of a trace. A batch of such lines stays four
lists side by side; the bodies of bulk requests are made of them by pasting pieces of JSON that each head has ready.
Whatever has more than that, such as a stack trace, is an event of its own at its position.

What filters capture out of lines are columns, too (`Columns.values`); what they do alike to all events of a head, such
as tagging them, they do to the head, once (`Columns.change`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import is_
from typing import Any, Final, SupportsIndex, TypeVar, overload

import msgspec

from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, get, is_tagged, mark_ingested, put

T = TypeVar("T")

_encoder: Final = msgspec.json.Encoder()


def _text(value: object) -> str:
    return _encoder.encode(value).decode()


def _members(value: object) -> list[str]:
    """Return the members of an object as JSON; none of what is no object."""
    return [_text({name: one})[1:-1] for name, one in value.items()] if isinstance(value, dict) else []


RESERVED: Final = frozenset({TIMESTAMP, "message", "event", "tags", "trace", "span", "sawlog"})
"""Fields at the top of which, and below which, there are no captured columns: the body has its own place for them, or
what is there belongs to the head."""


class Common:
    """What the events of one source with the same level, logger, thread and so on have in common.

    `common` is the event but for ``@timestamp``, ``message``, ``log.offset``, ``trace``, ``span`` and the id. `action`
    and one of the tails are what stands before and behind an event's own values in the body of a ``_bulk`` request:
    `tail` as it is, or `tail_ingested` with the value of ``event.ingested`` still to come.
    """

    __slots__ = ("_changed", "_common", "_event", "_log", "_metadata", "action", "key", "tail", "tail_ingested")

    def __init__(self, key: str, common: Event) -> None:
        """`key` is that of the source; ``@metadata`` of `common` is what the events have there beside their id."""
        self.key = key
        self._common = common
        self._changed: dict[Hashable, Common] = {}
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
        mark_ingested([rest], "")
        about = {name: value for name, value in rest.pop("event").items() if name != "ingested"}
        before += "".join(f",{member}" for member in _members(rest))
        self.tail_ingested = f'{before},"event":{{{"".join(f"{one}," for one in _members(about))}"ingested":"'

    def __contains__(self, name: str) -> bool:
        return name in self._event

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """Leave what it was changed into to this process: filters stand there."""
        return None, {name: {} if name == "_changed" else getattr(self, name) for name in self.__slots__}

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Let what stands for an event of its own stay the same object in another process."""
        return "ITS_OWN" if self is ITS_OWN else super().__reduce_ex__(protocol)

    def get(self, path: Path) -> Any:
        """Return what all its events have at a path; None if they have nothing."""
        return get(self._common, path)

    def has(self, path: Path) -> bool:
        """Whether its events have something at a path, be it null, besides what is their own."""
        return get(self._common, path, MISSING) is not MISSING

    def changed(self, key: Hashable, change: Callable[[Event], object]) -> Common:
        """Return what it becomes when its events are changed alike, which is worked out once for each `key`.

        `change` gets an event that lacks what its events have of their own, and neither reads nor sets that.
        """
        known = self._changed.get(key)
        if known is None:
            event = self._common.copy()
            change(event)
            known = self._changed[key] = Common(self.key, event)
        return known

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

    `ids` are those of the trace and the span of events that have them, by position: hexadecimal digits with a hyphen
    between them. `events` are those that have more than the columns hold, by position, as dictionaries. `values` are
    what was captured, by path: a list as long as the others, of JSON values that are no objects, with None where an
    event has none. No head has anything at such a path, nor, but for ``log`` and ``@metadata``, at its top; nor is one
    path the beginning of another.
    """

    heads: list[Common] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    values: dict[Path, list[Any]] = field(default_factory=dict)
    size: int = 0
    """About how many bytes the lines had."""
    is_changed: bool = False
    """Whether heads were changed; before that, none of them has tags of filters or flags of lines."""
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
        for path, values in self.values.items():
            if values[position] is not None:
                put(event, path, values[position])
        return event | traced(self.ids[position]) if position in self.ids else event

    def __iter__(self) -> Iterator[Event]:
        return iter(self.dictionaries())

    def dictionaries(self) -> list[Event]:
        """Make all events, each with its id in ``@metadata``."""
        made = [
            head.event(time, message, offset)
            for head, time, message, offset in zip(self.heads, self.times, self.messages, self.offsets, strict=True)
        ]
        for path, values in self.values.items():
            _put_all(made, path, values)
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
        for values in self.values.values():
            values[at] = None

    def own(self, at: int) -> Event:
        """Return the event at a position as one of its own, which may be changed."""
        if at not in self.events:
            self.put(at, self[at])
        return self.events[at]

    def own_tops(self) -> set[str]:
        """Return the fields at the top of which, or below which, events have something of their own."""
        return {TIMESTAMP, METADATA, "message", "log", "trace", "span", *(path[0] for path in self.values)}

    def forget(self, path: Path, positions: Sequence[int]) -> None:
        """Take a captured value out of events, where there is one."""
        values = self.values.get(path)
        if values is not None and len(positions) == len(values):
            del self.values[path]
        elif values is not None:
            for at in positions:
                values[at] = None

    def column(self, path: Path) -> list[Any]:
        """Return what the events have at a path, side by side; None where there is nothing."""
        if path == ("message",):
            values: list[Any] = self.messages.copy()
        elif path == (TIMESTAMP,):
            values = list(self.times)
        elif path in self.values:
            values = self.values[path].copy()
        elif path[0] in ("log", METADATA, "trace", "span") or any(path[0] == one[0] for one in self.values):
            # Part of it is the events' own.
            return [get(event, path) for event in self.dictionaries()]
        else:
            known = {head: head.get(path) for head in dict.fromkeys(self.heads)}
            values = list(map(known.__getitem__, self.heads))
        for at, event in self.events.items():
            values[at] = get(event, path)
        return values

    def change(self, positions: Sequence[int], key: Hashable, change: Callable[[Event], object]) -> None:
        """Change events alike, in what they do not have of their own; see `Common.changed`."""
        heads = self.heads
        if not positions:
            return
        self.is_changed = True
        if len(positions) == len(heads) and isinstance(alike := _alike(heads), Common) and alike is not ITS_OWN:
            self.heads = [alike.changed(key, change)] * len(heads)
            return
        for at in positions:
            head = heads[at]
            if head is ITS_OWN:
                change(self.events[at])
            else:
                heads[at] = head.changed(key, change)

    def tagged(self, tag: str) -> int:
        """Count the events that filters have given a tag."""
        events = sum(is_tagged(event.get("tags"), tag) for event in self.events.values())
        if not self.is_changed:
            return events
        tagged = [head for head in dict.fromkeys(self.heads) if is_tagged(head.get(("tags",)), tag)]
        return events + sum(map(self.heads.count, tagged))

    def flagged(self) -> list[int]:
        """Return the positions of the events that may be of several lines."""
        if not self.is_changed:
            return list(self.events)
        flagged = {head for head in dict.fromkeys(self.heads) if head.get(("log", "flags"))}
        return [at for at, head in enumerate(self.heads) if head in flagged or at in self.events]

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
            {path: [values[at] for at in positions] for path, values in self.values.items()},
            self.size * len(positions) // max(1, len(self.heads)),
            self.is_changed,
        )

    def has(self, name: str) -> bool:
        """Whether any event has this field at its top, besides those that all have."""
        commons = {id(head): head for head in self.heads}
        return (
            any(name in head for head in commons.values())
            or any(name in event for event in self.events.values())
            or any(name == path[0] for path in self.values)
        )

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
        offsets = list(map(str, self.offsets))
        parts = _Parts()
        parts.add(_alike([head.action for head in self.heads]))
        parts.add(offsets, '"}}\n{"@timestamp":"', _alike(self.times), '","message":"', _texts(self.messages), '"')
        if self.ids:
            traces = [""] * count
            for position, pasted in zip(self.ids, _pasted(self.ids.values()), strict=True):
                traces[position] = pasted
            parts.add(traces)
        tree = _tree(self.values)
        log = tree.pop("log", {})
        for key, below in tree.items():
            parts.add(*_member(key, below))
        parts.add(',"log":{"offset":', offsets)
        for key, below in log.items():
            parts.add(*_member(key, below))
        parts.add(_alike([head.tail if ingested is None else head.tail_ingested for head in self.heads]))
        parts.add("" if ingested is None else f'{ingested}"}}')
        parts.add("".join(f",{one}" for one in _members(added)), "}\n")
        pieces, width = parts.pieces(count)
        for position, event in self.events.items():
            start = position * width
            pieces[start : start + width] = [_line(event, ingested, added), *[""] * (width - 1)]
        self.longest = max((len(pieces[position * width]) for position in self.events), default=0)
        return "".join(pieces).encode()


_Tree = dict[str, Any]
"""Captured columns as they nest: below a key there is a list of values, or another tree."""


class _Parts:
    """What stands in the body for each event, from left to right: texts that are the same for all, and columns."""

    def __init__(self) -> None:
        self._parts: list[str | list[str]] = []

    def add(self, *parts: str | list[str]) -> None:
        for part in parts:
            if isinstance(part, str) and self._parts and isinstance(self._parts[-1], str):
                self._parts[-1] += part
            elif part:
                self._parts.append(part)

    def pieces(self, count: int) -> tuple[list[str], int]:
        """Return the pieces of all events, one event after the other, and how many there are for each."""
        width = len(self._parts)
        pieces = [""] * (count * width)
        for at, part in enumerate(self._parts):
            pieces[at::width] = [part] * count if isinstance(part, str) else part
        return pieces, width


def _alike(values: list[T]) -> T | list[T]:
    """Return the one value if all are the same object."""
    first = values[0]
    return first if first is values[-1] and all(map(is_, values, repeat(first))) else values


def _texts(texts: list[str]) -> list[str]:
    """Return texts as they stand between quotation marks in JSON."""
    encoded = _encoder.encode_lines(texts)
    if len(encoded) == sum(map(len, texts)) + 3 * len(texts):
        # Nothing is escaped, and nothing takes more than a byte.
        return texts
    # No text has a line feed in JSON. (A comma could be its last character, behind a quotation mark of its own.)
    return encoded.decode()[1:-2].split('"\n"')


def _pasted(ids: Iterable[str]) -> list[str]:
    """Return the members of an object that ids of traces become."""
    # Three looks at all of them together cost less than one at each.
    members = "\n".join(ids).replace("-", '"},"span":{"id":"').replace("\n", '"}\n,"trace":{"id":"')
    return f',"trace":{{"id":"{members}"}}'.split("\n")


def _tree(values: dict[Path, list[Any]]) -> _Tree:
    tree: _Tree = {}
    for path, column in values.items():
        if path[0] == METADATA:
            continue
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = column
    return tree


def _member(key: str, below: _Tree | list[Any]) -> list[str | list[str]]:
    """Return the parts of a member of an object, which begins with a comma; nothing where there is no value."""
    name = f",{_text(key)}:"
    if isinstance(below, list):
        if None not in below:
            if below.count(below[0]) == len(below) and (below[0].__class__ is str or len(set(map(type, below))) == 1):
                return [name + _text(below[0])]
            if set(map(type, below)) == {str}:
                return [f'{name}"', _texts(below), '"']
            return [name, _encoder.encode_lines(below).decode().split("\n")[:-1]]
        encoded = _encoder.encode_lines(below).decode().split("\n")
        return [[f"{name}{one}" if value is not None else "" for value, one in zip(below, encoded, strict=False)]]
    members = [_member(inner, node) for inner, node in below.items()]
    # One that all have comes first, so that it is known where the comma is left out.
    first = next((at for at, parts in enumerate(members) if isinstance(parts[0], str)), None)
    if first is not None:
        begin = members.pop(first)
        assert isinstance(begin[0], str)
        return [f"{name}{{{begin[0][1:]}", *begin[1:], *(part for parts in members for part in parts), "}"]
    columns = [part for parts in members for part in parts]
    together = ["".join(several) for several in zip(*columns, strict=True)]
    return [[f"{name}{{{one[1:]}}}" if one else "" for one in together]]


def _put_all(events: list[Event], path: Path, values: list[Any]) -> None:
    """Set a field of events, which have just been made: what they have at their tops is nobody else's."""
    if len(path) == 1 or path[0] in ("log", METADATA):
        key, *rest = path if len(path) == 1 else path[1:]
        nodes = events if len(path) == 1 else [event[path[0]] for event in events]
        if not rest:
            for node, value in zip(nodes, values, strict=True):
                if value is not None:
                    node[key] = value
            return
    for event, value in zip(events, values, strict=True):
        if value is not None:
            put(event, path, value)


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
    paths = {path for one in several for path in one.values}
    if any(path[:end] in paths for path in paths for end in range(1, len(path))):
        # What is a value in one is an object in the other.
        several = [_alone(one) if one.values else one for one in several]
    for one in several:
        start = len(whole.heads)
        _join_values(whole, one)
        whole.heads += one.heads
        whole.times += one.times
        whole.messages += one.messages
        whole.offsets += one.offsets
        whole.size += one.size
        whole.is_changed |= one.is_changed
        whole.ids |= {start + position: ids for position, ids in one.ids.items()}
        whole.events |= {start + position: event for position, event in one.events.items()}
    return whole


def together(length: int, several: Sequence[tuple[Sequence[int], Columns]]) -> Columns:
    """Put the events of several back to the positions that each was taken from."""
    whole = joined([one for _, one in several])
    order = [0] * length
    for new, old in enumerate(position for positions, _ in several for position in positions):
        order[old] = new
    made = whole.take(order)
    made.size = whole.size
    return made


def _alone(columns: Columns) -> Columns:
    """Return the same events, each as one of its own."""
    size = len(columns.heads)
    events = dict(enumerate(columns.dictionaries()))
    return Columns(
        [ITS_OWN] * size,
        [""] * size,
        [""] * size,
        list(columns.offsets),
        events=events,
        size=columns.size,
        is_changed=True,
    )


def _join_values(whole: Columns, one: Columns) -> None:
    """Put captured columns behind those of `whole`, before its other lists grow."""
    before = len(whole.heads)
    for path in dict.fromkeys([*whole.values, *one.values]):
        column = whole.values.setdefault(path, [None] * before)
        column += one.values.get(path) or [None] * len(one.heads)


def traced(ids: str) -> dict[str, Any]:
    """Return the fields of a trace's and a span's id."""
    trace, _, span = ids.partition("-")
    return {"trace": {"id": trace}, "span": {"id": span}}


def document(event: Event, ingested: str | None, added: Event) -> tuple[str, Event]:
    """Make a document of an event, which may be changed at its top: its id, and what is sent to a store."""
    name = event.pop(METADATA)["_id"]
    if ingested is not None:
        mark_ingested([event], ingested)
    return name, event | added


def _line(event: Event, ingested: str | None, added: Event) -> str:
    name, sent = document(event.copy(), ingested, added)
    return f'{{"create":{{"_id":{_text(name)}}}}}\n{_text(sent)}\n'
