"""The library's patterns, compiled: each once, however often they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ingest.grok.compiler import Expression
from ingest.grok.errors import GrokError
from ingest.grok.library import Patterns


def compiled_library(patterns: Patterns, form: str) -> Mapping[str, Expression]:
    """Compile each pattern of a library as `form` says, in which ``{}`` stands for its name."""
    return _compiled(_Library(patterns), form)


class _Library:
    """A library as a key: the same object is the same library."""

    def __init__(self, patterns: Patterns) -> None:
        self.patterns = patterns

    def __hash__(self) -> int:
        return id(self.patterns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Library) and other.patterns is self.patterns


@lru_cache(maxsize=4)
def _compiled(library: _Library, form: str) -> dict[str, Expression]:
    found = {}
    for name in library.patterns:
        try:
            found[name] = Expression(form.format(name), library.patterns)
        except GrokError:
            # One of the user's that is broken is told where it is used.
            continue
    return found
