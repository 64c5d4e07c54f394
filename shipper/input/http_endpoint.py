"""http_endpoint: JSON objects in HTTP requests, each an event. A request is answered when its events are delivered."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from sawlog.errors import InputError
from sawlog.event import TIMESTAMP, Event, put, weight_of
from sawlog.json_text import decode
from sawlog.loopback import is_loopback
from sawlog.times.instant import now
from sawlog.wire.http_server import Body, Guard, NotTakenError, RequestServer, guard_of
from sawlog.wire.listening import Address
from shipper.config.values import duration
from shipper.input.base import EventMaker, Receiver
from shipper.input.held import Held
from shipper.input.settings import HttpEndpoint
from shipper.shaping import without_null

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 2.0
"""How long the end waits for the delivery of what requests have brought; the others are told to send it again."""
WAIT: Final = "wait_for_completion_timeout"
"""What a request may say in its query: for how long it waits for its answer."""
_DIGESTS: Final = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}


class HttpReceiver(Receiver):
    """Takes requests at one path of an address of its own."""

    def __init__(self, endpoint: HttpEndpoint, maker: EventMaker) -> None:
        self._endpoint = endpoint
        self._maker = maker
        self._waiting: set[asyncio.Future[BaseException | None]] = set()
        """One for each request that waits for its delivery."""
        self._server = RequestServer(
            "http_endpoint", endpoint.listen_address, endpoint.listen_port, tls=endpoint.tls, guard=_guard(endpoint),
            **({"max_length": endpoint.max_body_bytes} if endpoint.max_body_bytes else {}),
        )  # fmt: skip

    @property
    def address(self) -> Address | None:
        """Where it listens, once it does."""
        return self._server.address

    async def run(self, held: Held) -> None:  # noqa: D102 - Receiver.run
        endpoint = self._endpoint
        certificates = endpoint.tls is not None and endpoint.tls.asks is ssl.CERT_REQUIRED
        if not (endpoint.is_guarded or certificates or is_loopback(endpoint.listen_address)):
            log.warning(
                "the http_endpoint input listens on %s:%d without asking for credentials: whoever reaches the port can"
                " write events; what closes it: basic_auth, secret.header, hmac.header, ssl.client_authentication, or"
                " a listen_address of 127.0.0.1", endpoint.listen_address, endpoint.listen_port,
            )  # fmt: skip

        # What browsers are told by these, they are held to.
        allowed = {name.lower(): value for name, value in endpoint.options_headers.items()}
        self._server.pages = allowed.get("access-control-allow-origin")

        async def answer(request: web.BaseRequest, data: bytes, body: Body) -> web.StreamResponse:
            return await self._answer(request, data, body, held)

        serving = asyncio.create_task(self._server.run(answer, lambda _, refused: _refusal(refused)))
        try:
            await asyncio.shield(serving)
        finally:
            # Who waits for a delivery is answered before the end, one way or the other.
            giving_up = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._give_up)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            giving_up.cancel()

    def _give_up(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(InputError("the shipper ends"))

    async def _answer(self, request: web.BaseRequest, data: bytes, body: Body, held: Held) -> web.StreamResponse:
        endpoint = self._endpoint
        if request.method == "OPTIONS" and endpoint.options_headers:
            return web.Response(status=endpoint.options_response_code, headers=endpoint.options_headers)
        self._check(request, data)
        wait = _wait(request)
        most = endpoint.max_in_flight_bytes
        if held.is_full or (most and self._server.held > most):
            raise NotTakenError(503, "too much is under way", {"Retry-After": str(endpoint.retry_after)})
        self._server.weigh(body, len(data), weight_of(data), 0)
        heard = [self._event(found, request) for found in objects_of(data)]
        try:
            async with asyncio.timeout(wait):
                await self._deliver(heard, len(data), held)
        except TimeoutError:
            raise NotTakenError(504, "the events were not delivered in time; send them again") from None
        body_text = endpoint.response_body
        return web.Response(status=endpoint.response_code, text=body_text, content_type="application/json")

    async def _deliver(self, heard: Sequence[Event], size: int, held: Held) -> None:
        events = self._maker.make(heard)
        if not events:
            return
        done: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

        def told(error: BaseException | None) -> None:
            if not done.done():
                done.set_result(error)

        held.put(self._maker.source, events, size, told)
        self._waiting.add(done)
        try:
            error = await done
        finally:
            self._waiting.discard(done)
        if error is not None:
            log.warning("http_endpoint: what was sent was not delivered: %s", error)
            raise NotTakenError(503, "not delivered; send it again")

    def _check(self, request: web.BaseRequest, data: bytes) -> None:
        """Refuse what the configuration does not ask for."""
        endpoint, path = self._endpoint, request.path
        if path != endpoint.url and not (endpoint.url.endswith("/") and path.startswith(endpoint.url)):
            raise NotTakenError(404, f"there is nothing at {path}")
        if request.method != endpoint.method:
            raise NotTakenError(405, f"only {endpoint.method} requests are supported", {"Allow": endpoint.method})
        given = request.headers.get("Content-Type", "")
        if endpoint.content_type and endpoint.content_type not in (given, given.partition(";")[0].strip().lower()):
            raise NotTakenError(415, f"the Content-Type is to be {endpoint.content_type}")
        signature = endpoint.hmac
        if signature is not None:
            wanted = signature.prefix + hmac.new(signature.key.encode(), data, _DIGESTS[signature.type]).hexdigest()
            if not hmac.compare_digest(wanted.encode(), request.headers.get(signature.header, "").encode()):
                raise NotTakenError(401, "invalid HMAC signature")

    def _event(self, found: dict[str, Any], request: web.BaseRequest) -> Event:
        endpoint = self._endpoint
        value = found if endpoint.keep_null else without_null(found)
        event: Event = {}
        if endpoint.prefix == ".":
            event = dict(value)
        else:
            put(event, tuple(endpoint.prefix.split(".")), value)
        if endpoint.preserve_original_event:
            event["event"] = {"original": msgspec.json.encode(found).decode()}
        if headers := _headers(request, endpoint.include_headers):
            event["headers"] = headers
        event[TIMESTAMP] = now()
        return event


def _guard(endpoint: HttpEndpoint) -> Guard | None:
    """Return what asks for a password or a secret; a signature is looked at when the body is there."""
    if endpoint.basic_auth is not None:
        return guard_of(*endpoint.basic_auth)
    if endpoint.secret is None:
        return None
    header, value = endpoint.secret
    return Guard(lambda given: hmac.compare_digest(given.encode(), value.encode()), header, basic=False)


def _refusal(refused: NotTakenError) -> web.Response:
    text = json.dumps({"message": str(refused)})
    return web.Response(status=refused.status, text=text, headers=refused.headers, content_type="application/json")


def _wait(request: web.BaseRequest) -> float | None:
    """Read how long the sender waits; None: as long as it takes."""
    unknown = sorted(name for name in request.query if name != WAIT)
    if unknown:
        raise NotTakenError(400, f"unexpected URL query: {', '.join(unknown)}")
    text = request.query.get(WAIT)
    if not text:
        return None
    try:
        seconds = duration(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise NotTakenError(400, f"could not parse {WAIT} parameter")
    return seconds or None


def _headers(request: web.BaseRequest, names: Sequence[str]) -> dict[str, list[str]]:
    found = {name: request.headers.getall(name, []) for name in names}
    return {name.title().replace(".", "_"): values for name, values in found.items() if values}


def objects_of(data: bytes) -> list[dict[str, Any]]:
    """Read a body: one object, several behind one another, or lists of them.

    Raises:
        NotTakenError: it is none of these.
    """
    if not data.strip():
        raise NotTakenError(406, "body cannot be empty")
    found: list[dict[str, Any]] = []
    for value in _values(data):
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in values):
            raise NotTakenError(400, "only JSON objects are accepted")
        found += values
    return found


def _values(data: bytes) -> list[Any]:
    try:
        return [decode(data)]
    except ValueError:
        return _several(data, json.JSONDecoder().raw_decode)


def _several(data: bytes, end_of: Callable[[str, int], tuple[Any, int]]) -> list[Any]:
    """Read values that stand behind one another, with white space between or without."""
    at, values = 0, []
    try:
        text = data.decode()
        while at < len(text):
            if text[at] in " \t\r\n":
                at += 1
                continue
            _, end = end_of(text, at)
            values.append(decode(text[at:end]))
            at = end
    except (ValueError, RecursionError):
        raise NotTakenError(400, f"malformed JSON object at stream position {at}") from None
    return values
