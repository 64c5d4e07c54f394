"""Records to Kafka, a batch at a time: many records make few batches of Kafka's, and each is one call of the client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sawlog.errors import SawlogError, StoreUnavailableError
from sawlog.wire.kafka import Brokers, Troubles, client_library, words_of

log = logging.getLogger(__name__)

RECORD_BYTES: Final = 100
"""What a record has at most besides its key, value and headers."""
BATCH_BYTES: Final = 1_000_000
"""What a batch holds before it is packed: brokers take batches of 1 MiB if they are not told otherwise."""
STOP_SECONDS: Final = 5.0
PATIENCE: Final = 3.0
"""How many times the time of a request what is sent may take, before it is sent again."""
GIVEN_UP: Final = -1.0
"""The seconds that a batch has left which is not sent once more."""
FAILURES: Final = 3
"""After so many failures in a row, a client is made anew, which asks the hosts that were configured."""

_TOPIC: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}", re.ASCII)
_FOR_GOOD: Final = frozenset({"MessageSizeTooLargeError", "RecordListTooLargeError", "InvalidRequestError"})
_TOO_LARGE: Final = frozenset({"MessageSizeTooLargeError", "RecordListTooLargeError"})
_SILENCE: Final = frozenset({"KafkaConnectionError", "KafkaTimeoutError", "NodeNotReadyError", "RequestTimedOutError"})
"""Errors that say no more than that nobody answers; the client's log knows why."""

Headers = Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class KafkaRecord:
    """What becomes one record of a topic; `time` is in milliseconds since 1970, None: when it is sent."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Headers = ()
    time: int | None = None
    hashed: int | None = None
    """What the partition is chosen by, where that is not the key."""

    @property
    def size(self) -> int:
        """About how many bytes it has in a batch."""
        size = RECORD_BYTES + len(self.value) + len(self.key or b"")
        return size + sum(len(name) + len(value) for name, value in self.headers)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record, by its place among those that were sent, that no broker takes, and why."""

    position: int
    type: str
    reason: str


Choose = Callable[[Sequence[KafkaRecord], int], list[int]]
"""Chooses, for records of one topic, their partitions, from 0 to below a number."""


