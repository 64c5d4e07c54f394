"""The values of a program: what Python has no type for, and Ruby's rules of truth, equality, order and writing.

nil, true, false, Integer, Float and Array are Python's ``None``, ``bool``, ``int``, ``float`` and ``list``. A Python
``str`` is never a value: a String is a `Text`, as it can be changed in place, a Symbol is a `Symbol`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NoReturn

from ingest.lang import ruby
from ingest.ruby.budget import BUDGET

Value = Any


class Text:
    """A String: characters that can be changed in place, unless it is frozen."""

    __slots__ = ("frozen", "value")

    def __init__(self, value: str, frozen: bool = False) -> None:
        self.value = value
        self.frozen = frozen


class Symbol:
    """A Symbol; there is one for each name."""

    __slots__ = ("name",)
    _all: Final[dict[str, Symbol]] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def of(cls, name: str) -> Symbol:
        """Return the symbol of this name."""
        found = cls._all.get(name)
        if found is None:
            found = cls(name)
            # Symbols that events make (`to_sym`) are not kept for ever: two of one name are equal by name.
            if len(cls._all) < 10_000:
                cls._all[name] = found
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and other.name == self.name

    def __hash__(self) -> int:
        return hash((Symbol, self.name))


class _Key:
    """A hash's key of a type whose values Python holds for equal to others': true and 1, 1.0 and 1."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: str, value: Any) -> None:
        self.kind, self.value = kind, value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.kind == self.kind and bool(equal(self.value, other.value))

    def __hash__(self) -> int:
        return hash((self.kind, _hashable(self.value)))


def _hashable(value: Value) -> Any:
    if isinstance(value, list):
        return tuple(_hashable(one) for one in value)
    if isinstance(value, Text):
        return value.value
    if isinstance(value, RubyHash):
        return len(value.data)
    return value


def key_of(value: Value) -> Any:
    """Return what stands for a value as a key of a Python dictionary; a String is its characters."""
    kind = type(value)
    if kind is Text:
        return value.value
    if kind is int or value is None or kind is Symbol:
        return value
    if kind is list:
        return _Key("list", list(value))
    return _Key(kind.__name__, value)


def of_key(key: Any) -> Value:
    """Return the value of a key."""
    if type(key) is str:
        return Text(key, frozen=True)
    return key.value if type(key) is _Key else key


class RubyHash:
    """A RubyHash in the order of its keys' coming, perhaps with a default."""

    __slots__ = ("busy", "data", "default", "default_block", "frozen")

    def __init__(self, data: dict[Any, Value] | None = None) -> None:
        self.data: dict[Any, Value] = {} if data is None else data
        self.default: Value = None
        self.default_block: Any = None
        self.frozen = False
        self.busy = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[Value, Value]]) -> RubyHash:
        """Make one of keys and values."""
        return cls({key_of(key): value for key, value in pairs})

    def get(self, key: Value) -> Value:
        """Return what stands at a key, or the default."""
        found = self.data.get(key_of(key), _ABSENT)
        if found is not _ABSENT:
            return found
        if self.default_block is not None:
            return self.default_block(self, key)
        return self.default

    def put(self, key: Value, value: Value) -> None:
        """Set a key."""
        if self.frozen:
            raise failure("FrozenError", f"can't modify frozen Hash: {inspect(self)}")
        at = key_of(key)
        if at not in self.data:
            if self.busy:
                raise failure("RuntimeError", "can't add a new key into hash during iteration")
            BUDGET.make(8)
        self.data[at] = value

    def pairs(self) -> Iterator[tuple[Value, Value]]:
        """Yield keys and values, of those that are still there; none may be added meanwhile."""
        self.busy += 1
        try:
            for key in list(self.data):
                if key in self.data:
                    yield of_key(key), self.data[key]
        finally:
            self.busy -= 1


_ABSENT: Final[Any] = object()


class RubySpan:
    """A Range."""

    __slots__ = ("exclusive", "first", "last")

    def __init__(self, first: Value, last: Value, exclusive: bool) -> None:
        self.first, self.last, self.exclusive = first, last, exclusive


