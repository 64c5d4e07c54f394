"""How long and how much is kept: ``30d``, ``12h``, ``50GB``, or both, ``30d,50GB``. Units are Elasticsearch's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_AGE: Final = re.compile(r"([1-9]\d{0,5})([dh])", re.ASCII)
_SIZE: Final = re.compile(r"([1-9]\d{0,5})([MGT])B", re.ASCII | re.IGNORECASE)
_UNITS: Final = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LEAST: Final = 100 << 20
"""What is written in a few minutes takes nearly as much."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is older than `age`, or more than `size` bytes, is dropped; None: that is no reason."""

    age: timedelta | None = None
    size: int | None = None

    def __str__(self) -> str:
        """Return it as `retention_of` reads it."""
        parts = []
        if self.age is not None:
            hours = round(self.age.total_seconds() / 3600)
            parts.append(f"{hours}h" if hours % 24 else f"{hours // 24}d")
        if self.size is not None:
            name, unit = next(pair for pair in reversed(_UNITS.items()) if not self.size % pair[1] or pair[0] == "M")
            parts.append(f"{self.size // unit}{name}B")
        return ",".join(parts)


def retention_of(text: str) -> Retention:
    """Read a retention.

    Raises:
        ValueError: it is none; the message goes on after the option's name.
    """
    age, size = None, None
    for part in text.split(","):
        one, other = _AGE.fullmatch(part.strip()), _SIZE.fullmatch(part.strip())
        if one is not None and age is None:
            age = _time_of(one)
        elif other is not None and size is None:
            size = int(other[1]) * _UNITS[other[2].upper()]
        else:
            raise ValueError(
                f"takes a number of days or hours such as '30d' or '12h', a size such as '50GB', or both "
                f"('30d,50GB'), and got '{text}'"
            )
    if size is not None and size < LEAST:
        raise ValueError(f"takes 100MB or more, and got '{text}'")
    return Retention(age, size)


def age_of(text: str) -> timedelta:
    """Read a retention of time alone. Raises ValueError as `retention_of` does."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise ValueError(f"takes a number of days or hours such as '30d' or '12h', and got '{text}'")
    return _time_of(match)


def _time_of(match: re.Match[str]) -> timedelta:
    number = int(match[1])
    return timedelta(days=number) if match[2] == "d" else timedelta(hours=number)