class KafkaProducer:
    """Sends to one cluster; connects when it has to, at `start` or with the first records. `close` it after use."""

    def __init__(
        self,
        cluster: Brokers,
        choose: Choose,
        what: str,
        *,
        acks: int = 1,
        compression: str | None = None,
        batch_bytes: int = BATCH_BYTES,
        most_bytes: int = BATCH_BYTES,
        tell: Callable[[str], None] = lambda _problem: None,
    ) -> None:
        """`acks`: as Kafka's, -1 for all; `most_bytes`: of one record; `what` is who asks, for messages.

        Raises:
            ExtraMissingError: the library is not installed.
        """
        self._library = client_library(what)
        self._cluster = cluster
        self._choose = choose
        self._what = what
        self._acks = acks
        self._compression = compression
        self._batch_bytes = min(batch_bytes, most_bytes)
        self._most_bytes = most_bytes
        self.troubles = Troubles(tell)
        self._client: Any = None
        self._starting = asyncio.Lock()
        self._failures = 0
        """How often in a row something was not confirmed."""
        # Records of one key stay in their order: one batch of events after the other finds its place in the queues.
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connect, unless it is connected.

        Raises:
            StoreUnavailableError: not possible now.
            SawlogError: it will never be: the login or a certificate is wrong.
        """
        async with self._starting:
            if self._client is None:
                self._client = await self._started()

    async def _started(self) -> Any:
        self.troubles.listen()
        client = self._library.AIOKafkaProducer(
            **self._cluster.arguments(),
            acks=self._acks,
            compression_type=self._compression,
            max_batch_size=self._batch_bytes,
            max_request_size=2 * self._most_bytes,
        )
        try:
            await client.start()
        except (self._library.errors.KafkaError, OSError) as error:
            await self._end(client)
            if self.troubles.final is not None:
                raise SawlogError(f"Kafka at {self._cluster} refuses the connection: {self.troubles.final}") from None
            reason = self.troubles.last or words_of(error)
            raise StoreUnavailableError(f"no connection to Kafka at {self._cluster}: {reason}") from None
        except BaseException:
            await self._end(client)
            raise
        return client

    async def close(self) -> None:
        """Give up what is under way, and disconnect."""
        client, self._client = self._client, None
        self._failures = 0
        if client is not None:
            self._give_up(client)
            await self._end(client)

    def brokers(self) -> int:
        """Return how many brokers there are, of a producer that has started."""
        return len(self._client.client.cluster.brokers())

    async def send(self, records: Sequence[KafkaRecord]) -> list[Rejected]:
        """Return when each record is where `acks` wants it, or refused for good; the latter are returned.

        Raises:
            StoreUnavailableError: it is not known that all are there; the caller sends all again.
            SawlogError: as `start`.
        """
        if self._client is None:
            await self.start()
        rejected: list[Rejected] = []
        good: list[int] = []
        for position, record in enumerate(records):
            if _TOPIC.fullmatch(record.topic) is None:
                rejected.append(Rejected(position, "invalid_topic", f"{record.topic!r:.80} is no name of a topic"))
            elif record.size > self._most_bytes:
                reason = f"a record of {record.size} bytes is beyond the {self._most_bytes} that are allowed"
                rejected.append(Rejected(position, "record_too_large", reason))
            else:
                good.append(position)
        try:
            rejected += await self._send(records, good)
        except (self._library.errors.KafkaError, OSError) as error:
            reason = words_of(error)
            if type(error).__name__ in _SILENCE:
                reason = self.troubles.last or reason
            self._failures += 1
            if self._failures >= FAILURES:
                await self.close()
            raise StoreUnavailableError(f"Kafka at {self._cluster} does not confirm: {reason}") from None
        self.troubles.last, self._failures = None, 0
        return sorted(rejected, key=lambda one: one.position)

    async def _send(self, records: Sequence[KafkaRecord], positions: Sequence[int]) -> list[Rejected]:
        patience = PATIENCE * self._cluster.request_ms / 1000
        async with self._turn, asyncio.timeout(patience):
            # The library may wait for ever for a client that was closed meanwhile.
            parts = await self._parts(records, positions)
            under_way = [(part, await self._begin(part)) for part in parts]
        async with asyncio.timeout(patience):
            results = await asyncio.gather(*(future for _, future in under_way), return_exceptions=True)
        rejected: list[Rejected] = []
        errors: list[BaseException] = []
        for (part, _), result in zip(under_way, results, strict=True):
            if not isinstance(result, BaseException):
                continue
            name = type(result).__name__
            if name == "InvalidTimestampError" and any(records[at].time is not None for at in part.positions):
                # A broker takes no times that are far from now. What is late is better than what is not there.
                for at in part.positions:
                    records[at].time = None
                rejected += await self._send(records, part.positions)
            elif name in _TOO_LARGE and len(part.positions) > 1:
                half = len(part.positions) // 2
                for some in (part.positions[:half], part.positions[half:]):
                    rejected += await self._send(records, some)
            elif name in _FOR_GOOD:
                rejected += [Rejected(at, "record_refused", words_of(result)) for at in part.positions]
            else:
                errors.append(result)
        if errors:
            first = errors[0]
            # A client that fails for a fault of its own is no worse than one that has lost its brokers.
            raise (
                first
                if isinstance(first, self._library.errors.KafkaError)
                else self._library.errors.KafkaError(repr(first))
            )
        return rejected

    async def _parts(self, records: Sequence[KafkaRecord], positions: Sequence[int]) -> list[_Part]:
        """Divide records by topic and partition, and pack them."""
        by_topic: dict[str, list[int]] = {}
        for position in positions:
            by_topic.setdefault(records[position].topic, []).append(position)
        groups: dict[tuple[str, int], list[int]] = {}
        client = self._client
        if client is None:
            raise self._library.errors.ProducerClosed
        for topic, places in by_topic.items():
            numbers = sorted(await client.partitions_for(topic))
            chosen = self._choose([records[place] for place in places], len(numbers))
            for place, index in zip(places, chosen, strict=True):
                groups.setdefault((topic, numbers[index]), []).append(place)
        return await asyncio.to_thread(self._pack, client, records, groups)

    def _pack(
        self, client: Any, records: Sequence[KafkaRecord], groups: dict[tuple[str, int], list[int]]
    ) -> list[_Part]:
        parts: list[_Part] = []
        for (topic, partition), places in groups.items():
            part: _Part | None = None
            for place in places:
                if part is None or not part.add(place, records[place]):
                    part = _Part(topic, partition, client.create_batch(), [])
                    part.add(place, records[place])
                    parts.append(part)
        for part in parts:
            # Packed here, where nobody waits for it, and not in the event loop.
            part.builder._build()
        return parts

    async def _begin(self, part: _Part) -> asyncio.Future[Any]:
        try:
            if self._client is None:
                raise self._library.errors.ProducerClosed
            future: asyncio.Future[Any] = await self._client.send_batch(
                part.builder, part.topic, partition=part.partition
            )
        except Exception as error:  # a client whose sender has failed gives that to everybody, whatever it is
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        # Nobody may wait for it any more when it fails.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def _give_up(self, client: Any) -> None:
        """Let a client fail what it has: when it is stopped, it waits for what no broker may ever confirm."""
        accumulator = client._message_accumulator
        waiting = [batch for batches in accumulator._batches.values() for batch in batches]
        waiting += accumulator._pending_batches
        # A request that is under way puts its batches back when it fails, though they have been given up: the library
        # takes each from among the pending ones a second time, and fails for want of it.
        accumulator._pending_batches = _Leaving(accumulator._pending_batches)
        accumulator.fail_all(self._library.errors.ProducerClosed())
        accumulator._batches.clear()
        for batch in waiting:
            batch._ttl = GIVEN_UP
            for future in (batch.future, batch._drain_waiter):
                # Nobody may wait for it: what nobody has asked for is else told as an error.
                if future.done() and not future.cancelled():
                    future.exception()

    async def _end(self, client: Any) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await client.stop()
        except Exception as error:  # whatever a client fails with that was given up, nobody waits for it
            log.debug("%s: a client of Kafka does not end in order: %r", self._what, error)
            # It has not come as far as this.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(STOP_SECONDS):
                    await client.client.close()


class _Leaving(set[Any]):
    """Batches of a client that ends: whoever takes one away need not find it."""

    def remove(self, batch: Any) -> None:
        """Take it away, if it is there."""
        self.discard(batch)


@dataclass(slots=True)
class _Part:
    """A batch as Kafka has them: of one partition."""

    topic: str
    partition: int
    builder: Any
    positions: list[int]

    def add(self, position: int, record: KafkaRecord) -> bool:
        """Whether there was room."""
        room = self.builder.append(
            timestamp=record.time, key=record.key, value=record.value, headers=list(record.headers)
        )
        if room is None:
            return False
        self.positions.append(position)
        return True


def by_key(records: Sequence[KafkaRecord], partitions: int) -> list[int]:
    """Choose as Kafka's Java client does: by the hash of the key; those without a key stay together."""
    together = random.randrange(partitions)  # noqa: S311 - no secret
    return [together if record.key is None else (murmur2(record.key) & 0x7FFFFFFF) % partitions for record in records]