class Class:
    """A class or module of Ruby's, by its name; `above` are those that it is derived of, nearest first."""

    __slots__ = ("above", "name")

    def __init__(self, name: str, above: tuple[str, ...] = ()) -> None:
        self.name, self.above = name, above


class Raised(Exception):  # noqa: N818 - the exception of a program, which has a class of its own
    """An exception that a program raises or a method of its values."""

    def __init__(self, kind: Class, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class Procedure:
    """A block, a lambda or a method as a value."""

    __slots__ = ("call", "is_lambda", "parameters")

    def __init__(self, call: Callable[..., Value], parameters: int = 1, is_lambda: bool = False) -> None:
        self.call, self.parameters, self.is_lambda = call, parameters, is_lambda


_STANDARD: Final = ("StandardError", "Exception", "Object")
_ERRORS: Final = {
    "Exception": ("Object",),
    "StandardError": _STANDARD[1:],
    "ArgumentError": _STANDARD,
    "EncodingError": _STANDARD,
    "FiberError": _STANDARD,
    "IOError": _STANDARD,
    "IndexError": _STANDARD,
    "KeyError": ("IndexError", *_STANDARD),
    "StopIteration": ("IndexError", *_STANDARD),
    "LocalJumpError": _STANDARD,
    "NameError": _STANDARD,
    "NoMethodError": ("NameError", *_STANDARD),
    "RangeError": _STANDARD,
    "FloatDomainError": ("RangeError", *_STANDARD),
    "RegexpError": _STANDARD,
    "RuntimeError": _STANDARD,
    "FrozenError": ("RuntimeError", *_STANDARD),
    "SystemStackError": ("Exception", "Object"),
    "TypeError": _STANDARD,
    "ZeroDivisionError": _STANDARD,
    "JSON::JSONError": _STANDARD,
    "JSON::ParserError": ("JSON::JSONError", *_STANDARD),
    "JSON::GeneratorError": ("JSON::JSONError", *_STANDARD),
    "LogStash::Error": _STANDARD,
    "LogStash::TimestampParserError": _STANDARD,
    "LogStash::Json::ParserError": _STANDARD,
}
_COMPARABLE: Final = ("Comparable", "Object")
CLASSES: Final[dict[str, Class]] = {
    name: Class(name, above)
    for name, above in {
        "Object": (),
        "Comparable": (),
        "Enumerable": (),
        "Kernel": (),
        "NilClass": ("Object",),
        "TrueClass": ("Object",),
        "FalseClass": ("Object",),
        "Numeric": _COMPARABLE,
        "Integer": ("Numeric", *_COMPARABLE),
        "Float": ("Numeric", *_COMPARABLE),
        "String": _COMPARABLE,
        "Symbol": _COMPARABLE,
        "Array": ("Enumerable", "Object"),
        "Hash": ("Enumerable", "Object"),
        "Range": ("Enumerable", "Object"),
        "Regexp": ("Object",),
        "MatchData": ("Object",),
        "Proc": ("Object",),
        "Time": _COMPARABLE,
        "Class": ("Module", "Object"),
        "Module": ("Object",),
        "LogStash::Timestamp": _COMPARABLE,
        "LogStash::Event": ("Object",),
        **_ERRORS,
    }.items()
}


def failure(kind: str, message: str) -> Raised:
    """Make an exception of a class."""
    return Raised(CLASSES[kind], message)


def undefined(name: str, value: Value) -> NoReturn:
    """Raise what Ruby raises for a method that a value has not."""
    if value is None or isinstance(value, bool):
        whom = f"{inspect(value)}:{class_of(value).name}"
    elif isinstance(value, Class):
        whom = f"{value.name}:Class"
    else:
        written = inspect(value)
        whom = f"{written}:{class_of(value).name}" if len(written) <= 65 else f"#<{class_of(value).name}>"
    raise failure("NoMethodError", f"undefined method `{name}' for {whom}")


_NAMES: Final[dict[type, str]] = {
    type(None): "NilClass",
    int: "Integer",
    float: "Float",
    list: "Array",
    Text: "String",
    Symbol: "Symbol",
    RubyHash: "Hash",
    RubySpan: "Range",
    Procedure: "Proc",
    Class: "Class",
}


def named(kind: type, name: str) -> None:
    """Say what a Python type's values are called: for the modules that have types of their own."""
    _NAMES[kind] = name


def class_of(value: Value) -> Class:
    """Return a value's class."""
    if value is True:
        return CLASSES["TrueClass"]
    if value is False:
        return CLASSES["FalseClass"]
    if isinstance(value, Raised):
        return value.kind
    return CLASSES[_NAMES[type(value)]]


def is_a(value: Value, kind: Class) -> bool:
    """Whether a value is of a class, or of one derived of it."""
    own = class_of(value)
    return own.name == kind.name or kind.name in own.above or kind.name in ("BasicObject", "Kernel")


def truthy(value: Value) -> bool:
    """Whether a condition holds: all but nil and false are true."""
    return value is not None and value is not False


def equal(left: Value, right: Value) -> bool:
    """Ruby's ``==``."""
    kind, other = type(left), type(right)
    if kind is other:
        if kind is Text:
            return bool(left.value == right.value)
        if kind is list:
            return len(left) == len(right) and all(map(equal, left, right))
        if kind is RubyHash:
            return left.data.keys() == right.data.keys() and all(
                equal(value, right.data[key]) for key, value in left.data.items()
            )
        if kind is RubySpan:
            return bool(
                equal(left.first, right.first) and equal(left.last, right.last) and left.exclusive == right.exclusive
            )
        return bool(left == right)
    if kind in (int, float) and other in (int, float):
        return bool(left == right)
    return False


def compare(left: Value, right: Value) -> int | None:
    """Ruby's ``<=>``: None for values that have no order."""
    found: int | None = _compared(left, right)
    return found


def _compared(left: Value, right: Value) -> Any:
    kind, other = type(left), type(right)
    if kind in (int, float) and other in (int, float):
        if math.isnan(left) or math.isnan(right):
            return None
        return (left > right) - (left < right)
    if kind is not other:
        return None
    if kind is Text:
        # Ruby compares bytes; the order of UTF-8 is that of its code points.
        return (left.value > right.value) - (left.value < right.value)
    if kind is Symbol:
        return (left.name > right.name) - (left.name < right.name)
    if kind is list:
        for one, another in zip(left, right, strict=False):
            order = compare(one, another)
            if order != 0:
                return order
        return (len(left) > len(right)) - (len(left) < len(right))
    if hasattr(left, "order"):
        return left.order(right)
    return 0 if equal(left, right) else None


def ordered(left: Value, right: Value) -> int:
    """Compare for sorting.

    Raises:
        Raised: the values have no order.
    """
    order = compare(left, right)
    if order is None:
        raise failure("ArgumentError", f"comparison of {class_of(left).name} with {_brief(right)} failed")
    return order


def _brief(value: Value) -> str:
    plain = value is None or isinstance(value, bool | int | float)
    return inspect(value) if plain else class_of(value).name


def to_s(value: Value) -> str:
    """Ruby's ``to_s``."""
    kind = type(value)
    if kind is Text:
        return str(value.value)
    if kind is int:
        return _digits(value)
    if value is None:
        return ""
    if kind is Symbol:
        return str(value.name)
    if kind is RubySpan:
        return f"{to_s(value.first)}{'...' if value.exclusive else '..'}{to_s(value.last)}"
    if isinstance(value, Raised):
        return value.message
    if hasattr(value, "text"):
        return str(value.text())
    return inspect(value)


def inspect(value: Value, depth: int = 0) -> str:
    """Ruby's ``inspect``, in its spelling before 3.4, which is Logstash's."""
    if depth > 100:
        raise failure("SystemStackError", "stack level too deep")
    kind = type(value)
    if kind is Text:
        return _quoted(value.value)
    if value is None:
        return "nil"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return _digits(value)
    if kind is float:
        if math.isnan(value):
            return "NaN"
        return ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else _decimal(value)
    if kind is Symbol:
        return ":" + (value.name if _is_plain_symbol(value.name) else _quoted(value.name))
    if kind is list:
        BUDGET.make(len(value))
        return f"[{', '.join([inspect(one, depth + 1) for one in value])}]"
    if kind is RubyHash:
        BUDGET.make(len(value.data))
        inner = [f"{inspect(of_key(key))}=>{inspect(one, depth + 1)}" for key, one in value.data.items()]
        return "{" + ", ".join(inner) + "}"
    if kind is RubySpan:
        last = "" if value.last is None else inspect(value.last)
        return f"{inspect(value.first)}{'...' if value.exclusive else '..'}{last}"
    if kind is Class:
        return str(value.name)
    if isinstance(value, Raised):
        return f"#<{value.kind.name}: {value.message}>" if value.message else value.kind.name
    if hasattr(value, "inspected"):
        return str(value.inspected())
    return f"#<{class_of(value).name}>"


def _decimal(value: float) -> str:
    written = ruby.inspect(value)
    digits = written.lstrip("-").removesuffix(".0")
    if len(digits) == 16 and digits.isdigit():
        # With 16 digits before the dot and none behind it, Ruby writes an exponent, and Python none yet.
        return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:].rstrip('0') or '0'}e+15"
    return written


