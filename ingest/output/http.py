"""http: events as requests to any server, one by one or a batch at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec
from isal import igzip
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from ingest import http_client
from ingest.lang.sprintf import Template, compile_sprintf, render
from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from sawlog.backoff import FIRST_WAIT, growing
from sawlog.errors import ConfigError, SawlogError
from sawlog.event import METADATA, Event
from sawlog.store.base import Refusal

LONGEST_WAIT: Final = 60.0
_CONTENT_TYPES: Final = {
    "json": "application/json",
    "json_batch": "application/json",
    "form": "application/x-www-form-urlencoded",
    "message": "text/plain",
}
_UNREACHABLE: Final = 599
"""Stands for the status of an answer that never came."""

_METHODS: Final = ("put", "post", "patch", "delete", "get", "head")
_RETRIES: Final = "a request is tried until it is answered; see retry_failed"
_NEVER_SENT: Final = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError)
"""What is wrong with a request that an event's fields made, however often one tries."""

log = logging.getLogger(__name__)


class Http(Output):
    """Requests of a batch are under way at the same time, in no order; a batch sent again is requested again."""

    name = "http"
    options: ClassVar[dict[str, Option]] = {
        "url": Option(Kind.STRING, "Where requests go; takes sprintf.", required=True),
        "http_method": Option(Kind.STRING, "put, post, patch, delete, get or head.", required=True, one_of=_METHODS),
        "format": Option(
            Kind.STRING,
            "What a body holds: the event, all events of a batch, form fields, or the text of `message`.",
            "json",
            one_of=tuple(_CONTENT_TYPES),
        ),
        "mapping": Option(Kind.HASH, "What to send instead of the whole event; values take sprintf."),
        "message": Option(Kind.STRING, "The body in the format `message`; takes sprintf."),
        "headers": Option(Kind.HASH, "Headers; values take sprintf.", {}),
        "content_type": Option(Kind.STRING, "The content type; not given: that of the format."),
        "http_compression": Option(Kind.BOOLEAN, "Whether bodies are gzipped.", False),
        "retry_failed": Option(Kind.BOOLEAN, "Whether requests that fail for now are tried again, without end.", True),
        "retryable_codes": Option(Kind.ARRAY, "Answers that mean: later.", [429, 500, 502, 503, 504]),
        "ignorable_codes": Option(Kind.ARRAY, "Answers besides 2xx that mean: taken.", []),
        **http_client.OPTIONS,
        "verify_ssl": Option(Kind.BOOLEAN, "", replaced_by="ssl_certificate_validation"),
        "automatic_retries": Option(Kind.NUMBER, "", 1, noted=_RETRIES),
        "retry_non_idempotent": Option(Kind.BOOLEAN, "", False, noted=_RETRIES),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.given("codec"):
            place = options.positions["codec"]
            options.notes.append(f"{place}: http: 'codec' has no effect, as in Logstash; see 'format'")
        if options["format"] == "message" and options["message"] is None:
            raise options.error("the format 'message' needs the option 'message'", "format")
        http_client.check(options)
        self._options = options
        self._method: str = options["http_method"]
        self._url = _template(options, "url")
        self._headers = {str(name): _template(options, "headers", value) for name, value in options["headers"].items()}
        content_type = options["content_type"] or _CONTENT_TYPES[options["format"]]
        self._headers["Content-Type"] = _template(options, "content_type", content_type)
        self._batched = options["format"] == "json_batch"
        self._body = _body(options)
        self._retryable = _codes(options, "retryable_codes")
        self._taken = _codes(options, "ignorable_codes")
        self._proxy = http_client.proxy_of(options)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:  # noqa: D102 - Output.open
        self._session = http_client.session_of(self._options)

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        if self._batched:
            refusal = await self._deliver(0, events[0], list(events))
            if refusal is None:
                return ()
            return [Refusal(place, refusal.status, refusal.type, refusal.reason) for place in range(len(events))]
        refusals = await asyncio.gather(*(self._deliver(place, event, [event]) for place, event in enumerate(events)))
        return [refusal for refusal in refusals if refusal is not None]

    async def close(self) -> None:  # noqa: D102 - Output.close
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _deliver(self, place: int, event: Event, events: list[Event]) -> Refusal | None:
        """Send one request until it is taken or refused for good; `event` fills in address and headers."""
        body = self._body(events)
        headers = {name: template(event) for name, template in self._headers.items()}
        if self._options["http_compression"]:
            body = igzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        url = self._url(event)
        retrying = AsyncRetrying(
            wait=growing(FIRST_WAIT, LONGEST_WAIT),
            retry=retry_if_result(self._later),
            before_sleep=self._before_retry,
        )
        refusal: Refusal | None = await retrying(self._request, place, url, headers, body)
        self.problem = None
        return refusal

    async def _request(self, place: int, url: str, headers: dict[str, str], body: bytes) -> Refusal | None:
        if self._session is None:
            raise SawlogError("the http output is not open")
        try:
            async with self._session.request(
                self._method,
                url,
                data=body,
                headers=headers,
                allow_redirects=self._options["follow_redirects"],
                proxy=self._proxy,
            ) as answer:
                if 200 <= answer.status < 300 or answer.status in self._taken:
                    await answer.read()
                    return None
                words = (await answer.content.read(500)).decode(errors="replace")
                return Refusal(place, answer.status, "http_status", f"HTTP {answer.status}: {words or answer.reason}")
        except _NEVER_SENT as error:
            return Refusal(place, 400, "illegal_request", f"no request can be made: {error}")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Refusal(place, _UNREACHABLE, "unreachable", str(error) or "no answer in time")

    def _later(self, refusal: Refusal | None) -> bool:
        """Whether the request is to be sent again."""
        if refusal is None or not self._options["retry_failed"]:
            return False
        return refusal.status in self._retryable or refusal.status == _UNREACHABLE

    def _before_retry(self, state: RetryCallState) -> None:
        if state.outcome is None:
            return
        self.problem = state.outcome.result().reason
        if state.attempt_number == 1:
            log.warning("%s: %s; retrying", self.id, self.problem)


def _template(options: Options, name: str, text: Any = None) -> Template:
    try:
        return compile_sprintf(render(options[name] if text is None else text))
    except ConfigError as error:
        raise options.error(error.message, name, error.hint) from None


def _body(options: Options) -> Callable[[list[Event]], bytes]:
    """Return the function that makes the body of one event, or of a batch."""
    encode = msgspec.json.Encoder().encode
    if options["format"] == "message":
        message = _template(options, "message")
        return lambda events: message(events[0]).encode()
    shape = _whole if options["mapping"] is None else _mapper(options, options["mapping"])
    if options["format"] == "json":
        return lambda events: encode(shape(events[0]))
    if options["format"] == "json_batch":
        return lambda events: encode([shape(event) for event in events])
    return lambda events: urlencode(
        {name: render(value) for name, value in shape(events[0]).items()}, quote_via=quote_plus
    ).encode()


def _whole(event: Event) -> Event:
    return {name: value for name, value in event.items() if name != METADATA}


def _mapper(options: Options, mapping: Any) -> Callable[[Event], Any]:
    if isinstance(mapping, dict):
        members = {str(name): _mapper(options, value) for name, value in mapping.items()}
        return lambda event: {name: member(event) for name, member in members.items()}
    if isinstance(mapping, list):
        items = [_mapper(options, value) for value in mapping]
        return lambda event: [item(event) for item in items]
    return _template(options, "mapping", mapping)


def _codes(options: Options, name: str) -> frozenset[int]:
    try:
        return frozenset(int(code) for code in options[name])
    except (TypeError, ValueError):
        raise options.error("a status is a number such as 503", name) from None
