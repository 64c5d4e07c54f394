"""The application: keys as in less and lnav, a prompt, a histogram, and what the store says below."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import tzinfo
from typing import ClassVar, Final, TypeVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from sawlog.cli.lines import one_line
from sawlog.errors import QueryError, SawlogError
from sawlog.search.bars import bars
from sawlog.search.question import Question
from sawlog.store.base import Store
from sawlog.view.log_list import ERRORS, LogList
from sawlog.view.window import EventWindow

FOLLOW_SECONDS: Final = 1.0
MOST_PAGES: Final = 40
"""Pages that are loaded to find a text or a level; then it is asked for again."""
WARNINGS: Final = frozenset({"WARN", "WARNING"})
HELP: Final = """\
j k ↑ ↓      a line on, back            / n N        search, next, the one before
space b      a page on, back            &            filter: KQL or Lucene; empty: all
g G          the oldest, the newest     e E          next error, the one before
Enter        trace, fields, neither     w W          next warning, the one before
t            all stack traces           s l          only this service, this level
F            follow                     c            lines around, of this file
i            histogram                  x            take the last filter off
R            read anew                  h q          this help, quit"""
T = TypeVar("T")
_BARS: Final = " ▁▂▃▄▅▆▇█"


class LogBrowser(App[None]):
    """Browses the hits of a question."""

    CSS: ClassVar[str] = """
    #top { height: 1; background: $panel; }
    #bars { height: 4; display: none; }
    #help { height: auto; display: none; background: $panel; padding: 1 2; }
    #prompt { height: 1; border: none; display: none; padding: 0; }
    #status { height: 1; background: $panel; }
    .shown { display: block !important; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "line(1)"),
        Binding("k,up", "line(-1)"),
        Binding("space,pagedown,f", "page(1)"),
        Binding("b,pageup", "page(-1)"),
        Binding("d,ctrl+d", "page(0.5)"),
        Binding("u,ctrl+u", "page(-0.5)"),
        Binding("g,home", "oldest"),
        Binding("G,end", "newest"),
        Binding("enter", "unfold"),
        Binding("t", "traces"),
        Binding("slash", "prompt('/')"),
        Binding("ampersand", "prompt('&')"),
        Binding("n", "again(False)"),
        Binding("N", "again(True)"),
        Binding("e", "level(True, False)"),
        Binding("E", "level(True, True)"),
        Binding("w", "level(False, False)"),
        Binding("W", "level(False, True)"),
        Binding("s", "only('service.name')"),
        Binding("l", "only('log.level')"),
        Binding("c", "around"),
        Binding("x", "without"),
        Binding("F", "follow"),
        Binding("i", "histogram"),
        Binding("R", "anew"),
        Binding("h,question_mark", "help"),
        Binding("escape", "close"),
        Binding("q", "quit"),
    ]

    def __init__(self, store: Store, question: Question, zone: tzinfo) -> None:
        """`store` is open, and the caller's to close; times are shown on the clock of `zone`."""
        super().__init__()
        self.window = EventWindow(store, question)
        self.following = False
        self._store = store
        self._zone = zone
        self._problem = ""
        """What went wrong when the store was asked last."""
        self._asks = ""
        """What the prompt is for: ``/`` or ``&``."""

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(id="top")
        yield Static(id="bars")
        yield LogList(self._zone)
        yield Static(HELP, id="help")
        yield Input(id="prompt", compact=True)
        yield Static(id="status")

    @property
    def log_list(self) -> LogList:
        """The list of events."""
        return self.query_one(LogList)

    async def on_mount(self) -> None:
        """Load the newest events."""
        self.set_interval(FOLLOW_SECONDS, self._follow)
        self.log_list.focus()
        await self._try(self.window.newest)
        self._show(len(self.window.events))
        self._count()

    # Moving

    def action_line(self, count: int) -> None:
        """Go some lines on or back."""
        self.log_list.move(self.log_list.cursor + count)
        self._tell()

    def action_page(self, count: float) -> None:
        """Go pages on or back."""
        self.action_line(round(count * self.log_list.page))

    async def action_oldest(self) -> None:
        """Go to the first event of all."""
        self._stop_following()
        if not self.window.has_all_older:
            await self._try(self.window.oldest)
        self._show(0)

    async def action_newest(self) -> None:
        """Go to the last event of all."""
        if not self.window.has_all_newer:
            await self._try(self.window.newest)
        self._show(len(self.window.events))

    async def action_anew(self) -> None:
        """Read the newest events anew, with those that have come late."""
        await self._try(self.window.newest)
        self._show(len(self.window.events))
        self._count()

    async def on_log_list_needs_more(self, message: LogList.NeedsMore) -> None:
        """Load a page more at the end that the cursor is near."""
        if message.older and not self.window.has_all_older:
            await self._older()
        elif not message.older and not self.window.has_all_newer:
            await self._newer()

    async def _older(self) -> bool:
        at = self.log_list.cursor
        count = await self._try(self.window.load_older)
        if count:
            self._show(at + count)
        return bool(count)

    async def _newer(self) -> bool:
        before, at = len(self.window.events), self.log_list.cursor
        count = await self._try(self.window.load_newer)
        if count:
            # Of too many, those of the beginning were let go.
            self._show(at - (before + count - len(self.window.events)))
        return bool(count)

    # Searching

    def action_prompt(self, asks: str) -> None:
        """Ask for a text to search, or a query to filter by."""
        self._asks = asks
        prompt = self.query_one("#prompt", Input)
        prompt.value = self.window.question.query if asks == "&" else ""
        prompt.placeholder = "search" if asks == "/" else "filter, such as  log.level : ERROR and service.name : orders"
        prompt.add_class("shown")
        prompt.focus()

    async def on_input_submitted(self, message: Input.Submitted) -> None:
        """Do what the prompt was for."""
        text = message.value
        self.action_close()
        if self._asks == "&":
            await self._ask(replace(self.window.question, query=text))
        elif text:
            self.log_list.found = text
            await self.action_again(backwards=False)

    async def action_again(self, backwards: bool) -> None:
        """Go to the next match of what was searched last, or to the one before."""
        text = self.log_list.found
        if text:
            await self._go(lambda: self.log_list.find(text, backwards=backwards), backwards, f"'{one_line(text)}'")

    async def action_level(self, errors: bool, backwards: bool) -> None:
        """Go to the next error or warning, or to the one before."""
        levels = ERRORS if errors else WARNINGS
        what = "an error" if errors else "a warning"
        await self._go(lambda: self.log_list.of_level(levels, backwards=backwards), backwards, what)

    async def _go(self, find: Callable[[], int | None], backwards: bool, what: str) -> None:
        """Go to what is found; what is not loaded yet is loaded page by page."""
        for _ in range(MOST_PAGES):
            found = find()
            if found is not None:
                self.log_list.move(found)
                self._tell()
                return
            if self.window.has_all_older if backwards else self.window.has_all_newer:
                break
            if not await (self._older() if backwards else self._newer()):
                break
        self._tell(f"{what} is not found {'before' if backwards else 'after'} this line")

    # Filtering

    async def action_only(self, field: str) -> None:
        """Show the events alone that have the same value of a field as this one."""
        event = self.log_list.current
        question = None if event is None else self.window.only(event, field)
        if question is None:
            self._tell(f"this event has no {field}")
        else:
            await self._ask(question)

    async def action_without(self) -> None:
        """Take the last filter off."""
        question = self.window.question
        if question.filters:
            await self._ask(replace(question, filters=question.filters[:-1]))
        elif question.query:
            await self._ask(replace(question, query=""))

    async def action_around(self) -> None:
        """Show the lines around this one in its file, whatever they say."""
        event = self.log_list.current
        question = None if event is None else self.window.around(event)
        if event is None or question is None:
            self._tell("this event has no file")
            return
        at = await self._try(lambda: self.window.at(question, event))
        if at is not None:
            self._show(at)
            self._count()

    async def _ask(self, question: Question) -> None:
        try:
            question.reading()
        except QueryError as error:
            place = f" (character {error.at[0] + 1})" if error.at else ""
            self._tell(f"{error}{place}")
            return
        self._stop_following()
        if await self._try(lambda: self._asked(question)):
            self._show(len(self.window.events))
            self._count()

    async def _asked(self, question: Question) -> bool:
        await self.window.ask(question)
        return True

    # Showing

    def action_unfold(self) -> None:
        """Show the trace of this event, then its fields, then neither."""
        self.log_list.unfold()

    def action_traces(self) -> None:
        """Show all stack traces, or none."""
        self._tell("stack traces are shown" if self.log_list.fold_traces() else "stack traces are folded")

    def action_help(self) -> None:
        """Show the keys, or hide them."""
        self.query_one("#help").toggle_class("shown")

    def action_close(self) -> None:
        """Close the prompt and the help."""
        self.query_one("#help").remove_class("shown")
        self.query_one("#prompt").remove_class("shown")
        self.log_list.focus()

    async def action_follow(self) -> None:
        """Go to the newest events and stay there, or stop."""
        self.following = not self.following
        if self.following:
            await self.action_newest()
        self._tell()

    async def _follow(self) -> None:
        if not self.following:
            return
        if await self._try(self.window.load_newer):
            self.window.total = None
            self._count()
            self._show(len(self.window.events))

    def _stop_following(self) -> None:
        self.following = False

    async def action_histogram(self) -> None:
        """Draw when the events were, or hide that."""
        shown = self.query_one("#bars", Static)
        if shown.has_class("shown"):
            shown.remove_class("shown")
            return
        drawn = await self._try(self._bars)
        if drawn is not None:
            shown.update(drawn)
            shown.add_class("shown")

    async def _bars(self) -> Text:
        """Draw the events of the question over time, in as many bars as fit; the red ones are bars with errors."""
        question, width = self.window.question, max(10, self.size.width - 2)
        found = await bars(self._store, question, width)
        if found is None:
            return Text("no event matches")
        most = max(bar.events for bar in found.bars) or 1
        text = Text(no_wrap=True, end="")
        for row in (1, 0):
            for bar in found.bars:
                eighths = max(1, round(bar.events / most * 16)) if bar.events else 0
                text.append(_BARS[max(0, min(8, eighths - 8 * row))], "red" if bar.errors else "green")
            text.append("\n")
        each = f"{found.width // 1000:,} s" if found.width >= 1000 else f"{found.width} ms"
        text.append(f"{each} a bar, at most {most:,} events; red: with errors", "dim")
        return text

    def _show(self, cursor: int) -> None:
        self.log_list.show(self.window.events, cursor)
        self._tell()

    @work(exclusive=True)
    async def _count(self) -> None:
        """Count the hits beside, so that the first of them are there at once."""
        await self._try(self.window.count)
        self._tell()

    def _tell(self, message: str = "") -> None:
        question, total = self.window.question, self.window.total
        parts = [question.query or "all events"]
        parts += [f"{one.field} {one.operator} {', '.join(map(str, one.values))}" for one in question.filters]
        found = "counting …" if total is None else "1 event" if total == 1 else f"{total:,} events"
        # Text, so that nothing of a query or an event is taken for markup.
        self.query_one("#top", Static).update(Text(f" {one_line('  ·  '.join(parts))}  —  {found}", no_wrap=True))
        if not message:
            place = f"{self.log_list.cursor + 1:,} of {len(self.window.events):,} loaded" if self.window.events else ""
            message = (
                self._problem
                or f"{'following  ·  ' if self.following else ''}{place or 'no event matches'}  ·  h: help"
            )
        self.query_one("#status", Static).update(Text(f" {message}", no_wrap=True))

    async def _try(self, asked: Callable[[], Awaitable[T]]) -> T | None:
        """Ask the store; what goes wrong is said in the last line."""
        began = time.monotonic()
        try:
            answer = await asked()
        except SawlogError as error:
            self._problem = f"{error} ({time.monotonic() - began:.0f} s)"
            self._tell()
            return None
        self._problem = ""
        return answer