def _digits(value: int) -> str:
    # Python refuses more than 4300 digits, as they take time; `BUDGET` has counted these.
    if -(10**18) < value < 10**18:
        return str(value)
    BUDGET.make(value.bit_length())
    if value.bit_length() > 14_000:
        raise failure("RangeError", "a number of more than 4300 digits is not written")
    return str(value)


def _is_plain_symbol(name: str) -> bool:
    bare = name[:-1] if name[-1:] in ("?", "!", "=") else name
    return (bare.isidentifier() and bare.isascii()) or name in _OPERATORS


_OPERATORS: Final = frozenset(
    [
        "[]",
        "[]=",
        "**",
        "<=>",
        "==",
        "===",
        "=~",
        "!",
        "!=",
        "!~",
        "<<",
        ">>",
        "<=",
        ">=",
        "<",
        ">",
        "+",
        "-",
        "*",
        "/",
        "%",
        "&",
        "|",
        "^",
        "~",
        "+@",
        "-@",
    ]
)
_ESCAPES: Final = {
    '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\a": "\\a", "\b": "\\b",
    "\v": "\\v", "\f": "\\f",
}  # fmt: skip


def _quoted(text: str) -> str:
    written: list[str] = ['"']
    for at, character in enumerate(text):
        if escape := _ESCAPES.get(character):
            written.append(escape)
        elif character == "#" and text[at + 1 : at + 2] in ("{", "$", "@"):
            written.append("\\#")
        elif character.isprintable() or character == "\u3000":
            written.append(character)
        elif character == "\x7f":
            written.append("\\x7F")
        else:
            code = ord(character)
            written.append(f"\\u{code:04X}" if code < 0x10000 else f"\\u{{{code:X}}}")
    written.append('"')
    return "".join(written)


