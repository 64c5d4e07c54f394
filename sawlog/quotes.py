"""Quotes that a word processor or a page of documentation has made of plain ones."""

from __future__ import annotations

from typing import Final

TYPOGRAPHIC: Final = frozenset("“”„‟‘’‚‛«»‹›")
ADVICE: Final = "these are typographic quotes, as pages and word processors make them: write \" or '"


def is_quoted(text: str) -> bool:
    """Whether typographic quotes stand where quotes are meant: around all of it."""
    return len(text) > 1 and text[0] in TYPOGRAPHIC and text[-1] in TYPOGRAPHIC
