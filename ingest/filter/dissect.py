"""dissect: cut a text at delimiters, without expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.dissect import Cutter, Slot, SlotEnd, slots
from sawlog.errors import ConfigError
from sawlog.event import Event, Path, get

_KEY: Final = re.compile(r"([?+&]?)(.*?)(?:/(\d+))?(->)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Part:
    """One ``%{…}`` and the delimiter before it."""

    kind: str
    key: str
    order: int
    before: str
    cut: SlotEnd


class Dissection:
    """A mapping's text, compiled: `cut` cuts a text, or returns None if a delimiter is not found."""

    def __init__(self, mapping: str) -> None:
        """Compile `mapping`.

        Raises:
            ConfigError: it has no field, or a field that means nothing; without a position.
        """
        lead, found = slots(mapping)
        if not found:
            raise ConfigError(f"'{mapping}' has no field: write %{{name}}")
        self.mapping = mapping
        self.parts = list(map(_part, found))
        self.cut = Cutter(lead, (part.cut for part in self.parts)).cut

    def values(self, found: list[str], event: Event) -> dict[str, str]:
        """Return what the cut texts set, field by field.

        Raises:
            ValueError: a text names a field that no line may set.
        """
        values: dict[str, str] = {}
        skipped: dict[str, str] = {}
        appended: dict[str, list[tuple[int, str, str]]] = {}
        indirect: list[tuple[str, str]] = []
        for part, text in zip(self.parts, found, strict=True):
            if part.kind == "?":
                skipped[part.key] = text
            elif part.kind == "&":
                indirect.append((part.key, text))
            elif part.kind == "+":
                appended.setdefault(part.key, []).append((part.order, part.before, text))
            elif part.key:
                values[part.key] = text
        for key, pieces in appended.items():
            values[key] = _join(values.get(key, _existing(event, key)), pieces)
        for key, text in indirect:
            name = skipped.get(key) or values.get(key) or _existing(event, key)
            if name:
                settings.path_of_line(name)
                values[name] = text
        return values


class Dissect(Filter):
    """Mappings work in the order of the file, each on what the earlier ones have set."""

    name = "dissect"
    parses = True
    options: ClassVar[dict[str, Option]] = {
        "mapping": Option(Kind.HASH, "Field → fields and delimiters: %{a} %{?b} %{+c/2} %{&b} %{d->}.", {}),
        "convert_datatype": Option(Kind.HASH, "Field → int or float, after the mappings.", {}),
        "tag_on_failure": Option(Kind.ARRAY, "Tags of an event that does not fit.", ["_dissectfailure"]),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._tags = options["tag_on_failure"]
        self._mappings: list[tuple[str, Path, Dissection]] = []
        for source, mapping in options["mapping"].items():
            try:
                dissection = Dissection(str(mapping))
            except ConfigError as error:
                raise options.error(f"dissect: {error.message}", "mapping") from None
            self._mappings.append((source, settings.field(options, "mapping", source), dissection))
        self._conversions: list[tuple[str, Path, Callable[[Any], Any]]] = []
        for source, kind in options["convert_datatype"].items():
            if kind not in _CONVERSIONS:
                raise options.error(
                    f"dissect: convert_datatype knows int and float, and got '{kind}'", "convert_datatype"
                )
            path = settings.field(options, "convert_datatype", source)
            self._conversions.append((source, path, _CONVERSIONS[kind]))

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        succeeded = self.succeeded
        for event in events:
            done = [self._dissect(event, *mapping) for mapping in self._mappings]
            done += [self._convert(event, *conversion) for conversion in self._conversions]
            if succeeded and all(done):
                succeeded(event)
        return events

    def _dissect(self, event: Event, source: str, path: Path, dissection: Dissection) -> bool:
        text = get(event, path)
        if text is None:
            # Logstash only writes this into its own log.
            fail(event, (), f"dissect: there is no field '{source}'")
            return False
        found = dissection.cut(text) if isinstance(text, str) else None
        if found is None:
            fail(event, self._tags, f"dissect: '{source}' does not fit '{dissection.mapping}'")
            return False
        try:
            for name, value in dissection.values(found, event).items():
                settings.put_field(event, _path(name), value)
        except ValueError as error:
            fail(event, self._tags, f"dissect: {error}")
            return False
        return True

    def _convert(self, event: Event, source: str, path: Path, conversion: Callable[[Any], Any]) -> bool:
        value = get(event, path)
        what = "int" if conversion is _to_int else "float"
        if value is None:
            fail(
                event,
                (f"_dataconversionnullvalue_{source}_{what}",),
                f"dissect: no field '{source}' to make a number of",
            )
            return False
        try:
            number = conversion(value) if isinstance(value, str | int | float) else _refuse(value)
            settings.put_field(event, path, number)
        except (ValueError, OverflowError):
            fail(
                event,
                (f"_dataconversionuncoercible_{source}_{what}",),
                f"dissect: '{ruby.to_s(value)}' in '{source}' is no number",
            )
            return False
        return True


def _path(name: str) -> Path:
    try:
        return settings.parse_field(name)
    except ConfigError:
        # A name out of the text may be anything, and is then one key.
        return (name,)


def _part(slot: Slot) -> _Part:
    found = _KEY.fullmatch(slot.inside)
    assert found is not None
    kind, key, order, padded = found.groups()
    if kind in ("+", "&") and not key:
        raise ConfigError(f"%{{{slot.inside}}} names no field")
    if key[:1] in ("+", "&") and kind:
        raise ConfigError(f"%{{{slot.inside}}}: an append and an indirect field cannot be combined")
    return _Part(kind, key, int(order or 0), slot.before, SlotEnd(slot.after, padded=padded is not None))


def _join(first: str | None, pieces: list[tuple[int, str, str]]) -> str:
    """Append in the order of the numbers; what stood before a piece in the mapping goes in between."""
    text = first
    for _, delimiter, piece in sorted(pieces, key=lambda piece: piece[0]):
        text = piece if text is None else f"{text}{delimiter or ' '}{piece}"
    return text or ""


def _existing(event: Event, key: str) -> str | None:
    try:
        value = get(event, settings.parse_field(key))
    except ConfigError:
        return None
    return value if isinstance(value, str) else None


def _to_int(value: Any) -> int:
    return int(float(value)) if not isinstance(value, str) or not value.strip().lstrip("+-").isdigit() else int(value)


def _to_float(value: Any) -> float:
    return float(value)


def _refuse(value: Any) -> Any:
    raise ValueError(value)


_CONVERSIONS: Final[dict[str, Callable[[Any], Any]]] = {"int": _to_int, "float": _to_float}
