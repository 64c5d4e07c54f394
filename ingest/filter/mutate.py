"""mutate: rename, replace, convert and rewrite fields, in Logstash's documented order whatever the file's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

from ingest import settings, timeout
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError
from sawlog.event import MISSING, TIMESTAMP, Event, Path, get, put, remove

Operation = Callable[[Event], None]

_LATE: Final = f"mutate: an expression of gsub took longer than {timeout.SECONDS:.0f} s"


class Mutate(Filter):
    """Each option is compiled into steps; an event goes through them in order until one fails."""

    name = "mutate"
    options: ClassVar[dict[str, Option]] = {
        "coerce": Option(Kind.HASH, "Values for fields that exist and are null.", {}),
        "rename": Option(Kind.HASH, "Old name → new name; both take sprintf.", {}),
        "update": Option(Kind.HASH, "New values for fields that exist; sprintf.", {}),
        "replace": Option(Kind.HASH, "New values for fields, made if absent; sprintf.", {}),
        "convert": Option(Kind.HASH, "Field → integer, integer_eu, float, float_eu, string or boolean.", {}),
        "gsub": Option(Kind.ARRAY, "Triples: field, regular expression, replacement.", []),
        "uppercase": Option(Kind.ARRAY, "Fields to write in capitals.", []),
        "capitalize": Option(Kind.ARRAY, "Fields to write with one capital first.", []),
        "lowercase": Option(Kind.ARRAY, "Fields to write in small letters.", []),
        "strip": Option(Kind.ARRAY, "Fields to take white space from, at both ends.", []),
        "split": Option(Kind.HASH, "Field → separator: makes a list of a text.", {}),
        "join": Option(Kind.HASH, "Field → separator: makes a text of a list.", {}),
        "merge": Option(Kind.HASH, "Field → field(s) whose values are appended, or merged if both are hashes.", {}),
        "copy": Option(Kind.HASH, "Field → field to copy it to.", {}),
        "remove": Option(Kind.ARRAY, "", replaced_by="remove_field"),
        "tag_on_failure": Option(
            Kind.STRING, "The tag of an event with a value that does not convert.", "_mutate_error"
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._tags = [options["tag_on_failure"]]
        self._steps = [step for name, make in _IN_ORDER for step in make(options, name)]
        self._matches = bool(options["gsub"])

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        if self._matches:
            timeout.each(events, self._mutate, lambda event: fail(event, ["_mutate_timeout"], _LATE))
        else:
            for event in events:
                self._mutate(event)
        return events

    def _mutate(self, event: Event) -> None:
        try:
            for step in self._steps:
                step(event)
        except (ValueError, ConfigError, OverflowError) as error:
            # A field name made by sprintf may be none; a value may not convert.
            fail(event, self._tags, f"mutate: {error}")
            return
        if self.succeeded:
            self.succeeded(event)


def _values(options: Options, name: str, value: Any) -> Callable[[Event], Any]:
    """Compile a new value: a template, or a list of them."""
    if isinstance(value, list):
        templates = [settings.template(options, name, ruby.to_s(one)) for one in value]
        return lambda event: [template(event) for template in templates]
    return settings.template(options, name, ruby.to_s(value))


def _coerce(options: Options, name: str) -> list[Operation]:
    def step(field: str, value: Any) -> Operation:
        path, make = settings.field(options, name, field), _values(options, name, value)

        def coerce(event: Event) -> None:
            if get(event, path, MISSING) is None:
                settings.put_field(event, path, make(event))

        return coerce

    return [step(field, value) for field, value in options[name].items()]


def _rename(options: Options, name: str) -> list[Operation]:
    def dynamic(old: str, new: str) -> Operation:
        make_old, make_new = settings.template(options, name, old), settings.template(options, name, new)

        def rename_dynamic(event: Event) -> None:
            _move(event, settings.parse_field(make_old(event)), settings.parse_field(make_new(event)))

        return rename_dynamic

    def step(old: str, new: str) -> Operation:
        if settings.is_dynamic(old) or settings.is_dynamic(new):
            return dynamic(old, new)
        source, target = settings.field(options, name, old), settings.field(options, name, new)

        def rename(event: Event) -> None:
            _move(event, source, target)

        return rename

    return [step(old, str(new)) for old, new in options[name].items()]


def _move(event: Event, source: Path, target: Path) -> None:
    value = remove(event, source)
    if value is MISSING:
        return
    try:
        settings.put_field(event, target, value)
    except ValueError:
        put(event, source, value)
        raise


def _update(options: Options, name: str) -> list[Operation]:
    def step(field: str, value: Any) -> Operation:
        path, make = settings.field(options, name, field), _values(options, name, value)

        def update(event: Event) -> None:
            if get(event, path, MISSING) is not MISSING:
                settings.put_field(event, path, make(event))

        return update

    return [step(field, value) for field, value in options[name].items()]


def _replace(options: Options, name: str) -> list[Operation]:
    def step(field: str, value: Any) -> Operation:
        write = _writer(settings.field(options, name, field))
        make = _values(options, name, value)
        return lambda event: write(event, make(event))

    return [step(field, value) for field, value in options[name].items()]


def _writer(path: Path) -> Callable[[Event, Any], None]:
    if len(path) > 1 or path in ((TIMESTAMP,), ("tags",)):
        return lambda event, value: settings.put_field(event, path, value)
    return settings.writer(path)


def _each(options: Options, name: str, field: str, change: Callable[[Any], Any], kinds: tuple[type, ...]) -> Operation:
    """Make the step that changes a field's value, or each of its values, if it is of `kinds`."""
    path = settings.field(options, name, field)
    write = _writer(path)
    read = settings.reader(path)

    def change_each(event: Event) -> None:
        value = read(event)
        if isinstance(value, list):
            write(event, [change(one) if isinstance(one, kinds) else one for one in value])
        elif isinstance(value, kinds):
            write(event, change(value))

    return change_each


