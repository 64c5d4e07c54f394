"""Methods of Integer and Float."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

from ingest.ruby.budget import BUDGET
from ingest.ruby.methods import CONSTANTS, method, static
from ingest.ruby.values import (
    Procedure,
    RubyHash,
    Symbol,
    Text,
    Value,
    class_of,
    compare,
    equal,
    failure,
    inspect,
    to_s,
    whole,
)

_NUMBER: Final = (int, float)
_MOST_BITS: Final = 1_000_000


def _number(value: Value, what: str = "") -> Any:
    """Return a number to reckon with."""
    if type(value) in _NUMBER:
        return value
    told = inspect(value) if value is None or isinstance(value, bool) else class_of(value).name
    raise failure("TypeError", f"{told} can't be coerced into {what}")


def _kind(value: Value) -> str:
    return "Integer" if type(value) is int else "Float"


def _checked(value: Any) -> Any:
    if type(value) is int and value.bit_length() > 512:
        BUDGET.make(value.bit_length() >> 3)
    return value


method(_NUMBER, "+")(lambda self, other: _checked(self + _number(other, _kind(self))))
method(_NUMBER, "-")(lambda self, other: _checked(self - _number(other, _kind(self))))
method(_NUMBER, "-@")(lambda self: -self)
method(_NUMBER, "+@")(lambda self: self)
method(int, "~")(lambda self: ~self)


@method(_NUMBER, "*")
def _times(self: Any, other: Value) -> Value:
    number = _number(other, _kind(self))
    if type(self) is int and type(number) is int and self.bit_length() + number.bit_length() > 512:
        BUDGET.make((self.bit_length() + number.bit_length()) >> 3)
        if self.bit_length() + number.bit_length() > _MOST_BITS:
            raise failure("RangeError", "the number would be too large")
    return self * number


def _divided(self: Any, number: Any) -> Value:
    """Divide by Ruby's rules: whole numbers downwards, others as IEEE 754 says."""
    if type(self) is int and type(number) is int:
        return self // number
    try:
        return self / number
    except ZeroDivisionError:
        if self == 0 or math.isnan(self):
            return math.nan
        return math.copysign(math.inf, self) * math.copysign(1, number)


method(_NUMBER, "/")(lambda self, other: _divided(self, _number(other, _kind(self))))


@method(_NUMBER, "div")
def _div(self: Any, other: Value) -> Value:
    number = _number(other, _kind(self))
    if number == 0:
        raise failure("ZeroDivisionError", "divided by 0")
    return math.floor(self / number) if type(self) is float or type(number) is float else self // number


@method(_NUMBER, "%", "modulo")
def _modulo(self: Any, other: Value) -> Value:
    number = _number(other, _kind(self))
    if type(self) is int and type(number) is int:
        return self % number
    if number == 0:
        raise failure("ZeroDivisionError", "divided by 0")
    return math.nan if math.isinf(self) else self % number


@method(_NUMBER, "remainder")
def _remainder(self: Any, other: Value) -> Value:
    number = _number(other, _kind(self))
    if type(self) is int and type(number) is int:
        if number == 0:
            raise failure("ZeroDivisionError", "divided by 0")
        return (
            int(math.copysign(abs(self) % abs(number), self))
            if abs(self) < 2**53
            else self - number * int(self / number)
        )
    if number == 0:
        raise failure("ZeroDivisionError", "divided by 0")
    return math.fmod(self, number)


@method(_NUMBER, "divmod")
def _divmod(self: Any, other: Value) -> Value:
    number = _number(other, _kind(self))
    if number == 0:
        raise failure("ZeroDivisionError", "divided by 0")
    quotient, rest = divmod(self, number)
    return [int(quotient), rest]


@method(_NUMBER, "fdiv", "quo")
def _fdiv(self: Any, other: Value) -> Value:
    return _divided(float(self), _number(other, _kind(self)))


@method(_NUMBER, "**", "pow")
def _power(self: Any, other: Value, modulus: Value = None) -> Value:
    number = _number(other, _kind(self))
    if modulus is not None:
        return pow(whole(self), whole(number), whole(modulus))
    if type(self) is int and type(number) is int:
        if number < 0:
            raise failure("RangeError", "Rational numbers are not known here")
        if max(self.bit_length(), 1) * number > _MOST_BITS and abs(self) > 1:
            return math.inf
        return _checked(self**number)
    try:
        made = self**number
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return math.inf
    return math.nan if isinstance(made, complex) else made


def _bits(self: int, other: Value) -> int:
    if type(other) is not int:
        raise failure(
            "TypeError",
            f"{inspect(other) if other is None or isinstance(other, bool) else class_of(other).name}"
            " can't be coerced into Integer",
        )
    return other


