"""kafka: the records of topics, as a member of a consumer group.

What one poll brings is one batch. The group's offsets move when the store has it, and no sooner: what is read again
after a crash, or after partitions went from one member to another, has the same ids. An event's id is the one that its
producer gave it (`sawlog.wire.kafka`, or ``@metadata._id`` in the JSON of a Beat), else it is made of where the line
stood, else of topic, partition, offset and time: a topic that is made anew begins with offsets that were there before.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import random
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from ingest.codec.base import Codec
from ingest.input.base import Input
from ingest.input.decoding import codec_name, line_id
from ingest.kafka_options import OPTIONS, cluster_of, whole
from ingest.options import Kind, Option, Options
from sawlog.backoff import growing, wait
from sawlog.batch import Deliver, EventBatch, Source
from sawlog.errors import InputError, StoreUnavailableError
from sawlog.event import METADATA, Event
from sawlog.wire.kafka import ID_HEADER, Troubles, client_library, words_of

log = logging.getLogger(__name__)

BATCH_RECORDS: Final = 5000
"""The most records of one poll."""
WINDOW_BYTES: Final = 32 << 20
"""When so much is not settled, nothing more is asked for."""
RECORD_BYTES: Final = 100
"""What a record weighs besides its value."""
GRACE_SECONDS: Final = 10.0
"""How long the end of the input waits for what is under way, so that it need not be read again."""
PARTING_SECONDS: Final = 3.0
"""How long partitions that go to another member wait for the same, and how long a last word to the brokers may take."""
FOREVER_MS: Final = (1 << 31) - 1

_AVRO: Final = "Avro is not read; let the producers write JSON"
_FETCHED: Final = f"a batch has what was fetched, {BATCH_RECORDS} records at most"
_ASSIGNORS: Final = {
    "range": ("range", "RangePartitionAssignor"),
    "round_robin": ("roundrobin", "RoundRobinPartitionAssignor"),
    "sticky": ("sticky.sticky_assignor", "StickyPartitionAssignor"),
}
_LEVELS: Final = {"none": "none", "basic": "basic", "extended": "extended", "false": "none", "true": "basic"}
_FOR_GOOD: Final = frozenset({
    "GroupAuthorizationFailedError", "InconsistentGroupProtocolError", "InvalidGroupIdError",
    "InvalidSessionTimeoutError", "InvalidTopicError", "NoOffsetForPartitionError", "TopicAuthorizationFailedError",
})  # fmt: skip
"""Errors that come again for the same options."""


class Kafka(Input):
    """Records wait at the brokers while the pipeline has no room; several inputs of a group share the partitions."""

    name = "kafka"
    options: ClassVar[dict[str, Option]] = {
        **OPTIONS,
        "topics": Option(Kind.ARRAY, "The topics to read.", ["logstash"]),
        "topics_pattern": Option(Kind.STRING, "Instead of `topics`, an expression that the whole name matches."),
        "group_id": Option(Kind.STRING, "The consumer group, whose members share the partitions.", "logstash"),
        "group_instance_id": Option(
            Kind.STRING, "A name that stays when ingest starts again: its partitions then wait for it."
        ),
        "client_id": Option(Kind.STRING, "What the brokers' logs call this client.", "logstash"),
        "client_rack": Option(Kind.STRING, "The rack, so that the nearest copy is read."),
        "auto_offset_reset": Option(
            Kind.STRING,
            "Where a group begins that has no offset: earliest, latest, or none, which is an error; not given: latest.",
            one_of=("earliest", "latest", "none"),
        ),
        "auto_commit_interval_ms": Option(
            Kind.NUMBER, "How often the offsets of what the store has are committed.", 5000
        ),
        "enable_auto_commit": Option(
            Kind.BOOLEAN, "", True, noted="offsets are committed when the store has the events, either way"
        ),
        "auto_create_topics": Option(
            Kind.BOOLEAN, "", True, noted="the brokers' auto.create.topics.enable says whether topics are made"
        ),
        "check_crcs": Option(Kind.BOOLEAN, "Whether the checksums of batches are compared.", True),
        "consumer_threads": Option(Kind.NUMBER, "", 1, noted="one consumer reads all partitions that it is given"),
        "decorate_events": Option(
            Kind.STRING,
            "Whether [@metadata][kafka] says where a record stood (basic), with its headers (extended).",
            "none",
            one_of=tuple(_LEVELS),
        ),
        "exclude_internal_topics": Option(
            Kind.STRING, "Whether an expression leaves out the brokers' own topics; not given: true."
        ),
        "fetch_max_bytes": Option(Kind.NUMBER, "The most that one answer of a broker brings.", 52_428_800),
        "fetch_max_wait_ms": Option(Kind.NUMBER, "How long a broker waits for fetch_min_bytes.", 500),
        "fetch_min_bytes": Option(Kind.NUMBER, "The least that an answer brings, if it comes in time; not given: 1."),
        "max_partition_fetch_bytes": Option(
            Kind.NUMBER, "The most that one answer brings of a partition; a larger record comes alone.", 1_048_576
        ),
        "max_poll_records": Option(Kind.NUMBER, "", 500, noted=_FETCHED),
        "poll_timeout_ms": Option(Kind.NUMBER, "", 100, noted="records are taken as they come"),
        "max_poll_interval_ms": Option(
            Kind.NUMBER, "", 300_000, noted="a member stays in its group while the store is slow; its heartbeats tell"
        ),
        "heartbeat_interval_ms": Option(Kind.NUMBER, "How often the group hears that this member lives.", 3000),
        "session_timeout_ms": Option(Kind.NUMBER, "After so long without a word, a member is out.", 10_000),
        "isolation_level": Option(
            Kind.STRING,
            "Whether records of transactions that are not committed are read.",
            "read_uncommitted",
            one_of=("read_uncommitted", "read_committed"),
        ),
        "partition_assignment_strategy": Option(
            Kind.STRING, f"{', '.join(_ASSIGNORS)}; not given: range, which Kafka's own clients offer, too."
        ),
        "key_deserializer_class": Option(Kind.STRING, "", noted="keys are read as UTF-8"),
        "value_deserializer_class": Option(Kind.STRING, "A class for text or bytes: the codec reads either."),
        "schema_registry_url": Option(Kind.STRING, "", refused=_AVRO),
        **{
            f"schema_registry_{name}": Option(Kind.STRING, "", refused=_AVRO)
            for name in (
                "key", "secret", "proxy", "validation", "ssl_keystore_location", "ssl_keystore_password",
                "ssl_keystore_type", "ssl_truststore_location", "ssl_truststore_password", "ssl_truststore_type",
            )
        },
    }  # fmt: skip

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.library = client_library("the kafka input")
        if codec_name(options, "plain") == "multiline":
            raise options.error(
                "the lines of an event may be in several records", "codec", "use multiline in filebeat.yml"
            )
        value_class = options["value_deserializer_class"]
        if value_class and not value_class.endswith((".StringDeserializer", ".ByteArrayDeserializer")):
            raise options.error(f"the class {value_class} is not offered", "value_deserializer_class", _AVRO)
        self.cluster = cluster_of(options, options["client_id"])
        self.group: str = options["group_id"]
        if not self.group:
            raise options.error("'group_id' has at least one character", "group_id")
        self.level = _LEVELS[options["decorate_events"]]
        self.commit_seconds = whole(options, "auto_commit_interval_ms", 1) / 1000
        self.topics, self.pattern = _topics(options)
        self._arguments = _arguments(options)
        self._assignors = _assignors(options)
        self.connections = 0
        """How often partitions were given to us, none included."""
        self.has_read = False
        """Whether a record has come."""

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        troubles = Troubles(lambda problem: log.warning("%s: Kafka at %s: %s", self.id, self.cluster, problem))
        troubles.listen()
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(StoreUnavailableError), wait=growing(), before_sleep=self._before_retry
        )
        while True:
            await retrying(self._consume, deliver, troubles)

    async def _consume(self, deliver: Deliver, troubles: Troubles) -> None:
        """Read until cancelled.

        Raises:
            StoreUnavailableError: there are no brokers, or the client has given up; a new one may do.
            InputError: it will never do.
        """
        errors = self.library.errors
        consumer = self._consumer()
        self.library.abc.ConsumerRebalanceListener.register(_Reader)
        reader = _Reader(self, consumer, deliver)
        try:
            consumer.subscribe(topics=self.topics, pattern=self.pattern, listener=reader)
            await consumer.start()
            await reader.run()
        except (errors.KafkaError, errors.ConsumerStoppedError, OSError) as error:
            final = troubles.final or (words_of(error) if type(error).__name__ in _FOR_GOOD else None)
            if final is not None and not self.has_read:
                raise InputError(f"{self.id}: Kafka at {self.cluster} refuses: {final}") from None
            raise StoreUnavailableError(troubles.last or words_of(error)) from None
        finally:
            reader.close()
            with contextlib.suppress(errors.KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(PARTING_SECONDS):
                    await consumer.stop()

    def _consumer(self) -> Any:
        assignors = [
            getattr(importlib.import_module(f"aiokafka.coordinator.assignors.{module}"), name)
            for module, name in self._assignors
        ]
        arguments = self.cluster.arguments()
        # Two members that join in step would call one another back for ever.
        arguments["retry_backoff_ms"] = round(arguments["retry_backoff_ms"] * random.uniform(1.0, 2.0))  # noqa: S311
        return self.library.AIOKafkaConsumer(
            **arguments,
            **self._arguments,
            group_id=self.group,
            enable_auto_commit=False,
            partition_assignment_strategy=assignors,
            # A member that has no room has not died.
            max_poll_interval_ms=FOREVER_MS,
        )

    def _before_retry(self, state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            error = state.outcome.exception()
            log.warning("%s: nothing is read from Kafka at %s: %s; trying again", self.id, self.cluster, error)


@dataclass(slots=True, eq=False)
class _Piece:
    """Records of one partition in one batch; `end` is the offset behind them."""

    end: int
    settled: bool = False


@dataclass(slots=True, eq=False)
class _Partition:
    """What is under way of a partition, while it is ours."""

    pieces: deque[_Piece] = field(default_factory=deque)
    safe: int | None = None
    """The offset up to which the store has all."""
    committed: int | None = None
    ours: bool = True

    def move(self) -> None:
        """Say how far the store has all."""
        while self.pieces and self.pieces[0].settled:
            self.safe = self.pieces.popleft().end


class _Reader:
    """An `aiokafka.abc.ConsumerRebalanceListener`, without its being the base: the library need not be there.

    Makes batches of one consumer's records, and commits what was acknowledged; hears of partitions that move.
    """

    def __init__(self, owner: Kafka, consumer: Any, deliver: Deliver) -> None:
        self._owner = owner
        self._consumer = consumer
        self._deliver = deliver
        self._make = _Maker(owner)
        self._source = Source(re.sub(r"[^A-Za-z0-9_-]", "-", owner.id), ",".join(owner.topics or ()) or owner.id)
        self._partitions: dict[Any, _Partition] = {}
        self._under_way = 0
        """Bytes of batches that are not settled."""
        self._moved = asyncio.Event()
        self._again: set[asyncio.Task[None]] = set()
        self._closed = False

    async def run(self) -> None:
        """Read and deliver until cancelled or something fails; what the store has by then is committed."""
        committing = asyncio.create_task(self._commit_often())
        try:
            while True:
                await self._until(lambda: self._under_way < WINDOW_BYTES)
                found = await self._consumer.getmany(timeout_ms=1000, max_records=BATCH_RECORDS)
                if found:
                    await self._take(found)
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._until(lambda: not self._under_way)
            await self._commit_now()
            raise
        finally:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)

    def close(self) -> None:
        """Offer nothing again."""
        self._closed = True
        for task in self._again:
            task.cancel()

    async def _take(self, found: Mapping[Any, Sequence[Any]]) -> None:
        """Deliver records; return when there is room for more."""
        self._owner.has_read = True
        pieces: list[tuple[_Partition, _Piece]] = []
        for name, records in found.items():
            partition = self._partitions.setdefault(name, _Partition())
            piece = _Piece(records[-1].offset + 1)
            partition.pieces.append(piece)
            pieces.append((partition, piece))
        size = sum(len(record.value or b"") + RECORD_BYTES for records in found.values() for record in records)
        # An input of Python's speed: what one poll brings is decoded here, in one go.
        events = [event for records in found.values() for event in self._make(records)]
        if not events:
            self._settle(pieces)
            return
        self._under_way += size
        await self._offer(pieces, events, size)

    async def _offer(
        self, pieces: Sequence[tuple[_Partition, _Piece]], events: list[Event], size: int, failures: int = 0
    ) -> None:
        def settled(error: BaseException | None) -> None:
            if error is None:
                self._settle(pieces)
            elif not self._closed and any(partition.ours for partition, _ in pieces):
                task = asyncio.get_running_loop().create_task(self._once_more(pieces, events, size, failures + 1))
                self._again.add(task)
                task.add_done_callback(self._again.discard)
                return
            self._under_way -= size
            self._moved.set()

        batch = EventBatch(self._source, events, size, settled)
        try:
            await self._deliver(batch)
        except asyncio.CancelledError:
            # Nobody has taken it, and it will not be committed.
            self._closed = True
            batch.nack(InputError("the input ends"))
            raise

    async def _once_more(
        self, pieces: Sequence[tuple[_Partition, _Piece]], events: list[Event], size: int, failures: int
    ) -> None:
        await asyncio.sleep(wait(failures))
        await self._offer(pieces, events, size, failures)

    def _settle(self, pieces: Iterable[tuple[_Partition, _Piece]]) -> None:
        for partition, piece in pieces:
            piece.settled = True
            partition.move()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._moved.clear()
            await self._moved.wait()

    # Offsets

    async def _commit_often(self) -> None:
        while True:
            await asyncio.sleep(self._owner.commit_seconds)
            await self._commit()

    async def _commit_now(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARTING_SECONDS):
                await self._commit()

    async def _commit(self) -> None:
        """Commit what has moved; what fails is in the next commit, or another member reads it again."""
        offsets = {
            name: one.safe
            for name, one in self._partitions.items()
            if one.safe is not None and one.safe != one.committed
        }
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except self._owner.library.errors.KafkaError as error:
            log.info("%s: offsets are not committed now: %s", self._owner.id, words_of(error))
            return
        for name, offset in offsets.items():
            if name in self._partitions:
                self._partitions[name].committed = offset

    # aiokafka.abc.ConsumerRebalanceListener

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Commit what the store has of partitions before others get them."""
        leaving = [self._partitions[name] for name in revoked if name in self._partitions]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARTING_SECONDS):
                await self._until(lambda: not any(one.pieces for one in leaving))
        await self._commit_now()
        for one in leaving:
            one.ours = False
        for name in list(revoked):
            self._partitions.pop(name, None)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Begin with partitions."""
        # What was fetched in between is of before: who has the partition now reads it again.
        for one in self._partitions.values():
            one.ours = False
        self._partitions = {name: _Partition() for name in assigned}
        self._owner.connections += 1


class _Maker:
    """Makes the events of one partition's records."""

    def __init__(self, owner: Kafka) -> None:
        self._codec: Codec = owner.codec()
        self._codec.keep_metadata()
        self._decorate = owner.decorate
        self._level = owner.level
        self._group = owner.group

    def __call__(self, records: Sequence[Any]) -> list[Event]:
        events: list[Event] = []
        decode, basic = self._codec.decode_whole, self._level != "none"
        prefix = f"{records[0].topic}-{records[0].partition}-"
        for record in records:
            if record.value is None:
                continue
            given = _id_header(record.headers)
            about = self._about(record) if basic else None
            for number, event in enumerate(decode(record.value)):
                metadata = event.get(METADATA)
                event[METADATA] = metadata = dict(metadata) if isinstance(metadata, dict) else {}
                own = given or metadata.get("_id") or line_id(event)
                if not isinstance(own, str):
                    own = f"{prefix}{record.offset}-{record.timestamp}"
                metadata["_id"] = f"{own}-{number}" if number else own
                if about is not None:
                    metadata["kafka"] = about
                if self._decorate is not None:
                    self._decorate(event)
                events.append(event)
        return events

    def _about(self, record: Any) -> dict[str, Any]:
        about: dict[str, Any] = {
            "topic": record.topic,
            "consumer_group": self._group,
            "partition": record.partition,
            "offset": record.offset,
            "key": None if record.key is None else record.key.decode(errors="replace"),
            "timestamp": record.timestamp,
        }
        if self._level == "extended":
            about["headers"] = headers = {}
            for name, value in record.headers:
                with contextlib.suppress(UnicodeDecodeError):
                    if value is not None:
                        headers[name] = value.decode()
        return about


