"""Events in HTTP requests: what the inputs share whose senders are answered once their events are delivered.

Who may send, what a body may weigh, how long it may take, how many are under way: an input that is made of this one
says what a body means, and how what is not taken is answered.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import ssl
import zlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestPayloadError

from ingest.input import network, tls
from ingest.input.base import Input
from ingest.input.memory_queue import identify
from ingest.options import Kind, Option, Options
from sawlog.batch import Deliver, EventBatch, Source
from sawlog.event import Event
from sawlog.logins import Logins, TurnedAwayError
from sawlog.loopback import came_over_loopback, foreign_host, foreign_page
from sawlog.wire import listening
from sawlog.wire.listening import Address

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

OPTIONS: Final[dict[str, Option]] = {
    "user": Option(Kind.STRING, "The user that requests must name."),
    "password": Option(Kind.PASSWORD, "The user's password."),
    **tls.SERVER,
    "ssl_handshake_timeout": tls.HANDSHAKE,
    "max_content_length": Option(Kind.NUMBER, "Bytes of a body, unpacked.", 104857600),
    "max_pending_requests": Option(Kind.NUMBER, "How many requests may be under way.", 200),
}
"""What each of these inputs has, beside `host`, `port` and a codec."""


class RequestInput(Input):
    """A subclass implements `take`, which calls `deliver_all`; `pages` and `refusal` if it has its own ways."""

    pages: str | None = None
    """Whose pages may send, as the pipeline's author tells browsers."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._tls = tls.server_tls(options)
        self._handshake: float = options["ssl_handshake_timeout"] / 1000
        self._host: str = network.host_of(options)
        self._port = network.port_of(options)
        self._credentials = _credentials(options)
        self._max_length: int = options["max_content_length"]
        self._max_pending: int = options["max_pending_requests"]
        self._logins = Logins()
        self._pending = 0
        self._held = 0
        self.address: Address | None = None
        """Where it listens, once it does."""

    @abstractmethod
    async def take(self, request: web.BaseRequest, data: bytes, body: Body, deliver: Deliver) -> web.StreamResponse:
        """Answer a request once its events are delivered; `data` is its body, unpacked.

        Raises:
            NotTakenError: it is answered with what that says.
        """

    def refusal(self, request: web.BaseRequest, refused: NotTakenError) -> web.Response:
        """Answer a request that is not taken."""
        return web.Response(status=refused.status, text=str(refused), headers=refused.headers)

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        asks = self._credentials is not None or (self._tls is not None and self._tls.asks is ssl.CERT_REQUIRED)
        network.warn_if_open(self.id, self._host, self._port, asks=asks, how="user and password, or TLS certificates")

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, deliver)

        # Bodies are unpacked here, within the limit.
        server = web.Server(handle, access_log=None, auto_decompress=False)

        def connected() -> asyncio.Protocol:
            if len(server.connections) < listening.MAX_CONNECTIONS:
                return server()
            return _TurnedAway(self.id)

        runner = web.ServerRunner(server, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        try:
            context = self._tls.context() if self._tls else None
            handshake = self._handshake if context else None
            try:
                opened = await asyncio.get_running_loop().create_server(
                    connected, self._host, self._port, ssl=context, ssl_handshake_timeout=handshake
                )
            except OSError as error:
                raise listening.cannot_listen(self.id, self._host, self._port, error) from None
            self.address = listening.address_of(opened.sockets[0].getsockname())
            log.info("the %s input listens on %s:%d%s", self.id, *self.address, " with TLS" if context else "")
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                opened.close()
                self.address = None
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest, deliver: Deliver) -> web.StreamResponse:
        try:
            self._check_page(request)
            await self._check_login(request)
            if self._pending >= self._max_pending:
                raise NotTakenError(429, "busy", {"Retry-After": "1"})
        except NotTakenError as refused:
            return self.refusal(request, refused)
        self._pending += 1
        body = Body()
        try:
            await self._encourage(request)
            return await self.take(request, await self._read(request, body), body, deliver)
        except NotTakenError as refused:
            response = self.refusal(request, refused)
            response.force_close()
            return response
        finally:
            self._pending -= 1
            self._held -= body.size

    def _check_page(self, request: web.BaseRequest) -> None:
        """Refuse the pages that a browser on this machine shows."""
        if not came_over_loopback(request):
            return
        # Who asks for a password is asked for it by a foreign name, too: a proxy of this machine may use one.
        if self._credentials is None and (name := foreign_host(request)) is not None:
            raise NotTakenError(421, f"on loopback, this input answers to localhost, not to {name!r}")
        if (page := foreign_page(request)) is not None and self.pages not in ("*", page):
            raise NotTakenError(403, f"this input does not take what web pages send: {page!r}")

    async def _check_login(self, request: web.BaseRequest) -> None:
        """Refuse those who do not know the user and the password."""
        wanted, given = self._credentials, request.headers.get("Authorization", "")
        if wanted is None:
            return
        try:
            if given and await self._logins.passes(request.remote or "", given, lambda: _is_known(given, wanted)):
                return
        except TurnedAwayError:
            raise NotTakenError(429, "too many failed logins", {"Retry-After": "10"}) from None
        raise NotTakenError(401, "unauthorized", {"WWW-Authenticate": 'Basic realm="sawlog"'})

    def weigh(self, body: Body, size: int, weight: int, count: int) -> None:
        """Count what a body of `size` bytes, which holds `count` events or parts of events, weighs in memory.

        Raises:
            NotTakenError: it weighs too much, or all bodies under way do.
        """
        if weight > max(BODY_BYTES, size) or count > LINES:
            raise NotTakenError(413, f"the body has too many events or values; send fewer than {LINES} lines at once")
        body.size += weight - size
        self._held += weight - size
        if self._held > HELD_BYTES:
            raise NotTakenError(429, "busy")

    async def _encourage(self, request: web.BaseRequest) -> None:
        """Tell a client that asks before it sends its body to go on; curl and what is made with it wait a second."""
        if (request.content_length or 0) > self._max_length:
            raise NotTakenError(413, f"the body has more than {self._max_length} bytes")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # That was no part of the answer.
            request.writer.output_size = 0

    async def deliver_all(
        self,
        request: web.BaseRequest,
        events: Sequence[Event],
        size: int,
        deliver: Deliver,
        describe: Callable[[Event], None] | None = None,
    ) -> None:
        """Hand the events over, a part at a time, so that other requests have their turns; return when all are safe.

        Raises:
            NotTakenError: some are not; the sender sends all again.
        """
        ip = request.remote or ""
        waiting: list[asyncio.Future[BaseException | None]] = []
        for start in range(0, len(events), PART):
            part = list(events[start : start + PART])
            for event in part:
                if describe is not None:
                    describe(event)
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
                raise NotTakenError(503, "not delivered; send it again")

    async def _read(self, request: web.BaseRequest, body: Body) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.content.iter_any():
                    body.parts.append(chunk)
                    body.size += len(chunk)
                    self._held += len(chunk)
                    if body.size > self._max_length:
                        raise NotTakenError(413, f"the body has more than {self._max_length} bytes")
                    if self._held > HELD_BYTES:
                        raise NotTakenError(429, "busy")
        except TimeoutError:
            raise NotTakenError(408, "the body did not come in time") from None
        except (RequestPayloadError, OSError) as error:
            # The connection is gone, or breaks the rules of HTTP.
            raise NotTakenError(400, f"the body cannot be read: {error}") from None
        data = b"".join(body.parts)
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            data = _unpacked(data, self._max_length)
            body.size += len(data)
            self._held += len(data)
        elif encoding != "identity":
            raise NotTakenError(415, f"the encoding {encoding!r} is not offered; send gzip or deflate")
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
        log.warning("%s: a connection is turned away: %d are connected", self._name, listening.MAX_CONNECTIONS)
        transport.close()


class Body:
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
            raise NotTakenError(413, f"the body, unpacked, has more than {limit} bytes")
        if stream.eof:
            return result
    raise NotTakenError(400, "the body cannot be unpacked")


class NotTakenError(Exception):
    """The request is answered with this status."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.headers = headers


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
