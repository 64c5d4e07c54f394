"""Options as tables: what each is, and which of the three answers it gets; nothing is ignored in silence.

*done*: it works. *noted*: it has no effect here, which is said once at start, with what to use instead.
*refused*: to ignore it would ship something else than asked, so the shipper does not start; the message names the
line. A key in no table is probably a typo: a warning with the nearest known name, as Filebeat starts with it.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from sawlog.errors import ConfigError, Position, nearest
from sawlog.yaml_tree import Entry, Mapping, Scalar, Sequence, Tree, is_empty
from shipper.config.problems import Problems
from shipper.config.values import UNRESOLVED, Reader, ValueKind


class Support(Enum):
    """What sawlog says to an option."""

    DONE = "works"
    NOTED = "noted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class SectionOption:
    """One option; its name in a table is dotted, and a name that ends in ``.*`` stands for a whole section.

    `word` says how it differs from Filebeat's (done), what to use instead (noted) or why not (refused).
    `now` marks an older name. `harmless` are the values with which a noted or refused option asks for nothing.
    """

    kind: ValueKind = ValueKind.ANY
    answer: Support = Support.DONE
    word: str = ""
    default: Any = None
    one_of: tuple[str, ...] = ()
    now: str | None = None
    harmless: tuple[Any, ...] = ()
    least: float | None = None


SectionOptions = Table[str, SectionOption]
_SECTIONS: Final = frozenset({ValueKind.TREE, ValueKind.MAP, ValueKind.TEXT_MAP, ValueKind.ANY})


def done(
    kind: ValueKind, default: Any = None, word: str = "", one_of: tuple[str, ...] = (), **more: Any
) -> SectionOption:
    """An option that works."""
    return SectionOption(kind, Support.DONE, word, default, one_of, **more)


def noted(word: str, *harmless: Any) -> SectionOption:
    """An option without effect here; `word` says what to use instead."""
    return SectionOption(answer=Support.NOTED, word=word, harmless=harmless)


def refused(word: str, *harmless: Any) -> SectionOption:
    """An option that must not be ignored; `word` says why."""
    return SectionOption(answer=Support.REFUSED, word=word, harmless=harmless)


def renamed(now: str) -> SectionOption:
    """An older name of an option of the same table."""
    return SectionOption(now=now, word=f"the older name of `{now}`")


@dataclass(slots=True)
class Values:
    """A section's options, every one that is done present, with the place of each that was given."""

    values: dict[str, Any]
    positions: dict[str, Position]
    position: Position
    rest: dict[str, Entry] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def given(self, name: str) -> bool:
        """Whether the file sets it."""
        return name in self.positions

    def at(self, name: str) -> Position:
        """Where it stands, or the section."""
        return self.positions.get(name, self.position)

    def error(self, message: str, name: str = "", hint: str | None = None) -> ConfigError:
        """Make the error that says `message` at the place of `name`, or of the section."""
        return ConfigError(message, self.at(name), hint)


