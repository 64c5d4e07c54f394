"""Methods of String."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from ingest.lang import ruby
from ingest.ruby import formats
from ingest.ruby.budget import BUDGET
from ingest.ruby.clock import stamp_in
from ingest.ruby.methods import method, static
from ingest.ruby.patterns import MATCH, Match, RubyRegexp, characters, escaped
from ingest.ruby.values import (
    Procedure,
    RubyHash,
    RubySpan,
    Symbol,
    Text,
    Value,
    class_of,
    compare,
    equal,
    failure,
    inspect,
    text_of,
    to_s,
    whole,
)

_SPACE: Final = "\t\n\v\f\r "
_BOTH: Final = "\0" + _SPACE


def new(text: str) -> Text:
    """Make a String, and count what it takes."""
    BUDGET.make(len(text))
    return Text(text)


def changed(text: Text, value: str) -> Text:
    """Change a String in place."""
    if text.frozen:
        raise failure("FrozenError", f"can't modify frozen String: {inspect(text)}")
    BUDGET.make(len(value))
    text.value = value
    return text


def _both_ways(*names: str, block: bool = False) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Make a method that returns a new String, and one with ``!`` that changes it; nil if nothing changes."""

    def add(function: Callable[..., str]) -> Callable[..., str]:
        if block:

            def made(given: Procedure | None, self: Text, *arguments: Value) -> Value:
                return new(function(given, self.value, *arguments))

            def in_place(given: Procedure | None, self: Text, *arguments: Value) -> Value:
                return _replaced(self, function(given, self.value, *arguments))
        else:

            def made(self: Text, *arguments: Value) -> Value:  # type: ignore[misc] # the other way to call it
                return new(function(self.value, *arguments))

            def in_place(self: Text, *arguments: Value) -> Value:  # type: ignore[misc] # likewise
                return _replaced(self, function(self.value, *arguments))

        for name in names:
            method(Text, name, block=block)(made)
            method(Text, f"{name}!", block=block)(in_place)
        return function

    return add


def _replaced(self: Text, value: str) -> Value:
    if self.frozen:
        changed(self, value)
    if value == self.value:
        return None
    return changed(self, value)


_both_ways("strip")(lambda text: text.rstrip(_BOTH).lstrip(_BOTH))
_both_ways("lstrip")(lambda text: text.lstrip(_BOTH))
_both_ways("rstrip")(lambda text: text.rstrip(_BOTH))
_both_ways("chop")(lambda text: text[:-2] if text.endswith("\r\n") else text[:-1])
_both_ways("upcase")(lambda text, *options: text.upper())
_both_ways("downcase")(lambda text, *options: _lower(text))
_both_ways("swapcase")(lambda text: text.swapcase())
_both_ways("capitalize")(lambda text: _capital(text[:1]) + _lower(text[1:]))
_both_ways("reverse")(lambda text: text[::-1])
_both_ways("scrub")(lambda text, with_=None: text)
_both_ways("unicode_normalize")(
    lambda text, form=None: unicodedata.normalize("NFC" if form is None else to_s(form).upper(), text)  # type: ignore[arg-type] # it says which it knows
)


def _lower(text: str) -> str:
    # Python knows the sigma at a word's end, Ruby, too; and the dotted I.
    return text.lower()


def _capital(text: str) -> str:
    return text.title() if len(text.upper()) > 1 else text.upper()


@_both_ways("chomp")
def _chomp(text: str, end: Value = None) -> str:
    if end is None:
        return text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith(("\n", "\r")) else text
    return text.removesuffix(text_of(end))


_both_ways("delete_prefix")(lambda text, prefix: text.removeprefix(text_of(prefix)))
_both_ways("delete_suffix")(lambda text, suffix: text.removesuffix(text_of(suffix)))

# Substitution.


