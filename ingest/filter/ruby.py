"""Ruby's rules for texts, numbers and expressions, where the documents that Logstash makes depend on them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, Final

from sawlog.errors import ConfigError

_SPACE: Final = "\0\t\n\v\f\r "
_INTEGER: Final = re.compile(r"\s*([+-]?\d+(?:_\d+)*)")
_FLOAT: Final = re.compile(r"\s*([+-]?\d+(?:_\d+)*(?:\.\d+(?:_\d+)*)?(?:[eE][+-]?\d+)?)")
_REFERENCE: Final = re.compile(r"\\(?:([0-9&`'\\])|k<(\w+)>)")


def to_s(value: Any) -> str:
    """Write a value as Ruby's ``to_s`` does: null is nothing, lists and hashes as in a program."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return inspect(value)


def inspect(value: Any) -> str:
    """Write a value as Ruby's ``inspect`` does: ``{"a"=>[1, nil]}``."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return '"' + escaped.replace("\t", "\\t").replace("\r", "\\r") + '"'
        case list():
            return f"[{', '.join(map(inspect, value))}]"
        case dict():
            return "{" + ", ".join(f"{inspect(key)}=>{inspect(item)}" for key, item in value.items()) + "}"
        case float():
            mantissa, e, exponent = repr(value).partition("e")
            if not e:
                return mantissa
            return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"
    return str(value)


def to_i(text: str) -> int:
    """Read the integer at the start of a text; 0 if there is none."""
    match = _INTEGER.match(text)
    return int(match[1]) if match else 0


def to_f(text: str) -> float:
    """Read the number at the start of a text; 0.0 if there is none."""
    match = _FLOAT.match(text)
    return float(match[1]) if match else 0.0


def strip(text: str) -> str:
    """Take white space and NUL from both ends."""
    return text.strip(_SPACE)


def split(text: str, separator: str) -> list[str]:
    """Split without the empty parts at the end; a space splits on any white space, nothing into characters."""
    if separator == " ":
        return text.split()
    parts = text.split(separator) if separator else list(text)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def join(values: list[Any], separator: str) -> str:
    """Join a list, and the lists in it."""
    return separator.join(join(value, separator) if isinstance(value, list) else to_s(value) for value in values)


def compile_replacement(text: str) -> Callable[[re.Match[str]], str]:
    r"""Compile what a match is replaced with: ``\0`` to ``\9``, ``\&``, ``\```, ``\'``, ``\k<name>`` and ``\\``."""
    if "\\" not in text:
        return lambda match: text
    return lambda match: _REFERENCE.sub(lambda reference: _refer(reference, match), text)


def _refer(reference: re.Match[str], match: re.Match[str]) -> str:
    mark, name = reference.groups()
    if mark == "\\":
        return mark
    if mark == "`":
        return match.string[: match.start()]
    if mark == "'":
        return match.string[match.end() :]
    group: int | str = name or (0 if mark == "&" else int(mark))
    try:
        return match[group] or ""
    except IndexError:
        return ""


def compile_regex(pattern: str) -> re.Pattern[str]:
    r"""Compile a Ruby expression: ``^`` and ``$`` are ends of lines, ``\h`` is a hexadecimal digit.

    `re` takes what it can; the rest (``\p{L}``, nested sets) goes to `regex`, whose patterns work alike.

    Raises:
        ConfigError: the expression is not legal; without a position.
    """
    translated = _DIFFERENT.sub(_same_in_python, pattern)
    try:
        with warnings.catch_warnings():
            # `re` only warns of a set like [a-z&&[^b]], and reads it otherwise than Ruby does.
            warnings.simplefilter("error", FutureWarning)
            return re.compile(translated, re.MULTILINE)
    except (re.error, OverflowError, FutureWarning):
        pass
    # Heavy, and rarely needed.
    import regex  # noqa: PLC0415

    try:
        compiled: Any = regex.compile(translated, regex.MULTILINE | regex.VERSION1)
    except regex.error as error:
        raise ConfigError(f"'{pattern}' is no regular expression: {error}") from None
    return compiled  # type: ignore[no-any-return] # regex.Pattern has the methods of re.Pattern


_DIFFERENT: Final = re.compile(
    r"\\(?P<k>k<(?P<name>\w+)>)|\\(?P<letter>.)|\(\?<(?P<group>[A-Za-z_]\w*)>|\(\?(?P<flags>[imx]+)(?P<end>[:)])"
    r"|\[:(?P<posix>\^?\w+):\]",
    re.DOTALL,
)
_LETTERS: Final = {
    "e": r"\x1b",
    "h": "[0-9a-fA-F]",
    "H": "[^0-9a-fA-F]",
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "R": r"(?:\r\n|[\n-\r])",
}
_POSIX: Final = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9a-fA-F",
    "word": r"\w",
    "cntrl": r"\x00-\x1f\x7f",
    "graph": r"!-~",
    "print": r" -~",
}


def _same_in_python(found: re.Match[str]) -> str:
    if found["k"]:
        return f"(?P={found['name']})"
    if found["group"]:
        return f"(?P<{found['group']}>"
    if found["flags"]:
        # Ruby's `m` lets a dot match a line's end, which is Python's `s`.
        return f"(?{found['flags'].replace('m', 's')}{found['end']}"
    if found["posix"]:
        return _POSIX.get(found["posix"], found[0])
    return _LETTERS.get(found["letter"], found[0]) if found["letter"] != "h" else _hex(found)


def _hex(found: re.Match[str]) -> str:
    """Write ``\\h``, inside a set (``[\\h:]``) without brackets of its own."""
    before = re.sub(r"\\.", "", found.string[: found.start()])
    return "0-9a-fA-F" if before.rfind("[") > before.rfind("]") else "[0-9a-fA-F]"