method(int, "&")(lambda self, other: self & _bits(self, other))
method(int, "|")(lambda self, other: self | _bits(self, other))
method(int, "^")(lambda self, other: self ^ _bits(self, other))


@method(int, "<<")
def _left(self: int, other: Value) -> Value:
    by = whole(other)
    if by < 0:
        return self >> -by
    if by + self.bit_length() > _MOST_BITS:
        raise failure("RangeError", "shift width too big")
    return _checked(self << by)


@method(int, ">>")
def _right(self: int, other: Value) -> Value:
    by = whole(other)
    return self >> by if by >= 0 else _left(self, -by)


@method(int, "[]")
def _bit(self: int, at: Value) -> Value:
    place = whole(at)
    return (self >> place) & 1 if 0 <= place < _MOST_BITS else 0


def _relation(name: str) -> None:
    holds: Callable[[int], bool] = {
        "<": lambda o: o < 0,
        "<=": lambda o: o <= 0,
        ">": lambda o: o > 0,
        ">=": lambda o: o >= 0,
    }[name]

    @method(_NUMBER, name)
    def relation(self: Any, other: Value) -> bool:
        order = compare(self, other)
        if order is None:
            if type(other) in _NUMBER:
                return False
            told = inspect(other) if other is None or isinstance(other, bool) else class_of(other).name
            raise failure("ArgumentError", f"comparison of {_kind(self)} with {told} failed")
        return bool(holds(order))


for _name in ("<", "<=", ">", ">="):
    _relation(_name)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


method(_NUMBER, "eql?")(lambda self, other: type(self) is type(other) and equal(self, other))
method(_NUMBER, "to_i", "to_int", "truncate")(
    lambda self, digits=None: whole(self) if digits is None else _truncated(self, digits)
)
method(_NUMBER, "to_f")(_float)
method(_NUMBER, "to_c", "to_r", "rationalize")(lambda self: self)
method(_NUMBER, "abs", "magnitude")(abs)
method(_NUMBER, "zero?")(lambda self: self == 0)
method(_NUMBER, "positive?")(lambda self: self > 0)
method(_NUMBER, "negative?")(lambda self: self < 0)
method(_NUMBER, "nonzero?")(lambda self: None if self == 0 else self)
method(_NUMBER, "integer?")(lambda self: type(self) is int)
method(_NUMBER, "finite?")(lambda self: type(self) is int or math.isfinite(self))
method(_NUMBER, "infinite?")(lambda self: None if type(self) is int or not math.isinf(self) else 1 if self > 0 else -1)
method(float, "nan?")(math.isnan)
method(int, "even?")(lambda self: self % 2 == 0)
method(int, "odd?")(lambda self: self % 2 == 1)
method(int, "succ", "next")(lambda self: self + 1)
method(int, "pred")(lambda self: self - 1)
method(int, "ord")(lambda self: self)
method(int, "bit_length")(lambda self: self.bit_length() if self >= 0 else (~self).bit_length())
method(int, "gcd")(lambda self, other: math.gcd(self, whole(other)))
method(int, "lcm")(lambda self, other: math.lcm(self, whole(other)))
method(int, "size")(lambda self: 8)


def _truncated(self: Any, digits: Value) -> Value:
    places = whole(digits)
    if type(self) is int or places <= 0:
        return _rounded(whole(self), places, "down")
    return _rounded(self, places, "down")


_WAYS: Final = {"up": ROUND_HALF_UP, "even": ROUND_HALF_EVEN}


def _rounded(value: Any, digits: int, way: str) -> Any:
    """Round to decimal places, tens and so on if negative, by the exact value of a Float."""
    if type(value) is int:
        if digits >= 0:
            return value
        if -digits > 400:
            return 0
        unit = 10**-digits
        below, rest = divmod(abs(value), unit)
        if way == "floor":
            return value // unit * unit
        if way == "ceil":
            return -(-value // unit) * unit
        up = {"down": False, "up": rest * 2 >= unit, "even": rest * 2 > unit or (rest * 2 == unit and below % 2 == 1)}[
            way
        ]
        return (below + up) * unit * (1 if value >= 0 else -1)
    if not math.isfinite(value):
        if digits > 0:
            return value
        raise failure("FloatDomainError", inspect(value))
    if digits > 0:
        if digits >= 17 or value == 0:
            return value
        if way in ("floor", "ceil", "down"):
            return _cut(value, digits, way)
        return (
            float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), rounding=_WAYS[way]))
            if abs(value) < 1e16
            else value
        )
    exact = Fraction(value)
    if way == "floor":
        made = math.floor(exact)
    elif way == "ceil":
        made = math.ceil(exact)
    elif way == "down":
        made = math.trunc(exact)
    else:
        size = abs(exact)
        below = math.floor(size)
        rest_ = size - below
        up_ = rest_ > Fraction(1, 2) or (rest_ == Fraction(1, 2) and (way == "up" or below % 2 == 1))
        made = (below + up_) * (1 if exact >= 0 else -1)
    return _rounded(made, digits, way) if digits < 0 else made