@dataclass(frozen=True, slots=True)
class Schema:
    """Reads sections by tables, and keeps what there is to say about them."""

    reader: Reader
    problems: Problems

    def section(self, where: str, options: SectionOptions, tree: Tree) -> Values:
        """Read a section; `where` is its name in messages. Problems are collected, defaults stand in."""
        values = Values(
            {name: option.default for name, option in options.items() if _is_plain(option)}, {}, tree.position
        )
        if isinstance(tree, Mapping):
            self._walk(where, options, tree, "", values)
        elif not is_empty(tree):
            self.problems.error(f"'{where}' takes options ('key: value' lines)", tree.position)
        return values

    def _walk(self, where: str, options: SectionOptions, tree: Mapping, prefix: str, values: Values) -> None:
        for key, entry in tree.entries.items():
            name = prefix + key
            option = options.get(name)
            if option is not None and not (
                isinstance(entry.tree, Mapping) and option.kind not in _SECTIONS and _has_names_below(name, options)
            ):
                self._option(where, name, option, options, entry, values)
            elif isinstance(entry.tree, Mapping) and _has_names_below(name, options):
                self._walk(where, options, entry.tree, f"{name}.", values)
            elif f"{name}.*" in options:
                self._option(where, name, options[f"{name}.*"], options, entry, values)
            elif _has_names_below(name, options):
                self._not_a_section(where, name, entry)
            elif f"{prefix}*" in options:
                self._option(where, name, options[f"{prefix}*"], options, entry, values)
            else:
                self.unknown(where, name, list(options), entry)

    def _option(
        self, where: str, name: str, option: SectionOption, options: SectionOptions, entry: Entry, values: Values
    ) -> None:
        full = f"{where}.{name}" if where else name
        if option.answer is not Support.DONE:
            if not self._harmless(entry.tree, option):
                if option.answer is Support.NOTED:
                    self.problems.note(f"'{full}' has no effect here: {option.word}", entry.position, full)
                else:
                    self.problems.error(f"'{full}' is refused: {option.word}", entry.position)
            return
        if option.now is not None:
            if option.now.endswith(".*"):
                base = option.now[:-2]
                if isinstance(entry.tree, Mapping):
                    self._walk(where, options, entry.tree, f"{base}.", values)
                return
            if option.now in values.positions:
                self.problems.warn(f"'{full}' is the older name of '{option.now}', which is given too", entry.position)
                return
            name, option = option.now, options[option.now]
        if is_empty(entry.tree) and option.kind is not ValueKind.TREE:
            return
        values.positions[name] = entry.position
        with self.problems.collect():
            value = self.reader.read(option.kind, entry.tree, full)
            if value is UNRESOLVED:
                return
            self._check(full, option, value, entry)
            values.values[name] = value

    def _check(self, full: str, option: SectionOption, value: Any, entry: Entry) -> None:
        if option.one_of:
            for one in value if isinstance(value, tuple) else (value,):
                if one not in option.one_of and "${" not in str(one):
                    raise ConfigError(
                        f"'{full}' is one of {', '.join(option.one_of)}, and got '{one}'",
                        entry.tree.position,
                        nearest(str(one), option.one_of),
                    )
        if option.least is not None and value < option.least:
            raise ConfigError(f"'{full}' is at least {option.least:g}, and got {value:g}", entry.tree.position)

    def _harmless(self, tree: Tree, option: SectionOption) -> bool:
        """Whether a noted or refused option asks for nothing: empty, switched off, or at its default."""
        if is_empty(tree):
            return True
        if isinstance(tree, Mapping):
            enabled = tree.entries.get("enabled")
            return enabled is not None and is_false(enabled.tree)
        if isinstance(tree, Sequence):
            return all(self._harmless(item, option) for item in tree.items)
        return tree.text == "" or tree.value() in option.harmless or tree.text in option.harmless

    def _not_a_section(self, where: str, name: str, entry: Entry) -> None:
        if not is_empty(entry.tree):
            full = f"{where}.{name}" if where else name
            self.problems.error(f"'{full}' takes options ('key: value' lines)", entry.tree.position)

    def unknown(self, where: str, name: str, known: list[str], entry: Entry) -> None:
        """Say that a key is in no table."""
        inside = f" of '{where}'" if where else ""
        self.problems.warn(f"unknown option '{name}'{inside}", entry.position, closest(name, known))


def closest(name: str, known: list[str]) -> str | None:
    """The hint with the nearest option; a word that is only part of a dotted name counts, too."""
    names = [one.removesuffix(".*") for one in known]
    hint = nearest(name, names)
    if hint is not None:
        return hint
    by_part = {part: one for one in names for part in one.split(".")}
    found = nearest(name.rpartition(".")[2], by_part)
    return f"did you mean '{by_part[found.split(chr(39))[1]]}'?" if found else None


def is_false(tree: Tree) -> bool:
    """Whether a node says no."""
    return isinstance(tree, Scalar) and tree.text.lower() in ("false", "no", "off", "n", "0")


def _has_names_below(name: str, options: SectionOptions) -> bool:
    return any(known.startswith(f"{name}.") and known != f"{name}.*" for known in options)


def _is_plain(option: SectionOption) -> bool:
    return option.answer is Support.DONE and option.now is None
