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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from ingest.codec.base import Codec
from ingest.failure import fail
from ingest.input import network, tls
from ingest.input.base import Input
from ingest.input.decoding import codec_name, line_id, settle_timestamp
from ingest.input.memory_queue import identify
from ingest.options import Block, Kind, Option, Options
from ingest.settings import ECS_COMPATIBILITY, is_ecs
from sawlog.batch import Batch, Deliver, EventBatch, LineBatch, Settled, Source, nobody
from sawlog.event import METADATA, TIMESTAMP, Event, add_tag, get, weight_of
from sawlog.json_text import decode
from sawlog.wire import envelope, listening
from sawlog.wire.lumberjack import (
    ASKS,
    Ack,
    Data,
    Decoder,
    Enveloped,
    Limits,
    LumberjackError,
    Offer,
    WindowSize,
    encode_ack,
    encode_offer,
)

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
        self._server = listening.Server(self.id, network.host_of(options), network.port_of(options))
        self.inactivity: float = options["client_inactivity_timeout"]
        self.enrichment = Enrichment(options, self.codec, self.decorate)
        self.unfinished = 0
        """Bytes of the windows that are not complete."""

    @property
    def address(self) -> listening.Address | None:
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


_Make = Callable[[Settled], Batch]
"""Makes the batch of a window."""


class _Connection:
    """One sender."""

    def __init__(
        self, owner: Beats, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deliver: Deliver
    ) -> None:
        self._owner = owner
        self._reader = reader
        self._writer = writer
        self._deliver = deliver
        self._peer = listening.peer_of(writer)
        self._source = Source(f"{owner.id}-{self._peer[0]}".replace(":", "-").replace(".", "-"), self._peer[0])
        self._enrich = owner.enrichment.of(self._peer[0], writer)
        self._known: tuple[Source, Source] | None = None
        """The source of the last lines, as its sender describes it and with what the input adds."""
        self._offered = False
        """Whether the sender has asked whether envelopes are read, and was told so."""
        self._decoder = Decoder()
        self._window: WindowSize | None = None
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
                    if isinstance(frame, Enveloped):
                        await self._open(frame)
                        continue
                    if not isinstance(frame, Data):
                        await self._take(frame)
                        continue
                    self._events.append(frame)
                    self._size += len(frame.payload) + EVENT_BYTES
                    if len(self._events) == self._announced.count:
                        await self._complete(self._announced)
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
                    return await self._reader.read(listening.READ_BYTES)
            except TimeoutError:
                if self._window is None and not self._decoder.pending and self._sent:
                    continue
                if self._window is not None:
                    raise LumberjackError(
                        f"only {len(self._events)} of {self._window.count} events came in time"
                    ) from None
                return b""

    async def _take(self, frame: WindowSize | Ack | Offer) -> None:
        if isinstance(frame, WindowSize):
            if self._events and self._window is not None:
                # An older sender may give up a window and begin another; what came counts.
                await self._complete(self._window)
            self._window = frame
            self._begun = asyncio.get_running_loop().time()
        else:
            raise LumberjackError("a sender does not acknowledge")

    @property
    def _announced(self) -> WindowSize:
        assert self._window is not None, "the decoder lets nothing come without a window"
        return self._window

    async def _open(self, frame: Enveloped) -> None:
        """Deliver a window of lines that another end of sawlog has sent."""
        window = self._announced
        try:
            lines = envelope.decode(frame.data)
        except envelope.EnvelopeError as error:
            raise LumberjackError(str(error)) from None
        if not isinstance(lines, envelope.Lines) or self._events or len(lines.texts) != window.count:
            raise LumberjackError("an envelope does not hold the lines that were announced")
        self._decoder.take(lines.size, window.count)
        self._size = lines.size + EVENT_BYTES * window.count
        self._account()
        await self._hand_on(window, window.count, self._lines(lines))

    def _account(self) -> None:
        """Bring what all unfinished windows hold up to date."""
        held = self._size + self._decoder.pending
        self._owner.unfinished += held - self._counted
        self._counted = held
        if self._owner.unfinished > UNFINISHED_BYTES and held:
            raise LumberjackError("all senders together have sent too much of unfinished windows; it may try again")

    async def _complete(self, window: WindowSize) -> None:
        """Deliver a window of events."""
        self._account()
        frames = self._events
        if not self._offered and _asks(frames[0].payload):
            # Not every window asks: events that are no lines go on as JSON.
            self._offered = True
            self._writer.write(encode_offer())
        await self._hand_on(window, frames[-1].sequence, self._made(frames))

    async def _hand_on(self, window: WindowSize, last: int, make: _Make) -> None:
        while len(self._sent) >= WINDOWS and not self._ending:
            self._moved.clear()
            await self._moved.wait()
        if self._writer.is_closing():
            # The sender will send this again; delivered now, it would be there twice.
            raise ConnectionResetError("it is closed")
        sent = _Sent(last, window.version)
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

    def _lines(self, found: envelope.Lines) -> _Make:
        """Keep lines as lines, if they are to differ in message and offset only; else make events of them."""
        size = self._size
        lines = found.batch(nobody)
        if not self._owner.enrichment.keeps_lines:
            events = self._enrich(lines.events())
            return lambda settled: EventBatch(self._source, events, size, settled)
        if self._known is None or self._known[0] != lines.source:
            # Filters remember what they know of a source by its fields: the same ones are compared at a glance.
            first = LineBatch(lines.source, [""], [0], 0, nobody, time=found.time).events()
            self._known = lines.source, Source(found.source.key, self._peer[0], _shared(self._enrich(first)[0]))
        source = self._known[1]
        return lambda settled: LineBatch(source, found.texts, found.offsets, size, settled, found.truncated, found.time)

    def _made(self, frames: Sequence[Data]) -> _Make:
        """Read events of any kind."""
        size = sum(weight_of(frame.payload) + EVENT_BYTES for frame in frames)
        if size > WINDOW_BYTES + EVENT_BYTES * len(frames):
            raise LumberjackError(f"the events of a window have more values than {WINDOW_BYTES} bytes may hold")
        events = self._enrich(map(_event, frames))
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


Enrich = Callable[[Iterable[Event]], list[Event]]


class Enrichment:
    """Adds to events what the input knows: runs the codec, says where they came from."""

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
        about = self._source(ip) | self._peer(writer)
        codec = self._codec() if self._codec else None
        tags = "codec_metadata" in self._wanted

        applied = f"beats_input_codec_{self._codec_name}_applied"
        known: dict[Any, dict[str, Any]] = {}
        """The metadata of each host that this sender speaks of; shared by its events."""

        def enrich(given_events: Iterable[Event]) -> list[Event]:
            events: list[Event] = []
            for event in given_events:
                name = self._host_of(event)
                added = known.get(name)
                if added is None:
                    # A sender may speak of very many hosts.
                    if len(known) > 1000:
                        known.clear()
                    added = known[name] = self._naming(about, name)
                given = event.get(METADATA)
                event[METADATA] = metadata = _merged(given, added) if isinstance(given, dict) else dict(added)
                metadata.pop(ASKS, None)
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


class _About(msgspec.Struct):
    metadata: dict[str, Any] = msgspec.field(name="@metadata", default_factory=dict)


_about: Final = msgspec.json.Decoder(_About).decode


def _asks(payload: bytes) -> bool:
    """Whether an event says that its sender can send envelopes."""
    try:
        return ASKS in _about(payload).metadata
    except (ValueError, RecursionError):
        return False


def _shared(event: Event) -> Event:
    """Return what an event of lines has that all others of their source have, too."""
    shared = {name: value for name, value in event.items() if name not in ("message", TIMESTAMP)}
    for name, own in (("log", "offset"), (METADATA, "_id")):
        shared[name] = {key: value for key, value in event[name].items() if key != own}
    return shared


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