def _id_header(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    for name, value in headers:
        if name == ID_HEADER and value:
            return value.decode(errors="replace")[:512]
    return None


def _topics(options: Options) -> tuple[tuple[str, ...], str | None]:
    """Return the topics, or the expression that their names match as a whole."""
    given: str | None = options["topics_pattern"]
    if given is None:
        topics = tuple(str(topic) for topic in options["topics"])
        for topic in topics:
            if re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic, re.ASCII) is None:
                raise options.error(
                    f"{topic!r} is no name of a topic", "topics", "for an expression, use topics_pattern"
                )
        if not topics:
            raise options.error("'topics' names no topic", "topics")
        return topics, None
    if options.given("topics"):
        options.notes.append(f"{options.positions['topics']}: kafka: 'topics' has no effect beside 'topics_pattern'")
    try:
        re.compile(given)
    except re.error as error:
        raise options.error(f"{given!r} is no regular expression: {error}", "topics_pattern") from None
    return (), rf"(?:{given})\Z"


def _arguments(options: Options) -> dict[str, Any]:
    """Return the consumer's own options."""
    arguments: dict[str, Any] = {
        name: whole(options, name, 1)
        for name in (
            "fetch_max_bytes", "fetch_max_wait_ms", "max_partition_fetch_bytes", "heartbeat_interval_ms",
            "session_timeout_ms",
        )
    }  # fmt: skip
    if arguments["heartbeat_interval_ms"] >= arguments["session_timeout_ms"]:
        raise options.error("'heartbeat_interval_ms' is less than 'session_timeout_ms'", "heartbeat_interval_ms")
    if options["fetch_min_bytes"] is not None:
        arguments["fetch_min_bytes"] = whole(options, "fetch_min_bytes", 1)
    for name in ("check_crcs", "isolation_level", "group_instance_id", "client_rack"):
        arguments[name] = options[name]
    arguments["auto_offset_reset"] = options["auto_offset_reset"] or "latest"
    arguments["exclude_internal_topics"] = options["exclude_internal_topics"] != "false"
    return arguments


def _assignors(options: Options) -> list[tuple[str, str]]:
    given: str | None = options["partition_assignment_strategy"]
    if given is None:
        # No second one: the library joins once with each, and members that join twice call one another back for ever.
        return [_ASSIGNORS["range"]]
    # Logstash takes Java's classes, too.
    name = {
        "RangeAssignor": "range", "RoundRobinAssignor": "round_robin", "StickyAssignor": "sticky",
    }.get(given.rpartition(".")[2], given)  # fmt: skip
    if name not in _ASSIGNORS:
        raise options.error(
            f"the strategy '{given}' is not offered",
            "partition_assignment_strategy",
            f"there are {', '.join(_ASSIGNORS)}",
        )
    return [_ASSIGNORS[name]]