def _substitute(block: Procedure | None, text: str, arguments: tuple[Value, ...], most: int) -> str:
    if not 1 <= len(arguments) <= 2:
        raise failure("ArgumentError", f"wrong number of arguments (given {len(arguments)}, expected 1..2)")
    pattern = arguments[0]
    expression = pattern if type(pattern) is RubyRegexp else None
    if expression is None:
        expression = RubyRegexp.of(escaped(text_of(pattern)))
    if len(arguments) == 2:
        write = _replacement(expression, arguments[1])
    elif block is not None:
        write = _by_block(expression, block)
    else:
        raise failure("ArgumentError", "wrong number of arguments (given 1, expected 2)")
    parts: list[str] = []
    at = 0
    last = None
    BUDGET.make(len(text) >> 4)
    for found in expression.regex.finditer(text):
        BUDGET.step()
        written = write(found)
        BUDGET.make(len(written))
        parts += [text[at : found.start()], written]
        at, last = found.end(), found
        if most and len(parts) >= 2 * most:
            break
    MATCH.last = Match(last, expression) if last else None
    return "".join(parts) + text[at:]


def _replacement(expression: RubyRegexp, replacement: Value) -> Callable[[re.Match[str]], str]:
    if type(replacement) is RubyHash:
        return lambda found: to_s(replacement.get(Text(found[0])))
    return expression.regex.replacement(text_of(replacement))


def _by_block(expression: RubyRegexp, block: Procedure) -> Callable[[re.Match[str]], str]:
    def write(found: re.Match[str]) -> str:
        MATCH.last = Match(found, expression)
        return to_s(block.call(Text(found[0])))

    return write


_both_ways("gsub", block=True)(lambda block, text, *arguments: _substitute(block, text, arguments, 0))
_both_ways("sub", block=True)(lambda block, text, *arguments: _substitute(block, text, arguments, 1))

# Sets of characters, as `tr`, `delete`, `count` and `squeeze` have them.


def _set(text: str) -> tuple[bool, list[str]]:
    negated = len(text) > 1 and text[0] == "^"
    rest = text[1:] if negated else text
    found: list[str] = []
    at = 0
    while at < len(rest):
        if rest[at] == "\\" and at + 1 < len(rest):
            found.append(rest[at + 1])
            at += 2
        elif at + 2 < len(rest) and rest[at + 1] == "-":
            first, last = ord(rest[at]), ord(rest[at + 2])
            if first > last:
                raise failure("ArgumentError", f'invalid range "{rest[at : at + 3]}" in string transliteration')
            BUDGET.make(last - first)
            found += map(chr, range(first, last + 1))
            at += 3
        else:
            found.append(rest[at])
            at += 1
    return negated, found


def _members(sets: tuple[Value, ...]) -> Callable[[str], bool]:
    if not sets:
        raise failure("ArgumentError", "wrong number of arguments (given 0, expected 1+)")
    made = [(negated, frozenset(found)) for negated, found in (_set(text_of(one)) for one in sets)]
    return lambda character: all((character in found) is not negated for negated, found in made)


def _transliterated(text: str, old: Value, new_: Value, squeeze: bool) -> str:
    negated, source = _set(text_of(old))
    target = _set(text_of(new_))[1] if not text_of(new_).startswith("^") else list(text_of(new_))
    known = frozenset(source)
    table: dict[str, str] = {}
    for place, character in enumerate(source):
        table.setdefault(character, target[min(place, len(target) - 1)] if target else "")
    out: list[str] = []
    last = None
    for character in text:
        hit = (character in known) is not negated
        made = ((target[-1] if target else "") if negated else table[character]) if hit else character
        if squeeze and hit and made == last:
            continue
        out.append(made)
        last = made if hit else None
    return "".join(out)


_both_ways("tr")(lambda text, old, new_: _transliterated(text, old, new_, False))
_both_ways("tr_s")(lambda text, old, new_: _transliterated(text, old, new_, True))


@_both_ways("delete")
def _delete(text: str, *sets: Value) -> str:
    holds = _members(sets)
    return "".join([one for one in text if not holds(one)])


@_both_ways("squeeze")
def _squeeze(text: str, *sets: Value) -> str:
    holds = _members(sets) if sets else lambda one: True
    return "".join([one for at, one in enumerate(text) if not (at and text[at - 1] == one and holds(one))])


@method(Text, "count")
def _count(self: Text, *sets: Value) -> Value:
    return sum(map(_members(sets), self.value))


# Elements and parts.


def bounds(span: RubySpan, size: int) -> tuple[int, int] | None:
    """Return where a range of places begins and ends in something of this size; None if it is outside."""
    first = 0 if span.first is None else whole(span.first)
    last = -1 if span.last is None else whole(span.last)
    first = first + size if first < 0 else first
    last = last + size if last < 0 else last
    if not 0 <= first <= size:
        return None
    end = last if span.exclusive and span.last is not None else last + 1
    return first, max(min(end, size), first)


