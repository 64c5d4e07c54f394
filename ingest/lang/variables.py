"""``${VAR}`` and ``${VAR:default}`` in a pipeline file's values, from the environment."""

from __future__ import annotations

import os
import re
from typing import Any, Final

from ingest.options import Unresolved
from sawlog.errors import ConfigError, Position
from sawlog.secrets import remember

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_.][A-Za-z0-9_.]*)(?::([^}]*))?\}")


def substitute(value: Any, position: Position, *, syntax_only: bool = False) -> Any:
    """Fill in variables in a string, or in the strings of a list or hash.

    With `syntax_only`, a variable that is not set leaves an `Unresolved` text, which passes for any type.

    Raises:
        ConfigError: a variable is not set and has no default.
    """
    if isinstance(value, list):
        return [substitute(item, position, syntax_only=syntax_only) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, position, syntax_only=syntax_only) for key, item in value.items()}
    if not isinstance(value, str) or "${" not in value:
        return value
    unset: list[str] = []

    def fill(place: re.Match[str]) -> str:
        if (found := os.environ.get(place[1])) is not None:
            return remember(found, place[1])
        if place[2] is not None:
            return str(place[2])
        unset.append(place[1])
        return place[0]

    text = _VARIABLE.sub(fill, value)
    if not unset:
        return text
    if syntax_only:
        return Unresolved(text)
    raise ConfigError(
        f"the environment variable '{unset[0]}' is not set", position, f"set it, or write ${{{unset[0]}:default}}"
    )
