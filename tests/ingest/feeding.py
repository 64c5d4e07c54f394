"""An input that gives what a test puts into its queue, and an output that does what a test asks of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, ClassVar

import pytest

from ingest.input.base import Input
from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from sawlog.batch import Deliver, EventBatch, Source
from sawlog.errors import SawlogError
from sawlog.event import Event
from sawlog.store.base import Refusal
from tests.patience import SECONDS


class Feed(Input):
    """Gives the batches that a test puts into its queue; the end of the queue is None."""

    name = "feed"
    options: ClassVar[dict[str, Option]] = {
        "queue": Option(Kind.STRING, "", "first"),
        "fails": Option(Kind.BOOLEAN, "", False),
    }
    queues: ClassVar[dict[str, asyncio.Queue[list[Event] | None]]] = {}
    settled: ClassVar[dict[str, BaseException | None]] = {}
    running: ClassVar[list[str]] = []

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._queue: str = options["queue"]
        self._fails: bool = options["fails"]

    async def run(self, deliver: Deliver) -> None:
        if self._fails:
            raise SawlogError("the address is in use")
        queue = self.queues.setdefault(self._queue, asyncio.Queue())
        self.running.append(self._queue)
        try:
            while (events := await queue.get()) is not None:
                await deliver(self._batch(events))
        finally:
            self.running.remove(self._queue)

    def _batch(self, events: list[Event]) -> EventBatch:
        def settled(error: BaseException | None) -> None:
            self.settled.update({event["message"]: error for event in events})

        return EventBatch(Source(self._queue, ""), events, 100, settled)


class Collect(Output):
    """Keeps what it is sent, and does what a test asks of it."""

    name = "collect"
    options: ClassVar[dict[str, Option]] = {"to": Option(Kind.STRING, "", "first")}
    sent: ClassVar[dict[str, list[str]]] = {}
    faults: ClassVar[dict[str, list[Exception]]] = {}
    gates: ClassVar[dict[str, asyncio.Event]] = {}
    state: ClassVar[list[str]] = []

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._to: str = options["to"]

    async def open(self) -> None:
        self.state.append(f"open {self._to}")
        if faults := self.faults.get(f"open {self._to}"):
            raise faults.pop(0)

    async def send(self, events: list[Event]) -> Sequence[Refusal]:
        begun = self.sent.setdefault(f"begun {self._to}", [])
        begun.extend(event["message"] for event in events)
        if faults := self.faults.get(self._to):
            raise faults.pop(0)
        if gate := self.gates.get(self._to):
            await gate.wait()
        refused = [
            Refusal(position, 400, "mapper_parsing_exception", "no number")
            for position, event in enumerate(events)
            if event["message"].startswith("refused")
        ]
        places = {refusal.position for refusal in refused}
        self.sent.setdefault(self._to, []).extend(
            event["message"] for position, event in enumerate(events) if position not in places
        )
        return refused

    def index_of(self, event: Event) -> str:
        return "an-index"

    async def close(self) -> None:
        self.state.append(f"close {self._to}")


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, plugin in (("input", Feed), ("output", Collect)):
        module: Any = ModuleType(f"ingest.{kind}.{plugin.name}")
        module.Plugin = plugin
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("ingest.running_output.FIRST_WAIT", 0.01)
    for name in ("queues", "settled"):
        monkeypatch.setattr(Feed, name, {})
    monkeypatch.setattr(Feed, "running", [])
    for name in ("sent", "faults", "gates"):
        monkeypatch.setattr(Collect, name, {})
    monkeypatch.setattr(Collect, "state", [])


def give(*messages: str, queue: str = "first") -> None:
    events: list[Event] = [{"message": message, "@metadata": {"_id": f"id:{message}"}} for message in messages]
    Feed.queues.setdefault(queue, asyncio.Queue()).put_nowait(events)


def end(queue: str = "first") -> None:
    Feed.queues.setdefault(queue, asyncio.Queue()).put_nowait(None)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
