"""The object `event` of a program: Logstash's Event API over an event.

A String that came out of an event is the event's own, as in Logstash: a program that changes it in place changes the
event. Lists and hashes are copies, and the texts in them are the event's.
"""

from __future__ import annotations

from typing import Any, Final

from ingest import settings
from ingest.failure import REASONS
from ingest.lang.field import parse_field
from ingest.lang.sprintf import compile_sprintf
from ingest.ruby.clock import LogstashTime, stamp_in, stamp_of
from ingest.ruby.methods import STATICS, method, static
from ingest.ruby.tools import plain_of, ruby_of, written
from ingest.ruby.values import RubyHash, Text, Value, class_of, failure, inspect, named, text_of
from sawlog.errors import ConfigError
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, add_tag, get, remove

_STAMP: Final = (TIMESTAMP,)


class RubyEvent:
    """A LogStash::Event of a program."""

    __slots__ = ("cancelled", "event", "given")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.cancelled = False
        self.given: dict[Path, Text] = {}
        """The texts that the program has of the event, by where they stand."""

    def settle(self) -> None:
        """Write back what the program changed in place."""
        for path, text in self.given.items():
            there = get(self.event, path)
            if isinstance(there, str) and there != text.value:
                settings.put_field(self.event, path, text.value)

    def value_at(self, path: Path) -> Value:
        """Return what stands at a path as a value of the program."""
        if path == _STAMP:
            text = self.event.get(TIMESTAMP)
            return stamp_of(text) if isinstance(text, str) else None
        self.settle()
        return self._shared(path, get(self.event, path))

    def _shared(self, path: Path, value: Any) -> Value:
        kind = type(value)
        if kind is str:
            text = self.given.get(path)
            if text is None or text.value != value:
                text = self.given[path] = Text(value)
            return text
        if kind is list and len(value) < 1000:
            return [self._shared((*path, str(at)), one) for at, one in enumerate(value)]
        if kind is dict and len(value) < 1000:
            return RubyHash({key: self._shared((*path, key), one) for key, one in value.items()})
        return ruby_of(value)

    def forget(self, path: Path) -> None:
        """Let go of texts below a path, as something else is to stand there."""
        self.settle()
        for known in [known for known in self.given if known[: len(path)] == path]:
            del self.given[known]

    def put(self, path: Path, value: Value) -> None:
        """Set a field.

        Raises:
            Raised: the event takes no such value there.
        """
        self.forget(path)
        if path == _STAMP:
            if type(value) is Text:
                value = stamp_in(value.value) or value
            if type(value) is not LogstashTime:
                told = class_of(value).name
                raise failure("TypeError", f"wrong argument type {told} (expected LogStash::Timestamp)")
            self.event[TIMESTAMP] = value.text()
            return
        if path[0] == METADATA and len(path) == 1 and type(value) is not RubyHash:
            raise failure("TypeError", "@metadata takes a Hash")
        if path == (METADATA,):
            self.event[METADATA] = _kept(self.event) | plain_of(value)
            return
        try:
            settings.put_field(self.event, path, plain_of(value))
        except ValueError as error:
            raise failure("ArgumentError", str(error)) from None
        if type(value) is Text:
            self.given[path] = value

    def whole(self, *, metadata: bool) -> RubyHash:
        """Return the event as a hash."""
        self.settle()
        made = RubyHash()
        for key, value in self.event.items():
            if key == TIMESTAMP:
                made.data[key] = self.value_at(_STAMP)
            elif key != METADATA or metadata:
                made.data[key] = self._shared((key,), value)
        return made


named(RubyEvent, "LogStash::Event")
_PATHS: dict[str, Path] = {}


def path_of(reference: Value) -> Path:
    """Read a field reference.

    Raises:
        Raised: it is none.
    """
    text = text_of(reference)
    found = _PATHS.get(text)
    if found is None:
        try:
            found = parse_field(text)
        except ConfigError as error:
            raise failure("RuntimeError", error.message) from None
        # Programs make names of what events hold; these are not kept for ever.
        if len(_PATHS) < 10_000:
            _PATHS[text] = found
    return found


@method(RubyEvent, "get")
def _get(self: RubyEvent, reference: Value) -> Value:
    return self.value_at(path_of(reference))