def copied(value: Value) -> Value:
    """Ruby's ``dup``."""
    if type(value) is Text:
        return Text(value.value)
    if type(value) is list:
        BUDGET.make(len(value))
        return list(value)
    if type(value) is RubyHash:
        BUDGET.make(len(value.data))
        copy = RubyHash(dict(value.data))
        copy.default, copy.default_block = value.default, value.default_block
        return copy
    return value


def _described(value: Value) -> str:
    return inspect(value) if value is None or isinstance(value, bool) else class_of(value).name


def text_of(value: Value) -> str:
    """Return the characters of a String.

    Raises:
        Raised: it is none.
    """
    if type(value) is Text:
        return str(value.value)
    raise failure("TypeError", f"no implicit conversion of {_described(value)} into String")


def whole(value: Value) -> int:
    """Return an Integer, or the whole part of a Float.

    Raises:
        Raised: it is no number.
    """
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is float:
        if math.isnan(value) or math.isinf(value):
            raise failure("FloatDomainError", inspect(value))
        return int(value)
    if value is None or kind is bool:
        raise failure(
            "TypeError",
            f"no implicit conversion {'from' if value is None else 'of'} {inspect(value)} "
            f"{'to integer' if value is None else 'into Integer'}",
        )
    raise failure("TypeError", f"no implicit conversion of {class_of(value).name} into Integer")


def list_of(value: Value) -> list[Value]:
    """Return an Array.

    Raises:
        Raised: it is none.
    """
    if type(value) is list:
        return value
    raise failure("TypeError", f"no implicit conversion of {_described(value)} into Array")