def _convert(options: Options, name: str) -> list[Operation]:
    steps = []
    for field, kind in options[name].items():
        conversion = _CONVERSIONS.get(str(kind))
        if conversion is None:
            raise options.error(
                f"mutate: convert knows {', '.join(_CONVERSIONS)}, and got '{kind}'",
                name,
                settings.nearest(str(kind), _CONVERSIONS),
            )
        steps.append(_each(options, name, field, conversion, (str, bool, int, float)))
    return steps


def _integer(value: Any) -> int:
    if not isinstance(value, str):
        return int(value)
    text = value.strip().replace(",", "")
    if found := _HEX.match(text):
        return int(found[0], 16)
    # A text that is no number is the number it begins with, or 0.
    return int(ruby.to_f(text)) if "e" in text else ruby.to_i(text)


def _float(value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    text = value.strip().replace(",", "")
    number = float(int(found[0], 16)) if (found := _HEX.match(text)) else ruby.to_f(text)
    if math.isinf(number):
        raise OverflowError(f"{value!r:.80} is too large for a number")
    return number


def _american(value: Any) -> Any:
    return value.translate(_EU) if isinstance(value, str) else value


def _boolean(value: Any) -> Any:
    text = ruby.to_s(value).lower()
    if text in ("true", "t", "yes", "y", "1", "1.0"):
        return True
    return False if text in ("", "false", "f", "no", "n", "0", "0.0") else value


_HEX: Final = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
_EU: Final = str.maketrans(",.", ".,")
_CONVERSIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "integer": _integer,
    "integer_eu": lambda value: _integer(_american(value)),
    "float": _float,
    "float_eu": lambda value: _float(_american(value)),
    "string": ruby.to_s,
    "boolean": _boolean,
}


def _gsub(options: Options, name: str) -> list[Operation]:
    given = options[name]
    if len(given) % 3:
        raise options.error(
            f"mutate: gsub takes triples (field, regular expression, replacement), and got {len(given)} values", name
        )
    return [_substitute(options, *given[at : at + 3]) for at in range(0, len(given), 3)]


