"""From a grok expression to a Ruby one: each ``%{NAME:field:type}`` becomes its definition.

A named one becomes the group ``(?<NAME:field:type>…)``, an unnamed one ``(?:…)``. ``%{NAME=expression}`` defines a
name where it is used; what follows the name and is neither field nor definition is passed over, as in Logstash.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.grok.errors import GrokError
from ingest.grok.library import Patterns
from sawlog.errors import nearest

MAX_LENGTH: Final = 2_000_000
"""An expression longer than this, expanded, is refused: definitions that use one another twice grow fast."""

# A definition may hold braces that pair, `\d{1,3}`, or that are escaped.
REFERENCE: Final = re.compile(
    r"%\{(?P<name>[A-Za-z0-9_]+)(?::(?P<field>[@\[\]\w:.-]+))?"
    r"(?:=(?P<definition>(?:[^{}\\]|\\.|\{[^{}]*\})+))?[^}]*\}"
)
_UNFINISHED: Final = re.compile(r"%\{[A-Za-z0-9_]+[^}]*$")


class Expander:
    """Expands expressions over one library; definitions made inside an expression stay with the expander."""

    def __init__(self, patterns: Patterns, *, named_captures_only: bool = True) -> None:
        self._patterns = dict(patterns)
        self._named_only = named_captures_only
        self._expanded: dict[str, str] = {}
        self._room = MAX_LENGTH

    def expand(self, grok: str) -> str:
        """Return the Ruby expression.

        Raises:
            GrokError: a name is unknown or defined by itself, or a reference in a definition is not closed.
        """
        self._room = MAX_LENGTH
        return self._expand(grok, ())

    def definition(self, reference: re.Match[str]) -> str:
        """Return what a reference stands for, before expansion."""
        name = reference["name"]
        if reference["definition"]:
            self._patterns[name] = reference["definition"]
            self._expanded.clear()
        if name not in self._patterns:
            raise GrokError(f"there is no grok pattern '{name}'", hint=nearest(name, self._patterns))
        return self._patterns[name]

    def _expand(self, text: str, inside: tuple[str, ...]) -> str:
        parts: list[str] = []
        end = 0
        for reference in REFERENCE.finditer(text):
            name, field = reference["name"], reference["field"]
            if name in inside and not reference["definition"]:
                raise GrokError(f"the grok pattern '{name}' is defined by itself: {' → '.join((*inside, name))}")
            inner = self._inner(reference, inside)
            parts.append(text[end : reference.start()])
            if field:
                parts.append(f"(?<{name}:{field}>{inner})")
            elif self._named_only:
                parts.append(f"(?:{inner})")
            else:
                parts.append(f"(?<{name}>{inner})")
            end = reference.end()
            self._room -= len(inner)
            if self._room < 0:
                raise GrokError(f"the expression grows beyond {MAX_LENGTH:,} characters when '{name}' is expanded")
        rest = text[end:]
        # What nothing closes is literal in an expression, as in Logstash; in a definition it cannot be meant.
        if inside and _UNFINISHED.search(rest):
            raise GrokError(f"'{rest[rest.rindex('%{') :][:40]}' is not closed with a brace")
        return "".join((*parts, rest))

    def _inner(self, reference: re.Match[str], inside: tuple[str, ...]) -> str:
        name = reference["name"]
        definition = self.definition(reference)
        if name not in self._expanded:
            if len(inside) > 100:
                raise GrokError(f"grok patterns are nested too deeply: {' → '.join(inside[:5])} → …")
            expanded = self._expand(definition, (*inside, name))
            self._expanded[name] = expanded
        return self._expanded[name]