def _cut(value: float, digits: int, way: str) -> float:
    scaled = Decimal(repr(value)).scaleb(digits)
    made: int = {"floor": math.floor, "ceil": math.ceil}.get(way, math.trunc)(scaled)
    return float(Decimal(made).scaleb(-digits))


@method(_NUMBER, "round")
def _round(self: Any, digits: Value = 0, options: Value = None) -> Value:
    if type(digits) is RubyHash:
        digits, options = 0, digits
    way = "up"
    if type(options) is RubyHash:
        half = to_s(options.get(Symbol.of("half")))
        if half not in ("", "up", "even"):
            raise failure("ArgumentError", f"invalid rounding mode: {half}")
        way = half or "up"
    return _rounded(self, whole(digits), way)


method(_NUMBER, "floor")(lambda self, digits=0: _rounded(self, whole(digits), "floor"))
method(_NUMBER, "ceil")(lambda self, digits=0: _rounded(self, whole(digits), "ceil"))


@method(_NUMBER, "clamp")
def _clamp(self: Any, least: Value, most: Value = None) -> Value:
    if hasattr(least, "first"):
        least, most = least.first, least.last
    if least is not None and self < least:
        return least
    return most if most is not None and self > most else self


@method(_NUMBER, "between?")
def _between(self: Any, least: Value, most: Value) -> bool:
    return bool(_number(least, _kind(self)) <= self <= _number(most, _kind(self)))


@method(_NUMBER, "coerce")
def _coerce(self: Any, other: Value) -> Value:
    return [other, self] if type(other) is type(self) else [float(_number(other)), float(self)]


@method(int, "to_s", "inspect")
def _to_s(self: int, base: Value = 10) -> Value:
    of = whole(base)
    if of == 10:
        return Text(to_s(self))
    if not 2 <= of <= 36:
        raise failure("ArgumentError", f"invalid radix {of}")
    BUDGET.make(self.bit_length())
    rest, digits = abs(self), ""
    while rest:
        rest, digit = divmod(rest, of)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return Text(("-" if self < 0 else "") + (digits or "0"))


@method(int, "chr")
def _chr(self: int, encoding: Value = None) -> Value:
    if not 0 <= self < 0x110000:
        raise failure("RangeError", f"{self} out of char range")
    return Text(chr(self))


@method(int, "digits")
def _digits(self: int) -> Value:
    return [int(one) for one in reversed(to_s(self))]


@method(int, "times", block=True)
def _times_do(block: Procedure | None, self: int) -> Value:
    if block is None:
        BUDGET.make(max(self, 0))
        return list(range(self))
    for at in range(self):
        block.call(at)
    return self


@method(int, "upto", block=True)
def _upto(block: Procedure, self: int, last: Value) -> Value:
    for at in range(self, whole(last) + 1):
        block.call(at)
    return self


@method(int, "downto", block=True)
def _downto(block: Procedure, self: int, last: Value) -> Value:
    for at in range(self, whole(last) - 1, -1):
        block.call(at)
    return self


@method(_NUMBER, "step", block=True)
def _step(block: Procedure, self: Any, last: Value, by: Value = 1) -> Value:
    at = self
    if _number(by) == 0:
        raise failure("ArgumentError", "step can't be 0")
    while at <= last if by > 0 else at >= last:
        BUDGET.step()
        block.call(at)
        at += by
    return self


CONSTANTS.update({"Float::INFINITY": math.inf, "Float::NAN": math.nan, "Float::MAX": 1.7976931348623157e308,
                  "Float::EPSILON": 2.220446049250313e-16, "Math::PI": math.pi, "Math::E": math.e,
                  "Integer::MAX": 2**63 - 1})  # fmt: skip


def _mathematics(name: str, function: Any) -> None:
    @static("Math", name)
    def mathematics(*values: Value) -> Value:
        try:
            return function(*(float(_number(value, "Float")) for value in values))
        except ValueError:
            if name in ("log", "log2", "log10") and values[0] == 0:
                return -math.inf
            raise failure("ArgumentError", f'Numerical argument is out of domain - "{name}"') from None


for _name in (
    "sqrt",
    "cbrt",
    "log",
    "log2",
    "log10",
    "exp",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "atan2",
    "hypot",
    "pow",
):
    _mathematics(_name, getattr(math, _name))
static("Integer", "sqrt")(lambda value: math.isqrt(whole(value)))
