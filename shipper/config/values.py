"""From a tree's node to a typed value: the kinds of Filebeat's options, each with its reading and its message."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sawlog.errors import ConfigError, Position, nearest
from sawlog.store.retention import retention_of
from sawlog.yaml_tree import Mapping, Scalar, Sequence, Tree, is_empty, plain_value
from shipper.config.variables import Variables
from shipper.expression import checked
from shipper.format_string import FormatString

UNRESOLVED: Final[Any] = object()
"""The value of an option whose reference has no value on this machine (a check of the syntax only)."""


class ValueKind(Enum):
    """The type of an option's value."""

    TEXT = "text"
    BOOL = "true or false"
    INTEGER = "whole number"
    NUMBER = "number"
    DURATION = "duration"
    SIZE = "size"
    RETENTION = "number of days or hours"
    MODE = "file permissions"
    REGEX = "regular expression"
    FORMAT = "format string"
    ENCODING = "encoding"
    TEXTS = "list of texts"
    REGEXES = "list of regular expressions"
    ANY = "any value"
    MAP = "mapping"
    TEXT_MAP = "mapping of texts"
    TREE = "section"


_DURATION: Final = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+")
_DURATION_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")
_UNITS: Final = {"": 1, "b": 1} | {
    f"{prefix}{suffix}": base ** (power + 1)
    for power, prefix in enumerate("kmgtp")
    for suffix, base in (("b", 1000), ("ib", 1024), ("", 1000), ("i", 1024))
}
_LARGEST: Final = 1 << 62

ENCODINGS: Final = {
    "plain": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-16-bom": "utf-16",
    "utf-16be-bom": "utf-16",
    "utf-16le-bom": "utf-16",
    "utf-16be": "utf-16-be",
    "utf-16le": "utf-16-le",
    "latin1": "iso8859-1",
    "big5": "big5",
    "gb18030": "gb18030",
    "gbk": "gbk",
    "hz-gb-2312": "hz",
    "euc-kr": "euc_kr",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
    "shift-jis": "shift_jis",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "macintosh": "mac-roman",
    "macintosh-cyrillic": "mac-cyrillic",
    "windows874": "cp874",
    "iso8859-6e": "iso8859-6",
    "iso8859-6i": "iso8859-6",
    "iso8859-8e": "iso8859-8",
    "iso8859-8i": "iso8859-8",
    **{f"windows{number}": f"cp{number}" for number in range(1250, 1259)},
}
"""Filebeat's names of encodings, and Python's."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads nodes as values; references (``${VAR}``) are filled in on the way."""

    variables: Variables

    def read(self, kind: ValueKind, tree: Tree, name: str) -> Any:
        """Read the value of option `name`; `UNRESOLVED` when a reference has no value and that is allowed.

        Raises:
            ConfigError: the value is not of the kind, in words with its place.
        """
        if kind is ValueKind.TREE:
            return tree
        if kind in _LISTS:
            return self._list(kind, tree, name)
        if kind in (ValueKind.ANY, ValueKind.MAP, ValueKind.TEXT_MAP):
            return self._whole(kind, tree, name)
        return self._scalar(kind, tree, name)

    def text(self, tree: Scalar) -> tuple[str, bool, bool]:
        """Return a scalar's text, whether it is to be read as a plain one, and whether it lacks a reference's value."""
        expanded = self.variables.expand(tree.text, tree.position)
        return expanded.text, tree.plain or expanded.whole, expanded.unresolved

    def any(self, tree: Tree) -> Any:
        """The plain Python value of a whole tree."""
        if isinstance(tree, Mapping):
            return {key: self.any(entry.tree) for key, entry in tree.entries.items()}
        if isinstance(tree, Sequence):
            return [self.any(item) for item in tree.items]
        text, plain, _ = self.text(tree)
        return plain_value(text) if plain else text

    def _scalar(self, kind: ValueKind, tree: Tree, name: str) -> Any:
        if isinstance(tree, Sequence) and len(tree.items) == 1:
            tree = tree.items[0]
        if not isinstance(tree, Scalar):
            raise ConfigError(f"'{name}' takes one {kind.value}, and got {_what(tree)}", tree.position)
        text, _, unresolved = self.text(tree)
        if unresolved:
            return text if kind is ValueKind.TEXT else UNRESOLVED
        return _convert(kind, text, name, tree.position)

    def _list(self, kind: ValueKind, tree: Tree, name: str) -> Any:
        one = _LISTS[kind]
        if isinstance(tree, Mapping):
            raise ConfigError(f"'{name}' takes a list, and got a mapping", tree.position)
        texts: list[tuple[str, Position]] = []
        items = tree.items if isinstance(tree, Sequence) else [tree]
        for item in items:
            if isinstance(item, Sequence):
                texts += [(str(value), item.position) for value in self._list(kind, item, name)]
            elif isinstance(item, Mapping):
                raise ConfigError(
                    f"an entry of '{name}' takes one {one.value}, and got a mapping",
                    item.position,
                    "a text with ': ' in it needs quotes",
                )
            elif not item.empty:
                expanded = self.variables.expand(item.text, item.position)
                if expanded.unresolved and one is not ValueKind.TEXT:
                    continue
                # A variable may hold a whole list: "a:9200,b:9200".
                parts = _split_list(expanded.text) if expanded.whole else [expanded.text]
                texts += [(part, item.position) for part in parts]
        return tuple(_convert(one, text, name, position) for text, position in texts)

    def _whole(self, kind: ValueKind, tree: Tree, name: str) -> Any:
        if kind is ValueKind.ANY:
            return self.any(tree)
        if is_empty(tree):
            return {}
        if not isinstance(tree, Mapping):
            raise ConfigError(f"'{name}' takes a mapping ('key: value' lines), and got {_what(tree)}", tree.position)
        if kind is ValueKind.MAP:
            return self.any(tree)
        # Dotted keys have become nested ones, which a mapping of texts (HTTP headers) has no use for.
        return {key: ",".join(self._list(ValueKind.TEXTS, entry.tree, name)) for key, entry in tree.leaves()}


