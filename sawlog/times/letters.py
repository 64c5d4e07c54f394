"""Patterns of times in letters, ``yyyy-MM-dd'T'HH:mm``, as Joda-Time, java.time and Filebeat have them.

A run of one letter is a field; what is quoted, and what is no letter, stands for itself; two quotes are one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sawlog.errors import ConfigError

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TOKEN: Final = re.compile(r"''|'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'")


@dataclass(frozen=True, slots=True)
class Token:
    """A field of `count` times `letter`; or, where `letter` is None, the text `literal`."""

    letter: str | None
    count: int
    literal: str = ""


def tokens(pattern: str) -> list[Token]:
    """Cut a pattern into its fields and what stands between them.

    Raises:
        ConfigError: a quote has no end; without a position.
    """
    found: list[Token] = []
    for match in _TOKEN.finditer(pattern):
        text, quoted, letter = match[0], match[1], match[2]
        if letter:
            found.append(Token(letter, len(text)))
        elif text == "'":
            raise ConfigError(f"the date format '{pattern}' has a quote without an end")
        elif text == "''":
            found.append(Token(None, 0, "'"))
        else:
            found.append(Token(None, 0, text if quoted is None else quoted.replace("''", "'")))
    return found
