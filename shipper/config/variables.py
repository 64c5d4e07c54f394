"""``${VAR}``, ``${VAR:default}``, ``${VAR:?message}``, and references to other settings (``${path.config}``).

As in Filebeat, a name is looked up among the settings first, then in the environment; what Filebeat would read
from its keystore is read from the environment. A default may itself hold references.
"""

from __future__ import annotations

from collections.abc import Mapping as Environment
from dataclasses import dataclass, field
from typing import Final

from sawlog.errors import ConfigError, Position
from sawlog.event import Event, get
from sawlog.secrets import remember
from sawlog.yaml_tree import Mapping, Scalar

_DEPTH: Final = 16
"""Settings that refer to settings that refer to settings: beyond this it is a circle."""
_DATA: Final = "data."
_LENGTH: Final = 1 << 20
"""References in references can multiply; no setting is longer than this."""


@dataclass(slots=True)
class Expanded:
    """A text with its references filled in."""

    text: str
    whole: bool = False
    """The text was one reference and nothing else, so that its value may be a number, a boolean or a list."""
    unresolved: bool = False
    """A name has no value; only when the configuration is read for its syntax."""


@dataclass(slots=True)
class Variables:
    """Where references are looked up.

    `lenient`: a name without a value leaves the reference as it stands (a check of the syntax, on a machine that
    has not the environment); otherwise it is an error.
    """

    settings: Mapping
    environment: Environment[str, str]
    builtin: dict[str, str] = field(default_factory=dict)
    lenient: bool = False
    awaits_data: bool = False
    """Leave ``${data.…}`` as it stands: what it is of is not there yet."""
    data: Event | None = None
    """What ``${data.…}`` is of."""

    def expand(self, text: str, position: Position, depth: int = 0) -> Expanded:
        """Fill in the references of `text`.

        Raises:
            ConfigError: a reference without end, without a value, or in a circle.
        """
        if "${" not in text:
            return Expanded(text)
        if depth > _DEPTH:
            raise ConfigError("the references go round in a circle", position)
        parts: list[str] = []
        end = 0
        unresolved = False
        whole = False
        while (start := text.find("${", end)) >= 0:
            parts.append(text[end:start])
            close = _closing(text, start + 2, position)
            value = self._lookup(text[start + 2 : close], position, depth)
            unresolved = unresolved or value.unresolved
            parts.append(value.text)
            whole = start == 0 and close == len(text) - 1
            end = close + 1
        parts.append(text[end:])
        if sum(map(len, parts)) > _LENGTH:
            raise ConfigError("the references multiply to too much", position)
        return Expanded("".join(parts), whole, unresolved)

    def _lookup(self, reference: str, position: Position, depth: int) -> Expanded:
        name, operator, rest = _split(reference)
        if self.awaits_data and name.startswith(_DATA):
            return Expanded("${" + reference + "}", unresolved=True)
        found = self._value(name, position, depth)
        if found is not None:
            return found
        if operator == ":?":
            if self.lenient:
                return Expanded("${" + reference + "}", unresolved=True)
            raise ConfigError(f"'{name}' is not set: {rest}", position)
        if operator == ":":
            return self.expand(rest, position, depth + 1)
        if self.lenient:
            return Expanded("${" + reference + "}", unresolved=True)
        if self.data is not None:
            what = (
                f"'{name}' is nothing that is known of it" if name.startswith(_DATA) else f"'{name}' is not for hints"
            )
            raise ConfigError(what, position)
        raise ConfigError(
            f"'{name}' is neither a setting nor in the environment",
            position,
            f"set it, or give a default: ${{{name}:default}}",
        )

    def _value(self, name: str, position: Position, depth: int) -> Expanded | None:
        if self.data is not None:
            value = get(self.data, tuple(name.split(".")[1:])) if name.startswith(_DATA) else None
            return Expanded(str(value)) if isinstance(value, str | int) else None
        entry = self.settings.find(name)
        if entry is not None and isinstance(entry.tree, Scalar) and not entry.tree.empty:
            return self.expand(entry.tree.text, position, depth + 1)
        if name in self.builtin:
            return Expanded(self.builtin[name])
        if name in self.environment:
            return Expanded(remember(self.environment[name], name))
        return None


def _closing(text: str, start: int, position: Position) -> int:
    """Find the ``}`` that ends the reference whose inside begins at `start`."""
    level = 1
    at = start
    while at < len(text):
        if text.startswith("${", at):
            level += 1
            at += 1
        elif text[at] == "}":
            level -= 1
            if level == 0:
                return at
        at += 1
    raise ConfigError("a '${' has no '}'", position)


def _split(reference: str) -> tuple[str, str, str]:
    name, colon, rest = reference.partition(":")
    if colon and rest.startswith("?"):
        return name.strip(), ":?", rest[1:]
    return name.strip(), colon, rest
