"""http: events in requests; also Elasticsearch's ``_bulk`` and ``_doc``, for whatever has an Elasticsearch output.

A request is answered when its events are delivered: with `response_code`, or, for ``_bulk``, item by item as
Elasticsearch does. What was not delivered is answered with 503, and the sender sends it again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

from aiohttp import web

from ingest.codec.base import Codec
from ingest.input import elastic, network, requests, tls
from ingest.input.requests import RequestInput
from ingest.options import Kind, Option, Options
from ingest.plugins import codec_of
from ingest.settings import ECS_COMPATIBILITY, field, is_ecs
from sawlog.batch import Deliver
from sawlog.event import METADATA, MISSING, Event, Path, get, put, weight_of
from sawlog.wire.http_server import Body

_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
_PEM: Final = "give PEM files: ssl_certificate and ssl_key"


class Http(RequestInput):
    """Any method and path is taken, but for those that belong to Elasticsearch's interface."""

    name = "http"
    options: ClassVar[dict[str, Option]] = {
        "port": Option(Kind.NUMBER, "The port to listen on.", 8080),
        "host": network.HOST,
        **requests.OPTIONS,
        **tls.OLD,
        **tls.STORES,
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
        "threads": Option(Kind.NUMBER, "", noted="one event loop serves all requests"),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._codecs = _codecs(options)
        self._answer = _answer(options)
        self._describe = _Description(options)
        headers = {str(name).lower(): str(value) for name, value in options["response_headers"].items()}
        self.pages = headers.get("access-control-allow-origin")

    async def take(  # noqa: D102 - RequestInput.take
        self, request: web.BaseRequest, data: bytes, body: Body, deliver: Deliver
    ) -> web.StreamResponse:
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
        await self.deliver_all(request, events, len(data), deliver, partial(self._describe, request=request))
        return self._answer()

    def _weigh(self, data: bytes, body: Body, *, json: bool) -> None:
        self.weigh(body, len(data), weight_of(data) if json else len(data), data.count(b"\n"))

    async def _bulk(self, request: web.BaseRequest, index: str, data: bytes, deliver: Deliver) -> web.StreamResponse:
        began = time.monotonic()
        try:
            bulk = elastic.BulkRequest(data, index)
        except ValueError as error:
            return _elastic(400, elastic.error_body(400, "illegal_argument_exception", str(error)))
        # Who writes documents has given them their fields: nothing but the sender's own is added.
        await self.deliver_all(request, bulk.events, len(data), deliver)
        return _elastic(200, bulk.response(round(1000 * (time.monotonic() - began))))

    async def _document(
        self, request: web.BaseRequest, target: elastic.DocumentTarget, data: bytes, deliver: Deliver
    ) -> web.StreamResponse:
        one = elastic.BulkRequest.of_document(data, target)
        await self.deliver_all(request, one.events, len(data), deliver)
        answer = one.document_response()
        return _elastic(answer.status, answer.body)


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
