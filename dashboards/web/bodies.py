"""What the page sends: JSON bodies, of which each key is known, and the questions in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from sawlog.errors import QueryError, nearest
from sawlog.search.question import KEYS, Question

MAX_BYTES: Final = 64 * 1024
_NAMES: Final = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


async def read(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that a request brings.

    Raises:
        HTTPUnsupportedMediaType: it is not sent as JSON, as a form of another site's page could not be.
        QueryError: it is none.
    """
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    return decode(await request.read())


def decode(text: bytes | str) -> dict[str, Any]:
    """Decode a JSON object. Raises QueryError."""
    try:
        return _OBJECT.decode(text)
    except msgspec.DecodeError as error:
        raise QueryError(f"this is not a JSON object: {error}") from None
    except RecursionError:
        raise QueryError("this is nested too deep") from None


def question(told: Mapping[str, Any], **others: type) -> Question:
    """Read the question in a body, which may have `others` beside it, of these types (`object`: any), or null.

    Raises:
        QueryError: a part of the question is not understood, or something is in the body that nobody reads.
    """
    check(told, {**dict.fromkeys(KEYS, object), **others})
    return Question.read(told)


def check(told: Mapping[str, Any], known: Mapping[str, type]) -> None:
    """Check that a body has no other keys than these, and that what is not null is of their types (`object`: any).

    Raises:
        QueryError: it has; with the nearest name.
    """
    for key, value in told.items():
        if key not in known:
            hint = nearest(key, known)
            raise QueryError(f"nothing here is called '{key[:60]}'{f'; {hint}' if hint else ''}")
        wanted = known[key]
        if value is not None and wanted is not object and type(value) is not wanted:
            raise QueryError(f"'{key}' is not {_NAMES[wanted]}: {str(value)[:60]!r}")


def texts(told: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of texts of a body; none is an empty one. Raises QueryError."""
    found = told.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise QueryError(f"'{key}' is a list of texts")
    return found
