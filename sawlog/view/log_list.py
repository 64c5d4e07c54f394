"""The list of events: a line for each, below it its stack trace or its fields where they are unfolded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import accumulate
from typing import ClassVar, Final

import msgspec
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sawlog.cli.lines import STYLES, escape, one_line
from sawlog.event import get, leaves
from sawlog.search.error_groups import LEVELS
from sawlog.view.window import LoadedEvent

LONGEST: Final = 4_000
"""Characters of a line that are drawn."""
MARGIN: Final = 5
"""Lines from an end at which more is loaded."""
Fits = Callable[[LoadedEvent], bool]
ERRORS: Final = frozenset(LEVELS)


class LogList(ScrollView, can_focus=True, inherit_bindings=False):
    """Events as lines, of which one is under the cursor; only the lines on the screen are made."""

    DEFAULT_CSS: ClassVar[str] = "LogList { height: 1fr; scrollbar-gutter: stable; }"

    class NeedsMore(Message):
        """The cursor has come near an end of what is loaded."""

        def __init__(self, *, older: bool) -> None:
            super().__init__()
            self.older = older

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self.events: Sequence[LoadedEvent] = ()
        self.cursor = 0
        self.found = ""
        """What was searched for last; its matches are marked."""
        self._zone = zone
        self._unfolded: dict[str, str] = {}
        """What is shown below an event, by its id: "trace" or "fields"."""
        self._all_traces = False
        self._starts: list[int] = [0]
        """The first line of each event, and the number of lines at the end."""

    # What the application does

    def show(self, events: Sequence[LoadedEvent], cursor: int) -> None:
        """Show these events, with the cursor at one of them, which stays at its height on the screen."""
        height = self._top_of(self.cursor) - self.scroll_offset.y if self.events else 0
        self.events = events
        self.cursor = max(0, min(cursor, len(events) - 1))
        self._lay_out()
        self.scroll_to(y=max(0, self._top_of(self.cursor) - max(0, height)), animate=False, immediate=True)
        self.to_cursor()
        # Once more when the new height is known: before, there is nothing to scroll.
        self.call_after_refresh(self.to_cursor)

    def move(self, to: int) -> None:
        """Put the cursor at an event, and ask for more when it is near an end."""
        if not self.events:
            return
        self.cursor = max(0, min(to, len(self.events) - 1))
        self.to_cursor()
        self.refresh()
        if self.cursor < MARGIN:
            self.post_message(self.NeedsMore(older=True))
        if self.cursor >= len(self.events) - MARGIN:
            self.post_message(self.NeedsMore(older=False))

    @property
    def current(self) -> LoadedEvent | None:
        """The event under the cursor."""
        return self.events[self.cursor] if self.events else None

    @property
    def page(self) -> int:
        """Lines on the screen."""
        return max(1, self.size.height - 1)

    def unfold(self) -> None:
        """Show the trace below the event under the cursor, then its fields, then neither."""
        event = self.current
        if event is None:
            return
        shown = self._unfolded.get(event["id"], "")
        steps = ["", "trace", "fields"] if trace_of(event) else ["", "fields"]
        following = steps[(steps.index(shown) + 1) % len(steps)] if shown in steps else ""
        self._unfolded[event["id"]] = following
        self._lay_out()
        self.to_cursor()

    def fold_traces(self) -> bool:
        """Show all stack traces, or none; return which."""
        self._all_traces = not self._all_traces
        self._unfolded.clear()
        self._lay_out()
        self.to_cursor()
        return self._all_traces

    def find(self, text: str, *, backwards: bool) -> int | None:
        """Return the next event whose message or trace has a text, from the cursor on."""
        self.found = text
        wanted = text.casefold()
        return self._next(lambda event: wanted in searched(event).casefold(), backwards=backwards)

    def of_level(self, levels: frozenset[str], *, backwards: bool) -> int | None:
        """Return the next event of one of these levels, from the cursor on."""
        return self._next(lambda event: get(event["source"], ("log", "level")) in levels, backwards=backwards)

    def to_cursor(self) -> None:
        """Scroll so that the event under the cursor is seen."""
        top, bottom = self._top_of(self.cursor), self._top_of(self.cursor + 1) - 1
        first, height = round(self.scroll_target_y), max(1, self.size.height)
        if top < first:
            self.scroll_to(y=top, animate=False, immediate=True)
        elif bottom >= first + height:
            self.scroll_to(y=min(top, bottom - height + 1), animate=False, immediate=True)
        self.refresh()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Make one line of the screen."""
        line = y + self.scroll_offset.y
        width = self.size.width
        if line >= self._starts[-1]:
            return Strip.blank(width)
        at = bisect_right(self._starts, line) - 1
        event = self.events[at]
        part = line - self._starts[at]
        text = self._head(event) if part == 0 else self._below(event)[part - 1]
        strip = Strip([Segment(one.text, one.style) for one in text.render(self.app.console) if not one.control])
        strip = strip.crop(self.scroll_offset.x, self.scroll_offset.x + width).extend_cell_length(width)
        return strip.apply_style(Style(reverse=True)) if at == self.cursor and part == 0 else strip

    def _head(self, event: LoadedEvent) -> Text:
        source = event["source"]
        level = one_line(str(get(source, ("log", "level"), "")))
        service = one_line(str(get(source, ("service", "name"), "")))
        message = str(get(source, ("message",), "")).partition("\n")[0][:LONGEST]
        text = Text(end="", no_wrap=True)
        text.append(self._time(event), "dim").append(" ")
        text.append(f"{level:<5} ", STYLES.get(level, "")).append(f"{service} " if service else "", "cyan")
        text.append(one_line(message), "red" if level in ERRORS else "")
        if self.found:
            text.highlight_words([self.found], "black on yellow", case_sensitive=False)
        if trace_of(event) and not self._shown(event):
            text.append(" ⋯", "dim")
        return text

    def _below(self, event: LoadedEvent) -> list[Text]:
        shown = self._shown(event)
        if shown == "trace":
            return [Text(f"    {line}", "red dim", end="") for line in escape(trace_of(event)).splitlines()]
        if shown == "fields":
            return [
                Text.assemble(("    " + one_line(name), "cyan"), " ", one_line(written(value))[:LONGEST], end="")
                for name, value in leaves(event["source"])
            ]
        return []

    def _time(self, event: LoadedEvent) -> str:
        if event["at"] is None:
            return "-" * 23
        moment = datetime.fromtimestamp(event["at"] / 1000, UTC).astimezone(self._zone)
        return moment.isoformat(sep=" ", timespec="milliseconds")[:23]

    def _shown(self, event: LoadedEvent) -> str:
        own = self._unfolded.get(event["id"])
        if own is not None:
            return own
        return "trace" if self._all_traces and trace_of(event) else ""

    def _lay_out(self) -> None:
        unfolded = self._all_traces or bool(self._unfolded)
        heights = (1 + len(self._below(event)) for event in self.events) if unfolded else (1 for _ in self.events)
        self._starts = list(accumulate(heights, initial=0))
        self.virtual_size = Size(max(self.size.width, 200), self._starts[-1])
        self.refresh()

    def _top_of(self, event: int) -> int:
        return self._starts[max(0, min(event, len(self._starts) - 1))]

    def _next(self, fits: Fits, *, backwards: bool) -> int | None:
        places = range(self.cursor - 1, -1, -1) if backwards else range(self.cursor + 1, len(self.events))
        return next((place for place in places if fits(self.events[place])), None)


def trace_of(event: LoadedEvent) -> str:
    """Return the stack trace of an event, or the further lines of its message; none is an empty text."""
    trace = get(event["source"], ("error", "stack_trace"))
    if isinstance(trace, str) and trace:
        return trace
    return str(get(event["source"], ("message",), "")).partition("\n")[2]


def searched(event: LoadedEvent) -> str:
    """Return the text of an event that is searched."""
    return f"{get(event['source'], ('message',), '')}\n{get(event['source'], ('error', 'stack_trace'), '')}"


def written(value: object) -> str:
    """Write a value as a text."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
