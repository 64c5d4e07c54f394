"""A grok expression, compiled: what it captures, and the function that searches for it.

`re` does the matching; `regex` (in its version 1) does it where `re` cannot compile the expression or would read it
differently, and where a time-out must work off the main thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, Protocol

import regex

from ingest.grok.errors import GrokError
from ingest.grok.expand import Expander
from ingest.grok.library import Patterns
from ingest.grok.likely import Likely, likely
from ingest.grok.translate import Translation, translate
from ingest.lang.field import parse_field
from sawlog.errors import ConfigError
from sawlog.event import Path

_INT: Final = re.compile(r"\s*([+-]?\d+(?:_\d+)*)", re.ASCII)
_FLOAT: Final = re.compile(r"\s*([+-]?(?:\d+(?:_\d+)*)?(?:\.\d+(?:_\d+)*)?(?:(?<=\d)[eE][+-]?\d+)?)", re.ASCII)


class Found(Protocol):
    """What a search returns: a match of `re` or of `regex`."""

    def groups(self) -> tuple[str | None, ...]:
        """Return the text of each group, in order."""

    def end(self) -> int:
        """Return where the match ends."""


Search = Callable[[str], Found | None]


@dataclass(frozen=True, slots=True)
class Capture:
    """One field that an expression captures: its group (from 0), its name and path, and its type's converter."""

    group: int
    field: str
    path: Path
    convert: Callable[[str], int | float] | None


class Expression:
    """A compiled grok expression.

    `captures` stand in the order in which their values are stored: by name of the group, then by position.
    """

    def __init__(self, grok: str, patterns: Patterns, *, named_captures_only: bool = True) -> None:
        """Compile `grok`.

        Raises:
            GrokError: an unknown or circular name, or a bad expression.
        """
        self.grok = grok
        expander = Expander(patterns, named_captures_only=named_captures_only)
        self._translation = translate(expander.expand(grok))
        self._compiled = _compile(self._translation, grok)
        self.captures = tuple(_captures(self._translation.names))

    @property
    def uses_regex(self) -> bool:
        """Whether `regex` matches it."""
        return not isinstance(self._compiled, re.Pattern)

    def search(self, timeout: float | None = None) -> Search:
        """Return the function that searches a text and returns the match or None.

        Given `timeout`, in seconds, the function raises TimeoutError after it; see `ingest.timeout` for the
        cheaper way in a main thread.
        """
        if timeout is None:
            search: Search = self._compiled.search
            return search
        return partial(self._regex.search, timeout=timeout)

    def search_within(self, text: str, seconds: float) -> Found | None:
        """Search a text; raises TimeoutError after so many seconds."""
        found: Found | None = self._regex.search(text, timeout=seconds)
        return found

    @cached_property
    def likely(self) -> Likely | None:
        """The quick test for texts in which it cannot be found; None if there is none."""
        return None if self.uses_regex else likely(self._compiled)

    @cached_property
    def _regex(self) -> Any:
        return _compile_regex(self._translation, self.grok) if not self.uses_regex else self._compiled


def to_int(text: str) -> int:
    """Read the number that a text begins with, as Ruby's ``to_i``: 5 of "5.5", 0 of "abc"."""
    try:
        if text.isdecimal() and text.isascii():
            return int(text)
        found = _INT.match(text)
        return int(found.group(1)) if found else 0
    except ValueError:
        # Python refuses thousands of digits.
        return 0


def to_float(text: str) -> float:
    """Read the number that a text begins with, as Ruby's ``to_f``: 0.0 of "abc"."""
    found = _FLOAT.match(text)
    try:
        return float(found.group(1)) if found else 0.0
    except ValueError:
        return 0.0


_CONVERTERS: Final[dict[str, Callable[[str], int | float]]] = {"int": to_int, "float": to_float}


def _captures(names: Sequence[str | None]) -> list[Capture]:
    """Read the names of groups, ``NAME:field:type`` or ``field``, in Ruby's order: those of one name together."""
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if name is not None:
            positions.setdefault(name, []).append(position)
    captures: list[Capture] = []
    for name, groups in positions.items():
        parts = name.split(":")
        text = parts[1] if len(parts) > 1 and parts[1] else parts[0]
        convert = _CONVERTERS.get(parts[2]) if len(parts) > 2 else None
        try:
            path = parse_field(text)
        except ConfigError as error:
            raise GrokError(error.message, hint=error.hint) from None
        captures += [Capture(group, text, path, convert) for group in groups]
    return captures


def _compile(translation: Translation, grok: str) -> Any:
    if not translation.needs_regex:
        try:
            return re.compile(_anchored(translation.text), re.MULTILINE | re.DOTALL)
        except (re.error, OverflowError, RecursionError):
            # Such as a lookbehind of varying width, which `regex` has.
            pass
    return _compile_regex(translation, grok)


def _compile_regex(translation: Translation, grok: str) -> Any:
    try:
        return regex.compile(_anchored(translation.text), regex.MULTILINE | regex.DOTALL | regex.VERSION1)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise GrokError(f"bad expression: {error} in '{grok[:200]}'") from None


_LEADING_STAR: Final = re.compile(r"(?:\(\?:\.\*[\w ]\)\{[1-9]\d*\}|\.\*)[^|\\]*")


def _anchored(text: str) -> str:
    """Anchor what begins with ``.*``: where that fails at the first character, it fails at all the others."""
    return rf"\A{text}" if _LEADING_STAR.fullmatch(text) and not text.startswith((".*?", ".*+")) else text
