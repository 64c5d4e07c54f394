"""An output at work: opened and asked again with back-off until it has every event, or the dead letters have it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from ingest.bus import Bus
from ingest.options import Block
from ingest.output.base import Output
from ingest.plugins import make
from sawlog.backoff import FIRST_WAIT, growing
from sawlog.batch import Batch
from sawlog.dead_letter import DeadLetters
from sawlog.errors import StoreUnavailableError
from sawlog.event import Event
from sawlog.histogram import EVENTS, SECONDS, Histogram
from sawlog.store.base import Refusal, Store

TEMPORARY: Final = (StoreUnavailableError, OSError)
"""What is worth another try."""
REASONS: Final = 100
"""How many different reasons of refusals are counted."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OutputCounters:
    """What an output has done since it was opened."""

    events: int = 0
    dead: int = 0
    retries: int = 0
    batch_events: Histogram = field(default_factory=lambda: Histogram(EVENTS))
    seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """How long batches took, from the first try until the output had them."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Why events became dead letters, and how many for each reason; of `REASONS` kinds at most."""

    def refuse(self, reasons: Iterable[str]) -> None:
        """Count events that became dead letters."""
        for reason in reasons:
            self.dead += 1
            if reason in self.refusals or len(self.refusals) < REASONS:
                self.refusals[reason] += 1


class RunningOutput:
    """One output of a pipeline; several `send` may be under way."""

    def __init__(self, block: Block, letters: DeadLetters, bus: Bus | None = None, pipeline: str = "") -> None:
        """`pipeline` is the id of its pipeline, for dead letters.

        Raises:
            ConfigError: the plugin refuses the block.
        """
        self.sent = OutputCounters()
        self._output = cast("Output", make("output", block)[0])
        self._output.bus = bus
        self._output.data = letters.directory.parent
        self._pipeline = pipeline
        self._letters = letters
        self._wait = growing(FIRST_WAIT)
        self._opening = asyncio.Lock()
        self._open = False
        self._down_since: float | None = None
        self._problem: str | None = None

    @property
    def name(self) -> str:
        """What the pipeline file calls it."""
        return self._output.id

    @property
    def kind(self) -> str:
        """The name of its plugin."""
        return self._output.name

    @property
    def problem(self) -> str | None:
        """Why it takes nothing just now."""
        return self._problem or self._letters.problem or self._output.problem

    @property
    def set_aside(self) -> Sequence[str]:
        """What its store has on its disk that was damaged."""
        return self._output.set_aside

    @property
    def store(self) -> Store | None:
        """The store that it writes to, if it writes to one and is open."""
        return self._output.store

    async def open(self) -> None:
        """Try to open it once; what fails for now is tried again when there is something to send.

        Raises:
            SawlogError: it cannot be opened for good.
        """
        try:
            await self._ready()
        except TEMPORARY as error:
            self._failed(error)

    async def send(self, events: Sequence[Event], batch: Batch) -> None:
        """Return when each event of a batch is durable at the output or, with the reason, in the dead letters.

        Raises:
            SawlogError: the output refuses to work for good, or the dead letters cannot be written.
        """
        refusals: Sequence[Refusal] = await self._retrying()(self._send, events, batch)
        await self._keep_dead(events, refusals)
        self.sent.events += len(events) - len(refusals)
        self.sent.refuse(refusal.reason for refusal in refusals)

    async def close(self) -> None:
        """Close the output if it was opened."""
        if self._open:
            self._open = False
            await self._output.close()

    async def _ready(self) -> None:
        async with self._opening:
            if not self._open:
                await self._output.open()
                self._open = True

    async def _send(self, events: Sequence[Event], batch: Batch) -> Sequence[Refusal]:
        await self._ready()
        refusals = await self._output.hand_on(events, batch)
        if self._down_since is not None:
            log.warning("%s works again after %.0f s", self.name, time.monotonic() - self._down_since)
            self._down_since = self._problem = None
        return refusals

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            wait=self._wait, retry=retry_if_exception_type(TEMPORARY), before_sleep=self._before_retry, reraise=True
        )

    def _before_retry(self, state: RetryCallState) -> None:
        self.sent.retries += 1
        if state.outcome is not None and (error := state.outcome.exception()) is not None:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._problem = str(error)
        if self._down_since is None:
            self._down_since = time.monotonic()
            log.warning("%s: %s; retrying", self.name, error)

    async def _keep_dead(self, events: Sequence[Event], refusals: Sequence[Refusal]) -> None:
        letters = [self._output.dead_letter(events[refusal.position], refusal) for refusal in refusals]
        if letters:
            letters = [msgspec.structs.replace(letter, pipeline=self._pipeline) for letter in letters]
            log.warning("%s refused %d events: %s", self.name, len(letters), letters[0].reason)
            await self._letters.keep(letters)