def _place(text: str, at: Value, length: Value) -> tuple[int, int] | None:
    """Find what `[]` names in a text: where it begins and ends."""
    size = len(text)
    kind = type(at)
    if length is not None and kind is not RubyRegexp:
        first, count = whole(at), whole(length)
        first = first + size if first < 0 else first
        return (first, min(first + count, size)) if 0 <= first <= size and count >= 0 else None
    if kind is int or kind is float:
        place = whole(at)
        place = place + size if place < 0 else place
        return (place, place + 1) if 0 <= place < size else None
    if kind is RubySpan:
        return bounds(at, size)
    if kind is Text:
        found = text.find(at.value)
        return (found, found + len(at.value)) if found >= 0 else None
    if kind is RubyRegexp:
        match = at.search(text)
        if match is None:
            return None
        group: Any = 0 if length is None else length
        if type(group) is not int:
            group = match.expression.regex.names.get(characters(group), 0)
        start, end = match.found.span(group)
        return (start, end) if start >= 0 else None
    whole(at)
    return None


@method(Text, "[]", "slice")
def _slice(self: Text, at: Value, length: Value = None) -> Value:
    place = _place(self.value, at, length)
    return None if place is None else new(self.value[place[0] : place[1]])


@method(Text, "slice!")
def _cut(self: Text, at: Value, length: Value = None) -> Value:
    place = _place(self.value, at, length)
    if place is None:
        return None
    part = new(self.value[place[0] : place[1]])
    changed(self, self.value[: place[0]] + self.value[place[1] :])
    return part


@method(Text, "[]=")
def _set_part(self: Text, at: Value, *rest: Value) -> Value:
    length, value = (rest[0], rest[1]) if len(rest) == 2 else (None, rest[0])
    place = _place(self.value, at, length)
    if place is None:
        raise failure(
            "IndexError", "string not matched" if type(at) in (Text, RubyRegexp) else f"index {to_s(at)} out of string"
        )
    changed(self, self.value[: place[0]] + text_of(value) + self.value[place[1] :])
    return value


@method(Text, "insert")
def _insert(self: Text, at: Value, other: Value) -> Value:
    place, size = whole(at), len(self.value)
    place = place + size + 1 if place < 0 else place
    if not 0 <= place <= size:
        raise failure("IndexError", f"index {whole(at)} out of string")
    return changed(self, self.value[:place] + text_of(other) + self.value[place:])


@method(Text, "index")
def _index(self: Text, what: Value, start: Value = 0) -> Value:
    begin = whole(start)
    begin = begin + len(self.value) if begin < 0 else begin
    if not 0 <= begin <= len(self.value):
        return None
    if type(what) is RubyRegexp:
        found = what.search(self.value, begin)
        return found.found.start() if found else None
    place = self.value.find(text_of(what), begin)
    return place if place >= 0 else None


@method(Text, "rindex")
def _rindex(self: Text, what: Value, start: Value = None) -> Value:
    end = len(self.value) if start is None else whole(start)
    end = end + len(self.value) if end < 0 else end
    if type(what) is RubyRegexp:
        starts = [one.start() for one in what.regex.finditer(self.value) if one.start() <= end]
        return starts[-1] if starts else None
    part = text_of(what)
    place = self.value.rfind(part, 0, end + len(part))
    return place if place >= 0 else None


@method(Text, "partition")
def _partition(self: Text, what: Value) -> Value:
    place = _place(self.value, what, None)
    if place is None:
        return [new(self.value), Text(""), Text("")]
    start, end = place
    return [new(self.value[:start]), new(self.value[start:end]), new(self.value[end:])]


@method(Text, "rpartition")
def _rpartition(self: Text, what: Value) -> Value:
    if type(what) is RubyRegexp:
        every = list(what.regex.finditer(self.value))
        if not every:
            return [Text(""), Text(""), new(self.value)]
        start, end = every[-1].span()
        return [new(self.value[:start]), new(self.value[start:end]), new(self.value[end:])]
    return [new(part) for part in self.value.rpartition(text_of(what))]


