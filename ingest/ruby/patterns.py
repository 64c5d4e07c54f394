"""Regular expressions and what they match, by the module that translates Ruby's expressions everywhere here."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ingest.lang.ruby import Regex
from ingest.ruby.budget import BUDGET
from ingest.ruby.values import Symbol, Text, Value, class_of, equal, failure, named
from sawlog.errors import ConfigError


class RubyRegexp:
    """A RubyRegexp."""

    __slots__ = ("flags", "regex", "source")

    def __init__(self, source: str, flags: str = "") -> None:
        """Compile an expression with some of the options ``imx``.

        Raises:
            ConfigError: it is none.
        """
        self.source, self.flags = source, "".join(flag for flag in "mix" if flag in flags)
        self.regex = Regex(f"(?{self.flags}){source}" if self.flags else source)

    @classmethod
    def of(cls, source: str, flags: str = "") -> RubyRegexp:
        """Compile an expression while a program runs.

        Raises:
            Raised: it is none.
        """
        BUDGET.make(len(source))
        try:
            return _cached(source, flags)
        except ConfigError as error:
            raise failure("RegexpError", error.message) from None

    def embedded(self) -> str:
        """Write it as a part of another one, which is Ruby's ``to_s``, too."""
        off = "".join(flag for flag in "mix" if flag not in self.flags)
        return f"(?{self.flags}{'-' + off if off else ''}:{self.source})"

    text = embedded

    def inspected(self) -> str:
        """Write it as in a program."""
        return f"/{self.source.replace('/', chr(92) + '/')}/{self.flags}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RubyRegexp) and (other.source, other.flags) == (self.source, self.flags)

    def __hash__(self) -> int:
        return hash((self.source, self.flags))

    def search(self, text: str, start: int = 0) -> Match | None:
        """Find it in a text, and remember what was found."""
        BUDGET.make(len(text) >> 4)
        found = (
            self.regex.search(text)
            if not start
            else next((one for one in self.regex.finditer(text) if one.start() >= start), None)
        )
        MATCH.last = Match(found, self) if found else None
        return MATCH.last

    def matches(self, value: Value) -> bool:
        """Whether it is found in a String or Symbol; in anything else it is not."""
        if type(value) is not Text and type(value) is not Symbol:
            MATCH.last = None
            return False
        return self.search(characters(value)) is not None

    def position(self, value: Value) -> Value:
        """Ruby's ``=~``."""
        if value is None:
            MATCH.last = None
            return None
        found = self.search(characters(value))
        return found.found.start() if found else None


def characters(value: Value) -> str:
    """Return the characters of a String or Symbol."""
    if type(value) is Text:
        return str(value.value)
    if type(value) is Symbol:
        return str(value.name)
    raise failure("TypeError", f"no implicit conversion of {class_of(value).name} into String")


@lru_cache(maxsize=256)
def _cached(source: str, flags: str) -> RubyRegexp:
    return RubyRegexp(source, flags)


def literal(text: str) -> RubyRegexp:
    """Return the expression that matches a text."""
    return RubyRegexp.of(escaped(text))


_SPECIAL: Final = re.compile(r"[\[\](){}*?+^$|.\\\-# \n\t\r\f\v]")
_WRITTEN: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f", "\v": "\\v"}


def escaped(text: str) -> str:
    """Ruby's ``RubyRegexp.escape``."""
    return _SPECIAL.sub(lambda found: _WRITTEN.get(found[0], "\\" + found[0]), text)


class Match:
    """A MatchData."""

    __slots__ = ("expression", "found")

    def __init__(self, found: re.Match[str], expression: RubyRegexp) -> None:
        self.found, self.expression = found, expression

    def group(self, which: Value) -> Value:
        """Return what a group matched, by its number or name."""
        if type(which) is int:
            if not -len(self.found.groups()) <= which <= len(self.found.groups()):
                return None
            which = which if which >= 0 else which + len(self.found.groups()) + 1
            text = self.found[which]
        else:
            name = characters(which)
            number = self.expression.regex.names.get(name)
            if number is None:
                raise failure("IndexError", f"undefined group name reference: {name}")
            text = self.found[number]
        return None if text is None else Text(text)

    def text(self) -> str:
        """Write what matched."""
        return str(self.found[0])

    def inspected(self) -> str:
        """Write it as Ruby does."""
        from ingest.ruby.values import inspect  # noqa: PLC0415 - shadowed by nothing, used here only

        names = {number: name for name, number in self.expression.regex.names.items()}
        groups = [f" {names.get(at, at)}:{inspect(self.group(at))}" for at in range(1, len(self.found.groups()) + 1)]
        return f"#<MatchData {inspect(Text(self.found[0]))}{''.join(groups)}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Match) and equal(Text(self.text()), Text(other.text()))

    __hash__ = None  # type: ignore[assignment] # nothing keeps them by key


class LastMatch:
    """What `$~` is."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: Match | None = None


MATCH: Final = LastMatch()
"""That of the program that runs; programs run one after another."""
named(RubyRegexp, "Regexp")
named(Match, "MatchData")
