"""The names in the JSON of `rest`: where each leaf stands, as DuckDB's JSON functions want to have it.

A path is ``$."http"."status"``, or ``$."items"[*]."sku"`` where lists are on the way. Its dotted name, ``http.status``
and ``items.sku``, is what a query says; one name may stand for several paths: ``{"a": {"b": 1}}`` and ``{"a.b": 1}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import msgspec

MOST_PATHS: Final = 10_000
"""How many paths of a segment are listed."""
_PART = re.compile(r'\."((?:[^"\\]|\\.)*)"|\[\*\]', re.DOTALL)
_decode = msgspec.json.Decoder().decode


def paths_of(rests: Iterable[str | None], most: int = MOST_PATHS) -> frozenset[str] | None:
    """Return the paths of all leaves of these JSON objects; None if there are more than `most`.

    A null and an empty list or object are no leaves; neither is what stands under an empty name.
    """
    found: set[str] = set()
    for rest in set(rests):
        if rest is not None:
            _add(_decode(rest), "$", found)
            if len(found) > most:
                return None
    return frozenset(found)


@lru_cache(100_000)
def dotted(path: str) -> str:
    """Return the dotted name of a path."""
    parts = (match[1] for match in _PART.finditer(path))
    return ".".join(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts if part is not None)


def _add(node: Any, path: str, found: set[str]) -> None:
    if type(node) is dict:
        for key, value in node.items():
            if key:
                _add(value, f"{path}.{_quoted(key)}", found)
    elif type(node) is list:
        for value in node:
            _add(value, f"{path}[*]", found)
    elif node is not None:
        found.add(path)


@lru_cache(10_000)
def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
