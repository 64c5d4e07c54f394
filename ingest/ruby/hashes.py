"""Methods of Hash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ingest.ruby.budget import BUDGET
from ingest.ruby.lists import dig
from ingest.ruby.methods import method, static
from ingest.ruby.values import (
    Procedure,
    RubyHash,
    Value,
    class_of,
    copied,
    equal,
    failure,
    inspect,
    key_of,
    of_key,
    truthy,
)

method(RubyHash, "[]")(lambda self, key: self.get(key))
method(RubyHash, "length", "size")(lambda self: len(self.data))
method(RubyHash, "empty?")(lambda self: not self.data)
method(RubyHash, "keys")(lambda self: _counted([of_key(key) for key in self.data]))
method(RubyHash, "values")(lambda self: _counted(list(self.data.values())))
method(RubyHash, "key?", "has_key?", "include?", "member?")(lambda self, key: key_of(key) in self.data)
method(RubyHash, "value?", "has_value?")(lambda self, value: any(equal(one, value) for one in self.data.values()))
method(RubyHash, "key")(
    lambda self, value: next((of_key(key) for key, one in self.data.items() if equal(one, value)), None)
)
method(RubyHash, "to_h", "to_hash", block=True)(lambda block, self: _mapped(block, self) if block else self)
method(RubyHash, "dig")(lambda self, *path: dig(self, path))
method(RubyHash, "values_at")(lambda self, *keys: [self.get(key) for key in keys])
method(RubyHash, "invert")(lambda self: RubyHash.of((one, of_key(key)) for key, one in self.data.items()))
method(RubyHash, "compact")(lambda self: RubyHash({key: one for key, one in self.data.items() if one is not None}))
method(RubyHash, "default")(lambda self: self.default)
method(RubyHash, "compare_by_identity")(lambda self: self)
method(RubyHash, "count_values")(lambda self: len(self.data))


def _counted(values: list[Value]) -> list[Value]:
    BUDGET.make(len(values))
    return values


def _thawed(self: RubyHash) -> RubyHash:
    if self.frozen:
        raise failure("FrozenError", f"can't modify frozen Hash: {inspect(self)}")
    return self


@method(RubyHash, "[]=", "store")
def _put(self: RubyHash, key: Value, value: Value) -> Value:
    self.put(key, value)
    return value


@method(RubyHash, "default=")
def _set_default(self: RubyHash, value: Value) -> Value:
    self.default = value
    return value


@method(RubyHash, "fetch", block=True)
def _fetch(block: Procedure | None, self: RubyHash, key: Value, *default: Value) -> Value:
    at = key_of(key)
    if at in self.data:
        return self.data[at]
    if block:
        return block.call(key)
    if default:
        return default[0]
    raise failure("KeyError", f"key not found: {inspect(key)}")


@method(RubyHash, "delete", block=True)
def _delete(block: Procedure | None, self: RubyHash, key: Value) -> Value:
    at = key_of(key)
    if at in _thawed(self).data:
        return self.data.pop(at)
    return block.call(key) if block else None


@method(RubyHash, "clear")
def _clear(self: RubyHash) -> Value:
    _thawed(self).data.clear()
    return self


@method(RubyHash, "replace")
def _replace(self: RubyHash, other: Value) -> Value:
    _thawed(self).data = dict(_hash(other).data)
    return self


@method(RubyHash, "shift")
def _shift(self: RubyHash) -> Value:
    if not _thawed(self).data:
        return None
    key = next(iter(self.data))
    return [of_key(key), self.data.pop(key)]


def _hash(value: Value) -> RubyHash:
    if type(value) is RubyHash:
        return value
    told = inspect(value) if value is None or isinstance(value, bool) else class_of(value).name
    raise failure("TypeError", f"no implicit conversion of {told} into Hash")


def _merged(block: Procedure | None, target: RubyHash, others: tuple[Value, ...]) -> RubyHash:
    for other in others:
        for key, value in _hash(other).pairs():
            at = key_of(key)
            if block is not None and at in target.data:
                target.data[at] = block.call(key, target.data[at], value)
            else:
                target.put(key, value)
    return target


method(RubyHash, "merge", block=True)(lambda block, self, *others: _merged(block, copied(self), others))
method(RubyHash, "merge!", "update", block=True)(lambda block, self, *others: _merged(block, _thawed(self), others))


def _kept(self: RubyHash, block: Procedure, wanted: bool) -> dict[Any, Value]:
    return {key_of(key): value for key, value in self.pairs() if truthy(block.call(key, value)) is wanted}


def _filter(names: tuple[str, ...], wanted: bool, also: str) -> None:
    method(RubyHash, *names, block=True)(lambda block, self: RubyHash(_kept(self, block, wanted)))

    def in_place(block: Procedure, self: RubyHash) -> Value:
        before = len(_thawed(self).data)
        self.data = _kept(self, block, wanted)
        return None if len(self.data) == before else self

    def always(block: Procedure, self: RubyHash) -> Value:
        _thawed(self).data = _kept(self, block, wanted)
        return self

    method(RubyHash, *(f"{name}!" for name in names), block=True)(in_place)
    method(RubyHash, also, block=True)(always)


_filter(("select", "filter"), True, "keep_if")
_filter(("reject",), False, "delete_if")


def _pairs_do(name: str, call: Callable[[Procedure, Value, Value], Value]) -> None:
    @method(RubyHash, name, block=True)
    def go(block: Procedure, self: RubyHash) -> Value:
        for key, value in self.pairs():
            call(block, key, value)
        return self


_pairs_do("each_key", lambda block, key, value: block.call(key))
_pairs_do("each_value", lambda block, key, value: block.call(value))


def _mapped(block: Procedure, self: RubyHash) -> RubyHash:
    made = RubyHash()
    for key, value in self.pairs():
        pair = block.call(key, value)
        if type(pair) is not list or len(pair) != 2:
            raise failure("TypeError", f"wrong element type {class_of(pair).name} (expected array)")
        made.put(pair[0], pair[1])
    return made


def _transformed(self: RubyHash, keys: Callable[[Value], Value], values: Callable[[Value], Value]) -> RubyHash:
    return RubyHash.of((keys(key), values(value)) for key, value in self.pairs())


def _same(value: Value) -> Value:
    return value


def _transform_keys(block: Procedure | None, self: RubyHash, names: Value = None) -> RubyHash:
    if type(names) is RubyHash:
        other = block.call if block else _same
        return _transformed(self, lambda key: names.get(key) if key_of(key) in names.data else other(key), _same)
    assert block is not None
    return _transformed(self, block.call, _same)


def _become(self: RubyHash, other: RubyHash) -> RubyHash:
    _thawed(self).data = other.data
    return self


method(RubyHash, "transform_values", block=True)(lambda block, self: _transformed(self, _same, block.call))
method(RubyHash, "transform_values!", block=True)(
    lambda block, self: _become(self, _transformed(self, _same, block.call))
)
method(RubyHash, "transform_keys", block=True)(_transform_keys)
method(RubyHash, "transform_keys!", block=True)(
    lambda block, self, names=None: _become(self, _transform_keys(block, self, names))
)


@method(RubyHash, "compact!")
def _compact(self: RubyHash) -> Value:
    before = len(_thawed(self).data)
    self.data = {key: one for key, one in self.data.items() if one is not None}
    return None if len(self.data) == before else self


@method(RubyHash, "slice")
def _slice(self: RubyHash, *keys: Value) -> Value:
    return RubyHash({key_of(key): self.data[key_of(key)] for key in keys if key_of(key) in self.data})


@method(RubyHash, "except")
def _except(self: RubyHash, *keys: Value) -> Value:
    left_out = set(map(key_of, keys))
    return RubyHash({key: value for key, value in self.data.items() if key not in left_out})


def _tests(name: str, decide: Callable[[Iterator[bool]], bool]) -> None:
    @method(RubyHash, name, block=True)
    def test(block: Procedure | None, self: RubyHash) -> Value:
        if block is None:
            return decide(True for _ in self.data)
        return decide(truthy(block.call(key, value)) for key, value in self.pairs())


_tests("any?", any)
_tests("all?", all)
_tests("none?", lambda found: not any(found))


@method(RubyHash, "find", "detect", block=True)
def _find(block: Procedure, self: RubyHash) -> Value:
    return next(([key, value] for key, value in self.pairs() if truthy(block.call(key, value))), None)


@method(RubyHash, "count", block=True)
def _count(block: Procedure | None, self: RubyHash) -> Value:
    return len(self.data) if block is None else sum(truthy(block.call(key, value)) for key, value in self.pairs())


@method(RubyHash, "sum_values")
def _sum_values(self: RubyHash) -> Value:
    return sum(self.data.values())


@static("Hash", "new", block=True)
def _new(block: Procedure | None, default: Value = None) -> Value:
    made = RubyHash()
    made.default = default
    if block is not None:
        made.default_block = block.call
    return made


@static("Hash", "[]")
def _of_pairs(pairs: Value) -> Value:
    if type(pairs) is RubyHash:
        return copied(pairs)
    return RubyHash.of((one[0], one[1] if len(one) > 1 else None) for one in pairs)
