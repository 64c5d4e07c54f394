"""A server of HTTP requests that are answered once what they bring is safe.

Who may send, what a body may weigh, how long it may take, how many are under way: who uses it says what a body means.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestPayloadError

from sawlog import bad_requests
from sawlog.logins import Logins, TurnedAwayError
from sawlog.loopback import came_over_loopback, foreign_host, foreign_page
from sawlog.tls import ServerTls
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
GRACE_SECONDS: Final = 10.0
"""How long the end waits for the answers of requests under way."""


class NotTakenError(Exception):
    """The request is answered with this status."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.headers = headers


class Body:
    """What has come of a request."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0


AnswerRequest = Callable[[web.BaseRequest, bytes, Body], Awaitable[web.StreamResponse]]
"""Answers a request with its body, unpacked, once all of that is safe; or raises `NotTakenError`."""
RefuseRequest = Callable[[web.BaseRequest, NotTakenError], web.Response]
"""Answers a request that is not taken."""


class Guard:
    """Lets those in who know a secret; whoever guesses waits longer each time."""

    def __init__(self, is_known: Callable[[str], bool], header: str = "Authorization", *, basic: bool = True) -> None:
        """`is_known` says whether what a request has in its `header` is right, in a time that tells nothing."""
        self._is_known = is_known
        self._header = header
        self._headers = {"WWW-Authenticate": 'Basic realm="sawlog"'} if basic else None
        self._logins = Logins()

    async def check(self, request: web.BaseRequest) -> None:
        """Refuse those who do not know it.

        Raises:
            NotTakenError: this one does not.
        """
        given = request.headers.get(self._header, "")
        try:
            if given and await self._logins.passes(request.remote or "", given, lambda: self._is_known(given)):
                return
        except TurnedAwayError:
            raise NotTakenError(429, "too many failed logins", {"Retry-After": "10"}) from None
        raise NotTakenError(401, "unauthorized", self._headers)


def guard_of(user: str, password: str) -> Guard:
    """Return what asks for a user and a password by HTTP's scheme Basic."""
    wanted = user.encode(), password.encode()
    return Guard(lambda given: _is_known(given, wanted))


class RequestServer:
    """Takes requests while it runs."""

    pages: str | None = None
    """Whose web pages may send."""

    def __init__(
        self, name: str, host: str, port: int, *, tls: ServerTls | None = None, handshake: float = 10.0,
        guard: Guard | None = None, max_length: int = 100 << 20, max_pending: int = 200,
    ) -> None:  # fmt: skip
        """`max_length`: bytes of a body, unpacked; `max_pending`: how many requests may be under way."""
        self.name = name
        self.host = host
        self.port = port
        self.address: Address | None = None
        """Where it listens, once it does."""
        self.held = 0
        """Bytes that all requests under way weigh."""
        self._tls = tls
        self._handshake = handshake
        self._guard = guard
        self._max_length = max_length
        self._max_pending = max_pending
        self._pending = 0

    async def run(self, answer: AnswerRequest, refuse: RefuseRequest) -> None:
        """Take requests until cancelled; what is under way then is still answered, if that takes no longer than fit.

        Raises:
            InputError: the address cannot be listened on, or a certificate cannot be read.
        """

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, answer, refuse)

        # Bodies are unpacked here, within the limit.
        server = web.Server(handle, access_log=None, auto_decompress=False)

        def connected() -> asyncio.Protocol:
            if len(server.connections) < listening.MAX_CONNECTIONS:
                return server()
            return _TurnedAway(self.name)

        bad_requests.tell_in_a_line()
        runner = web.ServerRunner(server, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        try:
            context = self._tls.context() if self._tls else None
            handshake = self._handshake if context else None
            try:
                opened = await asyncio.get_running_loop().create_server(
                    connected, self.host, self.port, ssl=context, ssl_handshake_timeout=handshake
                )
            except OSError as error:
                raise listening.cannot_listen(self.name, self.host, self.port, error) from None
            self.address = listening.address_of(opened.sockets[0].getsockname())
            log.info("the %s input listens on %s:%d%s", self.name, *self.address, " with TLS" if context else "")
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                opened.close()
                self.address = None
        finally:
            await runner.cleanup()

    def weigh(self, body: Body, size: int, weight: int, count: int) -> None:
        """Count what a body of `size` bytes, which holds `count` events or parts of events, weighs in memory.

        Raises:
            NotTakenError: it weighs too much, or all bodies under way do.
        """
        if weight > max(BODY_BYTES, size) or count > LINES:
            raise NotTakenError(413, f"the body has too many events or values; send fewer than {LINES} lines at once")
        body.size += weight - size
        self.held += weight - size
        if self.held > HELD_BYTES:
            raise NotTakenError(429, "busy")

    async def _handle(
        self, request: web.BaseRequest, answer: AnswerRequest, refuse: RefuseRequest
    ) -> web.StreamResponse:
        try:
            self._check_page(request)
            if self._guard is not None:
                await self._guard.check(request)
            if self._pending >= self._max_pending:
                raise NotTakenError(429, "busy", {"Retry-After": "1"})
        except NotTakenError as refused:
            return refuse(request, refused)
        self._pending += 1
        body = Body()
        try:
            await self._encourage(request)
            return await answer(request, await self._read(request, body), body)
        except NotTakenError as refused:
            response = refuse(request, refused)
            response.force_close()
            return response
        finally:
            self._pending -= 1
            self.held -= body.size

    def _check_page(self, request: web.BaseRequest) -> None:
        """Refuse the pages that a browser on this machine shows."""
        if not came_over_loopback(request):
            return
        # Who asks for a password is asked for it by a foreign name, too: a proxy of this machine may use one.
        if self._guard is None and (name := foreign_host(request)) is not None:
            raise NotTakenError(421, f"on loopback, this input answers to localhost, not to {name!r}")
        if (page := foreign_page(request)) is not None and self.pages not in ("*", page):
            raise NotTakenError(403, f"this input does not take what web pages send: {page!r}")

    async def _encourage(self, request: web.BaseRequest) -> None:
        """Tell a client that asks before it sends its body to go on; curl and what is made with it wait a second."""
        if (request.content_length or 0) > self._max_length:
            raise NotTakenError(413, f"the body has more than {self._max_length} bytes")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # That was no part of the answer.
            request.writer.output_size = 0

    async def _read(self, request: web.BaseRequest, body: Body) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.content.iter_any():
                    body.parts.append(chunk)
                    body.size += len(chunk)
                    self.held += len(chunk)
                    if body.size > self._max_length:
                        raise NotTakenError(413, f"the body has more than {self._max_length} bytes")
                    if self.held > HELD_BYTES:
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
            self.held += len(data)
        elif encoding != "identity":
            raise NotTakenError(415, f"the encoding {encoding!r} is not offered; send gzip or deflate")
        return data


class _TurnedAway(asyncio.Protocol):
    """A connection beyond those that are taken."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        log.warning("%s: a connection is turned away: %d are connected", self._name, listening.MAX_CONNECTIONS)
        transport.close()


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