@method(Text, "split", block=True)
def _split(block: Procedure | None, self: Text, separator: Value = None, limit: Value = 0) -> Value:
    parts = _pieces(self.value, separator, whole(limit))
    BUDGET.make(len(self.value) + len(parts))
    made = [Text(part) for part in parts]
    if block is None:
        return made
    for one in made:
        block.call(one)
    return self


def _pieces(text: str, separator: Value, limit: int) -> list[str]:
    if not text:
        return []
    if limit == 1:
        return [text]
    if separator is None or (type(separator) is Text and separator.value == " "):
        begun = text.lstrip(_BOTH)
        if limit > 0:
            parts = re.split(r"[\0\t-\r ]+", begun, maxsplit=limit - 1)
            return parts if begun else []
        parts = re.split(r"[\0\t-\r ]+", begun)
    elif type(separator) is RubyRegexp:
        parts = _by_expression(text, separator, limit)
    elif not text_of(separator):
        parts = [*text[: limit - 1], text[limit - 1 :]] if 0 < limit <= len(text) else [*text, *([""] if limit else [])]
    else:
        parts = text.split(separator.value, limit - 1 if limit > 0 else -1)
    if limit == 0:
        while parts and not parts[-1]:
            parts.pop()
    return parts


def _by_expression(text: str, separator: RubyRegexp, limit: int) -> list[str]:
    parts: list[str] = []
    at, pieces = 0, 1
    for found in separator.regex.finditer(text):
        if limit > 0 and pieces >= limit:
            break
        start, end = found.span()
        if start == end:
            # An empty match splits between characters, not before the first or behind the last.
            if start >= len(text) or (start == at == 0 and not start):
                continue
            if start == at:
                continue
        elif end == 0:
            continue
        parts.append(text[at:start])
        parts += [group for group in found.groups() if group is not None]
        at = end
        pieces += 1
    parts.append(text[at:])
    return parts


@method(Text, "scan", block=True)
def _scan(block: Procedure | None, self: Text, pattern: Value) -> Value:
    expression = pattern if type(pattern) is RubyRegexp else RubyRegexp.of(escaped(text_of(pattern)))
    made: list[Value] = []
    BUDGET.make(len(self.value) >> 4)
    for found in expression.regex.finditer(self.value):
        BUDGET.step()
        MATCH.last = Match(found, expression)
        one: Value = (
            [None if part is None else new(part) for part in found.groups()] if found.groups() else new(found[0])
        )
        if block is None:
            made.append(one)
        else:
            block.call(one)
    return made if block is None else self


@method(Text, "match", block=True)
def _match(block: Procedure | None, self: Text, pattern: Value, start: Value = 0) -> Value:
    found = _expression(pattern).search(self.value, whole(start))
    return block.call(found) if block and found else found


@method(Text, "match?")
def _matches(self: Text, pattern: Value) -> Value:
    kept = MATCH.last
    found = _expression(pattern).search(self.value) is not None
    MATCH.last = kept
    return found


def _expression(pattern: Value) -> RubyRegexp:
    return pattern if type(pattern) is RubyRegexp else RubyRegexp.of(text_of(pattern))


@method(Text, "start_with?")
def _starts(self: Text, *prefixes: Value) -> Value:
    for prefix in prefixes:
        if type(prefix) is RubyRegexp:
            found = prefix.search(self.value)
            if found is not None and found.found.start() == 0:
                return True
        elif self.value.startswith(text_of(prefix)):
            return True
    return False


method(Text, "end_with?")(lambda self, *ends: any(self.value.endswith(text_of(end)) for end in ends))
method(Text, "include?")(lambda self, other: text_of(other) in self.value)

# The rest, in short.

