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


class RestNames:
    """The paths behind dotted names, in several tables together."""

    def __init__(self, listed: Iterable[frozenset[str] | None]) -> None:
        self._known: dict[str, set[str]] = {}
        self._is_guessing = False
        self._of: dict[str, tuple[str, ...]] = {}
        for paths in set(listed):
            self._is_guessing |= paths is None
            for path in paths or ():
                self._known.setdefault(dotted(path), set()).add(path)

    def of(self, name: str) -> tuple[str, ...]:
        """Return the paths of the leaves that are called `name`."""
        found = self._of.get(name)
        if found is None:
            paths = self._known.get(name, set())
            found = self._of[name] = tuple(sorted(paths.union(_guessed(name)) if self._is_guessing else paths))
        return found

    def below(self, name: str) -> tuple[str, ...]:
        """Return the paths of the leaves in an object that is called `name`."""
        start = f"{name}."
        return tuple(sorted(path for key, paths in self._known.items() if key.startswith(start) for path in paths))

    @property
    def are_all_known(self) -> bool:
        """Whether no table has more paths than are listed."""
        return not self._is_guessing


def _guessed(name: str) -> Iterable[str]:
    """Return where a field may be whose table has too many to list: objects, then one key with dots."""
    parts = name.split(".")
    for count in range(min(len(parts), 5)):
        above = "".join(f".{_quoted(part)}" for part in parts[:count])
        last = ".".join(parts[count:])
        if last and all(parts[:count]):
            yield f"${above}.{_quoted(last)}"
            yield f"${above}.{_quoted(last)}[*]"
