"""What came from the environment and is not to be shown: ``${NAME}`` stands for it in errors and on the screen.

A configuration that takes a password from the environment must not give it away where it is said what is wrong with it.
Nobody can tell which variables are secrets, so none is shown.
"""

from __future__ import annotations

import json
import re
from typing import Final

SHORT: Final = 4
"""A value with fewer characters is hidden only where it stands alone in quotes: it would be found in any text."""

_known: dict[str, str] = {}
"""What stands for a value, by the value as it may be written in a text."""


def remember(value: str, name: str) -> str:
    """Note that `value` is that of the variable `name`; return it."""
    # A list is taken apart, and so is an address with a password; an error may name a piece.
    pieces = [piece for piece in re.split(r"[,\s]+|://|[@:](?=[^/]*@)|@", value) if len(piece) >= SHORT]
    for text in (value, *pieces):
        if text:
            remember_whole(text, name)
    return value


def remember_whole(text: str, name: str) -> None:
    """Note that a text, and no part of it, is to be shown as ``${NAME}``."""
    plain = {text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    _known.update(dict.fromkeys(plain - _known.keys(), f"${{{name}}}"))


def hidden(text: str) -> str:
    """Return the text without the values that are known."""
    for value in sorted(_known, key=len, reverse=True):
        if value in text:
            text = _places(value).sub(lambda _place, name=_known[value]: name, text)  # type: ignore[misc] # mypy sees no default
    return text


def _places(value: str) -> re.Pattern[str]:
    exact = re.escape(value)
    return re.compile(exact if len(value) >= SHORT else rf"(?<=['\"]){exact}(?=['\"])")