method(Text, "to_s", "to_str")(lambda self: self)
method(Text, "to_sym", "intern")(lambda self: Symbol.of(self.value))
method(Text, "length", "size")(lambda self: len(self.value))
method(Text, "bytesize")(lambda self: len(self.value.encode("utf-8", "surrogatepass")))
method(Text, "empty?")(lambda self: not self.value)
method(Text, "ascii_only?")(lambda self: self.value.isascii())
method(Text, "valid_encoding?")(lambda self: True)
method(Text, "force_encoding", "encode", "unpack_utf8", "unicode_normalized")(
    lambda self, *options: _encoded(self, options)
)
method(Text, "b", "+@")(lambda self: Text(self.value) if self.frozen else self)
method(Text, "-@")(lambda self: self if self.frozen else Text(self.value, frozen=True))
method(Text, "chars")(lambda self: [new(one) for one in self.value])
method(Text, "lines")(
    lambda self: (
        [new(line) for line in self.value.splitlines(keepends=True)] if _plain_lines(self.value) else _lines(self.value)
    )
)
method(Text, "bytes")(lambda self: list(_octets(self)))
method(Text, "codepoints")(lambda self: [ord(one) for one in self.value])
method(Text, "ord")(lambda self: ord(self.value[0]) if self.value else _empty())
method(Text, "chr")(lambda self: Text(self.value[:1]))
method(Text, "hex")(lambda self: _of_base(self.value, 16))
method(Text, "oct")(lambda self: _of_base(self.value, 8))
method(Text, "to_f")(
    lambda self: stamp.nanos / 10**9 if (stamp := stamp_in(self.value)) else ruby.to_f(_ascii(_bounded(self.value)))
)
method(Text, "to_c", "to_r")(lambda self: ruby.to_f(_bounded(self.value)))
method(Text, "succ", "next")(lambda self: Text(successor(self.value)))
method(Text, "==", "===", "eql?")(equal)
method(Text, "casecmp")(lambda self, other: compare(Text(_ascii_lower(self.value)), Text(_ascii_lower(text_of(other)))))
method(Text, "casecmp?")(lambda self, other: self.value.casefold() == text_of(other).casefold())
method(Text, "%")(lambda self, values: new(formats.formatted(self.value, values if type(values) is list else [values])))
method(Text, "crypt", "unpack", "unpack1")(lambda self, *options: _unpack())
method(Text, "hash")(lambda self: hash(self.value))
method(Text, "sum")(lambda self: sum(_octets(self)) & 0xFFFF)
method(Text, "replace")(lambda self, other: changed(self, text_of(other)))
method(Text, "clear")(lambda self: changed(self, ""))
method(Text, "prepend")(lambda self, *others: changed(self, "".join(map(text_of, others)) + self.value))
method(Text, "between?")(lambda self, least, most: text_of(least) <= self.value <= text_of(most))
method(Text, "getbyte")(
    lambda self, at: _octets(self)[whole(at)] if -len(_octets(self)) <= whole(at) < len(_octets(self)) else None
)
method(Text, "byteslice")(
    lambda self, at, length=1: new(_octets(self)[whole(at) : whole(at) + whole(length)].decode("utf-8", "ignore"))
)


def _octets(text: Text) -> bytes:
    BUDGET.make(len(text.value))
    return text.value.encode("utf-8", "surrogatepass")


def _encoded(self: Text, options: tuple[Value, ...]) -> Value:
    for one in options:
        if type(one) is Text and one.value.upper().replace("_", "-") not in (
            "UTF-8",
            "UTF8",
            "US-ASCII",
            "ASCII",
            "UTF-16",
            "ASCII-8BIT",
            "BINARY",
            "ISO-8859-1",
        ):
            raise failure("ArgumentError", f"unknown encoding name - {one.value}")
    return self


def _plain_lines(text: str) -> bool:
    return text.isascii() and not any(one in text for one in "\r\v\f\x1c\x1d\x1e")


def _lines(text: str) -> list[Value]:
    return [new(line) for line in re.findall(r"[^\n]*\n|[^\n]+", text)]


def _empty() -> Value:
    raise failure("ArgumentError", "empty string")


def _unpack() -> Value:
    raise failure("NotImplementedError" if False else "ArgumentError", "bytes are not unpacked here")


def _ascii(text: str) -> str:
    return re.match(r"[\x00-\x7f]*", text)[0]  # type: ignore[index] # it matches always


def _ascii_lower(text: str) -> str:
    return "".join(one.lower() if one.isascii() else one for one in text)


def _bounded(text: str) -> str:
    return text[:4000]


def _of_base(text: str, base: int) -> int:
    prefix = {16: "(?:0[xX])?", 8: "(?:0[oO]?)?", 2: "(?:0[bB])?"}.get(base, "")
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"[:base]
    found = re.match(
        rf"[\t-\r ]*([+-]?){prefix}([{digits}{digits[10:].upper()}]+(?:_[{digits}{digits[10:].upper()}]+)*)",
        text[:4000],
    )
    return int(found[1] + found[2].replace("_", ""), base) if found else 0


