"""``output.logstash``: Lumberjack 2 to Logstash or to ``sawlog ingest``.

A batch is cut into windows of ``bulk_max_size`` events (by default 2048, or, to a sawlog, all of it). A window goes to
the connection that is free first, and, when that breaks before the acknowledgement, to the next. The receiver is told
each event's `_id`, so that a window that arrives twice is stored once by sawlog. Lines go as JSON, until the receiver
says that it is sawlog and reads envelopes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, takewhile
from typing import Final, Self

import msgspec

from sawlog import __version__
from sawlog.backoff import Backoff
from sawlog.batch import Batch, LineBatch
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import StoreError
from sawlog.event import METADATA, Event
from sawlog.wire.envelope import EnvelopeError
from sawlog.wire.lumberjack import (
    OFFER,
    Ack,
    Decoder,
    LumberjackError,
    Offer,
    encode_batch,
    encode_enveloped,
    encode_frames,
)
from shipper.output.base import About, BatchParts, Sender
from shipper.output.encoding import NOT_ENCODED, encoded, stamped
from shipper.output.pasting import Pasting
from shipper.output.tls import context
from shipper.settings import LogstashOutput

log = logging.getLogger(__name__)

USUAL_EVENTS: Final = 2048
"""Events of a window when ``bulk_max_size`` is not given, as in Filebeat; a sawlog gets batches whole, as over MQTT."""
WINDOW_BYTES: Final = 16 << 20
"""The events of a window, however few they are, are not larger; a receiver holds a whole window in memory."""
CONNECT_SECONDS: Final = 30.0

_Make = Callable[[int, int, bool], bytes]
"""Makes a window of the events from one position to before another; see `_Window.data`."""

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True, eq=False)
class _Window:
    parts: BatchParts
    count: int
    data: Callable[[bool], bytes]
    """Makes what goes over the wire, to a receiver that reads envelopes, or to one that does not."""


class LogstashSender(Sender):
    """Sends windows over one connection, or, with ``loadbalance``, over one to each host; ``worker`` of each."""

    def __init__(self, settings: LogstashOutput, about: About) -> None:
        """Raises `ConfigError` for a certificate that cannot be used."""
        super().__init__()
        self._settings = settings
        self._tls = context(settings.tls, "output.logstash") if settings.tls is not None else None
        self._letters = DeadLetters(about.data / DIRECTORY)
        self._beat = {"beat": settings.index, "type": "_doc", "version": __version__}
        self._waiting: deque[_Window] = deque()
        self._changed = asyncio.Condition()
        self._sending: set[BatchParts] = set()
        hosts = settings.hosts
        # Each connection begins at another host, and goes on to the next when one does not answer.
        starts = range(len(hosts)) if settings.loadbalance else [random.randrange(len(hosts))]  # noqa: S311 - no secret
        self._routes = [
            (*hosts[start:], *hosts[:start]) if not settings.loadbalance else (hosts[start],)
            for start in starts
            for _ in range(settings.worker)
        ]
        self._links: set[_Link] = set()
        self._connections: list[asyncio.Task[None]] = []
        self._problems: dict[str, str] = {}
        """Why a host takes nothing."""

    async def __aenter__(self) -> Self:
        """Start connecting."""
        self._connections = [asyncio.create_task(self._run(route)) for route in self._routes]
        return self

    async def send(self, batch: Batch) -> None:
        """Queue the batch's windows; return when there is room for the next batch's."""
        try:
            windows = await asyncio.to_thread(self._windows, batch)
        except StoreError as error:
            batch.nack(error)
            return
        if not windows:
            batch.ack()
            return
        async with self._changed:
            self._sending.add(windows[0].parts)
            self._waiting += windows
            self._changed.notify_all()
            most = len(self._routes) * self._settings.pipelining
            await self._changed.wait_for(lambda: len(self._waiting) < most)

    async def close(self) -> None:
        """Close the connections and give back what is not acknowledged."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for parts in self._sending:
            parts.batch.nack(StoreError("output.logstash was closed"))
        self._sending.clear()
        self._waiting.clear()

    async def check(self) -> AsyncIterator[str]:
        """Connect to each host, with TLS if it is configured."""
        for host in self._settings.hosts:
            try:
                _, writer = await self._connect(host)
            except (OSError, TimeoutError) as error:
                raise StoreError(f"output.logstash: {host}: {_words(error)}") from None
            secure = writer.get_extra_info("ssl_object")
            writer.close()
            yield f"logstash: {host}: dial up"
            if secure is not None:
                yield f"logstash: {host}: TLS, {secure.version()}"

    # Windows

    def _windows(self, batch: Batch) -> list[_Window]:
        lines = Pasting.of(batch, self._beat) if isinstance(batch, LineBatch) else None
        sizes, make = self._lines(lines) if lines is not None else self._events(batch)
        parts = BatchParts(batch, 0)
        windows = [_Window(parts, end - begin, partial(make, begin, end)) for begin, end in _cut(sizes, self._most())]
        parts.left = len(windows)
        return windows

    def _most(self) -> int:
        """Return how many events a window may have; 0: as many as the batch."""
        given = self._settings.bulk_max_size
        if given is not None:
            return given
        return 0 if self._links and all(link.reads_envelopes for link in self._links) else USUAL_EVENTS

    def _lines(self, lines: Pasting) -> tuple[list[int], _Make]:
        """Return the sizes of lines, and what makes a window of some of them."""
        level = self._settings.compression_level

        def make(begin: int, end: int, envelopes: bool) -> bytes:
            if envelopes:
                with contextlib.suppress(EnvelopeError, *NOT_ENCODED):
                    return encode_enveloped(lines.envelope(begin, end, level), end - begin)
            return encode_frames(lines.frames(begin, end), end - begin, level)

        return lines.sizes(), make

    def _events(self, batch: Batch) -> tuple[list[int], _Make]:
        """Encode events, and return their sizes, and what makes a window of some of them.

        Raises:
            StoreError: there are some that cannot be encoded, and the dead letters cannot be written.
        """
        payloads, dead = encoded(stamped(batch.events()), self._payloads, self._letters)
        self.counters.dead += dead
        level = self._settings.compression_level
        return list(map(len, payloads)), lambda begin, end, _: encode_batch(payloads[begin:end], end - begin, level)

    def _payloads(self, events: Sequence[Event]) -> list[bytes]:
        return [_encode({**event, METADATA: {**self._beat, **event.get(METADATA, {})}}) for event in events]

    async def _take(self, seconds: float | None = None) -> _Window | None:
        """Wait for the next window; None when none comes in time."""
        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: bool(self._waiting))
            except TimeoutError:
                return None
            window = self._waiting.popleft()
            self._changed.notify_all()
            return window

    async def _give_back(self, windows: Sequence[_Window]) -> None:
        async with self._changed:
            self._waiting.extendleft(reversed(windows))
            self.counters.retries += len(windows)
            self._changed.notify_all()

    def _arrived(self, window: _Window) -> None:
        parts = window.parts
        self.counters.events += window.count
        parts.left -= 1
        if not parts.left and parts in self._sending:
            self._sending.discard(parts)
            self.counters.batches += 1
            self.counters.bytes += parts.batch.size
            parts.batch.ack()

    # Connections

    async def _run(self, route: Sequence[str]) -> None:
        """Keep one connection: to the first host of the route that answers."""
        at = 0
        backoff = Backoff(self._settings.backoff_init, self._settings.backoff_max)
        while True:
            host = route[at % len(route)]
            try:
                reader, writer = await self._connect(host)
            except (OSError, TimeoutError) as error:
                self._failed(host, error)
                at += 1
                # The next host is tried at once; when all have failed, there is a pause.
                if at % len(route) == 0:
                    await backoff.pause()
                continue
            link = _Link(self, host, reader, writer)
            self._links.add(link)
            if not self._sending:
                # Nothing waits, so that no acknowledgement would tell it.
                self._well(host)
            try:
                await link.run()
                self._well(host)
            except (OSError, TimeoutError, LumberjackError, asyncio.IncompleteReadError) as error:
                self._failed(host, error)
                at += 1
                if link.acknowledged:
                    backoff.reset()
                await backoff.pause()
            finally:
                self._links.discard(link)
                writer.close()
                await self._give_back(link.under_way)

    async def _connect(self, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name, _, port = host.rpartition(":")
        name = name.strip("[]")
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(
                name, int(port), ssl=self._tls, server_hostname=name if self._tls is not None else None
            )

    def _failed(self, host: str, error: BaseException) -> None:
        problem = f"output.logstash: {host}: {_words(error)}"
        if host not in self._problems:
            log.warning("%s; retrying", problem)
        self._problems[host] = problem
        # While another host takes events, something gets through.
        self.counters.problem = problem if len(self._problems) == len(set(self._settings.hosts)) else None

    def _well(self, host: str) -> None:
        if self._problems.pop(host, None) is not None:
            log.warning("output.logstash: %s takes events again", host)
        self.counters.problem = None


class _Link:
    """One connection: windows out, up to ``pipelining`` before the first is acknowledged, acknowledgements in."""

    def __init__(
        self, owner: LogstashSender, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.under_way: deque[_Window] = deque()
        self.acknowledged = False
        self.reads_envelopes = False
        """Whether the receiver has offered to read them."""
        self._owner = owner
        self._settings = owner._settings
        self._reader = reader
        self._writer = writer
        self._moved = asyncio.Event()
        self._host = host

    async def run(self) -> None:
        """Send until the connection breaks, which raises, or until its time to live has passed."""
        tasks = {asyncio.create_task(self._read()), asyncio.create_task(self._write())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _write(self) -> None:
        settings = self._settings
        end = time.monotonic() + settings.ttl if settings.ttl else None
        while end is None or time.monotonic() < end:
            if len(self.under_way) >= max(1, settings.pipelining):
                self._moved.clear()
                await self._moved.wait()
                continue
            window = await self._owner._take(None if end is None else max(0.01, end - time.monotonic()))
            if window is None:
                break
            self.under_way.append(window)
            self._writer.write(await asyncio.to_thread(window.data, self.reads_envelopes))
            await self._writer.drain()
            self._moved.set()
        while self.under_way:
            self._moved.clear()
            await self._moved.wait()

    async def _read(self) -> None:
        decoder = Decoder()
        while True:
            # Nobody speaks while nothing is under way; a receiver that is busy says so.
            seconds = self._settings.timeout if self.under_way else None
            data = await self._within(seconds)
            if data is None:
                continue
            if not data:
                raise ConnectionResetError("the receiver has closed the connection")
            for frame in decoder.feed(data):
                if isinstance(frame, Offer):
                    self.reads_envelopes = frame.envelopes >= OFFER
                elif isinstance(frame, Ack):
                    self._on_ack(frame.sequence)
                else:
                    raise LumberjackError("the receiver sends something other than acknowledgements")

    async def _within(self, seconds: float | None) -> bytes | None:
        """Read; None when there is something under way by now whose time has to be watched."""
        if seconds is not None:
            try:
                async with asyncio.timeout(seconds):
                    return await self._reader.read(1 << 14)
            except TimeoutError:
                raise TimeoutError(f"no acknowledgement in {seconds:.0f} s") from None
        try:
            async with asyncio.timeout(0.5):
                return await self._reader.read(1 << 14)
        except TimeoutError:
            return None

    def _on_ack(self, sequence: int) -> None:
        if not self.under_way:
            if sequence:
                raise LumberjackError("the receiver acknowledges what was not sent")
            return
        window = self.under_way[0]
        if sequence > window.count:
            raise LumberjackError("the receiver acknowledges more than was sent")
        if sequence == window.count:
            self.acknowledged = True
            self.under_way.popleft()
            self._owner._arrived(window)
            self._owner._well(self._host)
            self._moved.set()


def _cut(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut events of these sizes into parts, each from one position to before another.

    A part has at most `most` events, if that is not 0, and at most `WINDOW_BYTES` unless one event is larger.
    """
    begin = 0
    while begin < len(sizes):
        end = min(begin + most, len(sizes)) if most else len(sizes)
        if sum(sizes[begin:end]) > WINDOW_BYTES:
            within = takewhile(lambda size: size <= WINDOW_BYTES, accumulate(sizes[begin:end]))
            end = begin + max(1, sum(1 for _ in within))
        yield begin, end
        begin = end


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS fails: {error.verify_message}; is the CA's certificate given?"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {error.reason or error}"
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        # Asyncio's own words for a failed connection leave out why.
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
