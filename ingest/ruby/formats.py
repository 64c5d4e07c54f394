"""Numbers read from texts as Ruby's ``Integer()`` and ``Float()`` do, and ``format``."""

from __future__ import annotations

import math
import re
from typing import Final

from ingest.ruby.budget import BUDGET
from ingest.ruby.values import RubyHash, Symbol, Text, Value, class_of, failure, inspect, to_s, whole

_INTEGER: Final = re.compile(
    r"[+-]?(?:0[xX]([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB]([01]+(?:_[01]+)*)|0[oO]?([0-7]+(?:_[0-7]+)*)|(\d+(?:_\d+)*))",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+(?:_\d+)*)(?:\.\d+(?:_\d+)*)?(?:[eE][+-]?\d+)?", re.ASCII)
_SPACES: Final = "\t\n\v\f\r "
_MOST_DIGITS: Final = 4000


def integer(value: Value, base: int | None = None) -> int:
    """Ruby's ``Integer()``.

    Raises:
        Raised: it is none.
    """
    if type(value) is Text:
        text = value.value.strip(_SPACES)
        if len(text) > _MOST_DIGITS:
            raise failure("ArgumentError", "the number has too many digits")
        try:
            if base:
                return int(text, base) if "__" not in text else _no_integer(value)
            if found := _INTEGER.fullmatch(text):
                hexadecimal, binary, octal, plain = found.groups()
                digits, of = next(
                    (one, of) for one, of in ((hexadecimal, 16), (binary, 2), (octal, 8), (plain, 10)) if one
                )
                return int(digits, of) * (-1 if text[0] == "-" else 1)
        except ValueError:
            pass
        return _no_integer(value)
    if value is None:
        raise failure("TypeError", "can't convert nil into Integer")
    if type(value) in (int, float):
        return whole(value)
    if hasattr(value, "seconds"):
        return int(value.seconds())
    raise failure("TypeError", f"can't convert {_named(value)} into Integer")


def _no_integer(value: Value) -> int:
    raise failure("ArgumentError", f"invalid value for Integer(): {inspect(value)}")


def _named(value: Value) -> str:
    return inspect(value) if isinstance(value, bool) else class_of(value).name


def decimal(value: Value) -> float:
    """Ruby's ``Float()``.

    Raises:
        Raised: it is none.
    """
    if type(value) is Text:
        text = value.value.strip(_SPACES)
        if _DECIMAL.fullmatch(text):
            return float(text.replace("_", ""))
        if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", text):
            return float(int(text, 16))
        raise failure("ArgumentError", f"invalid value for Float(): {inspect(value)}")
    if value is None:
        raise failure("TypeError", "can't convert nil into Float")
    if type(value) in (int, float):
        return float(value)
    raise failure("TypeError", f"can't convert {_named(value)} into Float")


_DIRECTIVE: Final = re.compile(
    r"%(?:%|([-+ 0#]*)(?:<(\w+)>)?(\*|\d+)?(?:\.(\d+))?(?:<(\w+)>)?([a-zA-Z])|([-0]*)(\d*)\{(\w+)\})"
)


def formatted(template: str, arguments: list[Value]) -> str:
    """Ruby's ``format``.

    Raises:
        Raised: the template and the arguments do not fit.
    """
    rest = iter(arguments)
    named = arguments[0] if len(arguments) == 1 and type(arguments[0]) is RubyHash else None

    def following() -> Value:
        try:
            return next(rest)
        except StopIteration:
            raise failure("ArgumentError", "too few arguments") from None

    def of_name(name: str) -> Value:
        if named is None:
            raise failure("ArgumentError", "one hash required")
        if Symbol.of(name) not in named.data:
            raise failure("KeyError", f"key<{name}> not found")
        return named.get(Symbol.of(name))

    def write(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        flags, name, width, precision, later, kind, pad_flags, pad, braced = found.groups()
        if braced:
            return _padded(to_s(of_name(braced)), pad_flags, int(pad or 0))
        size = whole(following()) if width == "*" else int(width or 0)
        value = of_name(name or later) if name or later else following()
        if size < 0:
            flags, size = flags + "-", -size
        BUDGET.make(size + int(precision or 0))
        return _directive(flags, size, None if precision is None else int(precision), kind, value)

    stray = re.sub(_DIRECTIVE, "", template)
    if "%" in stray:
        raise failure("ArgumentError", "incomplete format specifier; use %% (double %) instead")
    made = _DIRECTIVE.sub(write, template)
    BUDGET.make(len(made))
    return made


def _padded(text: str, flags: str, width: int) -> str:
    BUDGET.make(width)
    return text.ljust(width) if "-" in flags else text.rjust(width)


def _directive(flags: str, width: int, precision: int | None, kind: str, value: Value) -> str:
    if kind in "sp":
        text = to_s(value) if kind == "s" else inspect(value)
        return _padded(text if precision is None else text[:precision], flags, width)
    if kind == "c":
        return _padded(chr(value) if type(value) is int else to_s(value)[:1], flags, width)
    if kind in "dixXobBu":
        number = math.floor(value) if type(value) is float and math.isfinite(value) else integer(value)
        return _number(flags, width, precision, _digits_of(kind, number), number < 0)
    if kind in "feEgGa":
        number_ = decimal(value)
        if not math.isfinite(number_):
            return _number(flags.replace("0", ""), width, None, "NaN" if math.isnan(number_) else "Inf", number_ < 0)
        if precision is not None and precision > 1000:
            raise failure("ArgumentError", "the precision is more than 1000")
        sharp = "#" if "#" in flags else ""
        text = format(abs(number_), f"{sharp}.{6 if precision is None else precision}{kind}")
        return _number(flags, width, None, text, math.copysign(1, number_) < 0)
    raise failure("ArgumentError", f"malformed format string - %{kind}")


def _digits_of(kind: str, number: int) -> str:
    return (
        format(abs(number), {"i": "d", "u": "d", "B": "b"}.get(kind, kind)) if kind not in "diu" else to_s(abs(number))
    )


def _number(flags: str, width: int, precision: int | None, digits: str, negative: bool) -> str:
    if precision is not None:
        digits = digits.rjust(precision, "0")
    sign = "-" if negative else "+" if "+" in flags else " " if " " in flags else ""
    if "-" in flags:
        return (sign + digits).ljust(width)
    if "0" in flags and precision is None:
        return sign + digits.rjust(width - len(sign), "0")
    return (sign + digits).rjust(width)
