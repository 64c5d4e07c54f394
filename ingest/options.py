"""The options of a plugin: declared once with type, default and words, checked at start, never ignored.

A plugin declares ``options = {"match": Option(HASH, doc="…"), …}``. A pipeline file gives `Setting`s with their
positions; `resolve` turns them into plain Python values or raises a `ConfigError` that names the place.
Names, types and defaults are those of the Logstash 8 plugin of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sawlog.errors import ConfigError, Position, nearest


class Kind(Enum):
    """The type of an option's value, in the words of the Logstash documentation."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    HASH = "hash"
    PATH = "path"
    PASSWORD = "password"  # noqa: S105 - the name of a type, no secret
    FIELD = "field reference"
    CODEC = "codec"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a plugin.

    `one_of` lists the only strings allowed. `replaced_by` marks an old name: it is taken with a word about the
    new one. `noted` marks an option that Logstash has and that has no effect here: taken, with this word why.
    `refused` marks an option whose absence would change the documents: refused at start, with this word why.
    `differs` marks an option that, left out, does something else than in Logstash; said once, when it is left out.
    """

    kind: Kind
    doc: str
    default: Any = None
    required: bool = False
    one_of: tuple[str, ...] = ()
    replaced_by: str | None = None
    noted: str | None = None
    refused: str | None = None
    differs: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """``name => value`` as it stood in a file; `value` is a Python value or, for a codec, a `Block`.

    `text_at` is the place of the quote that a text begins with.
    """

    name: str
    value: Any
    position: Position
    text_at: Position | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """``name { settings }``: one use of a plugin in a pipeline file."""

    name: str
    settings: Sequence[Setting]
    position: Position


class Unresolved(str):
    """A text with a ``${VAR}`` that is not set, where only the syntax is checked; it passes for any type."""

    __slots__ = ()


@dataclass(slots=True)
class Options:
    """The values of a plugin's options, every declared one present, with where each was set."""

    values: dict[str, Any]
    positions: dict[str, Position]
    position: Position
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    """What defaults do here and do not in Logstash; the same for each use of the plugin."""
    texts: dict[str, Position] = field(default_factory=dict)
    """Where the texts of options begin, for those that are languages of their own."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def given(self, name: str) -> bool:
        """Whether the file sets this option (and not its default)."""
        return name in self.positions

    def error(self, message: str, name: str | None = None, hint: str | None = None) -> ConfigError:
        """Make the error that says `message` at the place of option `name`, or of the plugin."""
        return ConfigError(message, self.positions.get(name or "", self.position), hint)


def resolve(plugin: str, declared: Mapping[str, Option], block: Block) -> Options:
    """Check a block's settings against the declared options and fill in defaults.

    A setting given twice merges, as in Logstash: hashes by key, arrays end to end, and different single values into
    one array, which an option that takes one value refuses.

    Raises:
        ConfigError: an unknown, refused or missing option, or a value of the wrong type.
    """
    options = Options({}, {}, block.position)
    for setting in block.settings:
        option = declared.get(setting.name)
        if option is None:
            raise ConfigError(
                f"{plugin} has no option '{setting.name}'", setting.position, nearest(setting.name, declared)
            )
        if option.refused:
            raise ConfigError(f"{plugin}: option '{setting.name}' is not offered: {option.refused}", setting.position)
        name = setting.name
        if option.noted:
            options.notes.append(f"{setting.position}: {plugin}: '{name}' has no effect here: {option.noted}")
        if option.replaced_by:
            options.notes.append(f"{setting.position}: {plugin}: '{name}' is now named '{option.replaced_by}'")
            name = option.replaced_by
            option = declared[name]
        if option.kind is Kind.HASH and isinstance(setting.value, list):
            value: Any = _pairs(plugin, setting)
        else:
            value = setting.value
        if name in options.values:
            value = _merge(options.values[name], value)
        options.values[name] = value
        options.positions[name] = setting.position
        if setting.text_at is not None:
            options.texts[name] = setting.text_at
    for name, value in options.values.items():
        options.values[name] = _coerce(plugin, name, declared[name], value, options.positions[name])
    for name, option in declared.items():
        if option.required and name not in options.values:
            raise ConfigError(f"{plugin} needs the option '{name}'", block.position)
        if option.differs and not options.given(name):
            options.differences.append(f"{plugin}: without '{name}', {option.differs}")
        if option.replaced_by is None:
            default = option.default
            options.values.setdefault(name, default.copy() if isinstance(default, dict | list) else default)
    return options


def _pairs(plugin: str, setting: Setting) -> dict[str, Any]:
    """Read the old array form of a hash: ``["key", "value", "key", "value"]``; a repeated key collects its values."""
    if len(setting.value) % 2:
        raise ConfigError(
            f"{plugin}: '{setting.name}' takes pairs, and got {len(setting.value)} values", setting.position
        )
    pairs: dict[str, Any] = {}
    for key, value in zip(map(str, setting.value[::2]), setting.value[1::2], strict=True):
        pairs[key] = _merge(pairs[key], value) if key in pairs else value
    return pairs


def _merge(old: Any, new: Any) -> Any:
    """Make one value of two, as Logstash does; a single value that is said twice is one value."""
    if isinstance(old, dict) and isinstance(new, dict):
        merged = dict(old)
        for key, value in new.items():
            merged[key] = _merge(merged[key], value) if key in merged else value
        return merged
    if old == new and type(old) is type(new) and not isinstance(old, list):
        return old
    olds = old if isinstance(old, list) else [old]
    return olds + (new if isinstance(new, list) else [new])


def _coerce(plugin: str, name: str, option: Option, value: Any, position: Position) -> Any:
    def wrong(wanted: str) -> ConfigError:
        return ConfigError(f"{plugin}: '{name}' takes {wanted}, and got {value!r}", position)

    if isinstance(value, Unresolved):
        return value
    # A one-element array stands for its element, as in Logstash.
    if option.kind not in (Kind.ARRAY, Kind.ANY, Kind.HASH) and isinstance(value, list):
        if len(value) != 1:
            raise wrong(f"one {option.kind.value}")
        value = value[0]
    if coerce := _COERCIONS.get(option.kind):
        value = coerce(value, wrong)
    if option.one_of and value not in option.one_of:
        raise ConfigError(
            f"{plugin}: '{name}' is one of {', '.join(option.one_of)}, and got {value!r}",
            position,
            nearest(str(value), option.one_of),
        )
    return value


Wrong = Callable[[str], ConfigError]


def _string(value: Any, wrong: Wrong) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise wrong("a string")


def _number(value: Any, wrong: Wrong) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value) if value.lstrip("+-").isdigit() else float(value)
        except ValueError:
            pass
    raise wrong("a number")


def _boolean(value: Any, wrong: Wrong) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise wrong("true or false")


def _array(value: Any, wrong: Wrong) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _hash(value: Any, wrong: Wrong) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise wrong("a hash")


_COERCIONS: dict[Kind, Callable[[Any, Wrong], Any]] = {
    Kind.STRING: _string,
    Kind.PATH: _string,
    Kind.PASSWORD: _string,
    Kind.FIELD: _string,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.ARRAY: _array,
    Kind.HASH: _hash,
}
