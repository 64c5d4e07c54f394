"""beats: events from Filebeat, other Beats, Logstash's lumberjack output and ``sawlog ship``, over Lumberjack.

Each window of a sender becomes one batch, and is acknowledged when the batch is; until then the sender hears every
few seconds that it is still being worked on. A batch that was not delivered ends the connection: the sender connects
again and sends what was not acknowledged. Several windows of a connection may be under way; they are acknowledged in
the order in which they came.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ingest.codec.base import Codec
from ingest.failure import fail
from ingest.input import network, tls
from ingest.input.base import Input
from ingest.input.decoding import codec_name, line_id, settle_timestamp
from ingest.input.outbox import identify
from ingest.input.template import LARGEST, Template
from ingest.options import Block, Kind, Option, Options
from ingest.settings import ECS_COMPATIBILITY, is_ecs
from sawlog.batch import Batch, Deliver, EventBatch, LineBatch, Settled, Source
from sawlog.event import METADATA, Event, add_tag, get, weight_of
from sawlog.json_text import decode
from sawlog.wire.lumberjack import Ack, Data, Decoder, Limits, LumberjackError, Window, encode_ack

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS: Final = 5.0
WINDOW_SECONDS: Final = 300.0
"""A window that has begun is complete within this time, or its sender is too slow and is cut off."""
WINDOWS: Final = 8
"""How many windows of one connection are under way before it is no longer read."""
EVENT_BYTES: Final = 100
"""What an event weighs besides its text."""
WINDOW_BYTES: Final = Limits().decompressed
"""What the events of a window weigh together."""
FEW: Final = 8
"""So few events of a window are not worth a look at what they share."""
UNFINISHED_BYTES: Final = 512 << 20
"""What all connections together may have sent of windows that are not complete."""

_HOSTS: Final = (("host", "name"), ("beat", "hostname"), ("agent", "hostname"))
_ENRICHMENTS: Final = ("codec_metadata", "source_metadata", "ssl_peer_metadata")


class Beats(Input):
    """Events with ``_id`` in their ``@metadata`` keep it; a line of a file gets one of where it stood."""

    name = "beats"
    options: ClassVar[dict[str, Option]] = {
        "port": Option(Kind.NUMBER, "The port to listen on.", required=True),
        "host": network.HOST,
        **tls.SERVER,
        **tls.OLD,
        "ssl_handshake_timeout": tls.HANDSHAKE,
        "ssl_peer_metadata": Option(Kind.BOOLEAN, "The older form of enrich => [ssl_peer_metadata].", False),
        "client_inactivity_timeout": Option(
            Kind.NUMBER, "Seconds without a byte, with nothing under way, after which a connection is closed.", 60
        ),
        "include_codec_tag": Option(Kind.BOOLEAN, "The older form of enrich without codec_metadata.", True),
        "enrich": Option(
            Kind.ARRAY,
            "What is added to events: codec_metadata, source_metadata, ssl_peer_metadata, all, none.",
            ["codec_metadata", "source_metadata"],
        ),
        "add_hostname": Option(Kind.BOOLEAN, "Whether `host` is the sender's host when the event has none.", False),
        "target_field_for_codec": Option(Kind.STRING, "", refused="the codec reads the field message"),
        "congestion_threshold": Option(Kind.NUMBER, "", noted="senders are held back by what is under way"),
        "executor_threads": Option(Kind.NUMBER, "", noted="one event loop serves all connections"),
        "event_loop_threads": Option(Kind.NUMBER, "", noted="one event loop serves all connections"),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._tls = tls.server_tls(options)
        self._handshake = options["ssl_handshake_timeout"] / 1000
        self._server = network.Server(self.id, network.host_of(options), network.port_of(options))
        self.inactivity: float = options["client_inactivity_timeout"]
        self.enrichment = Enrichment(options, self.codec, self.decorate)
        self.unfinished = 0
        """Bytes of the windows that are not complete."""

    @property
    def address(self) -> network.Address | None:
        """Where it listens, once it does."""
        return self._server.address

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        asks = self._tls is not None and self._tls.asks is ssl.CERT_REQUIRED
        network.warn_if_open(
            self.id, self._server.host, self._server.port, asks=asks, how="ssl_client_authentication => required"
        )

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _Connection(self, reader, writer, deliver).run()

        await self._server.run(handle, self._tls.context() if self._tls else None, self._handshake)


@dataclass(slots=True)
class _Sent:
    """A window under way."""

    count: int
    version: int
    delivered: bool = False


class _Connection:
    """One sender."""

    def __init__(
        self, owner: Beats, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deliver: Deliver
    ) -> None:
        self._owner = owner
        self._reader = reader
        self._writer = writer
        self._deliver = deliver
        self._peer = network.peer_of(writer)
        self._source = Source(f"{owner.id}-{self._peer[0]}".replace(":", "-").replace(".", "-"), self._peer[0])
        self._enrich = owner.enrichment.of(self._peer[0], writer)
        self._lines_source: Source | None = None
        self._decoder = Decoder()
        self._window: Window | None = None
        self._begun = 0.0
        self._events: list[Data] = []
        self._size = 0
        self._counted = 0
        """What of the owner's `unfinished` is ours."""
        self._sent: deque[_Sent] = deque()
        self._moved = asyncio.Event()
        self._ending = False
        self._keep_alive: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Read until the sender goes, sends what it should not, or the input ends."""
        try:
            while data := await self._read():
                for frame in self._decoder.feed(data):
                    if not isinstance(frame, Data):
                        await self._take(frame)
                        continue
                    assert self._window is not None, "the decoder lets no data come without a window"
                    self._events.append(frame)
                    self._size += len(frame.payload) + EVENT_BYTES
                    if len(self._events) == self._window.count:
                        await self._complete(self._window)
                self._account()
        except LumberjackError as error:
            log.warning("%s: the connection of %s is closed: %s", self._owner.id, self._peer[0], str(error))
        finally:
            self._ending = True
            self._window, self._events, self._size = None, [], 0
            self._owner.unfinished -= self._counted
            self._counted = 0
            # What is under way may still be acknowledged; the last acknowledgement closes.
            if not self._sent:
                self._end()

    async def _read(self) -> bytes:
        """Return the next bytes; none at the end, and when the sender has nothing to say."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                limit = self._owner.inactivity
                if self._window is not None:
                    limit = min(limit, self._begun + WINDOW_SECONDS - loop.time())
                async with asyncio.timeout(max(0.0, limit)):
                    return await self._reader.read(network.READ_BYTES)
            except TimeoutError:
                if self._window is None and not self._decoder.pending and self._sent:
                    continue
                if self._window is not None:
                    raise LumberjackError(
                        f"only {len(self._events)} of {self._window.count} events came in time"
                    ) from None
                return b""

    async def _take(self, frame: Window | Ack) -> None:
        if isinstance(frame, Window):
            if self._events and self._window is not None:
                # An older sender may give up a window and begin another; what came counts.
                await self._complete(self._window)
            self._window = frame
            self._begun = asyncio.get_running_loop().time()
        else:
            raise LumberjackError("a sender does not acknowledge")

    def _account(self) -> None:
        """Bring what all unfinished windows hold up to date."""
        held = self._size + self._decoder.pending
        self._owner.unfinished += held - self._counted
        self._counted = held
        if self._owner.unfinished > UNFINISHED_BYTES and held:
            raise LumberjackError("all senders together have sent too much of unfinished windows; it may try again")

    async def _complete(self, window: Window) -> None:
        self._account()
        while len(self._sent) >= WINDOWS and not self._ending:
            self._moved.clear()
            await self._moved.wait()
        if self._writer.is_closing():
            # The sender will send this again; delivered now, it would be there twice.
            raise ConnectionResetError("it is closed")
        frames = self._events
        make = self._lines(frames) or self._made(frames)
        sent = _Sent(frames[-1].sequence, window.version)
        self._sent.append(sent)
        if self._keep_alive is None:
            self._keep_alive = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._still_busy)

        def settled(error: BaseException | None) -> None:
            self._settled(sent, error)

        try:
            await self._deliver(make(settled))
        except BaseException:
            self._sent.remove(sent)
            raise
        self._window, self._events, self._size = None, [], 0

    def _lines(self, frames: Sequence[Data]) -> Callable[[Settled], Batch] | None:
        """Read lines of one file that differ in message and offset only; None when they are anything else."""
        if not self._owner.enrichment.keeps_lines or len(frames) <= FEW or self._size > LARGEST:
            return None
        payloads = [frame.payload for frame in frames]
        if not all(payloads):
            return None
        template = Template.of(payloads[0], lambda payload: self._enrich([Data(1, payload)])[0], self._peer[0])
        cut = None if template is None else template.cut(payloads)
        if template is None or cut is None:
            return None
        source, last, size = template.source, self._lines_source, self._size
        # Filters remember what they know of a source by its fields: the same ones are compared at a glance.
        if last is None or last != source:
            self._lines_source = last = source
        return lambda settled: LineBatch(last, cut.texts, cut.offsets, size, settled, cut.truncated, template.time)

    def _made(self, frames: Sequence[Data]) -> Callable[[Settled], Batch]:
        """Read events of any kind."""
        size = sum(weight_of(frame.payload) + EVENT_BYTES for frame in frames)
        if size > WINDOW_BYTES + EVENT_BYTES * len(frames):
            raise LumberjackError(f"the events of a window have more values than {WINDOW_BYTES} bytes may hold")
        events = self._enrich(frames)
        return lambda settled: EventBatch(self._source, events, size, settled)

    def _settled(self, sent: _Sent, error: BaseException | None) -> None:
        if error is not None:
            log.warning("%s: %s will send again what was not delivered: %s", self._owner.id, self._peer[0], error)
            self._sent.clear()
            self._end()
            return
        sent.delivered = True
        while self._sent and self._sent[0].delivered:
            first = self._sent.popleft()
            if not self._writer.is_closing():
                self._writer.write(encode_ack(first.count, first.version))
        self._moved.set()
        if self._ending and not self._sent:
            self._end()

    def _still_busy(self) -> None:
        self._keep_alive = None
        if self._sent and not self._writer.is_closing():
            if self._sent[0].version > 1:
                self._writer.write(encode_ack(0))
            self._keep_alive = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._still_busy)

    def _end(self) -> None:
        if self._keep_alive is not None:
            self._keep_alive.cancel()
            self._keep_alive = None
        self._moved.set()
        self._writer.close()