class RoundRobin:
    """One partition after the other, whatever the key; `group` records go to the same one."""

    def __init__(self, group: int = 1) -> None:
        self._group = group
        self._next: int | None = None

    def __call__(self, records: Sequence[KafkaRecord], partitions: int) -> list[int]:
        """Choose."""
        if self._next is None:
            self._next = random.randrange(partitions) * self._group  # noqa: S311 - no secret
        first, self._next = self._next, (self._next + len(records)) % (partitions * self._group)
        return [(first + at) // self._group % partitions for at in range(len(records))]


class AtRandom:
    """A partition by chance, for `group` records each."""

    def __init__(self, group: int = 1) -> None:
        self._group = group
        self._left = 0
        self._partition = 0

    def __call__(self, records: Sequence[KafkaRecord], partitions: int) -> list[int]:
        """Choose."""
        chosen: list[int] = []
        for _ in records:
            if self._left == 0 or self._partition >= partitions:
                self._left, self._partition = self._group, random.randrange(partitions)  # noqa: S311 - no secret
            self._left -= 1
            chosen.append(self._partition)
        return chosen


def by_hash(records: Sequence[KafkaRecord], partitions: int) -> list[int]:
    """Choose as Filebeat does: by the FNV-1a hash of the fields or the key; by chance where there is neither."""
    chosen: list[int] = []
    for record in records:
        hashed = record.hashed
        if hashed is None and record.key is not None:
            hashed = fnv1a(record.key)
        if hashed is None:
            hashed = random.getrandbits(31)
        chosen.append((hashed & 0x7FFFFFFF) % partitions)
    return chosen


@lru_cache(4096)
def murmur2(data: bytes) -> int:
    """Return the hash that Kafka's Java client takes of keys: MurmurHash2, 32 bits, seed 0x9747b28c."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    hashed = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        hashed = hashed * multiplier & mask ^ word
    if rest := data[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 13) * multiplier & mask
    return hashed ^ hashed >> 15


@lru_cache(4096)
def fnv1a(data: bytes) -> int:
    """Return the FNV-1a hash of 32 bits."""
    hashed = 0x811C9DC5
    for byte in data:
        hashed = (hashed ^ byte) * 0x01000193 & 0xFFFFFFFF
    return hashed
