"""What every output of the shipper is: a sender, which takes batches and acknowledges them when they are durable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sawlog.batch import Batch


@dataclass(frozen=True, slots=True)
class About:
    """What a sender may need to know of the agent that it sends for."""

    identity: str
    """The agent's id."""
    name: str
    """What the agent calls its machine."""
    data: Path
    """The agent's folder, ``path.data``: dead letters and the embedded index live below it."""


@dataclass(slots=True)
class SenderCounters:
    """Since the start. `events` and `bytes` are acknowledged ones; `retries` are batches or documents sent again."""

    batches: int = 0
    events: int = 0
    bytes: int = 0
    retries: int = 0
    dead: int = 0
    """Events that the destination refused for good, which are in the dead letters with the reason."""
    problem: str | None = None
    """Why nothing gets through just now; None while it does."""


@dataclass(slots=True, eq=False)
class BatchParts:
    """A batch that is sent in parts: how many of them are not acknowledged."""

    batch: Batch
    left: int


class Sender(ABC):
    """Takes batches to one destination. Used as an asynchronous context manager: leaving it closes it.

    The contract, which the conformance suite of the outputs holds each one to:

    - `send` takes a batch on its way and returns when the next one may come; that is the back-pressure.
    - A batch is acknowledged, on the event loop's thread, when each of its events is durable at the destination or
      in the dead letters, and never before; batches may be acknowledged in another order than they were sent.
    - What passes by itself (a destination that is away, busy, or slow) is tried again without end, with jittered
      back-off; it is said once in the log when it begins and once when it ends, and `counters.problem` tells why.
    - What does not pass by itself (credentials, a certificate) is a nack with a `SawlogError` that says what to do.
    - Leaving the context ends what is under way; batches that are not acknowledged by then are nacked. It does not
      wait for them: who uses the sender does that before, for as long as it likes.
    """

    def __init__(self) -> None:
        self.counters = SenderCounters()

    async def __aenter__(self) -> Self:
        """Make ready; a destination that is not there is no error yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, and nack what is not acknowledged."""
        await self.close()

    @property
    def set_aside(self) -> Sequence[str]:
        """What a store on this machine has that was damaged; see `sawlog.store.base.Store`."""
        return ()

    @abstractmethod
    async def send(self, batch: Batch) -> None:
        """Take a batch on its way; return when the next may come."""

    @abstractmethod
    async def close(self) -> None:
        """End what is under way, nack it, and let go of connections and files."""

    @abstractmethod
    def check(self) -> AsyncIterator[str]:
        """Try the way to the destination, for ``sawlog test output``: yield each step that worked, in words.

        Raises:
            SawlogError: the step that did not work, and why.
        """