Enrich = Callable[[Sequence[Data]], list[Event]]


class Enrichment:
    """Makes events of data frames: reads their JSON, runs the codec, says where they came from."""

    def __init__(self, options: Options, codec: Callable[[], Codec], decorate: Callable[[Event], None] | None) -> None:
        self._decorate = decorate
        self._wanted = _wanted(options)
        self._ecs = is_ecs(options)
        self._add_hostname: bool = options["add_hostname"]
        given = options["codec"]
        self._codec_name = codec_name(options, "plain")
        if self._codec_name == "multiline":
            raise options.error(
                "the multiline codec would mix the files of a sender", "codec", "use multiline in filebeat.yml"
            )
        plain = self._codec_name == "plain" and not (isinstance(given, Block) and given.settings)
        self._codec = None if plain else codec
        self.keeps_lines = plain and decorate is None
        """Whether lines that differ only in message and offset still do so afterwards."""

    def of(self, ip: str, writer: asyncio.StreamWriter) -> Enrich:
        """Return what makes the events of one connection."""
        metadata = self._source(ip) | self._peer(writer)
        codec = self._codec() if self._codec else None
        tags = "codec_metadata" in self._wanted

        applied = f"beats_input_codec_{self._codec_name}_applied"
        known: dict[Any, dict[str, Any]] = {}
        """The metadata of each host that this sender speaks of; shared by its events."""

        def enrich(frames: Sequence[Data]) -> list[Event]:
            events: list[Event] = []
            for frame in frames:
                event = _event(frame)
                name = self._host_of(event)
                added = known.get(name)
                if added is None:
                    # A sender may speak of very many hosts.
                    if len(known) > 1000:
                        known.clear()
                    added = known[name] = self._naming(metadata, name)
                given = event.get(METADATA)
                event[METADATA] = _merged(given, added) if isinstance(given, dict) else dict(added)
                _identify(event)
                made = [event] if codec is None else _decoded(event, codec)
                for one in made:
                    if tags:
                        add_tag(one, applied if "message" in event else "beats_input_raw_event")
                    if self._decorate is not None:
                        self._decorate(one)
                events += made
            identify(events)
            return events

        return enrich

    def _host_of(self, event: Event) -> str | None:
        if "source_metadata" not in self._wanted:
            return None
        for path in _HOSTS:
            name = get(event, path)
            if isinstance(name, str):
                if not self._ecs and self._add_hostname:
                    event.setdefault("host", name)
                return name
        return None

    def _naming(self, metadata: dict[str, Any], name: str | None) -> dict[str, Any]:
        if name is None or not self._ecs:
            return metadata
        return _merged(metadata, {"input": {"beats": {"host": {"name": name}}}})

    def _source(self, ip: str) -> dict[str, Any]:
        if "source_metadata" not in self._wanted:
            return {}
        found: dict[str, Any] = {"ip_address": ip}
        if self._ecs:
            found["input"] = {"beats": {"host": {"ip": ip}}}
        return found

    def _peer(self, writer: asyncio.StreamWriter) -> dict[str, Any]:
        stream: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        if stream is None or "ssl_peer_metadata" not in self._wanted:
            return {}
        certificate = stream.getpeercert()
        if not certificate:
            return {"tls_peer": {"status": False if self._ecs else "unverified"}}
        cipher = stream.cipher() or ("", "", 0)
        if not self._ecs:
            subject = tls.subject_of(certificate)
            return {
                "tls_peer": {
                    "status": "verified",
                    "protocol": stream.version(),
                    "subject": subject,
                    "cipher_suite": cipher[0],
                }
            }
        details = {
            "version_protocol": stream.version(),
            "client": {"subject": tls.subject_of(certificate)},
            "cipher": cipher[0],
        }
        return {"tls_peer": {"status": True}, "input": {"beats": {"tls": details}}}


