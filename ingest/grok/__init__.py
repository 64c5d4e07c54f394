"""Grok: named patterns that take lines of log apart, as in Logstash 8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ingest.grok.compiler import Capture, Expression
from ingest.grok.errors import GrokError
from ingest.grok.library import load
from ingest.grok.store import FieldConflictError, compile_store

__all__ = ["Capture", "Expression", "Grok", "GrokError"]


class Grok:
    """One or several grok expressions, tried in order until one matches.

    >>> Grok("%{LOGLEVEL:[log][level]} %{NUMBER:took:int}").match("INFO 12")
    {'log': {'level': 'INFO'}, 'took': 12}
    """

    def __init__(
        self,
        pattern_or_patterns: str | Sequence[str],
        *,
        patterns_dir: str | Path | Iterable[str | Path] = (),
        pattern_definitions: Mapping[str, str] | None = None,
        named_captures_only: bool = True,
        keep_empty_captures: bool = False,
        ecs: bool = False,
    ) -> None:
        """Compile the expressions; `patterns_dir` holds folders or files of patterns, UTF-8, that redefine ours.

        `ecs` takes the built-in patterns whose captures have ECS names.

        Raises:
            GrokError: an unknown name (the nearest known one is named), a circular one, or a bad expression.
            ConfigError: a folder or file of patterns cannot be read.
        """
        groks = [pattern_or_patterns] if isinstance(pattern_or_patterns, str) else pattern_or_patterns
        folders = [patterns_dir] if isinstance(patterns_dir, str | Path) else patterns_dir
        patterns = load(folders, pattern_definitions, ecs=ecs)
        self.expressions = tuple(Expression(grok, patterns, named_captures_only=named_captures_only) for grok in groks)
        self._tries = [
            (e.search(), compile_store(e.captures, keep_empty=keep_empty_captures)) for e in self.expressions
        ]

    def match(self, text: str) -> dict[str, Any] | None:
        """Return the fields of the first expression that is found in `text`, nested by ``[a][b]``, or None.

        Texts that one field captures several times become a list; of numbers, the first counts. What took no
        part or is empty is left out, unless `keep_empty_captures`.
        """
        for search, store in self._tries:
            found = search(text)
            if found is not None:
                fields: dict[str, Any] = {}
                # The expression itself asks for a field below one that it has made a text.
                with suppress(FieldConflictError):
                    store(found.groups(), fields)
                return fields
        return None
