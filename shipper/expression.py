r"""Regular expressions of a ``filebeat.yml``: those of Go, matched by RE2, which they were made for.

RE2 takes a time that grows with the text alone, so that no line and no expression can hold the shipper up; it has no
back references and no look-around. Several expressions are looked for at once, in half a microsecond for a line.
Source of the syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import re2

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 << 20
# A start of the text, then characters and classes, each a fixed number of times: `re` means the same by it, cannot run
# away either, and takes a fifth of the time. Lines mostly begin with a date, and are left out for a word in them.
_PLAIN: Final = re.compile(
    r"\^?(?:(?:[A-Za-z0-9 _/:,;=@#%&~\"'<>!-]|\\[dw.\[\]()/:|+*?^${}\\-]|\[[A-Za-z0-9 _,:./-]+\])(?:\{\d{1,2}\})?)+"
)
_PLACE: Final = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)


def checked(pattern: str) -> str:
    """Return `pattern`, which is an expression.

    Raises:
        ValueError: it is none; in words for the user.
    """
    _compiled(pattern)
    _searching((pattern,))
    return pattern


class Expressions:
    """One or several expressions; equal patterns make equal ones, so that a reload knows what has changed."""

    __slots__ = ("patterns", "search")

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile the patterns; raises ValueError as `checked`."""
        self.patterns = tuple(map(checked, patterns))
        self.search: Callable[[str], object] = _searching(self.patterns)
        """Says of a text, by something true, that one of them is found in it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expressions) and self.patterns == other.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)


class Substitution:
    """An expression and what is put for what it finds, with Go's ``$1`` and ``${name}`` in it."""

    __slots__ = ("_finditer", "_parts", "pattern", "replacement")

    def __init__(self, pattern: str, replacement: str) -> None:
        """Compile; raises ValueError as `checked`."""
        self.pattern, self.replacement = pattern, replacement
        compiled = _compiled(pattern)
        self._finditer = compiled.finditer
        self._parts = _parts(replacement, compiled.groups, compiled.groupindex)

    def apply(self, text: str) -> str:
        """Return the text with all that is found replaced."""
        text = text.encode(errors="replace").decode()
        pieces: list[str] = []
        end = 0
        behind = -1
        for found in self._finditer(text):
            start, stop = found.span()
            if start == stop == behind:
                continue  # nothing, right behind what was found before, does not count in Go
            pieces.append(text[end:start])
            pieces += [part if isinstance(part, str) else found.group(part) or "" for part in self._parts]
            end = behind = stop
        return "".join((*pieces, text[end:]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Substitution) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str]:
        return self.pattern, self.replacement


def _searching(patterns: tuple[str, ...]) -> Callable[[str], object]:
    if patterns and all(map(_PLAIN.fullmatch, patterns)):
        return re.compile("|".join(patterns), re.ASCII).search
    several = re2.Set.SearchSet(_OPTIONS)
    for pattern in patterns:
        several.Add(pattern)
    try:
        several.Compile()
    except re2.error:
        if len(patterns) == 1:
            raise ValueError(f"{patterns[0]!r} is no regular expression of Go's (RE2): it grows too large") from None
        alone = [_searching((pattern,)) for pattern in patterns]
        return lambda text: any(one(text) for one in alone)

    def search(text: str) -> object:
        try:
            return several.Match(text)
        except UnicodeEncodeError:
            # A file's name need not be UTF-8.
            return several.Match(text.encode(errors="replace"))

    return search


def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern, _OPTIONS)
    except UnicodeEncodeError:
        raise ValueError(f"{pattern!r} is no regular expression: it is no Unicode text") from None
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{pattern!r} is no regular expression of Go's (RE2): {reason}") from None


def _parts(replacement: str, groups: int, names: dict[str, int]) -> tuple[str | int, ...]:
    """Take a replacement apart into texts and numbers of groups; a group that is not there is empty, as in Go."""
    parts: list[str | int] = []
    end = 0
    for found in _PLACE.finditer(replacement):
        parts.append(replacement[end : found.start()])
        end = found.end()
        name = found[1] or found[2]
        number = int(name) if name and name.isdecimal() else names.get(name or "", -1)
        parts.append("$" if name is None else number if 0 <= number <= groups else "")
    return (*parts, replacement[end:])
