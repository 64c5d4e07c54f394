"""An agent in simulated time: a minute of sleeping takes no longer than the work in it, and every run is the same."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from sawlog.batch import Batch
from shipper.agent import Agent
from shipper.following import Tail
from shipper.framing import Framing
from shipper.registry import Registry, listing
from shipper.settings import FileInput

WINDOW = 8_000


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing is to be done."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now

    def turn(self) -> None:
        """Run what is ready, once."""
        self.call_soon(self.stop)
        self.run_forever()


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and timeout:
            self._loop.now += timeout
        return events


class Inline(Executor):
    """Runs what is submitted at once."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


class Simulation:
    """One folder, one registry, one store; agents that come and go."""

    def __init__(self, folder: Path, framing: Framing, settings: FileInput) -> None:
        self.registry_path = folder / "registry.sqlite"
        self.framing = framing
        self.settings = settings
        Registry(self.registry_path).close()
        self.loop = SimulatedLoop()
        self.agent: Agent | None = None
        self.registry: Registry | None = None
        self.store: dict[str, str] = {}
        self.way = "acknowledge"
        """What becomes of a batch: acknowledge; store it and say nothing; or lose it on the way."""
        self.held: list[Batch] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.registry = Registry(self.registry_path)
        self.agent = Agent(
            [Tail(self.settings, self.framing)],
            self.registry, "agent", name="host", window=WINDOW, executor=Inline(), watch=False,
        )  # fmt: skip
        self._task = self.loop.create_task(self.agent.run(self._deliver))

    def stop(self) -> None:
        """End the agent as SIGTERM does."""
        assert self.agent is not None
        self.agent.stop()
        self.settle_all()
        self._end()

    def crash(self) -> None:
        """End the agent without a chance to write anything down."""
        assert self._task is not None
        self._task.cancel()
        self._end()

    def _end(self) -> None:
        assert self._task is not None
        assert self.registry is not None
        self.loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))
        self.registry.close()
        self.agent = self.registry = self._task = None
        self.held.clear()

    async def _deliver(self, batch: Batch) -> None:
        if self.way == "store":
            self.keep(batch)
        if self.way == "acknowledge":
            self.keep(batch)
            batch.ack()
        else:
            self.held.append(batch)

    def keep(self, batch: Batch) -> None:
        """Store the events as a store does: the first document of an `_id` stays, and must be like the next."""
        for event in batch.events():
            known = self.store.setdefault(event["@metadata"]["_id"], event["message"])
            assert known == event["message"], "one _id stands for two texts"

    def knows_the_head(self, path: Path, length: int) -> bool:
        """Whether the registry has so much of the file's beginning; a file that it does not know is met whole."""
        status = path.stat()
        known = self.registry.records() if self.registry else listing(self.registry_path)
        here = (one for one in known if (one.device, one.inode) == (status.st_dev, status.st_ino) and not one.retired)
        return all(one.head.length >= length for one in here)

    def settle(self, at: int, accept: bool) -> None:
        """Acknowledge or refuse one of the batches under way."""
        batch = self.held.pop(at % len(self.held))
        if accept:
            self.keep(batch)
            self.loop.call_soon(batch.ack)
        else:
            self.loop.call_soon(batch.nack, RuntimeError("refused"))
        self.loop.turn()

    def settle_all(self) -> None:
        self.way = "acknowledge"
        while self.held:
            self.settle(0, accept=True)

    def sleep(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self.check()

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.loop.turn()
        self.check()

    def check(self) -> None:
        if self._task is not None and self._task.done():
            self._task.result()

    def writable(self, yes: bool) -> None:
        """Let the registry's disk be full, or have room again."""
        assert self.registry is not None
        self.registry._database.execute(f"PRAGMA query_only = {int(not yes)}")

    def close(self) -> None:
        if self.agent is not None:
            self.crash()
        self.loop.close()
