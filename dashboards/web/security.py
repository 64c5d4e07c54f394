"""Who may ask, and what a browser may do with the answer.

On loopback anyone on the machine may ask, but only under a loopback name: a foreign page whose name was made to
resolve to 127.0.0.1 (DNS rebinding) sends its own name in ``Host`` and is refused. Beyond loopback, HTTP Basic
credentials are required (`dashboards.web.server` does not start without).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from yarl import URL

from sawlog.logins import Logins, TurnedAwayError
from sawlog.loopback import is_loopback

USER: Final = "sawlog"

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Access:
    """`password`: required of everyone if given. `loopback`: only loopback names are accepted in ``Host``."""

    password: str | None = None
    loopback: bool = True
    logins: Logins = field(default_factory=Logins)


ACCESS: Final = web.AppKey("access", Access)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the security headers on every answer, errors too."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        _add_headers(error)
        raise
    _add_headers(response)
    return response


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign host names (421) and missing or wrong credentials (401)."""
    access = request.app[ACCESS]
    if access.loopback and not is_loopback(_host_name(request)):
        return web.Response(status=421, text="This server answers only to localhost.\n")
    try:
        knows = await _knows(request, access)
    except TurnedAwayError:
        return web.Response(status=429, text="Too many failed logins.\n", headers={"Retry-After": "10"})
    if not knows:
        challenge = {"WWW-Authenticate": 'Basic realm="sawlog", charset="UTF-8"'}
        return web.Response(status=401, text="Sign in as user sawlog.\n", headers=challenge)
    return await handler(request)


def _add_headers(response: web.StreamResponse) -> None:
    if response.prepared:
        return
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-cache")


def _host_name(request: web.Request) -> str:
    try:
        return URL(f"http://{request.headers.get('Host', '')}").host or ""
    except ValueError:
        return ""


async def _knows(request: web.Request, access: Access) -> bool:
    if access.password is None:
        return True
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    wanted = f"{USER}:{access.password}".encode()
    return await access.logins.passes(request.remote or "", encoded, lambda: _is(encoded, wanted))


def _is(encoded: str, wanted: bytes) -> bool:
    try:
        return hmac.compare_digest(base64.b64decode(encoded, validate=True), wanted)
    except (binascii.Error, ValueError):
        return False
