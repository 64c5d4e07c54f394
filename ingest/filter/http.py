"""http: ask a server about each event, and put its answer into the event.

The requests of a batch are under way at the same time, as many as `pool_max_per_route` says. What one batch would
ask with the same GET or HEAD twice is asked once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import aiohttp
import msgspec

from ingest import http_client, settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.filter.waiting import Background
from ingest.lang.sprintf import render
from ingest.options import Kind, Option, Options
from sawlog.event import Event
from sawlog.json_text import decode

MOST_BYTES: Final = 16 << 20
"""A longer answer is a failure: one broken server would fill the memory."""

_VERBS: Final = ("GET", "HEAD", "PATCH", "DELETE", "POST", "PUT")
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_ONCE: Final = frozenset({"GET", "HEAD"})
_TYPES: Final = {"json": "application/json", "text": "text/plain"}
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
_encode: Final = msgspec.json.Encoder().encode

Make = Callable[[Event], Any]


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class _Answer:
    headers: dict[str, Any]
    body: str


class Http(Filter):
    """An answer other than 2xx is a failure, as is none; an event that fails keeps its fields and is tagged."""

    name = "http"
    waits = True
    options: ClassVar[dict[str, Option]] = {
        "url": Option(Kind.STRING, "Where requests go; takes sprintf.", required=True),
        "verb": Option(Kind.STRING, "The method.", "GET", one_of=_VERBS),
        "headers": Option(Kind.HASH, "Headers; names and values take sprintf.", {}),
        "query": Option(Kind.HASH, "Parameters of the query string; names and values take sprintf.", {}),
        "body": Option(Kind.ANY, "The body; its texts take sprintf."),
        "body_format": Option(Kind.STRING, "Whether a body is JSON or a text.", "text", one_of=tuple(_TYPES)),
        "target_body": Option(Kind.FIELD, "The field for the answer's body: [http][response][body][content], or body."),
        "target_headers": Option(Kind.FIELD, "That for its headers: [@metadata][filter][http][response][headers]."),
        "tag_on_request_failure": Option(Kind.ARRAY, "Tags of an event whose request fails.", ["_httprequestfailure"]),
        "tag_on_json_failure": Option(Kind.ARRAY, "Tags where an answer's JSON is none.", ["_jsonparsefailure"]),
        "automatic_retries": Option(Kind.NUMBER, "How often a request is repeated whose connection broke.", 1),
        "retry_non_idempotent": Option(Kind.BOOLEAN, "Whether POST and PATCH are repeated, too.", False),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
        **http_client.OPTIONS,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        http_client.check(options)
        http_client.check_files(options)
        self._options = options
        self._verb: str = options["verb"]
        self._request = _maker(options)
        names = _ECS if settings.is_ecs(options) else _LEGACY
        self._body = settings.field(options, "target_body", options["target_body"] or names[0])
        self._headers = settings.field(options, "target_headers", options["target_headers"] or names[1])
        self._tags = options["tag_on_request_failure"]
        self._json_tags = options["tag_on_json_failure"]
        repeated = self._verb in _IDEMPOTENT or options["retry_non_idempotent"]
        self._tries = 1 + int(options["automatic_retries"]) if repeated else 1
        self._proxy = http_client.proxy_of(options)
        self._background = Background()
        self._session: aiohttp.ClientSession | None = None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        requests: list[_Request | None] = []
        for event in events:
            try:
                requests.append(self._request(event))
            except ValueError as error:
                fail(event, self._tags, f"http: {error}")
                requests.append(None)
        answers = self._background.run(self._ask(requests))
        for event, answer in zip(events, answers, strict=True):
            if isinstance(answer, str):
                fail(event, self._tags, f"http: {answer}")
            elif answer is not None:
                self._take(event, answer)
        return events

    def _take(self, event: Event, answer: _Answer) -> None:
        try:
            settings.put_field(event, self._headers, answer.headers)
            kind = str(answer.headers.get("content-type", "")).partition(";")[0].strip()
            body = decode(answer.body) if kind == "application/json" else answer.body.strip()
            settings.put_field(event, self._body, body)
        except ValueError as error:
            fail(event, self._json_tags, f"http: the answer: {error}")
        if self.succeeded:
            self.succeeded(event)

    async def _ask(self, requests: list[_Request | None]) -> list[_Answer | str | None]:
        """Make the requests; return an answer, or why there is none, for each."""
        if self._session is None:
            self._session = http_client.session_of(self._options)
            self._background.on_end(self._session.close)
        # Bounded here: a request that waited for a connection would spend its time limit on that.
        room = asyncio.Semaphore(int(min(self._options["pool_max"], self._options["pool_max_per_route"])))
        asked: dict[_Request, asyncio.Task[_Answer | str]] = {}
        answers: list[asyncio.Task[_Answer | str] | None] = []
        for request in requests:
            if request is None:
                answers.append(None)
            elif self._verb not in _ONCE:
                answers.append(asyncio.create_task(self._answer(request, room)))
            else:
                if request not in asked:
                    asked[request] = asyncio.create_task(self._answer(request, room))
                answers.append(asked[request])
        return [None if answer is None else await answer for answer in answers]

    async def _answer(self, request: _Request, room: asyncio.Semaphore) -> _Answer | str:
        async with room:
            for last in (*[False] * (self._tries - 1), True):
                try:
                    return await self._once(request)
                except aiohttp.ClientConnectorError as error:
                    return f"no connection: {error}"
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if last:
                        return f"the connection broke: {error}"
                except _FAILURES as error:
                    return f"{error}" or "no answer in time"
        return "it was not tried"

    async def _once(self, request: _Request) -> _Answer | str:
        assert self._session is not None
        async with self._session.request(
            self._verb,
            request.url,
            params=request.query or None,
            headers=dict(request.headers),
            data=request.body,
            allow_redirects=self._options["follow_redirects"],
            proxy=self._proxy,
        ) as answer:
            data = await _read(answer)
            if not 200 <= answer.status < 300:
                return f"HTTP {answer.status}: {data[:200].decode(errors='replace') or answer.reason}"
            headers: dict[str, Any] = {}
            for name in dict.fromkeys(map(str.lower, answer.headers)):
                values = answer.headers.getall(name)
                headers[name] = values[0] if len(values) == 1 else values
            return _Answer(headers, _text(data, answer.charset or "utf-8"))


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts = bytearray()
    async for part in answer.content.iter_any():
        parts += part
        if len(parts) > MOST_BYTES:
            raise ValueError(f"the answer has more than {MOST_BYTES >> 20} MiB")
    return bytes(parts)


def _text(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _maker(options: Options) -> Callable[[Event], _Request]:
    """Return the function that makes an event's request; it raises ValueError."""
    url = settings.template(options, "url")
    headers = _pairs(options, "headers")
    query = _pairs(options, "query")
    body = _body(options)
    named = {str(name).lower() for name in options["headers"]}
    kind = () if "content-type" in named else (("content-type", _TYPES[options["body_format"]]),)

    def make(event: Event) -> _Request:
        return _Request(url(event), query(event), (*headers(event), *kind), body(event))

    return make