@method(RubyEvent, "[]")
def _index(self: RubyEvent, reference: Value) -> Value:
    raise failure(
        "NoMethodError",
        "event['field'] ended with Logstash 5: write event.get('field')",
    )


@method(RubyEvent, "[]=")
def _index_set(self: RubyEvent, reference: Value, value: Value) -> Value:
    return _index(self, reference)


@method(RubyEvent, "set")
def _set(self: RubyEvent, reference: Value, value: Value) -> Value:
    self.put(path_of(reference), value)
    return value


@method(RubyEvent, "remove")
def _remove(self: RubyEvent, reference: Value) -> Value:
    path = path_of(reference)
    found = self.value_at(path)
    self.forget(path)
    if path == _STAMP:
        self.event.pop(TIMESTAMP, None)
    elif path == (METADATA,):
        self.event[METADATA] = _kept(self.event)
    else:
        remove(self.event, path)
    return found


def _kept(event: Event) -> dict[str, Any]:
    """Return what of the metadata is sawlog's: without its id, an event that is sent again would be another one."""
    return {key: value for key, value in (event.get(METADATA) or {}).items() if key.startswith("_") or key == REASONS}


@method(RubyEvent, "include?")
def _include(self: RubyEvent, reference: Value) -> Value:
    return get(self.event, path_of(reference), MISSING) is not MISSING


@method(RubyEvent, "tag")
def _tag(self: RubyEvent, tag: Value) -> Value:
    self.forget(("tags",))
    add_tag(self.event, text_of(tag))


@method(RubyEvent, "append")
def _append(self: RubyEvent, other: Value) -> Value:
    """Merge another event into this one: hashes by key, lists end to end without doubles; other values are replaced."""
    if type(other) is not RubyEvent:
        raise failure("TypeError", f"wrong argument type {class_of(other).name} (expected LogStash::Event)")
    self.forget(())
    other.settle()
    for key, value in other.event.items():
        self.event[key] = _merged(self.event.get(key), value)
    return self


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old.get(key), value) for key, value in new.items()}
    if isinstance(old, list):
        added = new if isinstance(new, list) else [new]
        return [*old, *(one for one in added if one not in old)]
    return new


@method(RubyEvent, "cancel")
def _cancel(self: RubyEvent) -> Value:
    self.cancelled = True
    return True


@method(RubyEvent, "uncancel")
def _uncancel(self: RubyEvent) -> Value:
    self.cancelled = False
    return False


@method(RubyEvent, "timestamp")
def _timestamp(self: RubyEvent) -> Value:
    return self.value_at(_STAMP)


@method(RubyEvent, "timestamp=")
def _set_timestamp(self: RubyEvent, value: Value) -> Value:
    self.put(_STAMP, value)
    return value


@method(RubyEvent, "sprintf")
def _sprintf(self: RubyEvent, template: Value) -> Value:
    self.settle()
    try:
        return Text(compile_sprintf(text_of(template))(self.event))
    except ConfigError as error:
        raise failure("LogStash::Error", error.message) from None


method(RubyEvent, "cancelled?")(lambda self: self.cancelled)
method(RubyEvent, "to_hash", "to_h")(lambda self: self.whole(metadata=False))
method(RubyEvent, "to_hash_with_metadata")(lambda self: self.whole(metadata=True))
method(RubyEvent, "to_json", "to_json_with_metadata")(lambda self, *options: Text(written(self.whole(metadata=False))))
method(RubyEvent, "to_s")(lambda self: Text(f"{self.event.get(TIMESTAMP)} {inspect(self.value_at(('message',)))}"))


@method(RubyEvent, "clone", "dup")
def _clone(self: RubyEvent) -> Value:
    self.settle()
    return RubyEvent(dict(self.event.items()))


@static("LogStash::Event", "new")
def _new(data: Value = None) -> Value:
    made = RubyEvent({})
    plain = plain_of(data) if type(data) is RubyHash else {}
    made.event.update(plain)
    stamp = stamp_of(plain[TIMESTAMP]) if isinstance(plain.get(TIMESTAMP), str) else None
    made.event[TIMESTAMP] = (stamp or STATICS["LogStash::Timestamp"]["now"].function()).text()
    return made
