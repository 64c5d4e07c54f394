"""What a value of a typed field is searched as, and whether its column alone says what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sawlog.errors import StoreError
from sawlog.store import date_math
from sawlog.store.embedded.layout import IGNORE_ABOVE, TIME

_YEAR_1: Final = -62_135_596_800_000
_YEAR_10000: Final = 253_402_300_800_000


class UnfitError(StoreError):
    """A document's value does not fit its field."""


def typed(path: str, kind: str, value: Any) -> tuple[Any, bool]:
    """Return what the column of a field holds for a value (None for nothing), and whether that says all.

    Raises:
        UnfitError: it does not fit the field; the message says which.
    """
    if path == "tags":
        return _texts(value)
    if type(value) is list or type(value) is dict:
        return _of_several(path, kind, value), False
    return _one(path, kind, value)


def milliseconds(path: str, text: str) -> tuple[int, bool]:
    """Return the moment that a text means, and whether the text is the usual one for it. Raises UnfitError."""
    if len(text) == 24 and text[19] == "." and text[23] == "Z":
        try:
            second, exact = _second(text[:19])
            return second + int(text[20:23]), exact and text[20:23].isdigit() and text.isascii()
        except ValueError:
            pass
    return _date(path, text), False


def _one(path: str, kind: str, value: Any) -> tuple[Any, bool]:
    """Return what a column holds for what is neither a list nor an object."""
    if value is None:
        return None, False
    if kind == "date":
        return milliseconds(path, value) if type(value) is str else (_date(path, value), False)
    if kind == "long":
        number = _long(path, value)
        return number, type(value) is int
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "keyword" and len(text) > IGNORE_ABOVE:
        return None, False
    return text, type(value) is str


def _of_several(path: str, kind: str, value: Any) -> Any:
    """Return what a column holds for a list or an object; each value in it must fit."""
    if isinstance(value, dict):
        if path == TIME:
            raise UnfitError(f"failed to parse field [{path}] of type [{kind}]: found an object")
        return None
    found = [_one(path, kind, one)[0] for one in _scalars(path, kind, value)]
    if path == TIME and len(found) != 1:
        words = "encountered multiple values" if found else "is missing"
        raise UnfitError(f"data stream timestamp field [{path}] {words}")
    return found[0] if len(found) == 1 else None


def _scalars(path: str, kind: str, values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _scalars(path, kind, value)
        elif isinstance(value, dict):
            _of_several(path, kind, value)
        elif value is not None:
            yield value


def _texts(value: Any) -> tuple[list[str] | None, bool]:
    """Return the column of lists for a value."""
    if type(value) is list and value and all(type(one) is str and len(one) <= IGNORE_ABOVE for one in value):
        return value, True
    scalars = _scalars("tags", "keyword", value if isinstance(value, list) else [value])
    found = [_one("tags", "keyword", one)[0] for one in scalars]
    return [one for one in found if one is not None] or None, False


@lru_cache(4096)
def _second(text: str) -> tuple[int, bool]:
    """Return the milliseconds of a time to the second, of which lines have many, and whether that is the usual text."""
    moment = datetime.fromisoformat(text + "Z")
    return (moment - date_math.EPOCH) // date_math.MILLISECOND, moment.isoformat() == text + "+00:00"


def _date(path: str, value: Any) -> int:
    try:
        at = None
        if isinstance(value, str) and value[-1:] == "Z" and value[10:11] == "T":
            at = (datetime.fromisoformat(value) - date_math.EPOCH) // date_math.MILLISECOND
        elif isinstance(value, str):
            at = date_math.parse(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            at = value
        if at is not None and _YEAR_1 <= at < _YEAR_10000:
            return at
    except (ValueError, OverflowError):
        pass
    raise UnfitError(f"failed to parse field [{path}] of type [date]: {str(value)[:100]!r}")


def _long(path: str, value: Any) -> int:
    try:
        number = int(value) if not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not -(2**63) <= number < 2**63:
        raise UnfitError(f"failed to parse field [{path}] of type [long]: {str(value)[:100]!r}")
    return number