def _pairs(options: Options, name: str) -> Callable[[Event], tuple[tuple[str, str], ...]]:
    pairs = [
        (settings.template(options, name, key), settings.template(options, name, render(one)))
        for key, value in options[name].items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return lambda event: tuple((key(event), value(event)) for key, value in pairs)


def _body(options: Options) -> Callable[[Event], bytes | None]:
    given = options["body"]
    if given is None:
        return lambda event: None
    shape = _shaper(options, given)
    if isinstance(given, list | dict):
        if options["body_format"] == "text":
            raise options.error("http: a body of lists or hashes needs body_format => json", "body")
        return lambda event: _encode(shape(event))
    return lambda event: render(shape(event)).encode("utf-8", "replace")


def _shaper(options: Options, value: Any) -> Make:
    """Return the function that fills in the texts of a list or a hash."""
    if isinstance(value, dict):
        members = [(settings.template(options, "body", key), _shaper(options, one)) for key, one in value.items()]
        return lambda event: {key(event): one(event) for key, one in members}
    if isinstance(value, list):
        items = [_shaper(options, one) for one in value]
        return lambda event: [item(event) for item in items]
    if isinstance(value, str):
        return settings.template(options, "body", value)
    return lambda event: value


_ECS: Final = ("[http][response][body][content]", "[@metadata][filter][http][response][headers]")
_LEGACY: Final = ("body", "headers")
