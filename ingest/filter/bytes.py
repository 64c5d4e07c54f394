"""bytes: sizes as people write them, ``5.3 GB``, as numbers of bytes."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.event import Event

_UNITS: Final = "kmgtpe"
_BASES: Final = {"binary": 1024, "metric": 1000}


class Bytes(Filter):
    """The number is a float, as in Logstash."""

    name = "bytes"
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the size.", "message"),
        "target": Option(Kind.FIELD, "The field for the number of bytes.", required=True),
        "prefix_system": Option(
            Kind.STRING, "Whether a k is 1024 (binary) or 1000 (metric).", "binary", one_of=tuple(_BASES)
        ),
        "digit_group_separator": Option(Kind.STRING, "What stands between groups of digits.", " "),
        "decimal_separator": Option(Kind.STRING, "What stands before the fraction.", "."),
        "tag_on_failure": Option(Kind.ARRAY, "Tags of an event whose field holds no size.", ["_bytesparsefailure"]),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._read = settings.reader(settings.field(options, "source"))
        self._target = settings.field(options, "target")
        self._base = _BASES[options["prefix_system"]]
        self._group: str = options["digit_group_separator"]
        self._decimal: str = options["decimal_separator"]
        if self._group == self._decimal:
            raise options.error(f"bytes: both separators are '{self._group}'", "digit_group_separator")
        digits = f"[0-9{re.escape(self._group)}{re.escape(self._decimal)}]*"
        self._search = re.compile(rf"^({digits})\s*([{_UNITS}]?)b?$", re.IGNORECASE | re.MULTILINE).search
        self._tags = options["tag_on_failure"]

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            value = self._read(event)
            try:
                settings.put_field(event, self._target, self._size(value))
            except ValueError as error:
                fail(event, self._tags, f"bytes: {error}")
                continue
            if self.succeeded:
                self.succeeded(event)
        return events

    def _size(self, value: Any) -> float:
        found = self._search(ruby.strip(value)) if isinstance(value, str) else None
        number = _without(found[1], self._group) if found else ""
        if found is None or not number:
            raise ValueError(f"no size: {value!r:.80}" if isinstance(value, str) else "the field holds no text")
        unit = _UNITS.find(found[2].lower()) + 1 if found[2] else 0
        return float(ruby.to_f(_with_point(number, self._decimal)) * self._base**unit)


def _without(number: str, separators: str) -> str:
    return number.translate({ord(one): None for one in separators})


def _with_point(number: str, separators: str) -> str:
    return number.translate({ord(one): "." for one in separators})
