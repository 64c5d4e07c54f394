"""Answers of the HTTP interface: JSON, compressed where the client takes that, and errors."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

SMALL: Final = 1_024
"""Bytes that are not worth compressing."""


def json(told: Any) -> web.Response:
    """Return a JSON answer."""
    response = web.Response(body=msgspec.json.encode(told), content_type="application/json")
    if response.content_length is not None and response.content_length > SMALL:
        response.enable_compression()
    return response


def error(status: int, kind: str, reason: str, at: tuple[int, int] | None = None) -> web.Response:
    """Return an error; `at` is the place in the query's text that it is about."""
    told: dict[str, Any] = {"error": kind, "reason": reason}
    if at is not None:
        told["at"] = {"start": at[0], "end": at[1]}
    response = json(told)
    response.set_status(status)
    return response
