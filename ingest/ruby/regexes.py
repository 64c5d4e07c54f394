"""Methods of RubyRegexp and MatchData."""

from __future__ import annotations

from ingest.ruby.methods import method, static
from ingest.ruby.patterns import MATCH, Match, RubyRegexp, characters, escaped
from ingest.ruby.values import Procedure, RubyHash, Text, Value, text_of, truthy, whole

method(RubyRegexp, "source")(lambda self: Text(self.source))
method(RubyRegexp, "=~")(lambda self, value: self.position(value))
method(RubyRegexp, "===")(lambda self, value: self.matches(value))
method(RubyRegexp, "names")(lambda self: [Text(name) for name in self.regex.names])
method(Match, "to_s")(lambda self: Text(self.text()))
method(Match, "[]")(lambda self, which: self.group(which))
method(Match, "captures")(lambda self: [self.group(at) for at in range(1, len(self.found.groups()) + 1)])
method(Match, "to_a")(lambda self: [self.group(at) for at in range(len(self.found.groups()) + 1)])
method(Match, "names")(lambda self: [Text(name) for name in self.expression.regex.names])
method(Match, "named_captures")(
    lambda self: RubyHash({name: self.group(number) for name, number in self.expression.regex.names.items()})
)
method(Match, "values_at")(lambda self, *which: [self.group(one) for one in which])
method(Match, "pre_match")(lambda self: Text(self.found.string[: self.found.start()]))
method(Match, "post_match")(lambda self: Text(self.found.string[self.found.end() :]))
method(Match, "begin")(lambda self, group: self.found.start(whole(group)))
method(Match, "end")(lambda self, group: self.found.end(whole(group)))
method(Match, "string")(lambda self: Text(self.found.string))
method(Match, "size", "length")(lambda self: len(self.found.groups()) + 1)
static("Regexp", "escape", "quote")(lambda text: Text(escaped(characters(text))))
static("Regexp", "last_match")(
    lambda group=None: MATCH.last if group is None or MATCH.last is None else MATCH.last.group(group)
)


@static("Regexp", "new", "compile")
def _new(source: Value, flags: Value = None) -> Value:
    if type(source) is RubyRegexp:
        return source
    named = {1: "i", 2: "x", 4: "m"}
    if type(flags) is int:
        letters = "".join(letter for bit, letter in named.items() if flags & bit)
    else:
        letters = "i" if truthy(flags) else ""
    return RubyRegexp.of(text_of(source), letters)


@static("Regexp", "union")
def _union(*parts: Value) -> Value:
    every = parts[0] if len(parts) == 1 and type(parts[0]) is list else parts
    written = [one.embedded() if type(one) is RubyRegexp else escaped(characters(one)) for one in every]
    return RubyRegexp.of("|".join(written) if written else "(?!)")


@method(RubyRegexp, "match", block=True)
def _match(block: Procedure | None, self: RubyRegexp, value: Value, start: Value = 0) -> Value:
    if value is None:
        MATCH.last = None
        return None
    found = self.search(characters(value), whole(start))
    return block.call(found) if block and found else found


@method(RubyRegexp, "match?")
def _matches(self: RubyRegexp, value: Value) -> Value:
    if value is None:
        return False
    kept = MATCH.last
    found = self.search(characters(value)) is not None
    MATCH.last = kept
    return found