@method(Text, "to_i")
def _to_i(self: Text, base: Value = 10) -> Value:
    of = whole(base)
    if not 2 <= of <= 36:
        raise failure("ArgumentError", f"invalid radix {of}")
    if of == 10 and (stamp := stamp_in(self.value)):
        return stamp.seconds()
    return _of_base(self.value, of)


@method(Text, "+")
def _plus(self: Text, other: Value) -> Value:
    return new(self.value + text_of(other))


@method(Text, "*")
def _times(self: Text, other: Value) -> Value:
    count = whole(other)
    if count < 0:
        raise failure("ArgumentError", "argument must be non-negative")
    BUDGET.make(len(self.value) * count)
    return Text(self.value * count)


@method(Text, "<<")
def _append(self: Text, other: Value) -> Value:
    return changed_by(self, chr(other) if type(other) is int else text_of(other))


@method(Text, "concat")
def _concat(self: Text, *others: Value) -> Value:
    return changed_by(self, "".join(chr(one) if type(one) is int else text_of(one) for one in others))


def changed_by(text: Text, more: str) -> Text:
    """Append to a String."""
    if text.frozen:
        raise failure("FrozenError", f"can't modify frozen String: {inspect(text)}")
    BUDGET.make(len(more))
    text.value += more
    return text


def _padded(self: Text, width: Value, pad: Value, side: str) -> Value:
    size, filling = whole(width), " " if pad is None else text_of(pad)
    if not filling:
        raise failure("ArgumentError", "zero width padding")
    missing = size - len(self.value)
    if missing <= 0:
        return Text(self.value)
    BUDGET.make(size)
    left = {"left": missing, "right": 0, "center": missing // 2}[side]
    return Text(_repeated(filling, left) + self.value + _repeated(filling, missing - left))


def _repeated(filling: str, count: int) -> str:
    return (filling * (count // len(filling) + 1))[:count]


method(Text, "rjust")(lambda self, width, pad=None: _padded(self, width, pad, "left"))
method(Text, "ljust")(lambda self, width, pad=None: _padded(self, width, pad, "right"))
method(Text, "center")(lambda self, width, pad=None: _padded(self, width, pad, "center"))


def _relation(name: str, holds: Callable[[int], bool]) -> None:
    @method(Text, name)
    def relation(self: Text, other: Value) -> Value:
        order = compare(self, other)
        if order is None:
            plain = other is None or isinstance(other, bool | int | float)
            told = inspect(other) if plain else class_of(other).name
            raise failure("ArgumentError", f"comparison of String with {told} failed")
        return holds(order)


_relation("<", lambda order: order < 0)
_relation("<=", lambda order: order <= 0)
_relation(">", lambda order: order > 0)
_relation(">=", lambda order: order >= 0)


@method(Text, "each_char", block=True)
def _each_char(block: Procedure | None, self: Text) -> Value:
    if block is None:
        return [new(one) for one in self.value]
    for one in self.value:
        block.call(Text(one))
    return self


@method(Text, "each_line", block=True)
def _each_line(block: Procedure | None, self: Text, separator: Value = None) -> Value:
    lines = _lines(self.value)
    if block is None:
        return lines
    for one in lines:
        block.call(one)
    return self


@method(Text, "each_byte", block=True)
def _each_byte(block: Procedure | None, self: Text) -> Value:
    if block is None:
        return list(_octets(self))
    for one in _octets(self):
        block.call(one)
    return self


def successor(text: str) -> str:
    """Ruby's ``succ``: the next one in the order of letters and digits."""
    if not text:
        return ""
    places = [at for at, one in enumerate(text) if one.isascii() and one.isalnum()]
    if not places:
        return text[:-1] + chr(ord(text[-1]) + 1)
    out = list(text)
    # Only the last run of letters and digits counts on, unless nothing but signs stands between.
    for at in reversed(places):
        one = out[at]
        if one not in "zZ9":
            out[at] = chr(ord(one) + 1)
            return "".join(out)
        out[at] = {"z": "a", "Z": "A", "9": "0"}[one]
        before = at - 1
        if before < 0 or before not in places:
            out.insert(at, {"z": "a", "Z": "A", "9": "1"}[one])
            return "".join(out)
    return "".join(out)


@static("String", "new")
def _new(text: Value = None, options: Value = None) -> Value:
    return Text("" if text is None or type(text) is RubyHash else text_of(text))
