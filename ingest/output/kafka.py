"""kafka: events as records of topics, a batch at a time.

A batch of events becomes a few batches of Kafka's, and is acknowledged when the brokers have confirmed each. What is
sent again, after an error or a crash, may be in a topic twice: each record has the event's ``_id`` in the header
`sawlog.wire.kafka.ID_HEADER`, by which sawlog's kafka input makes one event of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from ingest.kafka_options import OPTIONS, cluster_of, whole
from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from ingest.settings import Template, template
from sawlog.event import METADATA, Event
from sawlog.store.base import Refusal
from sawlog.wire.kafka import ID_HEADER
from sawlog.wire.kafka_producer import KafkaProducer, KafkaRecord, RoundRobin, by_key

_RETRIES: Final = "what the brokers do not confirm is sent again without end"
_SERIALIZER: Final = "the codec makes bytes of the event"
_ACKS: Final = {"0": 0, "1": 1, "all": -1}
_NOT_WRITTEN: Final = (TypeError, ValueError, OverflowError, RecursionError)


class Kafka(Output):
    """Records of one key stay in their order within a partition, unless some of them have to be sent again."""

    name = "kafka"
    options: ClassVar[dict[str, Option]] = {
        **OPTIONS,
        "topic_id": Option(Kind.STRING, "The topic; takes sprintf.", required=True),
        "message_key": Option(Kind.STRING, "The key of a record; takes sprintf."),
        "message_headers": Option(Kind.HASH, "Headers of a record; values take sprintf.", {}),
        "client_id": Option(Kind.STRING, "What the brokers' logs call this client.", "logstash"),
        "acks": Option(
            Kind.STRING, "Who has a record when it is confirmed: nobody (0), its leader (1), all copies.", "1",
            one_of=tuple(_ACKS),
        ),
        "compression_type": Option(
            Kind.STRING, "How batches are packed.", "none", one_of=("none", "gzip", "snappy", "lz4", "zstd")
        ),
        "partitioner": Option(
            Kind.STRING,
            "round_robin; or by the key's hash, records without one as they come (uniform_sticky, default).",
            one_of=("default", "round_robin", "uniform_sticky"),
        ),
        "batch_size": Option(
            Kind.NUMBER, "The bytes of a batch of Kafka's, before it is packed.", 1_000_000,
            differs="a batch of Kafka's has 1,000,000 bytes, where Logstash has 16,384",
        ),
        "max_request_size": Option(Kind.NUMBER, "The bytes of the largest record.", 1_048_576),
        "linger_ms": Option(Kind.NUMBER, "", 5, noted="a batch of events goes at once"),
        "buffer_memory": Option(Kind.NUMBER, "", 33_554_432, noted="as many events are held as are under way"),
        "metadata_fetch_timeout_ms": Option(Kind.NUMBER, "", 60_000, noted="see request_timeout_ms"),
        "retries": Option(Kind.NUMBER, "", noted=_RETRIES),
        "key_serializer": Option(Kind.STRING, "", noted=_SERIALIZER),
        "value_serializer": Option(Kind.STRING, "", noted=_SERIALIZER),
    }  # fmt: skip

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._topic = template(options, "topic_id")
        self._key = template(options, "message_key") if options["message_key"] is not None else None
        self._headers = [
            (str(name), template(options, "message_headers", value))
            for name, value in options["message_headers"].items()
        ]
        self._producer = KafkaProducer(
            cluster_of(options, options["client_id"]),
            RoundRobin() if options["partitioner"] == "round_robin" else by_key,
            "the kafka output",
            acks=_ACKS[options["acks"]],
            compression=None if options["compression_type"] == "none" else options["compression_type"],
            batch_bytes=whole(options, "batch_size", 1),
            most_bytes=whole(options, "max_request_size", 1),
        )
        if options["acks"] == "0":
            options.notes.append(
                f"{options.positions['acks']}: kafka: with acks => 0 events are lost whenever a broker is"
            )

    async def open(self) -> None:  # noqa: D102 - Output.open
        await self._producer.start()

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        refusals: list[Refusal] = []
        records: list[KafkaRecord] = []
        positions: list[int] = []
        encode: Callable[[Sequence[Event]], bytes] = self.codec().encode
        for position, event in enumerate(events):
            try:
                records.append(self._record(event, encode([event])))
                positions.append(position)
            except _NOT_WRITTEN as error:
                refusals.append(Refusal(position, 400, "not_written", f"it cannot be written: {str(error)[:200]}"))
        rejected = await self._producer.send(records)
        return refusals + [Refusal(positions[one.position], 400, one.type, one.reason) for one in rejected]

    async def close(self) -> None:  # noqa: D102 - Output.close
        await self._producer.close()

    def index_of(self, event: Event) -> str:
        """Return the topic."""
        return self._topic(event)

    def _record(self, event: Event, value: bytes) -> KafkaRecord:
        headers = [(name, text(event).encode()) for name, text in self._headers]
        name: Any = event.get(METADATA, {}).get("_id")
        if isinstance(name, str):
            headers.append((ID_HEADER, name.encode()))
        return KafkaRecord(self._topic(event), value, _bytes(self._key, event), headers)


def _bytes(text: Template | None, event: Event) -> bytes | None:
    return None if text is None else text(event).encode()
