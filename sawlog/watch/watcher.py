"""Runs the rules: looks at each window once, in order, also after a stop; keeps what came of it; and sends messages.

What a window brings, and the messages about it, are written down together before anything is sent; a message is struck
out when it was sent. So somebody is told at least once, whatever ends the process when.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from sawlog import backoff
from sawlog.errors import QueryError, StoreError
from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Hit, Store
from sawlog.watch.counting import newest_event
from sawlog.watch.judging import Judged, begin, judge
from sawlog.watch.machine import FIRES, RECOVERED, STILL, AlertChange
from sawlog.watch.memory import AlertMemory, AlertMessage, MemoryFile
from sawlog.watch.rules import AlertRule, AlertSettings
from sawlog.watch.standing import RuleStanding, TargetStanding
from sawlog.watch.telling import Teller
from sawlog.watch.wording import TOGETHER, Wording

MOST_WAITING: Final = 1_000
"""Messages that wait to be sent; beyond, the oldest are given up."""
FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 300.0
GRACE_SECONDS: Final = 10.0
"""How long a stop waits for messages that are being sent."""
HOLD_SECONDS: Final = 600.0
"""How long the first look waits at most until what was written in the meantime is indexed."""
HOLD_PAUSE: Final = 0.5

log = logging.getLogger(__name__)


class Watcher:
    """The rules of a file over a store, which is the caller's.

    `is_ready` says whether what there was at the start is indexed: before that, silence means nothing. `page` is where
    the page is, if the file does not say. `now` is the time in milliseconds.

    Raises:
        SawlogError: a target's address is none, or another process has the memory.
    """

    def __init__(
        self,
        settings: AlertSettings,
        store: Store,
        state: Path,
        *,
        problems: ProblemRules | None = None,
        is_ready: Callable[[], bool] = lambda: True,
        page: str | None = None,
        now: Callable[[], int] = lambda: int(time.time() * 1_000),
    ) -> None:
        self.settings = settings
        self.store = store
        self.problems = problems or ProblemRules()
        self.rules = {rule.name: RuleStanding(rule) for rule in settings.rules}
        self.targets = {one.name: TargetStanding(one.name) for one in settings.targets}
        self.problem: str | None = None
        """Why the memory cannot be kept, if it cannot."""
        self._wording = Wording(settings.zone, settings.page or page, self.problems)
        self._is_ready = is_ready
        self._now = now
        self._teller = Teller(settings.targets)
        self._file = MemoryFile(state)
        self.memory = self._remembered()
        self._writing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._news = {name: asyncio.Event() for name in self.targets}

    @property
    def waiting(self) -> int:
        """Messages that are not sent yet."""
        return len(self.memory.outbox)

    def set_page(self, address: str | None) -> None:
        """Say where the page is, if the file does not."""
        self._wording.page = self.settings.page or address

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run beside whatever else until the context ends."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            self.stop()
            await task

    async def run(self) -> None:
        """Run until `stop`; messages that are being sent then may take a moment."""
        sending = [asyncio.create_task(self._send_to(name)) for name in self.targets]
        try:
            await self._hold()
            while not self._stopping.is_set():
                await self.look()
                await self._pause(self._next_look())
        finally:
            self._stopping.set()
            for event in self._news.values():
                event.set()
            if sending:
                _, late = await asyncio.wait(sending, timeout=GRACE_SECONDS)
                for task in late:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)
            self.close()

    def stop(self) -> None:
        """Have `run` end."""
        self._stopping.set()

    def close(self) -> None:
        """Let another process have the memory; for whoever has not called `run`."""
        self._file.close()

    async def look(self) -> None:
        """Look at all windows that have ended, of each rule, and write down what came of it."""
        for standing in self.rules.values():
            if self._stopping.is_set():
                return
            try:
                await self._look(standing)
                standing.problem = None
            except (StoreError, QueryError, TimeoutError) as error:
                problem = str(error) or "the search took too long"
                if standing.problem != problem:
                    log.warning("alerts: '%s' could not be looked at: %s", standing.rule.name, problem)
                standing.problem = problem
                standing.failures += 1
            except Exception as error:
                # One rule that meets what nobody thought of does not end the others.
                log.exception("alerts: '%s' failed", standing.rule.name)
                standing.problem = f"sawlog has failed at this ({type(error).__name__}); its log says more"
                standing.failures += 1

    async def _look(self, standing: RuleStanding) -> None:
        rule = standing.rule
        end = self._end(rule)
        memory = self.memory.of(rule)
        if memory is None or memory.evaluated > end + rule.every:
            memory = self.memory.rules[rule.name] = await begin(self.store, rule, end, self.problems)
        earliest = end - self.settings.catch_up // rule.every * rule.every
        if memory.evaluated < earliest - rule.every:
            log.warning("alerts: '%s' was last looked at before 'catch_up'; windows between are left out", rule.name)
            memory.evaluated = earliest - rule.every
        while memory.evaluated < end and not self._stopping.is_set():
            last = min(end, memory.evaluated + rule.steps * rule.every)
            # On a copy: who sends writes the memory down, too, and must not find half of what this brings.
            memory = copy.deepcopy(memory)
            judged = await judge(self.store, rule, memory, last, self.problems)
            messages = await self._messages(rule, judged)
            standing.looks += 1
            self._warn(standing, judged)
            self.memory.rules[rule.name] = memory
            self._keep(messages)
            await self._write()
            for event in self._news.values():
                event.set()

    def _warn(self, standing: RuleStanding, judged: Judged) -> None:
        if judged.is_partial and not standing.is_partial:
            log.warning(
                "alerts: '%s' has more groups than the %s that it watches: see 'groups'",
                standing.rule.name,
                f"{standing.rule.groups:,}",
            )
        standing.is_partial = judged.is_partial
        for change in judged.changes:
            standing.changes[change.kind] += 1
            if change.kind != STILL:
                of = f": {change.group!r}" if standing.rule.field or standing.rule.is_of_problems else ""
                level = logging.WARNING if change.kind == FIRES else logging.INFO
                log.log(
                    level, "alerts: '%s' %s%s (%s events)", standing.rule.name, change.kind, of, f"{change.count:,}"
                )

    async def _messages(self, rule: AlertRule, judged: Judged) -> list[AlertMessage]:
        told = [change for change in judged.changes if change.is_told]
        if not told or not rule.notify:
            return []
        newest: dict[str, Hit | None] = dict(judged.samples)
        if not rule.is_of_problems and (rule.text.wants_newest or rule.title.wants_newest):
            for change in [one for one in told if one.kind != RECOVERED and one.count][:TOGETHER]:
                newest[change.group] = await self._newest(rule, change)
        return self._wording.messages(rule, told, newest, self._now())

    async def _newest(self, rule: AlertRule, change: AlertChange) -> Hit | None:
        """Return an event to show; without one, the message goes out all the same."""
        try:
            return await newest_event(self.store, rule, change.at - rule.within, change.at, change.value)
        except (StoreError, QueryError, TimeoutError):
            return None

    def _keep(self, messages: Sequence[AlertMessage]) -> None:
        outbox = self.memory.outbox
        outbox += messages
        if len(outbox) > MOST_WAITING:
            for one in outbox[:-MOST_WAITING]:
                self._give_up(one, "too many wait")
            del outbox[:-MOST_WAITING]

    async def send_next(self, target: str) -> bool | None:
        """Send the first message that waits for a target, and strike it out; return whether it was sent.

        None: no message waits. One that is too old is given up when it cannot be sent again.
        """
        standing = self.targets[target]
        message = next((one for one in self.memory.outbox if target in one.targets), None)
        if message is None:
            return None
        problem = await self._teller.send(target, message)
        if problem is None:
            standing.sent += 1
            await self._strike(message, target)
        else:
            standing.failures += 1
            if standing.problem != problem:
                log.warning("alerts: '%s' could not be told: %s", target, problem)
            if self._now() - message.made > self.settings.give_up:
                standing.given_up += 1
                log.error("alerts: '%s' was not told in time, and is not told any more: %s", target, message.title)
                await self._strike(message, target)
        standing.problem = problem
        return problem is None

    async def _send_to(self, target: str) -> None:
        """Send one target's messages, in their order, each until it is sent or has become too old."""
        failures = 0
        while not self._stopping.is_set():
            is_sent = await self.send_next(target)
            if is_sent is None:
                self._news[target].clear()
                await self._news[target].wait()
            elif is_sent:
                failures = 0
            else:
                failures += 1
                await self._pause(backoff.wait(failures, FIRST_WAIT, LONGEST_WAIT))

    async def _strike(self, message: AlertMessage, target: str) -> None:
        message.targets.remove(target)
        self.memory.outbox[:] = [one for one in self.memory.outbox if one.targets]
        await self._write()

    def _give_up(self, message: AlertMessage, why: str) -> None:
        for target in message.targets:
            self.targets[target].given_up += 1
        log.error("alerts: not told to %s, as %s: %s", ", ".join(message.targets), why, message.title)

    async def _write(self) -> None:
        async with self._writing:
            encoded = msgspec.json.encode(self.memory)
            try:
                await asyncio.to_thread(self._file.write, encoded)
            except OSError as error:
                problem = f"{self._file.path}: {error.strerror}"
                if self.problem != problem:
                    log.error("alerts: what fires cannot be written down: %s", problem)
                self.problem = problem
            else:
                self.problem = None

    def _remembered(self) -> AlertMemory:
        """Read the memory, without what belongs to rules and targets that are no more."""
        memory = self._file.open()
        memory.rules = {name: one for name, one in memory.rules.items() if name in self.rules}
        for one in memory.outbox:
            one.targets = [target for target in one.targets if target in self.targets]
        memory.outbox = [one for one in memory.outbox if one.targets]
        return memory

    async def _hold(self) -> None:
        end = time.monotonic() + HOLD_SECONDS
        while not self._is_ready() and time.monotonic() < end and not self._stopping.is_set():
            await self._pause(HOLD_PAUSE)

    def _end(self, rule: AlertRule) -> int:
        """Return the end of the last window that has ended."""
        end = self._now() - self.settings.delay
        return end - end % rule.every

    def _next_look(self) -> float:
        """Return the seconds until the next window ends; a rule that failed is looked at again soon."""
        now = self._now() - self.settings.delay
        ends = [one.rule.every - now % one.rule.every for one in self.rules.values()]
        failed = [min(5_000, one.rule.every) for one in self.rules.values() if one.problem is not None]
        return max(0.05, min([*ends, *failed], default=60_000) / 1_000)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass
