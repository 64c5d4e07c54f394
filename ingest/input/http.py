"""http: events in requests; also Elasticsearch's ``_bulk`` and ``_doc``, for whatever has an Elasticsearch output.

A request is answered when its events are delivered: with `response_code`, or, for ``_bulk``, item by item as
Elasticsearch does. What was not delivered is answered with 503, and the sender sends it again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import logging
import ssl
import time
import zlib
from collections.abc import Callable
from typing import Any, ClassVar, Final

from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestPayloadError

from ingest.codec.base import Codec
from ingest.input import elastic, network, tls
from ingest.input.base import Input
from ingest.input.memory_queue import identify
from ingest.input.network import Address
from ingest.options import Kind, Option, Options
from ingest.plugins import codec_of
from ingest.settings import ECS_COMPATIBILITY, field, is_ecs
from sawlog.batch import Deliver, EventBatch, Source
from sawlog.event import METADATA, MISSING, Event, Path, get, put, weight_of
from sawlog.logins import Logins, TurnedAwayError
from sawlog.loopback import came_over_loopback, foreign_host, foreign_page

log = logging.getLogger(__name__)

BODY_SECONDS: Final = 300.0
"""A request's body has come within this time, or its sender is too slow."""
HELD_BYTES: Final = 512 << 20
"""What all requests under way may weigh together."""
BODY_BYTES: Final = 128 << 20
"""What one may weigh; a body of many short values is not as long."""
LINES: Final = 1 << 19
"""How many lines a body may have whose lines are events."""
PART: Final = 4096
"""How many events of a request are a batch: what others send comes between."""
PARTS: Final = 2
"""How many batches of a request are under way."""
GRACE_SECONDS: Final = 10.0
"""How long the end of the input waits for the answers of requests under way."""

_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
_PEM: Final = "give PEM files: ssl_certificate and ssl_key"


