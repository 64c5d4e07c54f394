"""Standard input as an input of the shipper. What was read cannot be read again, so it is kept until acknowledged."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

from sawlog import __version__
from sawlog.batch import Deliver, LineBatch, Source
from sawlog.blocks import read_blocks
from shipper.agent import WINDOW_BYTES
from shipper.following import RETRY_SECONDS, Tail


class StandardInput:
    """Reads a descriptor to its end. The `_id`s of its events are new with each run."""

    def __init__(self, tail: Tail, identity: str, name: str, descriptor: int = 0) -> None:
        self.events = 0
        self._tail = tail
        self._descriptor = descriptor
        agent = {"id": identity, "name": name, "type": "sawlog", "version": __version__}
        fields: dict[str, Any] = {"host": {"name": name}, "agent": agent, **tail.settings.fields}
        fields["log"] = {**fields.get("log", {}), "file": {"path": "-"}}
        self._source = Source(f"stdin-{uuid.uuid4().hex}", "-", fields)
        self._buffer = b""
        self._offset = 0
        self._ended = False
        self._passing = False
        """Whether the rest of a line beyond the limit is being passed over."""
        self._in_flight = 0
        self._settled = asyncio.Event()
        self._error: BaseException | None = None
        self._blocks: asyncio.Queue[bytes] | None = None
        self._deliver: Deliver | None = None

    @property
    def in_flight(self) -> int:
        """Bytes handed on and not yet acknowledged."""
        return self._in_flight

    @property
    def error(self) -> BaseException | None:
        """Why the last batch was not delivered."""
        return self._error

    async def run(self, deliver: Deliver) -> None:
        """Hand on what comes until the end of input, and wait until all of it is acknowledged.

        May be cancelled and called again, with another way to deliver: what was read goes that way then.
        """
        self._deliver = deliver
        if self._blocks is None:
            self._blocks = read_blocks(self._descriptor)
        while not self._ended:
            await self._frame()
            try:
                async with asyncio.timeout(self._tail.framing.timeout):
                    block = await self._blocks.get()
            except TimeoutError:
                await self._frame(idle=True)
                continue
            self._take(block)
            self._ended = not block
        await self._frame()
        while self._in_flight:
            await self._wait()

    def _take(self, block: bytes) -> None:
        if self._passing:
            end = self._tail.framing.first(block, self._offset)
            self._offset += end or len(block)
            block = block[end:] if end else b""
            self._passing = not end
        self._buffer += block

    async def _frame(self, *, idle: bool = False) -> None:
        """Cut the buffer and hand the events on; `idle`: what waits for more lines has waited long enough."""
        framing = self._tail.framing
        # Before anything is taken out of the buffer: waiting may be cancelled.
        while self._in_flight >= WINDOW_BYTES:
            await self._wait()
        whole = framing.whole(self._buffer, self._offset)
        buffer, final = self._buffer, self._ended
        if idle:
            buffer, final = buffer[:whole], True
        if len(self._buffer) - whole > framing.max_bytes:
            # It is cut, as all that is longer is; its rest is passed over.
            buffer, final, self._passing = self._buffer, True, not self._ended
        frames = framing.frame(buffer, self._offset, final)
        consumed = len(buffer) if final else frames.consumed
        self._buffer = self._buffer[consumed:]
        self._offset += consumed
        if frames.texts:
            self._in_flight += consumed
            await self._send(frames.texts, frames.offsets, consumed, frames.truncated)

    async def _send(self, texts: Sequence[str], offsets: Sequence[int], size: int, cut: frozenset[int]) -> None:
        tasks: set[asyncio.Task[None]] = set()

        def settled(error: BaseException | None) -> None:
            self._error = error
            if error is None:
                self._in_flight -= size
                self.events += len(texts)
                self._settled.set()
            else:
                tasks.add(asyncio.create_task(again()))

        async def again() -> None:
            await asyncio.sleep(RETRY_SECONDS)
            await hand_on()

        async def hand_on() -> None:
            batch = LineBatch(self._source, texts, offsets, size, settled, cut)
            shaped = self._tail.shape(batch) if self._tail.shape is not None else batch
            if shaped is None or not len(shaped):
                (batch if shaped is None else shaped).ack()
                return
            assert self._deliver is not None
            try:
                await self._deliver(shaped)
            except asyncio.CancelledError as error:
                shaped.nack(error)
                raise

        await hand_on()

    async def _wait(self) -> None:
        self._settled.clear()
        await self._settled.wait()
