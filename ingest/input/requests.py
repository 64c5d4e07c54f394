"""Events in HTTP requests: what the inputs share whose senders are answered once their events are delivered.

An input that is made of this one says what a body means, and how what is not taken is answered.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from ingest.input import network, tls
from ingest.input.base import Input
from ingest.input.memory_queue import identify
from ingest.options import Kind, Option, Options
from sawlog.batch import Deliver, EventBatch, Source
from sawlog.event import Event
from sawlog.wire.http_server import Body, Guard, NotTakenError, RequestServer, guard_of
from sawlog.wire.listening import Address

log = logging.getLogger(__name__)

PART: Final = 4096
"""How many events of a request are a batch: what others send comes between."""
PARTS: Final = 2
"""How many batches of a request are under way."""

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
        self._guard = _guard(options)
        self._server = RequestServer(
            self.id,
            network.host_of(options),
            network.port_of(options),
            tls=self._tls,
            handshake=options["ssl_handshake_timeout"] / 1000,
            guard=self._guard,
            max_length=options["max_content_length"],
            max_pending=options["max_pending_requests"],
        )
        self.weigh = self._server.weigh

    @property
    def address(self) -> Address | None:
        """Where it listens, once it does."""
        return self._server.address

    @property
    def held(self) -> int:
        """Bytes that all requests under way weigh."""
        return self._server.held

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
        asks = self._guard is not None or (self._tls is not None and self._tls.asks is ssl.CERT_REQUIRED)
        network.warn_if_open(
            self.id, self._server.host, self._server.port, asks=asks, how="user and password, or TLS certificates"
        )

        async def answer(request: web.BaseRequest, data: bytes, body: Body) -> web.StreamResponse:
            return await self.take(request, data, body, deliver)

        self._server.pages = self.pages
        await self._server.run(answer, self.refusal)

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


def _settling(done: asyncio.Future[BaseException | None]) -> Callable[[BaseException | None], None]:
    def settled(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(error)

    return settled


def _guard(options: Options) -> Guard | None:
    user, password = options["user"], options["password"]
    if user is None and password is None:
        return None
    if user is None or password is None:
        raise options.error("'user' and 'password' need each other", "user" if user is not None else "password")
    return guard_of(user, password)