class Http(Input):
    """Any method and path is taken, but for those that belong to Elasticsearch's interface."""

    name = "http"
    options: ClassVar[dict[str, Option]] = {
        "port": Option(Kind.NUMBER, "The port to listen on.", 8080),
        "host": network.HOST,
        "user": Option(Kind.STRING, "The user that requests must name."),
        "password": Option(Kind.PASSWORD, "The user's password."),
        **tls.SERVER,
        **tls.OLD,
        **tls.STORES,
        "ssl_handshake_timeout": tls.HANDSHAKE,
        "verify_mode": Option(Kind.STRING, "", replaced_by="ssl_verify_mode"),
        "keystore": Option(Kind.PATH, "", refused=_PEM),
        "keystore_password": Option(Kind.PASSWORD, "", refused=_PEM),
        "additional_codecs": Option(
            Kind.HASH, "The codecs of content types; any other has `codec`.", {"application/json": "json"}
        ),
        "response_code": Option(Kind.NUMBER, "The status of the answer: 200, 201, 202 or 204.", 200),
        "response_headers": Option(Kind.HASH, "Headers of the answer.", {"Content-Type": "text/plain"}),
        "remote_host_target_field": Option(
            Kind.FIELD, "The field for the sender's address: [host][ip], or host without ECS."
        ),
        "request_headers_target_field": Option(
            Kind.FIELD, "The field for the headers: [@metadata][input][http][request][headers], or headers without ECS."
        ),
        "max_content_length": Option(Kind.NUMBER, "Bytes of a body, unpacked.", 104857600),
        "max_pending_requests": Option(Kind.NUMBER, "How many requests may be under way.", 200),
        "threads": Option(Kind.NUMBER, "", noted="one event loop serves all requests"),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._tls = tls.server_tls(options)
        self._handshake: float = options["ssl_handshake_timeout"] / 1000
        self._host: str = network.host_of(options)
        self._port = network.port_of(options)
        self._credentials = _credentials(options)
        self._codecs = _codecs(options)
        self._answer = _answer(options)
        self._max_length: int = options["max_content_length"]
        self._max_pending: int = options["max_pending_requests"]
        self._describe = _Description(options)
        self._logins = Logins()
        headers = {str(name).lower(): str(value) for name, value in options["response_headers"].items()}
        self._pages: str | None = headers.get("access-control-allow-origin")
        """Whose pages may send, as the pipeline's author tells browsers."""
        self._pending = 0
        self._held = 0
        self.address: Address | None = None
        """Where it listens, once it does."""

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        asks = self._credentials is not None or (self._tls is not None and self._tls.asks is ssl.CERT_REQUIRED)
        network.warn_if_open(self.id, self._host, self._port, asks=asks, how="user and password, or TLS certificates")

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, deliver)

        # Bodies are unpacked here, within the limit.
        server = web.Server(handle, access_log=None, auto_decompress=False)

        def connected() -> asyncio.Protocol:
            if len(server.connections) < network.MAX_CONNECTIONS:
                return server()
            return _TurnedAway(self.id)

        runner = web.ServerRunner(server, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        try:
            context = self._tls.context() if self._tls else None
            handshake = self._handshake if context else None
            try:
                listening = await asyncio.get_running_loop().create_server(
                    connected, self._host, self._port, ssl=context, ssl_handshake_timeout=handshake
                )
            except OSError as error:
                raise network.cannot_listen(self.id, self._host, self._port, error) from None
            self.address = network.address_of(listening.sockets[0].getsockname())
            log.info("the %s input listens on %s:%d%s", self.id, *self.address, " with TLS" if context else "")
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                listening.close()
                self.address = None
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest, deliver: Deliver) -> web.StreamResponse:
        if (refusal := self._closed(request) or await self._unknown(request)) is not None:
            return refusal
        if self._pending >= self._max_pending:
            return web.Response(status=429, text="busy", headers={"Retry-After": "1"})
        self._pending += 1
        body = _Body()
        try:
            return await self._take(request, body, deliver)
        except _NotTakenError as refused:
            response = web.Response(status=refused.status, text=str(refused))
            response.force_close()
            return response
        finally:
            self._pending -= 1
            self._held -= body.size

    def _closed(self, request: web.BaseRequest) -> web.Response | None:
        """Refuse the pages that a browser on this machine shows."""
        if not came_over_loopback(request):
            return None
        # Who asks for a password is asked for it by a foreign name, too: a proxy of this machine may use one.
        if self._credentials is None and (name := foreign_host(request)) is not None:
            return web.Response(status=421, text=f"on loopback, this input answers to localhost, not to {name!r}")
        if (page := foreign_page(request)) is not None and self._pages not in ("*", page):
            return web.Response(status=403, text=f"this input does not take what web pages send: {page!r}")
        return None

    async def _unknown(self, request: web.BaseRequest) -> web.Response | None:
        """Refuse those who do not know the user and the password."""
        wanted, given = self._credentials, request.headers.get("Authorization", "")
        if wanted is None:
            return None
        try:
            if given and await self._logins.passes(request.remote or "", given, lambda: _is_known(given, wanted)):
                return None
        except TurnedAwayError:
            return web.Response(status=429, text="too many failed logins", headers={"Retry-After": "10"})
        return web.Response(status=401, text="unauthorized", headers={"WWW-Authenticate": 'Basic realm="sawlog"'})

    async def _take(self, request: web.BaseRequest, body: _Body, deliver: Deliver) -> web.StreamResponse:
        await self._encourage(request)
        data = await self._read(request, body)
        found = elastic.answer(request.method, request.path)
        if found is not None:
            return _elastic(found.status, found.body)
        if (index := elastic.bulk_index(request.path)) is not None:
            self._weigh(data, body, json=True)
            return await self._bulk(request, index, data, deliver)
        if (target := elastic.document_target(request.path)) is not None:
            self._weigh(data, body, json=True)
            return await self._document(request, target, data, deliver)
        make = self._codecs.get(request.content_type, self.codec)
        codec = make()
        if codec.name != "plain":
            self._weigh(data, body, json=codec.name.startswith("json"))
        events = [*codec.decode(data), *codec.flush()] if data else []
        await self._deliver(request, events, len(data), deliver)
        return self._answer()

    def _weigh(self, data: bytes, body: _Body, *, json: bool) -> None:
        weight = weight_of(data) if json else len(data)
        if weight > max(BODY_BYTES, len(data)) or data.count(b"\n") > LINES:
            raise _NotTakenError(413, f"the body has too many events or values; send fewer than {LINES} lines at once")
        body.size += weight - len(data)
        self._held += weight - len(data)
        if self._held > HELD_BYTES:
            raise _NotTakenError(429, "busy")

    async def _bulk(self, request: web.BaseRequest, index: str, data: bytes, deliver: Deliver) -> web.StreamResponse:
        began = time.monotonic()
        try:
            bulk = elastic.BulkRequest(data, index)
        except ValueError as error:
            return _elastic(400, elastic.error_body(400, "illegal_argument_exception", str(error)))
        # Who writes documents has given them their fields: nothing but the sender's own is added.
        await self._deliver(request, bulk.events, len(data), deliver, describe=False)
        return _elastic(200, bulk.response(round(1000 * (time.monotonic() - began))))

    async def _document(
        self, request: web.BaseRequest, target: elastic.DocumentTarget, data: bytes, deliver: Deliver
    ) -> web.StreamResponse:
        one = elastic.BulkRequest.of_document(data, target)
        await self._deliver(request, one.events, len(data), deliver, describe=False)
        answer = one.document_response()
        return _elastic(answer.status, answer.body)

    async def _encourage(self, request: web.BaseRequest) -> None:
        """Tell a client that asks before it sends its body to go on; curl and what is made with it wait a second."""
        if (request.content_length or 0) > self._max_length:
            raise _NotTakenError(413, f"the body has more than {self._max_length} bytes")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # That was no part of the answer.
            request.writer.output_size = 0

    async def _deliver(
        self, request: web.BaseRequest, events: list[Event], size: int, deliver: Deliver, *, describe: bool = True
    ) -> None:
        """Hand the events over, a part at a time, so that other requests have their turns; return when all are safe."""
        ip = request.remote or ""
        waiting: list[asyncio.Future[BaseException | None]] = []
        for start in range(0, len(events), PART):
            part = events[start : start + PART]
            for event in part:
                if describe:
                    self._describe(event, request)
                if self.decorate is not None:
                    self.decorate(event)
            identify(part)
            if len(waiting) >= PARTS:
                await asyncio.wait(waiting[-PARTS : -PARTS + 1 or None])
            waiting.append(done := asyncio.get_running_loop().create_future())
            await deliver(EventBatch(Source(self.id, ip), part, size * len(part) // len(events), _settling(done)))
        for error in await asyncio.gather(*waiting):
            if error is not None:
                log.warning("%s: what %s sent was not delivered: %s", self.id, ip, error)
                raise _NotTakenError(503, "not delivered; send it again")

    async def _read(self, request: web.BaseRequest, body: _Body) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.content.iter_any():
                    body.parts.append(chunk)
                    body.size += len(chunk)
                    self._held += len(chunk)
                    if body.size > self._max_length:
                        raise _NotTakenError(413, f"the body has more than {self._max_length} bytes")
                    if self._held > HELD_BYTES:
                        raise _NotTakenError(429, "busy")
        except TimeoutError:
            raise _NotTakenError(408, "the body did not come in time") from None
        except (RequestPayloadError, OSError) as error:
            # The connection is gone, or breaks the rules of HTTP.
            raise _NotTakenError(400, f"the body cannot be read: {error}") from None
        data = b"".join(body.parts)
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            data = _unpacked(data, self._max_length)
            body.size += len(data)
            self._held += len(data)
        elif encoding != "identity":
            raise _NotTakenError(415, f"the encoding {encoding!r} is not offered; send gzip or deflate")
        return data


def _settling(done: asyncio.Future[BaseException | None]) -> Callable[[BaseException | None], None]:
    def settled(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(error)

    return settled


class _TurnedAway(asyncio.Protocol):
    """A connection beyond those that are taken."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        log.warning("%s: a connection is turned away: %d are connected", self._name, network.MAX_CONNECTIONS)
        transport.close()


class _Body:
    """What has come of a request."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0


def _unpacked(data: bytes, limit: int) -> bytes:
    """Unpack gzip, or deflate with or without the head of zlib."""
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        stream = zlib.decompressobj(bits)
        try:
            result = stream.decompress(data, limit + 1)
        except zlib.error:
            continue
        if len(result) > limit:
            raise _NotTakenError(413, f"the body, unpacked, has more than {limit} bytes")
        if stream.eof:
            return result
    raise _NotTakenError(400, "the body cannot be unpacked")


class _NotTakenError(Exception):
    """The request is answered with this status."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class _Description:
    """Writes into events what is known of their request."""

    def __init__(self, options: Options) -> None:
        self._ecs = is_ecs(options)
        host = options["remote_host_target_field"] or ("[host][ip]" if self._ecs else "host")
        headers = options["request_headers_target_field"] or (
            "[@metadata][input][http][request][headers]" if self._ecs else "headers"
        )
        self._host: Path = field(options, "remote_host_target_field", host)
        self._headers: Path = field(options, "request_headers_target_field", headers)

    def __call__(self, event: Event, request: web.BaseRequest) -> None:
        event.setdefault(METADATA, {})
        if get(event, self._host, MISSING) is MISSING:
            put(event, self._host, request.remote)
        headers = {
            _header(name): value for name, value in request.headers.items() if name.lower() not in _SECRET_HEADERS
        }
        version = f"HTTP/{request.version.major}.{request.version.minor}"
        if not self._ecs:
            headers |= {"request_method": request.method, "request_path": request.path, "http_version": version}
            put(event, self._headers, headers)
            return
        agent, kind, length = (
            headers.pop(name, None) for name in ("http_user_agent", "content_type", "content_length")
        )
        domain, _, port = headers.pop("http_host", "").partition(":")
        described: list[tuple[Path, Any]] = [
            (self._headers, headers),
            (("http", "method"), request.method),
            (("http", "version"), version),
            (("url", "path"), request.path),
            (("url", "domain"), domain or None),
            (("url", "port"), int(port) if port.isdecimal() else None),
            (("user_agent", "original"), agent),
            (("http", "request", "mime_type"), kind),
            (("http", "request", "body", "bytes"), int(length) if length and length.isdecimal() else None),
        ]
        for path, value in described:
            if value is not None and get(event, path, MISSING) is MISSING:
                put(event, path, value)


def _header(name: str) -> str:
    """Return a header's name as Logstash's events have it."""
    plain = name.lower().replace("-", "_")
    return plain if plain in ("content_type", "content_length") else f"http_{plain}"


def _credentials(options: Options) -> tuple[bytes, bytes] | None:
    user, password = options["user"], options["password"]
    if user is None and password is None:
        return None
    if user is None or password is None:
        raise options.error("'user' and 'password' need each other", "user" if user is not None else "password")
    return user.encode(), password.encode()


def _is_known(given: str, credentials: tuple[bytes, bytes]) -> bool:
    scheme, _, value = given.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    # Both are compared in any case, so that the time tells nothing.
    return hmac.compare_digest(user, credentials[0]) & hmac.compare_digest(password, credentials[1])


def _codecs(options: Options) -> dict[str, Callable[[], Codec]]:
    made: dict[str, Callable[[], Codec]] = {}
    for kind, name in options["additional_codecs"].items():
        place = options.positions.get("additional_codecs", options.position)
        only = Options({"codec": name}, {"codec": place}, place)
        made[str(kind).lower()] = codec_of(only, "plain")
    return made


def _answer(options: Options) -> Callable[[], web.Response]:
    code = options["response_code"]
    if code not in (200, 201, 202, 204):
        raise options.error(f"'response_code' is 200, 201, 202 or 204, and got {code!r}", "response_code")
    headers = {str(name): str(value) for name, value in options["response_headers"].items()}
    for name, value in headers.items():
        if not name or any(character in "\r\n\0" for character in name + value):
            raise options.error(f"'response_headers': {name!r} and its value are no header", "response_headers")
    body = None if code == 204 else b"ok"
    return lambda: web.Response(status=code, headers=headers, body=body)


def _elastic(status: int, body: Any) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"},
    )