def _substitute(options: Options, field: str, needle: str, replacement: str) -> Operation:
    if not (settings.is_dynamic(needle) or settings.is_dynamic(replacement)):
        pattern = settings.regex(options, "gsub", str(needle))
        put_in = pattern.replacement(str(replacement))
        return _each(options, "gsub", field, lambda value: pattern.sub(put_in, value), (str,))
    path = settings.field(options, "gsub", field)
    make_needle = settings.template(options, "gsub", needle)
    make_replacement = settings.template(options, "gsub", replacement)
    constant = None if settings.is_dynamic(needle) else settings.regex(options, "gsub", str(needle))

    def substitute(event: Event) -> None:
        pattern = constant or ruby.Regex(make_needle(event))
        put_in = pattern.replacement(make_replacement(event))
        value = get(event, path)
        if isinstance(value, str):
            settings.put_field(event, path, pattern.sub(put_in, value))
        elif isinstance(value, list):
            changed = [pattern.sub(put_in, one) if isinstance(one, str) else one for one in value]
            settings.put_field(event, path, changed)

    return substitute


def _text(change: Callable[[str], str]) -> Callable[[Options, str], list[Operation]]:
    return lambda options, name: [_each(options, name, field, change, (str,)) for field in options[name]]


def _split(options: Options, name: str) -> list[Operation]:
    def step(field: str, separator: str) -> Operation:
        path = settings.field(options, name, field)

        def split(event: Event) -> None:
            value = get(event, path)
            if isinstance(value, str):
                settings.put_field(event, path, ruby.split(value, separator))

        return split

    return [step(field, str(separator)) for field, separator in options[name].items()]


def _join(options: Options, name: str) -> list[Operation]:
    def step(field: str, separator: str) -> Operation:
        path = settings.field(options, name, field)

        def join(event: Event) -> None:
            value = get(event, path)
            if isinstance(value, list):
                settings.put_field(event, path, ruby.join(value, separator))

        return join

    return [step(field, str(separator)) for field, separator in options[name].items()]


def _merge(options: Options, name: str) -> list[Operation]:
    def step(target: str, source: str) -> Operation:
        to, what = settings.field(options, name, target), settings.field(options, name, source)

        def merge(event: Event) -> None:
            old, new = get(event, to), get(event, what)
            if isinstance(old, dict) and isinstance(new, dict):
                settings.put_field(event, to, {**old, **new})
            elif not isinstance(old, dict) and not isinstance(new, dict):
                settings.put_field(event, to, [*_list(old), *_list(new)])
            else:
                fail(event, (), f"mutate: '{source}' does not merge into '{target}': only one of them is a hash")

        return merge

    return [
        step(target, str(source))
        for target, sources in options[name].items()
        for source in (sources if isinstance(sources, list) else [sources])
    ]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _copy(options: Options, name: str) -> list[Operation]:
    def step(source: str, target: str) -> Operation:
        what, to = settings.field(options, name, source), settings.field(options, name, target)

        def copy(event: Event) -> None:
            # The value may be shared: nobody changes it in place.
            value = get(event, what)
            if value is not None:
                settings.put_field(event, to, value)

        return copy

    return [step(source, str(target)) for source, target in options[name].items()]


_IN_ORDER: Final[tuple[tuple[str, Callable[[Options, str], list[Operation]]], ...]] = (
    ("coerce", _coerce),
    ("rename", _rename),
    ("update", _update),
    ("replace", _replace),
    ("convert", _convert),
    ("gsub", _gsub),
    ("uppercase", _text(str.upper)),
    ("capitalize", _text(str.capitalize)),
    ("lowercase", _text(str.lower)),
    ("strip", _text(ruby.strip)),
    ("split", _split),
    ("join", _join),
    ("merge", _merge),
    ("copy", _copy),
)
