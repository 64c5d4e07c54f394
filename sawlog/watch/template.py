"""Texts of messages with names in braces: ``{group} has {count} errors``; ``{newest.host.name}`` is a field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sawlog.errors import nearest

NAMES: Final = {
    "rule": "the rule's name",
    "state": "what has happened: fires, still fires, recovered, no longer watched",
    "group": "the value of the field that the rule groups by, or what is new; empty if the rule has no groups",
    "by": "the name of that field",
    "count": "how many events there were in the window",
    "peak": "the most events that there were in a window since it fires; the fewest, for `fewer_than`",
    "limit": "the number that `more_than` or `fewer_than` names",
    "within": "how long the window is",
    "from": "when the window began",
    "to": "when it ended",
    "since": "since when it fires",
    "duration": "how long it has fired",
    "query": "the rule's query",
    "sample": "the first line of the newest event's message",
    "link": "the events on the page; empty if nothing says where the page is",
}
"""What may stand in braces, and what it is. Besides, ``newest.`` and the name of a field."""
NEWEST: Final = "newest."
_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")


class TemplateError(ValueError):
    """A text has something in braces that nothing is known of; `hint` names what is near, if something is."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class AlertTemplate:
    """A compiled text: `parts` are texts and, at each second place, names."""

    text: str
    parts: tuple[str, ...]

    @staticmethod
    def compile(text: str) -> AlertTemplate:
        """Compile a text. Raises TemplateError."""
        parts, end, literal = [], 0, ""
        for found in _PART.finditer(text):
            literal += text[end : found.start()]
            end = found.end()
            if found[0] in {"{{", "}}"}:
                literal += found[0][0]
                continue
            if found[1] is None:
                raise TemplateError(f"a '{found[0]}' stands alone; write '{found[0] * 2}' for one that is meant")
            _check(found[1])
            parts += [literal, found[1]]
            literal = ""
        return AlertTemplate(text, (*parts, literal + text[end:]))

    @property
    def wants_newest(self) -> bool:
        """Whether it shows something of the newest event."""
        return any(name == "sample" or name.startswith(NEWEST) for name in self.parts[1::2])

    def render(self, values: Mapping[str, str], newest: Callable[[str], str]) -> str:
        """Fill in the values; `newest` gives a field of the newest event. Empty lines are left out."""
        filled = "".join(
            part if number % 2 == 0 else newest(part[len(NEWEST) :]) if part.startswith(NEWEST) else values[part]
            for number, part in enumerate(self.parts)
        )
        return "\n".join(line.rstrip() for line in filled.split("\n") if line.strip())


def _check(name: str) -> None:
    if name in NAMES or (name.startswith(NEWEST) and len(name) > len(NEWEST)):
        return
    known = ", ".join(NAMES)
    raise TemplateError(
        f"there is no '{{{name[:60]}}}'; there are {known}, and newest.FIELD", nearest(name, [*NAMES, "newest.message"])
    )
