"""The processors that decode, list, name and limit: their options, and what is made of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from sawlog.errors import ConfigError
from sawlog.event import METADATA
from sawlog.yaml_tree import Mapping, Sequence, Tree
from shipper.config.schema import Schema, SectionOptions, Values, done, refused
from shipper.config.values import ValueKind, number
from shipper.processor.base import Processor
from shipper.processor.decoding import (
    DURATIONS,
    DecodeDuration,
    DecodeTexts,
    from_base64,
    from_gzip,
    from_url,
)
from shipper.processor.limit import RateLimit
from shipper.processor.lists import AppendValues, DecodeCsvFields, ExtractArray
from shipper.processor.naming import ENCODINGS, METHODS, AddFormattedIndex, AddId, Fingerprint, MoveKeys

Build = Callable[[Schema, Values], Processor]

_FAILURE: Final[SectionOptions] = {
    "ignore_missing": done(ValueKind.BOOL, False),
    "fail_on_error": done(ValueKind.BOOL, True),
}
_ONE: Final[SectionOptions] = {"field": done(ValueKind.TREE), **_FAILURE}
_APPEND: Final[SectionOptions] = {
    "target_field": done(ValueKind.TEXT),
    "fields": done(ValueKind.TEXTS, ()),
    "values": done(ValueKind.ANY),
    "ignore_empty_values": done(ValueKind.BOOL, False),
    "allow_duplicate": done(ValueKind.BOOL, True),
    **_FAILURE,
}
OPTIONS: Final[dict[str, SectionOptions]] = {
    "add_id": {
        "target_field": done(
            ValueKind.TEXT,
            "@metadata._id",
            word="every document has an `_id` made of its place in the file; another field gets that one, too",
        ),
        "type": done(ValueKind.TEXT, "elasticsearch", one_of=("elasticsearch",)),
    },
    "add_formatted_index": {"index": done(ValueKind.FORMAT)},
    "append": _APPEND,
    "append_processor": _APPEND,
    "decode_base64_field": _ONE,
    "decompress_gzip_field": _ONE,
    "urldecode": {"fields": done(ValueKind.TREE), **_FAILURE},
    "decode_duration": {
        "field": done(ValueKind.TEXT),
        "format": done(ValueKind.TEXT, "milliseconds", one_of=tuple(DURATIONS)),
    },
    "decode_csv_fields": {
        "fields": done(ValueKind.MAP, {}),
        "separator": done(ValueKind.TEXT, ","),
        "trim_leading_space": done(ValueKind.BOOL, False),
        "overwrite_keys": done(ValueKind.BOOL, False),
        **_FAILURE,
    },
    "extract_array": {
        "field": done(ValueKind.TEXT),
        "mappings": done(ValueKind.MAP, {}),
        "omit_empty": done(ValueKind.BOOL, False),
        "overwrite_keys": done(ValueKind.BOOL, False),
        **_FAILURE,
    },
    "fingerprint": {
        "fields": done(ValueKind.TEXTS, (), word="that of `@timestamp` is another than Filebeat's"),
        "target_field": done(ValueKind.TEXT, "fingerprint"),
        "method": done(ValueKind.TEXT, "sha256", one_of=METHODS),
        "encoding": done(ValueKind.TEXT, "hex", one_of=tuple(ENCODINGS)),
        "ignore_missing": done(ValueKind.BOOL, False),
        "use_xxhash": refused("name another method", False),
    },
    "move_fields": {
        "from": done(ValueKind.TEXT, ""),
        "fields": done(ValueKind.TEXTS, ()),
        "exclude": done(ValueKind.TEXTS, ()),
        "to": done(ValueKind.TEXT, ""),
        "ignore_missing": done(ValueKind.BOOL, False),
    },
    "rate_limit": {
        "limit": done(ValueKind.TEXT, word="events beyond it are dropped, which no metric of the output counts"),
        "fields": done(ValueKind.TEXTS, ()),
        "algorithm.token_bucket.burst_multiplier": done(ValueKind.NUMBER, 1.0, least=1),
        "algorithm.token_bucket.gc.*": refused("buckets that are full are forgotten by themselves"),
    },
}
_RATE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*([smh])\s*")
_PERIODS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


def path_of(name: str) -> tuple[str, ...]:
    """Return the path of a dotted name; that of an empty one is the root."""
    return tuple(name.split(".")) if name else ()


def rows_of(
    schema: Schema, name: str, values: Values, keys: tuple[str, ...], optional: tuple[str, ...] = ("replacement",)
) -> list[dict[str, str]]:
    """Read a list of entries, ``fields`` of a processor, each with these options.

    Raises:
        ConfigError: there is none, or one lacks an option that is not optional.
    """
    tree = values["fields"]
    if tree is None:
        raise values.error(f"'{name}' needs its 'fields'")
    items = tree.items if isinstance(tree, Sequence) else [tree]
    return [_row(schema, f"{name}.fields", keys, optional, item) for item in items]


def build(schema: Schema, name: str, values: Values) -> Processor | None:
    """Make one of the processors of `OPTIONS`, or None where what it does is done anyway.

    Raises:
        ConfigError: an option is missing or makes no sense.
        ValueError: likewise, with the reason.
    """
    return _BUILDERS[name](schema, values)


def _row(schema: Schema, where: str, keys: tuple[str, ...], optional: tuple[str, ...], item: Tree) -> dict[str, str]:
    row = schema.section(where, {key: done(ValueKind.TEXT) for key in keys}, item)
    for key in keys:
        if row[key] is None and key not in optional:
            raise ConfigError(f"an entry of '{where}' needs '{key}'", item.position)
    return {key: row[key] or "" for key in keys}


def _needed(values: Values, *names: str) -> None:
    for name in names:
        if not values[name]:
            raise ValueError(f"it needs its '{name}'")


def _one_decoded(name: str, decode: Callable[[str], str]) -> Build:
    def make(schema: Schema, values: Values) -> Processor:
        tree = values["field"]
        if not isinstance(tree, Mapping):
            raise ValueError("it needs its 'field', with 'from' and 'to' below")
        row = _row(schema, f"{name}.field", ("from", "to"), ("to",), tree)
        pair = (path_of(row["from"]), path_of(row["to"] or row["from"]))
        return DecodeTexts(name, decode, (pair,), values["ignore_missing"], values["fail_on_error"])

    return make


def _urldecode(schema: Schema, values: Values) -> Processor:
    rows = rows_of(schema, "urldecode", values, ("from", "to"), ("to",))
    pairs = tuple((path_of(row["from"]), path_of(row["to"] or row["from"])) for row in rows)
    return DecodeTexts("urldecode", from_url, pairs, values["ignore_missing"], values["fail_on_error"])


def _append(schema: Schema, values: Values) -> Processor:
    _needed(values, "target_field")
    given = values["values"]
    constants = given if isinstance(given, list) else [] if given is None else [given]
    switches = ("ignore_missing", "ignore_empty_values", "allow_duplicate", "fail_on_error")
    return AppendValues(
        path_of(values["target_field"]),
        tuple(map(path_of, values["fields"])),
        tuple(constants),
        **{name: values[name] for name in switches},
    )


def _flat(tree: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in tree.items():
        found += _flat(value, (*prefix, key)) if isinstance(value, dict) else [((*prefix, key), value)]
    return found


def _decode_csv_fields(schema: Schema, values: Values) -> Processor:
    _needed(values, "fields")
    if len(values["separator"]) != 1 or values["separator"] in '"\r\n':
        raise ValueError(f"a separator is one character, and got '{values['separator']}'")
    pairs = tuple((source, path_of(str(target))) for source, target in _flat(values["fields"]))
    switches = ("separator", "trim_leading_space", "ignore_missing", "overwrite_keys", "fail_on_error")
    return DecodeCsvFields(pairs, **{name: values[name] for name in switches})


def _extract_array(schema: Schema, values: Values) -> Processor:
    _needed(values, "field", "mappings")
    mappings: list[tuple[tuple[str, ...], int]] = []
    for target, at in _flat(values["mappings"]):
        if isinstance(at, bool) or not isinstance(at, int) or at < 0:
            raise ValueError(f"the place of '{'.'.join(target)}' is a whole number, and got '{at}'")
        mappings.append((target, at))
    mappings.sort(key=lambda pair: pair[1])
    switches = ("ignore_missing", "omit_empty", "overwrite_keys", "fail_on_error")
    return ExtractArray(path_of(values["field"]), tuple(mappings), **{name: values[name] for name in switches})


def _fingerprint(schema: Schema, values: Values) -> Processor:
    _needed(values, "fields", "target_field")
    paths = tuple(path_of(name) for name in sorted(set(values["fields"])))
    target = path_of(values["target_field"])
    return Fingerprint(paths, target, values["method"], values["encoding"], values["ignore_missing"])


def _move_fields(schema: Schema, values: Values) -> Processor:
    _needed(values, "to")
    if any(name.startswith(METADATA) for name in (values["to"], values["from"], *values["fields"])):
        raise ValueError(f"'{METADATA}' says where an event goes, and nothing is moved into it or out of it")
    exclude = frozenset(values["exclude"])
    return MoveKeys(values["to"], path_of(values["from"]), values["fields"], exclude, values["ignore_missing"])


def _rate_limit(schema: Schema, values: Values) -> Processor:
    _needed(values, "limit")
    found = _RATE.fullmatch(values["limit"])
    if found is None or float(found[1]) <= 0:
        raise ValueError(f"a limit is a number with /s, /m or /h behind it, and got '{values['limit']}'")
    rate, burst = float(found[1]), number(str(values["algorithm.token_bucket.burst_multiplier"]))
    depth = max(1.0, rate * float(burst))
    return RateLimit(rate / _PERIODS[found[2]], depth, tuple(map(path_of, sorted(values["fields"]))))


def _decode_duration(schema: Schema, values: Values) -> Processor:
    _needed(values, "field")
    return DecodeDuration(path_of(values["field"]), DURATIONS[values["format"]])


def _add_formatted_index(schema: Schema, values: Values) -> Processor:
    _needed(values, "index")
    return AddFormattedIndex(values["index"])


def _add_id(schema: Schema, values: Values) -> Processor | None:
    target = path_of(values["target_field"])
    if target != (METADATA, "_id"):
        return AddId(target)
    words = "every document has an _id made of its place in the file"
    schema.problems.note(f"'add_id' has no effect here: {words}", values.position, "add_id")
    return None


_BUILDERS: Final[dict[str, Callable[[Schema, Values], Processor | None]]] = {
    "add_id": _add_id,
    "add_formatted_index": _add_formatted_index,
    "append": _append,
    "append_processor": _append,
    "decode_base64_field": _one_decoded("decode_base64_field", from_base64),
    "decompress_gzip_field": _one_decoded("decompress_gzip_field", from_gzip),
    "urldecode": _urldecode,
    "decode_duration": _decode_duration,
    "decode_csv_fields": _decode_csv_fields,
    "extract_array": _extract_array,
    "fingerprint": _fingerprint,
    "move_fields": _move_fields,
    "rate_limit": _rate_limit,
}