def _wanted(options: Options) -> set[str]:
    given = {str(name) for name in options["enrich"]}
    if unknown := given - {*_ENRICHMENTS, "all", "none"}:
        raise options.error(f"'enrich' knows {', '.join(_ENRICHMENTS)}, all, none; not {min(unknown)}", "enrich")
    wanted = set(_ENRICHMENTS) if "all" in given else given - {"none"}
    if not options["include_codec_tag"]:
        wanted.discard("codec_metadata")
    if options["ssl_peer_metadata"]:
        wanted.add("ssl_peer_metadata")
    return wanted


def _event(frame: Data) -> Event:
    if frame.fields is not None:
        event: Event = dict(frame.fields)
        if "line" in event and "message" not in event:
            event["message"] = event.pop("line")
        return event
    try:
        value = decode(frame.payload)
        if not isinstance(value, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as error:
        event = {"message": frame.payload.decode(errors="backslashreplace")}
        fail(event, ["_jsonparsefailure"], f"beats: the event is no JSON: {error}")
        return event
    event = value
    settle_timestamp(event, "beats")
    return event


def _identify(event: Event) -> None:
    """Give a line of a file the same ``_id`` whenever its sender sends it."""
    metadata = event[METADATA]
    if isinstance(metadata.get("_id"), str) and metadata["_id"]:
        return
    metadata.pop("_id", None)
    identity = line_id(event)
    if identity is not None:
        metadata["_id"] = identity


def _decoded(event: Event, codec: Codec) -> list[Event]:
    """Let the codec make events of the message; each has the other fields too, and an ``_id`` of its own."""
    message = event.get("message")
    if not isinstance(message, str):
        return [event]
    rest = {key: value for key, value in event.items() if key != "message"}
    found = list(codec.decode(message.encode(errors="surrogatepass"))) + list(codec.flush())
    made: list[Event] = []
    for number, one in enumerate(found):
        metadata = dict(event[METADATA])
        if number and "_id" in metadata:
            metadata["_id"] += f"-{number}"
        made.append({**one, **rest, METADATA: metadata})
    return made


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
