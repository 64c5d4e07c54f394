"""otlp: the logs that OpenTelemetry's exporters and collectors send, over HTTP.

A request is answered when its records are delivered. What was not is answered with 503, and with 429 while too much is
under way: exporters send such a request again, and its records, which keep their ids, are there once. An answer never
tells of a part that was rejected: whatever a record holds, it becomes an event.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, ClassVar, Final

from aiohttp import web

from ingest.input import requests
from ingest.input.requests import RequestInput
from ingest.options import Kind, Option, Options
from ingest.otlp import wire
from ingest.otlp.fields import events_of
from sawlog.batch import Deliver
from sawlog.event import METADATA, Event, weight_of
from sawlog.wire.http_server import Body, NotTakenError

PATH: Final = "/v1/logs"
_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 12, 405: 12, 408: 14, 413: 3, 415: 3, 429: 8, 503: 14}
"""What gRPC calls what HTTP's status says."""
_PART_BYTES: Final = 200
"""What a message takes in memory, be it empty."""
_OTHER_SIGNALS: Final = ("/v1/traces", "/v1/metrics", "/v1/profiles", "/v1development/profiles")


class Otlp(RequestInput):
    """Not one of Logstash's; over gRPC (port 4317) it is not offered."""

    name = "otlp"
    default_codec = ""
    options: ClassVar[dict[str, Option]] = {
        "port": Option(Kind.NUMBER, "The port to listen on.", 4318),
        "host": Option(
            Kind.STRING, "The address to listen on; loopback unless given, or what --listen says.", "127.0.0.1"
        ),
        **requests.OPTIONS,
        "max_content_length": Option(Kind.NUMBER, "Bytes of a body, unpacked.", 20 << 20),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.given("codec"):
            raise options.error("the protocol says what a body is: there is no codec to choose", "codec")
        self._requests = wire.Requests("the otlp input")

    async def take(  # noqa: D102 - RequestInput.take
        self, request: web.BaseRequest, data: bytes, body: Body, deliver: Deliver
    ) -> web.StreamResponse:
        _check(request)
        try:
            if len(data) > wire.WALKED_BYTES:
                events = await asyncio.to_thread(self._events, request, data, body)
            else:
                events = self._events(request, data, body)
        except wire.MalformedError as error:
            raise NotTakenError(400, str(error)) from None
        about = {"input": {"otlp": {"source": {"ip": request.remote}}}}

        def describe(event: Event) -> None:
            event[METADATA] = {**event.get(METADATA, {}), **about}

        await self.deliver_all(request, events, len(data), deliver, describe)
        kind = request.content_type
        return web.Response(body=wire.answer(kind), headers={"Content-Type": kind})

    def _events(self, request: web.BaseRequest, data: bytes, body: Body) -> list[Event]:
        found: Any
        if request.content_type == wire.JSON:
            self.weigh(body, len(data), weight_of(data), data.count(b"{"))
            found = self._requests.json(data)
        else:
            parts = wire.parts_of(data) if len(data) > wire.WALKED_BYTES else 0
            self.weigh(body, len(data), len(data) + _PART_BYTES * parts, parts)
            found = self._requests.protobuf(data)
        # What an exporter sends again is the same to the byte.
        digest = hashlib.blake2b(data, digest_size=12).hexdigest()
        return events_of(found, lambda number: f"otlp-{digest}-{number}")

    def refusal(self, request: web.BaseRequest, refused: NotTakenError) -> web.Response:
        """Answer in the protocol's words."""
        kind = wire.JSON if request.content_type == wire.JSON else wire.PROTOBUF
        # A body that did not come in time may be sent again; by the protocol, 408 may not.
        status = 503 if refused.status == 408 else refused.status
        answer = wire.status(kind, _CODES.get(status, 2), str(refused))
        return web.Response(status=status, body=answer, headers={**(refused.headers or {}), "Content-Type": kind})


def _check(request: web.BaseRequest) -> None:
    """Refuse what brings no logs.

    Raises:
        NotTakenError: always then.
    """
    path = request.path.rstrip("/")
    if path in _OTHER_SIGNALS:
        raise NotTakenError(404, f"this input takes logs ({PATH}) and no {path.rpartition('/')[2]}")
    if path != PATH:
        raise NotTakenError(404, f"logs go to {PATH}, and not to {request.path:.100}")
    if request.method != "POST":
        raise NotTakenError(405, f"logs are sent with POST, and not with {request.method:.20}", {"Allow": "POST"})
    if request.content_type not in (wire.PROTOBUF, wire.JSON):
        raise NotTakenError(415, f"send {wire.PROTOBUF} or {wire.JSON}, and not {request.content_type:.80}")
