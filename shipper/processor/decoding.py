"""``urldecode``, ``decode_base64_field``, ``decompress_gzip_field``, ``decode_duration``: what a text stands for."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from sawlog.event import MISSING, Event, Path, get, put
from shipper.processor.base import Processor, fail

MOST_BYTES: Final = 10 << 20
"""What a compressed text may become: as much as a line may be by default."""
_ESCAPES: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DURATION: Final = re.compile(r"([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATIONS: Final = {"milliseconds": 1e-3, "seconds": 1.0, "minutes": 60.0, "hours": 3600.0}


def from_url(text: str) -> str:
    """Decode ``%2F`` and ``+``. Raises ValueError: a ``%`` has no two digits behind it."""
    if _ESCAPES.search(text):
        raise ValueError("has a '%' without two digits behind it")
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def from_base64(text: str) -> str:
    """Decode Base64, with or without ``=`` at its end. Raises ValueError: it is none."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise ValueError("is no Base64") from None


def from_gzip(text: str) -> str:
    """Decompress what stands in a text byte by byte. Raises ValueError: it is no gzip, or becomes too large."""
    try:
        data = text.encode("latin-1")
        reader = zlib.decompressobj(wbits=31)
        plain = reader.decompress(data, MOST_BYTES)
    except (UnicodeEncodeError, zlib.error):
        raise ValueError("is no gzip") from None
    if not reader.eof:
        raise ValueError("has no end" if not reader.unconsumed_tail else f"becomes more than {MOST_BYTES} bytes")
    return plain.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class DecodeTexts(Processor):
    """Put what `decode` makes of a text at its target; with `fail_on_error` an event that fails stays as it was."""

    name: str
    decode: Callable[[str], str]
    fields: tuple[tuple[Path, Path], ...]
    ignore_missing: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Decode the fields of each event."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        changed = dict(event)
        for source, target in self.fields:
            value = get(event, source, MISSING)
            if value is MISSING and self.ignore_missing:
                continue
            try:
                if not isinstance(value, str):
                    raise ValueError("is no text")
                put(changed, target, self.decode(value))
            except ValueError as error:
                if self.fail_on_error:
                    fail(event, f"{self.name}: '{'.'.join(source)}' {error}")
                    return event
        return changed


@dataclass(frozen=True, slots=True)
class DecodeDuration(Processor):
    """``decode_duration``: ``1h30m`` becomes a number of `unit` seconds; what is no duration of Go's stays."""

    field: Path
    unit: float

    def apply(self, events: list[Event]) -> list[Event]:
        """Decode the field of each event."""
        for event in events:
            seconds = _seconds(get(event, self.field))
            if seconds is not None:
                put(event, self.field, round(seconds / self.unit, 9))
        return events


def _seconds(text: Any) -> float | None:
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    sign = -1 if found[1] == "-" else 1
    return sign * sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found[2]))
