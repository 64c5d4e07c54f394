"""Field references: ``[a][b]`` and ``message``, as paths into an event."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from sawlog.errors import ConfigError
from sawlog.event import Path

_SEGMENTS: Final = re.compile(r"(?:\[[^\[\],]+\])+")
_BARE: Final = re.compile(r"[^\[\],]+")


@lru_cache(maxsize=10_000)
def parse_field(text: str) -> Path:
    """Return the path of a field reference: ``[a][b]`` → ``("a", "b")``, ``message`` → ``("message",)``.

    A reference in one more pair of brackets, ``[[a][b]]``, is the reference itself, as in Logstash. A dot means
    nothing: ``log.level`` is one key. A number, ``[a][0]``, indexes a list when the field holds one.

    Raises:
        ConfigError: the reference is empty or its brackets do not pair; without a position, which the caller has.
    """
    whole = text
    while text.startswith("[["):
        if not text.endswith("]]"):
            raise _illegal(whole)
        text = text[1:-1]
    if _SEGMENTS.fullmatch(text):
        return tuple(text[1:-1].split("]["))
    if _BARE.fullmatch(text):
        return (text,)
    raise _illegal(whole)


def field_name(path: Path) -> str:
    """Return the reference of a path: ``[a][b]``, or the bare name at the top level."""
    return path[0] if len(path) == 1 else "".join(f"[{key}]" for key in path)


def _illegal(text: str) -> ConfigError:
    return ConfigError(f"'{text}' is no field reference", hint="write [outer][inner], or just the name")
