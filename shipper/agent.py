"""The agent: finds files, keeps a harvester for each, and hands on their batches within a bounded window.

Two loops, until told to stop. One scans for files when it is time or a folder changed, also while nothing gets
through, so that files are found before they are rotated away. The other lets each file that may have grown give one
batch in turn, and sleeps when none has. Memory is bounded by the window: when what was handed on is not acknowledged,
nothing more is read, and the files are the buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final

from sawlog.batch import Deliver
from shipper.discovery import Watch, reason
from shipper.following import RETRY_SECONDS, Finder, Followed, FollowedFiles, Progress, Tail
from shipper.harvester import Harvester, ReplacedError, SettledBatch
from shipper.registry import Registry

WINDOW_BYTES: Final = 8 << 20
POLL_SECONDS: Final = 0.2
SCAN_PAUSE_SECONDS: Final = 0.1
"""Scans are at least so far apart, however much happens in the folders."""
WAIT_SECONDS: Final = 1.0
"""When files wait for something to be known, the next scan comes so soon."""
FIND_SECONDS: Final = 10.0
"""Inputs are looked for so often while there are none."""


class Agent:
    """Reads all files of its inputs; each line is handed on once, and again only when it was not acknowledged."""

    def __init__(
        self,
        tails: Sequence[Tail],
        registry: Registry,
        identity: str,
        *,
        name: str = "",
        once: bool = False,
        window: int = WINDOW_BYTES,
        executor: Executor | None = None,
        watch: bool = True,
        finder: Finder | None = None,
    ) -> None:
        """`identity` is the agent's id, `name` what it calls this machine; `once`: stop at the files' ends.

        `executor` reads the files (a thread of the agent's own if not given); without `watch`, new files are found by
        the periodic scan alone. A `finder` finds more inputs while the agent runs.
        """
        name = name or socket.gethostname()
        self._executor = executor or ThreadPoolExecutor(1, "reader")
        self._rescan = asyncio.Event()
        self._files = FollowedFiles(
            tails, registry, identity, self._on_settled, name=name, once=once, finder=finder,
            executor=self._executor, on_survey=self._rescan.set,
        )  # fmt: skip
        self._finder = finder
        self._registry = registry
        self._once = once
        self._window = window
        self._served: tuple[int, int] | None = None
        """The file that has given a batch last, so that the next round begins after it."""
        # A file that is read once and left needs no watching.
        self._watching = watch and not once
        self._wake = asyncio.Event()
        self._scanned = False
        """Whether there was a scan, and none is under way."""
        self._stopping = False

    @property
    def progress(self) -> Progress:
        """What has been done since the start."""
        return self._files.progress

    def stop(self) -> None:
        """Make `run` end soon; what is under way is still acknowledged."""
        self._stopping = True
        self._wake.set()
        self._rescan.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    @property
    def lag(self) -> int:
        """Bytes of the known files that are not acknowledged yet."""
        return sum(one.harvester.lag for one in self._files)

    @property
    def total(self) -> int:
        """Bytes of the known files."""
        return sum(one.harvester.size for one in self._files)

    @property
    def is_caught_up(self) -> bool:
        """Whether all files were looked for, and all that is in them now is acknowledged."""
        return self._finished()

    @property
    def followed(self) -> Sequence[Followed]:
        """The files, each with its harvester and its input."""
        return list(self._files)

    @property
    def open_files(self) -> int:
        """Files that are open just now."""
        return self._files.open_files

    async def run(self, deliver: Deliver) -> None:
        """Read and hand on until `stop`, or, with `once`, until every file is read to its end and acknowledged."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            loop.call_soon_threadsafe(self._rescan.set)

        watch = Watch(changed)
        if self._watching:
            watch.start()
        scanning = asyncio.create_task(self._keep_scanning(watch))
        finding = asyncio.create_task(self._finder.run(changed)) if self._finder is not None else None
        try:
            while not self._stopping:
                if scanning.done():
                    scanning.result()
                if await self._round(deliver):
                    continue
                if self._once and self._finished():
                    break
                await self._sleep(POLL_SECONDS)
            await self._settle()
        finally:
            ending = [task for task in (scanning, finding) if task is not None]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            watch.stop()
            await self._files.end()
            if isinstance(self._executor, ThreadPoolExecutor):
                self._executor.shutdown()

    async def _keep_scanning(self, watch: Watch) -> None:
        """Scan at each ``scan_frequency``, and when a folder has changed."""
        while not self._stopping:
            self._rescan.clear()
            self._scanned = False
            await self._files.scan(watch)
            self._registry.flush()
            self._scanned = True
            self._wake.set()
            await asyncio.sleep(SCAN_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._seconds() - SCAN_PAUSE_SECONDS)):
                    await self._rescan.wait()

    def _seconds(self) -> float:
        """Return how long to wait for the next scan."""
        if self._files.waiting:
            return min(WAIT_SECONDS, self._files.frequency or WAIT_SECONDS)
        return self._files.frequency or (POLL_SECONDS if self._finder is None else FIND_SECONDS)

    # Reading files

    async def _round(self, deliver: Deliver) -> bool:
        """Let each file that may have something give one batch; return whether any did, or has more to give."""
        busy = False
        now = asyncio.get_running_loop().time()
        for one in self._files.turns(self._served):
            if self._stopping or self.progress.in_flight >= self._window:
                return False
            if now < one.retry_at or not self._files.may_have_more(one, now) or not self._files.reopen(one):
                continue
            self._served = one.place
            if await self._read(one, deliver) or not one.harvester.at_end:
                busy = True
            elif self._once:
                self._files.close(one)
        return busy

    async def _read(self, one: Followed, deliver: Deliver) -> bool:
        """Read a block of one file and hand its batch on; return whether there was a batch."""
        harvester = one.harvester
        loop = asyncio.get_running_loop()
        flush = harvester.at_end and self._files.waited_long(one, loop.time())
        try:
            batch = await harvester.read(self._executor, flush=flush, last=self._once)
        except ReplacedError:
            self._files.replaced(one)
            self._rescan.set()
            return True
        except OSError as error:
            self._files.complain(one, reason(error))
            one.retry_at = loop.time() + RETRY_SECONDS
            return False
        one.problem = None
        if harvester.grew:
            harvester.quiet_since = loop.time()
        if batch is None:
            return False
        progress = self.progress
        progress.in_flight += batch.size
        progress.active += len(batch)
        progress.read += len(batch)
        progress.truncated += len(batch.truncated)
        shaped = one.tail.shape(batch) if one.tail.shape is not None else batch
        progress.dropped += len(batch) - (0 if shaped is None else len(shaped))
        if shaped is None or not len(shaped):
            batch.ack()
        else:
            await deliver(shaped)
        return True

    def _on_settled(self, harvester: Harvester, settled: SettledBatch) -> None:
        progress = self.progress
        progress.in_flight -= settled.bytes
        progress.active -= settled.events
        progress.error = settled.error
        if settled.error is None:
            progress.bytes += settled.bytes
            progress.batch_events.observe(settled.events)
            progress.seconds.observe(settled.seconds)
        else:
            progress.failed += settled.events
            for one in self._files:
                if one.harvester is harvester:
                    one.retry_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        self._wake.set()

    # Waiting

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _finished(self) -> bool:
        return (
            self._scanned
            and not self._files.waiting
            and not self._rescan.is_set()
            and all(self._is_done(one) for one in self._files)
        )

    def _is_done(self, one: Followed) -> bool:
        harvester = one.harvester
        if harvester.descriptor is None and harvester.record.path in self.progress.problems:
            return True
        return harvester.at_end and harvester.settled and not harvester.failed

    async def _settle(self) -> None:
        """Wait until nothing is under way any more."""
        while self.progress.in_flight:
            await self._sleep(RETRY_SECONDS)
