"""Ruby's rules for texts, numbers and expressions, where the documents that Logstash makes depend on them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from ingest.grok.translate import Translation, translate
from sawlog.errors import ConfigError

_SPACE: Final = "\0\t\n\v\f\r "
_INTEGER: Final = re.compile(r"\s*([+-]?\d+(?:_\d+)*)")
_FLOAT: Final = re.compile(r"\s*([+-]?(?:\d+(?:_\d+)*(?:\.\d+(?:_\d+)*)?|\.\d+)(?:[eE][+-]?\d+)?)")
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


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(f"\\x{byte:02X}" for byte in error.object[error.start : error.end]), error.end


ESCAPING: Final = "rubyescape"
"""How bytes become text that are none of the encoding: visibly, ``\\xD3``; a name for `bytes.decode`."""
codecs.register_error(ESCAPING, _escape)


def text_of(data: bytes) -> str:
    """Read UTF-8 as Logstash does: bytes that are none make the whole a text as `inspect` writes it, ``\\xD3``."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        escaped = inspect(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return escaped.decode("utf-8", ESCAPING)[1:-1]


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


class Regex:
    """A Ruby expression: ``^`` and ``$`` are ends of lines, a dot is none; see `ingest.grok.translate` for the rest."""

    __slots__ = ("finditer", "names", "search", "sub")

    def __init__(self, pattern: str) -> None:
        """Compile `pattern`.

        Raises:
            ConfigError: the expression is not legal; without a position.
        """
        try:
            translation = translate(pattern, plain_groups_capture=True)
        except ConfigError as error:
            raise ConfigError(f"'{pattern}' is no regular expression: {error.message}") from None
        compiled: Any = _compiled(translation, pattern)
        self.search: Callable[[str], re.Match[str] | None] = compiled.search
        self.finditer: Callable[[str], Iterator[re.Match[str]]] = compiled.finditer
        self.sub: Callable[[Callable[[re.Match[str]], str] | str, str], str] = compiled.sub
        self.names = {name: number for number, name in enumerate(translation.names, 1) if name is not None}

    def replacement(self, text: str) -> Callable[[re.Match[str]], str]:
        r"""Compile what a match is replaced with: ``\0`` to ``\9``, ``\&``, ``\```, ``\'``, ``\k<name>`` and ``\\``."""
        if "\\" not in text:
            return lambda match: text
        return lambda match: _REFERENCE.sub(lambda reference: self._refer(reference, match), text)

    def _refer(self, reference: re.Match[str], match: re.Match[str]) -> str:
        mark, name = reference.groups()
        if mark == "\\":
            return mark
        if mark == "`":
            return match.string[: match.start()]
        if mark == "'":
            return match.string[match.end() :]
        if self.names and mark in tuple("123456789"):
            # Where groups have names, Ruby's numbers name none.
            return ""
        group = self.names.get(name, -1) if name else 0 if mark == "&" else int(mark)
        try:
            return match[group] or ""
        except IndexError:
            return ""


def _compiled(translation: Translation, pattern: str) -> Any:
    if not translation.needs_regex:
        try:
            return re.compile(translation.text, re.MULTILINE)
        except (re.error, OverflowError, RecursionError):
            # Such as a lookbehind of varying width, which `regex` has.
            pass
    # Heavy, and rarely needed.
    import regex  # noqa: PLC0415

    try:
        return regex.compile(translation.text, regex.MULTILINE | regex.VERSION1)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise ConfigError(f"'{pattern}' is no regular expression: {error}") from None
