"""Durations as people write them in `alerts.yml` and read them in messages: ``90s``, ``5m``, ``1h30m``, ``7d``."""

from __future__ import annotations

import re
from typing import Final

UNITS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART: Final = r"([0-9]{1,9})(ms|[wdhms])"


def read_duration(text: str) -> int | None:
    """Return the milliseconds of a text; None if it is no duration."""
    if not re.fullmatch(f"(?:{_PART})+", text):
        return None
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(_PART, text))


def write_duration(milliseconds: int) -> str:
    """Write a duration with its two largest units: ``1h 30m``."""
    parts: list[str] = []
    rest = milliseconds
    for unit, length in UNITS.items():
        if rest >= length and unit != "ms" and len(parts) < 2 and unit != "w":
            parts.append(f"{rest // length}{unit}")
            rest %= length
    return " ".join(parts) or f"{milliseconds}ms"