def _what(tree: Tree) -> str:
    if isinstance(tree, Mapping):
        return "a mapping"
    return "a list" if isinstance(tree, Sequence) else f"'{tree.text}'"


def _split_list(text: str) -> list[str]:
    inside = text.strip()
    if inside.startswith("[") and inside.endswith("]"):
        inside = inside[1:-1]
    return [part.strip().strip("\"'") for part in inside.split(",") if part.strip()]


_LISTS: Final = {ValueKind.TEXTS: ValueKind.TEXT, ValueKind.REGEXES: ValueKind.REGEX}


def _convert(kind: ValueKind, text: str, name: str, position: Position) -> Any:
    try:
        return _CONVERSIONS[kind](text)
    except ValueError as error:
        raise ConfigError(f"'{name}': {error}", position) from None
    except _UnknownNameError as error:
        raise ConfigError(f"'{name}': {error}", position, error.hint) from None


class _UnknownNameError(Exception):
    """A name that is not among those known."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


def boolean(text: str) -> bool:
    """Read YAML 1.1's booleans, quoted or not."""
    value = plain_value("true" if text in ("1", "t", "T") else "false" if text in ("0", "f", "F") else text)
    if isinstance(value, bool):
        return value
    raise ValueError(f"takes true or false, and got '{text}'")


def integer(text: str) -> int:
    """Read a whole number; ``1e3`` and ``5.0`` are whole, too."""
    value = plain_value(text.strip())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise ValueError(f"takes a whole number, and got '{text}'")
    return value


def number(text: str) -> int | float:
    """Read a number."""
    value = plain_value(text.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        raise ValueError(f"takes a number, and got '{text}'")
    return value


def duration(text: str) -> float:
    """Read ``10s``, ``1h30m``, ``250ms``, or a bare number of seconds."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        total = sum(float(count) * _SECONDS[unit] for count, unit in _DURATION_PART.findall(text))
        seconds = -total if text.startswith("-") else total
    else:
        try:
            seconds = float(number(text))
        except ValueError:
            raise ValueError(
                f"takes a duration such as '10s', '5m' or '1h30m' (units ms, s, m, h), and got '{text}'"
            ) from None
    if not abs(seconds) <= _LARGEST:
        raise ValueError(f"'{text}' is too long a time")
    return seconds


def size(text: str) -> int:
    """Read ``10MB`` (powers of 1000), ``10MiB`` (of 1024), or a bare number of bytes."""
    found = _SIZE.fullmatch(text.strip().replace("_", ""))
    factor = _UNITS.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise ValueError(f"takes a size such as 1048576, '10MB' or '10MiB', and got '{text}'")
    count = float(found[1]) * factor
    if count > _LARGEST:
        raise ValueError(f"'{text}' is too large")
    return int(found[1]) * factor if found[1].isdigit() else int(count)


def mode(text: str) -> int:
    """Read file permissions, octal with or without the leading zero."""
    if not re.fullmatch(r"(?:0o?)?[0-7]{3,4}", text.strip()):
        raise ValueError(f"takes permissions in octal, such as 0600, and got '{text}'")
    return int(text.strip().lower().replace("o", ""), 8)


def encoding(text: str) -> str:
    """Read one of Filebeat's names of encodings, or one of Python's."""
    name = text.strip().lower().replace("_", "-")
    try:
        return ENCODINGS.get(name) or _python_codec(name)
    except (LookupError, ValueError):
        raise _UnknownNameError(f"there is no encoding '{text}'", nearest(name, ENCODINGS)) from None


def _python_codec(name: str) -> str:
    codec = codecs.lookup(name).name
    # Codecs such as zip (bytes to bytes) and rot13 (text to text) are none for this: a LookupError.
    "".encode(codec)
    return codec


_CONVERSIONS: Final[dict[ValueKind, Callable[[str], Any]]] = {
    ValueKind.TEXT: str,
    ValueKind.BOOL: boolean,
    ValueKind.INTEGER: integer,
    ValueKind.NUMBER: number,
    ValueKind.DURATION: duration,
    ValueKind.SIZE: size,
    ValueKind.RETENTION: retention_of,
    ValueKind.MODE: mode,
    ValueKind.REGEX: checked,
    ValueKind.FORMAT: FormatString,
    ValueKind.ENCODING: encoding,
}
