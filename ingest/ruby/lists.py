"""Methods of Array and Range, and those of Enumerable that a RubyHash has, too."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cmp_to_key
from itertools import combinations, product
from typing import Any, Final

from ingest.ruby.budget import BUDGET
from ingest.ruby.methods import METHODS, call, method, static
from ingest.ruby.operators import BINARY, case_equal, covers
from ingest.ruby.strings import bounds, successor
from ingest.ruby.values import (
    Procedure,
    RubyHash,
    RubySpan,
    Text,
    Value,
    class_of,
    compare,
    equal,
    failure,
    inspect,
    key_of,
    list_of,
    named,
    ordered,
    text_of,
    to_s,
    truthy,
    whole,
)

MANY: Final = (list, RubyHash, RubySpan)


class Pending:
    """What ``map`` and its like are without a block: they wait for ``with_index`` and its like."""

    __slots__ = ("name", "source")

    def __init__(self, source: Value, name: str) -> None:
        self.source, self.name = source, name


named(Pending, "Enumerator")


def _named_enumerator() -> None:
    from ingest.ruby.values import CLASSES, Class  # noqa: PLC0415 - only here

    CLASSES["Enumerator"] = Class("Enumerator", ("Enumerable", "Object"))


_named_enumerator()


def elements(value: Value) -> Iterator[Value]:
    """Yield what a list, a hash or a range holds; a list that grows meanwhile is followed."""
    if type(value) is list:
        at = 0
        while at < len(value):
            yield value[at]
            at += 1
    elif type(value) is RubyHash:
        for key, one in value.pairs():
            yield [key, one]
    elif type(value) is RubySpan:
        yield from _between(value)
    elif type(value) is Pending:
        if value.name in ("each_with_index", "with_index"):
            yield from ([one, at] for at, one in enumerate(elements(value.source)))
        else:
            yield from elements(value.source)
    else:
        raise failure("TypeError", f"{class_of(value).name} holds nothing to go through")


def _between(span: RubySpan) -> Iterator[Value]:
    first, last = span.first, span.last
    if type(first) is int:
        at = first
        while last is None or at < last or (at == last and not span.exclusive):
            BUDGET.step()
            yield at
            at += 1
        return
    if type(first) is Text and type(last) is Text:
        at_ = first.value
        end = last.value
        while len(at_) <= len(end):
            BUDGET.step()
            if at_ == end:
                if not span.exclusive:
                    yield Text(at_)
                return
            yield Text(at_)
            at_ = successor(at_)
        return
    raise failure("TypeError", f"can't iterate from {class_of(first).name}")


def listed(value: Value) -> list[Value]:
    """Return the elements as a list."""
    if type(value) is list:
        return value
    if type(value) is RubySpan and type(value.first) is int and type(value.last) is int:
        BUDGET.make(max(value.last - value.first, 0))
    return list(elements(value))


def many(*names: str, block: bool = False) -> Callable[[Any], Any]:
    """Make a function a method of all that holds elements."""
    return method((*MANY, Pending), *names, block=block)


def pending(name: str) -> None:
    """Make a method that has a block wait for one where it has none."""
    for kind in (*MANY, Pending):
        found = METHODS[name].get(kind)
        if found is None:
            continue
        inner = found.function

        def perhaps(block: Procedure | None, self: Value, *arguments: Value, inner: Any = inner) -> Value:
            return Pending(self, name) if block is None else inner(block, self, *arguments)

        METHODS[name][kind] = type(found)(perhaps, found.least, found.most, True)


# Going through.


@method((list, RubySpan, Pending), "each", block=True)
def _each(block: Procedure, self: Value) -> Value:
    for one in elements(self):
        block.call(one)
    return self


@method(RubyHash, "each", "each_pair", block=True)
def _each_pair(block: Procedure, self: RubyHash) -> Value:
    for key, one in self.pairs():
        block.call([key, one])
    return self


@many("each_with_index", "each_entry", block=True)
def _each_with_index(block: Procedure, self: Value) -> Value:
    for at, one in enumerate(elements(self)):
        block.call(one, at)
    return self


@many("each_with_object", block=True)
def _each_with_object(block: Procedure, self: Value, target: Value) -> Value:
    for one in elements(self):
        block.call(one, target)
    return target


@many("reverse_each", block=True)
def _reverse_each(block: Procedure, self: Value) -> Value:
    for one in reversed(listed(self)):
        block.call(one)
    return self


@method(list, "each_index", block=True)
def _each_index(block: Procedure, self: list[Value]) -> Value:
    for at in range(len(self)):
        block.call(at)
    return self


@many("map", "collect", block=True)
def _map(block: Procedure, self: Value) -> Value:
    made = [block.call(one) for one in elements(self)]
    BUDGET.make(len(made))
    return made


@many("flat_map", "collect_concat", block=True)
def _flat_map(block: Procedure, self: Value) -> Value:
    made: list[Value] = []
    for one in elements(self):
        found = block.call(one)
        made += found if type(found) is list else [found]
        BUDGET.make(1)
    return made


@many("filter_map", block=True)
def _filter_map(block: Procedure, self: Value) -> Value:
    return [found for one in elements(self) if truthy(found := block.call(one))]


@method((list, RubySpan, Pending), "select", "filter", "find_all", block=True)
def _select(block: Procedure, self: Value) -> Value:
    return [one for one in elements(self) if truthy(block.call(one))]


method(RubyHash, "find_all", block=True)(_select)


@method((list, RubySpan, Pending), "reject", block=True)
def _reject(block: Procedure, self: Value) -> Value:
    return [one for one in elements(self) if not truthy(block.call(one))]


@many("partition", block=True)
def _partition(block: Procedure, self: Value) -> Value:
    yes: list[Value] = []
    no: list[Value] = []
    for one in elements(self):
        (yes if truthy(block.call(one)) else no).append(one)
    return [yes, no]


@many("find", "detect", block=True)
def _find(block: Procedure, self: Value) -> Value:
    return next((one for one in elements(self) if truthy(block.call(one))), None)


@method((list, RubySpan), "find_index", "index", block=True)
def _find_index(block: Procedure | None, self: Value, *value: Value) -> Value:
    holds: Callable[[Value], bool] = lambda one: truthy(block.call(one) if block else None)  # noqa: E731
    if value:
        holds = lambda one: equal(one, value[0])  # noqa: E731
    return next((at for at, one in enumerate(elements(self)) if holds(one)), None)


@method(list, "rindex")
def _rindex(self: list[Value], value: Value) -> Value:
    return next((at for at in range(len(self) - 1, -1, -1) if equal(self[at], value)), None)


def _test(block: Procedure | None, pattern: tuple[Value, ...]) -> Callable[[Value], bool]:
    if pattern:
        return lambda one: case_equal(pattern[0], one)
    return (lambda one: truthy(block.call(one))) if block else truthy


many("any?", block=True)(lambda block, self, *pattern: any(map(_test(block, pattern), elements(self))))
many("all?", block=True)(lambda block, self, *pattern: all(map(_test(block, pattern), elements(self))))
many("none?", block=True)(lambda block, self, *pattern: not any(map(_test(block, pattern), elements(self))))
many("one?", block=True)(lambda block, self, *pattern: sum(map(_test(block, pattern), elements(self))) == 1)


@many("count", block=True)
def _count(block: Procedure | None, self: Value, *value: Value) -> Value:
    if value:
        return sum(equal(one, value[0]) for one in elements(self))
    return sum(truthy(block.call(one)) if block else 1 for one in elements(self))


@many("inject", "reduce", block=True)
def _inject(block: Procedure | None, self: Value, *arguments: Value) -> Value:
    given = list(arguments)
    step: Callable[[Value, Value], Value]
    if block is None:
        if not given:
            raise failure("LocalJumpError", "no block given")
        operator = to_s(given.pop())
        step = BINARY.get(operator) or (lambda left, right: call(left, operator, right))
    else:
        step = block.call
    rest = iter(list(elements(self)))
    value = given[0] if given else next(rest, None)
    for one in rest:
        BUDGET.step()
        value = step(value, one)
    return value


@many("sum", block=True)
def _sum(block: Procedure | None, self: Value, start: Value = 0) -> Value:
    values = [block.call(one) if block else one for one in elements(self)]
    total = start
    exact = all(type(one) in (int, float) for one in values) and any(type(one) is float for one in values)
    if exact and type(total) in (int, float):
        return _kahan(float(total), values)
    for one in values:
        total = BINARY["+"](total, one)
    return total


def _kahan(total: float, values: list[Any]) -> float:
    """Add as Ruby does (Kahan and Babuska), which loses less than one addition after another."""
    lost = 0.0
    for one in map(float, values):
        made = total + one
        lost += (total - made) + one if abs(total) >= abs(one) else (one - made) + total
        total = made
    return total + lost


@many("group_by", block=True)
def _group_by(block: Procedure, self: Value) -> Value:
    made = RubyHash()
    for one in elements(self):
        key = block.call(one)
        made.data.setdefault(key_of(key), []).append(one)
    return made


@many("tally")
def _tally(self: Value) -> Value:
    made = RubyHash()
    for one in elements(self):
        made.data[key_of(one)] = made.data.get(key_of(one), 0) + 1
    return made


@many("each_slice", block=True)
def _each_slice(block: Procedure | None, self: Value, size: Value) -> Value:
    count = whole(size)
    if count <= 0:
        raise failure("ArgumentError", "invalid slice size")
    every = listed(self)
    parts: list[Value] = [every[at : at + count] for at in range(0, len(every), count)]
    if block is None:
        return parts
    for part in parts:
        block.call(part)
    return self


@many("each_cons", block=True)
def _each_cons(block: Procedure | None, self: Value, size: Value) -> Value:
    count, every = whole(size), listed(self)
    parts: list[Value] = [every[at : at + count] for at in range(len(every) - count + 1)]
    BUDGET.make(len(parts) * count)
    if block is None:
        return parts
    for part in parts:
        block.call(part)
    return self


@method((list, Pending), "with_index", "each_with_index", block=True)
def _with_index(block: Procedure, self: Value, start: Value = 0) -> Value:
    if type(self) is list:
        return _each_with_index(block, self)
    first = whole(start)
    count = iter(range(first, first + 10**9))
    return call(
        self.source,
        self.name,
        block=Procedure(lambda *one: block.call(one[0] if len(one) == 1 else list(one), next(count)), 2),
    )


method(Pending, "with_object", block=True)(lambda block, self, target: _each_with_object(block, self.source, target))
method(Pending, "next")(lambda self: next(elements(self), None))

# Order.


def _sorted(values: list[Value], block: Procedure | None) -> list[Value]:
    BUDGET.make(len(values))
    if block is None:
        kinds = set(map(type, values))
        if kinds in ({int}, {Text}):
            return sorted(values, key=(lambda one: one.value) if kinds == {Text} else None)
        return sorted(values, key=cmp_to_key(lambda left, right: -_counted(right, left)))
    return sorted(values, key=cmp_to_key(lambda left, right: -_order(block.call(right, left), right, left)))


def _counted(left: Value, right: Value) -> int:
    BUDGET.step()
    return ordered(left, right)


def _order(found: Value, left: Value, right: Value) -> int:
    if type(found) not in (int, float):
        raise failure("ArgumentError", f"comparison of {class_of(left).name} with {class_of(right).name} failed")
    return whole(found)


def _by(block: Procedure) -> Any:
    return cmp_to_key(lambda left, right: -_counted(right[0], left[0]))


def _sorted_by(values: list[Value], block: Procedure) -> list[Value]:
    BUDGET.make(len(values))
    pairs = [(block.call(one), one) for one in values]
    return [one for _, one in sorted(pairs, key=_by(block))]


many("sort", block=True)(lambda block, self: _sorted(listed(self), block))
many("sort_by", block=True)(lambda block, self: _sorted_by(listed(self), block))


def _extreme(values: list[Value], block: Procedure | None, sign: int, count: Value) -> Value:
    ranked = _sorted(values, block) if count is not None else values
    if count is not None:
        return (ranked if sign > 0 else ranked[::-1])[: whole(count)]
    best: Value = None
    for at, one in enumerate(values):
        order = 0 if at == 0 else _order(block.call(one, best), one, best) if block else _counted(one, best)
        if at == 0 or order * sign < 0:
            best = one
    return best


def _extreme_by(values: list[Value], block: Procedure, sign: int) -> Value:
    best: Value = None
    rank: Value = None
    for at, one in enumerate(values):
        own = block.call(one)
        if at == 0 or _counted(own, rank) * sign < 0:
            best, rank = one, own
    return best


many("min", block=True)(lambda block, self, count=None: _extreme(listed(self), block, 1, count))
many("max", block=True)(lambda block, self, count=None: _extreme(listed(self), block, -1, count))
many("min_by", block=True)(lambda block, self: _extreme_by(listed(self), block, 1))
many("max_by", block=True)(lambda block, self: _extreme_by(listed(self), block, -1))
many("minmax", block=True)(
    lambda block, self: [_extreme(listed(self), block, 1, None), _extreme(listed(self), block, -1, None)]
)

# Parts.

many("to_a", "entries", "force")(lambda self: listed(self) if type(self) is list else list(listed(self)))
many("lazy")(lambda self: self)
many("take")(lambda self, count: _taken(self, whole(count)))
many("drop")(lambda self, count: listed(self)[max(whole(count), 0) :])


def _taken(value: Value, count: int) -> Value:
    if count < 0:
        raise failure("ArgumentError", "attempt to take negative size")
    if type(value) is list:
        return value[:count]
    made: list[Value] = []
    for one in elements(value):
        if len(made) >= count:
            break
        made.append(one)
    return made


@many("first")
def _first(self: Value, count: Value = None) -> Value:
    if count is None:
        return next(elements(self), None)
    return _taken(self, whole(count))


@method((list, RubySpan), "last")
def _last(self: Value, count: Value = None) -> Value:
    if type(self) is RubySpan and count is None:
        return self.last
    every = listed(self)
    if count is None:
        return every[-1] if every else None
    return every[-whole(count) :] if whole(count) else []


@many("take_while", block=True)
def _take_while(block: Procedure, self: Value) -> Value:
    made = []
    for one in elements(self):
        if not truthy(block.call(one)):
            break
        made.append(one)
    return made


@many("drop_while", block=True)
def _drop_while(block: Procedure, self: Value) -> Value:
    every = listed(self)
    at = next((at for at, one in enumerate(every) if not truthy(block.call(one))), len(every))
    return every[at:]


@method((list, RubySpan, Pending), "include?", "member?")
def _include(self: Value, value: Value) -> Value:
    if type(self) is RubySpan:
        return covers(self, value)
    BUDGET.make(len(self) >> 3 if type(self) is list else 0)
    return any(equal(one, value) for one in elements(self))


@method(RubySpan, "cover?", "===")
def _cover(self: RubySpan, value: Value) -> Value:
    return covers(self, value)


method(RubySpan, "begin")(lambda self: self.first)
method(RubySpan, "end")(lambda self: self.last)
method(RubySpan, "size")(lambda self: max(whole(self.last) - whole(self.first) + (not self.exclusive), 0))
method(RubySpan, "exclude_end?")(lambda self: self.exclusive)


@method(RubySpan, "step", "%", block=True)
def _step(block: Procedure | None, self: RubySpan, by: Value) -> Value:
    made = []
    at, size = self.first, by
    if type(size) not in (int, float) or size <= 0:
        raise failure("ArgumentError", "step can't be 0" if size == 0 else "step can't be negative")
    while at < self.last or (at == self.last and not self.exclusive):
        BUDGET.step()
        if block:
            block.call(at)
        else:
            made.append(at)
        at += size
    return self if block else made


# Array alone.

method(list, "length", "size")(len)
method(list, "empty?")(lambda self: not self)
method(list, "compact")(lambda self: [one for one in self if one is not None])
method(list, "reverse")(lambda self: self[::-1])
method(list, "to_ary")(lambda self: self)
method(list, "join")(
    lambda self, separator=None: _new(_joined(self, "" if separator is None else text_of(separator), 0))
)
method(list, "+")(lambda self, other: _counted_list([*self, *list_of(other)]))
method(list, "-", "difference")(lambda self, other: _without(self, list_of(other)))
method(list, "&", "intersection")(
    lambda self, other: _uniq([one for one in self if key_of(one) in set(map(key_of, list_of(other)))])
)
method(list, "|", "union")(lambda self, *others: _uniq([*self, *(one for other in others for one in list_of(other))]))
method(list, "intersect?")(lambda self, other: not set(map(key_of, self)).isdisjoint(map(key_of, list_of(other))))
method(list, "<=>")(compare)
method(list, "transpose")(lambda self: [list(row) for row in zip(*map(list_of, self), strict=True)])
method(list, "flatten")(lambda self, depth=None: _flat(self, -1 if depth is None else whole(depth), 0))
method(list, "sample")(lambda self: random.choice(self) if self else None)  # noqa: S311 - as Ruby's
method(list, "shuffle")(lambda self: random.sample(self, len(self)))
method(list, "values_at")(lambda self, *places: [_at(self, place) for place in places])
method(list, "dig")(lambda self, *path: dig(self, path))
method(list, "assoc")(
    lambda self, key: next((one for one in self if type(one) is list and one and equal(one[0], key)), None)
)
method(list, "pack")(lambda self, template: _pack(self, text_of(template)))
method(list, "combination")(
    lambda self, count: _counted_list([list(one) for one in _bounded_combinations(self, whole(count))])
)
method(list, "product")(
    lambda self, other: _counted_list([list(one) for one in product(self, _room(self, list_of(other)))])
)


def _pack(values: list[Value], template: str) -> Value:
    if template.rstrip("*") == "U":
        return _new("".join(map(chr, values)))
    if template.rstrip("*").lower() == "c":
        return _new(bytes(one & 255 for one in values).decode("utf-8", "replace"))
    raise failure("ArgumentError", "only characters (U*) and bytes (C*) are packed here")


def _bounded_combinations(values: list[Value], count: int) -> Iterator[Any]:
    for one in combinations(values, max(count, 0)):
        BUDGET.make(count)
        yield one


def _room(values: list[Value], others: list[Value]) -> list[Value]:
    BUDGET.make(2 * len(values) * len(others))
    return others


def _new(text: str) -> Text:
    BUDGET.make(len(text))
    return Text(text)


def _counted_list(values: list[Value]) -> list[Value]:
    BUDGET.make(len(values))
    return values


def _joined(values: list[Value], separator: str, depth: int) -> str:
    if depth > 100:
        raise failure("ArgumentError", "recursive array join")
    return separator.join([_joined(one, separator, depth + 1) if type(one) is list else to_s(one) for one in values])


def _without(values: list[Value], others: list[Value]) -> list[Value]:
    keys = set(map(key_of, others))
    return [one for one in values if key_of(one) not in keys]


def _flat(values: list[Value], levels: int, depth: int) -> list[Value]:
    if depth > 1000:
        raise failure("ArgumentError", "tried to flatten recursive array")
    made: list[Value] = []
    for one in values:
        if type(one) is list and levels != 0:
            made += _flat(one, levels - 1, depth + 1)
        else:
            made.append(one)
    BUDGET.make(len(made))
    return made


def _uniq(values: list[Value]) -> list[Value]:
    seen: dict[Any, Value] = {}
    for one in values:
        seen.setdefault(key_of(one), one)
    return list(seen.values())


def _uniq_by(block: Procedure | None, values: list[Value]) -> list[Value]:
    if block is None:
        return _uniq(values)
    seen: dict[Any, Value] = {}
    for one in values:
        seen.setdefault(key_of(block.call(one)), one)
    return list(seen.values())


many("uniq", block=True)(lambda block, self: _uniq_by(block, listed(self)))


def _in_place(name: str, change: Callable[..., list[Value]], block: bool = False) -> None:
    """Make the method with ``!``: nil if nothing changes."""

    def plain(self: list[Value], *arguments: Value) -> Value:
        made = change(self, *arguments)
        same = len(made) == len(self) and all(map(lambda one, other: one is other, made, self))
        self[:] = made
        return None if same and name not in ("reverse!", "sort!", "sort_by!", "map!", "collect!", "shuffle!") else self

    def with_block(given: Procedure | None, self: list[Value], *arguments: Value) -> Value:
        return plain(self, given, *arguments)

    method(list, name, block=block)(with_block if block else plain)


_in_place("compact!", lambda values: [one for one in values if one is not None])
_in_place("flatten!", lambda values, depth=None: _flat(values, -1 if depth is None else whole(depth), 0))
_in_place("reverse!", lambda values: values[::-1])
_in_place("uniq!", lambda values, block: _uniq_by(block, values), block=True)
_in_place("sort!", _sorted, block=True)
_in_place("sort_by!", _sorted_by, block=True)
_in_place("map!", lambda values, block: [block.call(one) for one in list(values)], block=True)
_in_place("collect!", lambda values, block: [block.call(one) for one in list(values)], block=True)
_in_place("select!", lambda values, block: [one for one in list(values) if truthy(block.call(one))], block=True)
_in_place("filter!", lambda values, block: [one for one in list(values) if truthy(block.call(one))], block=True)
_in_place("reject!", lambda values, block: [one for one in list(values) if not truthy(block.call(one))], block=True)


@method(list, "delete_if", block=True)
def _delete_if(block: Procedure, self: list[Value]) -> Value:
    self[:] = [one for one in list(self) if not truthy(block.call(one))]
    return self


@method(list, "keep_if", block=True)
def _keep_if(block: Procedure, self: list[Value]) -> Value:
    self[:] = [one for one in list(self) if truthy(block.call(one))]
    return self


@method(list, "push", "append")
def _push(self: list[Value], *values: Value) -> Value:
    BUDGET.make(len(values))
    self.extend(values)
    return self


@method(list, "<<")
def _append(self: list[Value], value: Value) -> Value:
    BUDGET.make(1)
    self.append(value)
    return self


@method(list, "concat")
def _concat(self: list[Value], *others: Value) -> Value:
    for other in [list(list_of(one)) for one in others]:
        BUDGET.make(len(other))
        self.extend(other)
    return self


@method(list, "unshift", "prepend")
def _unshift(self: list[Value], *values: Value) -> Value:
    BUDGET.make(len(values))
    self[:0] = values
    return self


@method(list, "insert")
def _insert(self: list[Value], at: Value, *values: Value) -> Value:
    place = whole(at)
    place = place + len(self) + 1 if place < 0 else place
    _fill(self, place)
    self[place:place] = values
    return self


@method(list, "pop")
def _pop(self: list[Value], count: Value = None) -> Value:
    if count is None:
        return self.pop() if self else None
    taken = self[len(self) - min(whole(count), len(self)) :]
    del self[len(self) - len(taken) :]
    return taken


@method(list, "shift")
def _shift(self: list[Value], count: Value = None) -> Value:
    if count is None:
        return self.pop(0) if self else None
    taken = self[: whole(count)]
    del self[: whole(count)]
    return taken


@method(list, "delete")
def _delete(self: list[Value], value: Value) -> Value:
    found = [one for one in self if equal(one, value)]
    self[:] = [one for one in self if not equal(one, value)]
    return found[-1] if found else None


@method(list, "delete_at")
def _delete_at(self: list[Value], at: Value) -> Value:
    place = whole(at)
    return self.pop(place) if -len(self) <= place < len(self) else None


@method(list, "clear")
def _clear(self: list[Value]) -> Value:
    self.clear()
    return self


@method(list, "replace")
def _replace(self: list[Value], other: Value) -> Value:
    self[:] = list_of(other)
    return self


@method(list, "fill")
def _fill_with(self: list[Value], value: Value) -> Value:
    self[:] = [value] * len(self)
    return self


@method(list, "rotate")
def _rotate(self: list[Value], by: Value = 1) -> Value:
    at = whole(by) % len(self) if self else 0
    return [*self[at:], *self[:at]]


@method(list, "*")
def _times(self: list[Value], other: Value) -> Value:
    if type(other) is Text:
        return _new(_joined(self, other.value, 0))
    count = whole(other)
    if count < 0:
        raise failure("ArgumentError", "argument must be non-negative")
    BUDGET.make(len(self) * count)
    return self * count


def _at(values: list[Value], at: Value) -> Value:
    place = whole(at)
    return values[place] if -len(values) <= place < len(values) else None


@method(list, "[]", "slice")
def _get(self: list[Value], at: Value, length: Value = None) -> Value:
    if type(at) is int and length is None:
        return self[at] if -len(self) <= at < len(self) else None
    if type(at) is RubySpan:
        place = bounds(at, len(self))
        return None if place is None else _counted_list(self[place[0] : place[1]])
    if length is None:
        return _at(self, at)
    first, count = whole(at), whole(length)
    first = first + len(self) if first < 0 else first
    return _counted_list(self[first : first + count]) if 0 <= first <= len(self) and count >= 0 else None


method(list, "at")(_at)


@method(list, "slice!")
def _cut(self: list[Value], at: Value, length: Value = None) -> Value:
    if length is None and type(at) is not RubySpan:
        return _delete_at(self, at)
    found = _get(self, at, length)
    if found is not None:
        first = bounds(at, len(self))[0] if type(at) is RubySpan else whole(at)  # type: ignore[index] # it was found
        first = first + len(self) if first < 0 else first
        del self[first : first + len(found)]
    return found


def _fill(values: list[Value], place: int) -> None:
    if place > len(values):
        BUDGET.make(place - len(values))
        values.extend([None] * (place - len(values)))


@method(list, "[]=")
def _put(self: list[Value], at: Value, *rest: Value) -> Value:
    value = rest[-1]
    if len(rest) == 2 or type(at) is RubySpan:
        if type(at) is RubySpan:
            first = whole(at.first)
            first = first + len(self) if first < 0 else first
            found = bounds(at, len(self)) or (first, first)
            first, end = found
        else:
            first = whole(at)
            first = first + len(self) if first < 0 else first
            end = first + whole(rest[0])
        if first < 0:
            raise failure("IndexError", f"index {inspect(at)} too small for array")
        _fill(self, first)
        self[first:end] = value if type(value) is list else [value]
        return value
    place = whole(at)
    if place < -len(self):
        raise failure("IndexError", f"index {place} too small for array; minimum: -{len(self)}")
    if place >= len(self):
        _fill(self, place + 1)
    self[place] = value
    return value


@method(list, "fetch", block=True)
def _fetch(block: Procedure | None, self: list[Value], at: Value, *default: Value) -> Value:
    place = whole(at)
    if -len(self) <= place < len(self):
        return self[place]
    if block:
        return block.call(at)
    if default:
        return default[0]
    raise failure("IndexError", f"index {place} outside of array bounds: {-len(self)}...{len(self)}")


def dig(value: Value, path: tuple[Value, ...]) -> Value:
    """Go down through lists and hashes."""
    for step in path:
        if value is None:
            return None
        if type(value) not in (list, RubyHash):
            raise failure("TypeError", f"{class_of(value).name} does not have #dig method")
        value = value.get(step) if type(value) is RubyHash else _at(value, step)
    return value


@many("zip")
def _zip(self: Value, *others: Value) -> Value:
    lists = [listed(other) for other in others]
    return [[one, *(other[at] if at < len(other) else None for other in lists)] for at, one in enumerate(listed(self))]


@many("to_h", block=True)
def _to_h(block: Procedure | None, self: Value) -> Value:
    made = RubyHash()
    for at, one in enumerate(elements(self)):
        pair = block.call(one) if block else one
        if type(pair) is not list:
            raise failure("TypeError", f"wrong element type {class_of(pair).name} at {at} (expected array)")
        if len(pair) != 2:
            raise failure("ArgumentError", f"wrong array length at {at} (expected 2, was {len(pair)})")
        made.put(pair[0], pair[1])
    return made


many("to_set")(lambda self: _uniq(listed(self)))
many("chunk_while", block=True)(
    lambda block, self: _chunks(listed(self), lambda one, other: truthy(block.call(one, other)))
)
many("slice_when", block=True)(
    lambda block, self: _chunks(listed(self), lambda one, other: not truthy(block.call(one, other)))
)


def _chunks(values: list[Value], together: Callable[[Value, Value], bool]) -> list[Value]:
    made: list[Value] = []
    for at, one in enumerate(values):
        if at and together(values[at - 1], one):
            made[-1].append(one)
        else:
            made.append([one])
    return made


@static("Array", "new", block=True)
def _new_list(block: Procedure | None, size: Value = 0, value: Value = None) -> Value:
    if type(size) is list:
        return list(size)
    count = whole(size)
    if count < 0:
        raise failure("ArgumentError", "negative array size")
    BUDGET.make(count)
    return [block.call(at) for at in range(count)] if block else [value] * count


static("Set", "new")(lambda values=None: [] if values is None else _uniq(listed(values)))
for _name in (
    "each",
    "map",
    "collect",
    "select",
    "filter",
    "reject",
    "each_with_index",
    "each_entry",
    "flat_map",
    "find",
    "group_by",
    "sort_by",
    "each_index",
    "with_index",
    "partition",
    "filter_map",
    "find_all",
    "detect",
    "reverse_each",
    "max_by",
    "min_by",
):
    pending(_name)
