"""Elasticsearch's query clauses, compiled into conditions of SQL with parameters.

A condition may come to NULL, which counts as false: what is negated is negated by ``IS NOT TRUE``. A fixed field is
asked in its column and, where that is null and `rest` may hold the field, there; every other field is asked in `rest`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sawlog.errors import QueryError, nearest
from sawlog.store import date_math, query_string
from sawlog.store.base import Clause
from sawlog.store.embedded.layout import DEFAULTS, IGNORE_ABOVE, KINDS, TIME
from sawlog.store.embedded.paths import RestNames
from sawlog.store.embedded.words import LETTER, LONGEST, SEPARATOR, is_word, lower, words

DEEPEST: Final = 150
MOST_NEAR: Final = 20
MOST_GAPS: Final = 1_000
"""How many words a phrase with ``~`` has, and how far apart they are."""
MOST_VALUES: Final = 50
"""So many values of one ``terms`` are compared one by one; more are a list."""
MOST_CONDITIONS: Final = 4_000
"""How many conditions one query may come to, each in a field or in a path of `rest`."""
MOST_IN_ALL: Final = 20_000
"""How many the queries of one request may come to together."""
MOST_PATHS: Final = 32
"""How many fields of an object are asked one by one whether they exist."""
_NUMBERS: Final = "('UBIGINT', 'BIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE')"
_HUGE: Final = 2**127
"""DuckDB's largest whole numbers end below."""
_FIRST_MOMENT: Final = -62_135_596_800_000
_LAST_MOMENT: Final = 253_402_300_799_999
IDENTITY: Final = """coalesce("_id", "_source" || ':' || "log.offset")"""
FILTERED: Final = {name for name, kind in KINDS.items() if kind == "text"} | {
    *("trace.id", "span.id", "log.level", "log.logger", "service.name", "host.name", "process.thread.name"),
    *("error.type", "log.file.path", "tags"),
}
"""The fields whose words or values the filters of granules hold."""


@dataclass(frozen=True, slots=True)
class Word:
    """A granule is worth a look only if it may hold this word (or value) in this field."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Several:
    """A granule is worth a look only if all (or any) of these say so."""

    all: bool
    hints: tuple[Hint, ...]


Hint = Word | Several | None
"""What a granule's filter is asked before the rows; None: nothing."""


@dataclass(frozen=True, slots=True)
class RowCondition:
    """A clause in SQL, and what it says to filters."""

    sql: str
    hint: Hint = None


EVERYTHING: Final = RowCondition("true")
NOTHING: Final = RowCondition("false", Several(all=False, hints=()))


class Compiler:
    """Compiles clauses; `now` is the milliseconds that ``now`` means.

    `check` raises QueryError where the database does not understand a regular expression. `values` are the parameters
    of all conditions so far.
    """

    def __init__(self, names: RestNames, now: int, check: Callable[[str], None]) -> None:
        self.names = names
        self.now = now
        self.check = check
        self.values: dict[str, Any] = {}
        self.differences: Mapping[str, tuple[str, str]] = {}
        """Fields that are computed: from which date to which they go."""
        self.used: set[str] = set()
        """The fields that conditions so far have asked."""
        self._known: dict[Any, str] = {}
        self._own = self._all = 0

    def bind(self, value: Any) -> str:
        """Make a parameter of a value, and return how it is written."""
        if isinstance(value, str):
            value = _clean(value)
        key = (type(value), value) if not isinstance(value, list) else (list, tuple(value))
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = f"p{len(self.values)}"
            self.values[name] = value
        return f"${name}"

    def compile(self, clause: Any, depth: int = 0) -> RowCondition:
        """Return the condition of a clause. Raises QueryError."""
        if not isinstance(clause, dict) or len(clause) != 1:
            raise QueryError(f"a query is an object with one clause's name as its key, not {_short(clause)}")
        if depth > DEEPEST:
            raise QueryError(f"the query is nested deeper than {DEEPEST} clauses")
        if depth == 0:
            self._own = 0
        [(name, body)] = clause.items()
        if name == "bool":
            return self._bool(body, depth)
        method = _CLAUSES.get(name)
        if method is None:
            hint = nearest(name, [*_CLAUSES, "bool"])
            raise QueryError(f"unknown query clause '{name}'{f' ({hint})' if hint else ''}")
        if not isinstance(body, dict):
            raise QueryError(f"'{name}' expects an object, not {_short(body)}")
        return method(self, body, depth)

    def _bool(self, body: Any, depth: int) -> RowCondition:
        _known("bool", body, {"must", "filter", "should", "must_not", "minimum_should_match", "boost"})
        parts: dict[str, list[RowCondition]] = {}
        for occur in ("must", "filter", "should", "must_not"):
            below = body.get(occur, [])
            below = below if isinstance(below, list) else [below]
            parts[occur] = [self.compile(clause, depth + 1) for clause in below]
        required = parts["must"] + parts["filter"]
        least = body.get("minimum_should_match", 0 if required else 1)
        if not isinstance(least, int) or isinstance(least, bool):
            raise QueryError(f"minimum_should_match is {_short(least)}: expected a number")
        if parts["should"] and least > 0:
            required.append(any_of(parts["should"]) if least == 1 else _at_least(parts["should"], least))
        return all_of([*required, *(negated(one) for one in parts["must_not"])])

    def _query_string(self, body: Clause, depth: int) -> RowCondition:
        options = {"query", "fields", "default_field", "default_operator", "analyze_wildcard", "lenient", "time_zone"}
        _known("query_string", body, options | {"boost", "allow_leading_wildcard"})
        text = body.get("query")
        fields = body.get("fields") or ([body["default_field"]] if "default_field" in body else [])
        if not isinstance(text, str) or not all(isinstance(field, str) for field in fields):
            raise QueryError("query_string expects 'query' as text and 'fields' as a list of names")
        names = [field.partition("^")[0] for field in fields if field != "*"] or list(DEFAULTS)
        clause = query_string.parse(
            text,
            names,
            known_fields=tuple(KINDS),
            default_operator=str(body.get("default_operator", "or")),
            lenient=bool(body.get("lenient", False)),
        )
        return self.compile(clause, depth)

    def _match(self, body: Clause, _: int) -> RowCondition:
        field, options = _one_field("match", body, "query")
        _known("match", options, {"query", "operator", "lenient", "boost"})
        value = options.get("query")
        if KINDS.get(field) != "text":
            return self._lenient(lambda: self.exact(field, value), options)
        found = [self.exact(field, word) for word in words(str(value))]
        if not found:
            return NOTHING
        return all_of(found) if str(options.get("operator", "or")).lower() == "and" else any_of(found)

    def _match_phrase(self, body: Clause, _: int) -> RowCondition:
        field, options = _one_field("match_phrase", body, "query")
        _known("match_phrase", options, {"query", "slop", "lenient", "boost"})
        value = options.get("query")
        if KINDS.get(field) != "text":
            return self._lenient(lambda: self.exact(field, value), options)
        found = words(str(value))
        if not found:
            return NOTHING
        if len(found) == 1:
            return self.exact(field, found[0])
        return self._ask(
            field,
            self._in_order(found) if (slop := int(options.get("slop", 0))) <= 0 else self._near(found, slop),
            Several(all=True, hints=tuple(Word(field, word) for word in found)),
        )

    def _in_order(self, found: Sequence[str]) -> Callable[[str], str]:
        """Require these words side by side."""
        first = self.bind(_any_case(max(found, key=len)))
        plain = self.bind(f" {' '.join(found)} ")
        expression = self.bind(_as_words(f"{SEPARATOR}+".join(found)))

        def fits(text: str) -> str:
            # The quickest first: most texts do not hold the letters at all, and most others hold them between spaces.
            return (
                f"(regexp_matches({text}, {first}) "
                f"AND (contains(lower({text}), {plain}) OR regexp_matches(lower({text}), {expression})))"
            )

        return fits

    def _near(self, found: Sequence[str], slop: int) -> Callable[[str], str]:
        """Require these words where none is farther than `slop` places from its place beside the others, as Lucene."""
        if len(found) > MOST_NEAR:
            raise QueryError(f"a phrase with ~ has {MOST_NEAR} words at most")
        slop = min(slop, MOST_GAPS)
        names = [self.bind(word) for word in found]
        firsts = [self.bind(_any_case(word)) for word in dict.fromkeys(found)]
        # Where each word stands, less its place in the phrase: side by side, all come to the same.
        places = [
            f"list_transform(list_filter(range(1, len(t) + 1), lambda p: t[p] = {name}), lambda p: p - {at})"
            for at, name in enumerate(names)
        ]
        near = " AND ".join(f"len(list_filter({place}, lambda q: q BETWEEN a AND a + {slop})) > 0" for place in places)

        def fits(text: str) -> str:
            here = " AND ".join(f"regexp_matches({text}, {first})" for first in firsts)
            fit = f"len(list_filter(flatten([{', '.join(places)}]), lambda a: {near})) > 0"
            return f"({here} AND list_transform([{_words_of(text)}], lambda t: {fit})[1])"

        return fits

    def _term(self, body: Clause, _: int) -> RowCondition:
        field, options = _one_field("term", body, "value")
        _known("term", options, {"value", "boost"})
        return self.exact(field, options.get("value"))

    def _terms(self, body: Clause, _: int) -> RowCondition:
        body = {key: value for key, value in body.items() if key != "boost"}
        field, values = _single("terms", body)
        if not isinstance(values, list):
            raise QueryError(f"terms on '{field}' expects a list")
        if len(values) > MOST_VALUES and field != "_id" and KINDS.get(field, "keyword") == "keyword":
            return self._one_of(field, values)
        return any_of([self.exact(field, value) for value in values])

    def _one_of(self, field: str, values: Sequence[Any]) -> RowCondition:
        """Match one of many values."""
        for value in values:
            self.exact(field, value) if value is None or isinstance(value, list | dict) else None
        if field in KINDS:
            texts = self.bind([_clean(_as_text(value)) for value in values])
            return self._ask(field, lambda text: _among(text, texts))
        forms = self.bind([form for value in values for form in _forms(value)])
        return self._in_rest(field, lambda held: _among(f"{held}::VARCHAR", forms))

    def _ids(self, body: Clause, _: int) -> RowCondition:
        _known("ids", body, {"values"})
        values = [str(value) for value in body.get("values", [])]
        if len(values) <= MOST_VALUES:
            return any_of([self._identity(value) for value in values])
        self.used.add("_id")
        return RowCondition(_among(IDENTITY, self.bind([_clean(value) for value in values])))

    def _identity(self, name: str) -> RowCondition:
        self.used.add("_id")
        conditions = [f'"_id" = {self.bind(name)}']
        source, _, offset = name.rpartition(":")
        if source and offset.isascii() and offset.isdigit() and str(int(offset[:19])) == offset:
            conditions.append(
                f'"_id" IS NULL AND "_source" = {self.bind(source)} AND "log.offset" = {self.bind(int(offset))}'
            )
        return RowCondition(f"({' OR '.join(conditions)})")

    def _exists(self, body: Clause, _: int) -> RowCondition:
        _known("exists", body, {"field"})
        return self.exists(str(body.get("field")))

    def exists(self, field: str) -> RowCondition:
        """Match documents with a value in `field` or, if it is an object, in one below it."""
        if field in {"_id", "_index"}:
            return EVERYTHING
        self.used.add(field)
        conditions = [f"{column(name)} IS NOT NULL" for name in KINDS if name == field or name.startswith(f"{field}.")]
        if field == "tags":
            conditions = ["len(tags) > 0"]
        paths = self.names.of(field)
        if field not in KINDS or field == "message":
            below = self.names.below(field)
            if len(below) <= MOST_PATHS:
                paths = (*paths, *below)
            else:
                conditions += [self._at(path, _holds_something) for path in sorted(_objects(below, field))]
        conditions += [self._at(path, lambda value: is_value(value, KINDS.get(field))) for path in paths]
        if not self.names.are_all_known and field not in KINDS:
            conditions += [self._at(path, _holds_something) for path in self.names.of(field)]
        return RowCondition(f"({' OR '.join(conditions)})") if conditions else NOTHING

    def _range(self, body: Clause, _: int) -> RowCondition:
        field, limits = _one_field("range", body, "gte")
        _known("range", limits, {"gt", "gte", "lt", "lte", "format", "time_zone", "lenient", "boost"})
        return self._lenient(lambda: self.between(field, limits), limits)

    def between(self, field: str, limits: Clause) -> RowCondition:
        """Match values within the limits ``gt``, ``gte``, ``lt``, ``lte``."""
        kind = KINDS.get(field)
        sides = {side: limits[side] for side in ("gt", "gte", "lt", "lte") if limits.get(side) is not None}
        if not sides:
            return self.exists(field)
        if kind not in {"date", "long"}:
            return self._between_texts(field, sides)
        low, high = -(2**63), 2**63 - 1
        for side, value in sides.items():
            if kind == "date":
                at = date_math.resolve(value, round_up=side in {"gt", "lte"}, now=self.now)
            else:
                at = _whole(field, value, up=side in {"gte", "lt"})
            if side[0] == "g":
                low = max(low, at + (side == "gt"))
            else:
                high = min(high, at - (side == "lt"))
        if low > high:
            return NOTHING
        if kind == "date":
            return self._between_moments(field, low, high)
        first, last = self.bind(max(low, -(2**63))), self.bind(min(high, 2**63 - 1))
        return self._ask(field, lambda value: f"{value} BETWEEN {first} AND {last}")

    def _between_moments(self, field: str, low: int, high: int) -> RowCondition:
        if low > _LAST_MOMENT or high < _FIRST_MOMENT:
            return NOTHING
        first, last = self.moment(max(low, _FIRST_MOMENT)), self.moment(min(high, _LAST_MOMENT))
        return self._ask(field, lambda value: f"{value} BETWEEN {first} AND {last}")

    def moment(self, millis: int) -> str:
        """Write a time."""
        return f"make_timestamptz({self.bind(millis * 1000)}::BIGINT)"

    def _between_texts(self, field: str, sides: Clause) -> RowCondition:
        def within(value: str, form: Callable[[Any], Any]) -> str:
            limits = {side: form(limit) for side, limit in sides.items()}
            if any(limit is None for limit in limits.values()):
                return "false"
            return " AND ".join(f"{value} {_SIDES[side]} {self.bind(limit)}" for side, limit in limits.items())

        if KINDS.get(field) == "text":
            return self._ask(field, lambda text: _any_word(text, f"({within('w', str)})"))
        if field in KINDS:
            return self._ask(field, lambda text: f"({within(text, str)})")

        def fits(value: str) -> str:
            return (
                f"({_is_text(value)} AND {within(_text(value), str)} "
                f"OR json_type({value}) IN {_NUMBERS} AND {self._within_numbers(value, sides)})"
            )

        return self._in_rest(field, fits)

    def _within_numbers(self, value: str, sides: Clause) -> str:
        """Compare whole numbers as such: as DOUBLE, those beyond 2^53 would be equal to their neighbours."""
        limits = {side: _number(limit) for side, limit in sides.items()}
        if any(limit is None for limit in limits.values()):
            return "false"
        parts = []
        for side, limit in limits.items():
            part = f"TRY_CAST({value} AS DOUBLE) {_SIDES[side]} {self.bind(_double(limit))}"
            if isinstance(limit, int) and abs(limit) < _HUGE:
                whole = f"TRY_CAST({value} AS HUGEINT) {_SIDES[side]} {self.bind(str(limit))}::HUGEINT"
                part = f"CASE WHEN json_type({value}) = 'DOUBLE' THEN {part} ELSE {whole} END"
            parts.append(part)
        return " AND ".join(parts)

    def _prefix(self, body: Clause, _: int) -> RowCondition:
        field, options = _one_field("prefix", body, "value")
        _known("prefix", options, {"value", "case_insensitive", "boost"})
        pieces = [(char, False) for char in str(options.get("value"))]
        return self._like(field, [*pieces, ("*", True)], bool(options.get("case_insensitive")))

    def _wildcard(self, body: Clause, _: int) -> RowCondition:
        field, options = _one_field("wildcard", body, "value")
        _known("wildcard", options, {"value", "wildcard", "case_insensitive", "boost", "analyze"})
        value = str(options.get("value", options.get("wildcard")))
        return self._like(field, _wild(value), bool(options.get("case_insensitive")))

    def _like(self, field: str, pieces: Sequence[tuple[str, bool]], ignore_case: bool) -> RowCondition:
        """Match a pattern: characters, and ``*`` and ``?`` where they are special."""
        if KINDS.get(field) == "text":
            return self._like_word(field, pieces)
        special = {"*": "(?s:.)*", "?": "(?s:.)"}
        pattern = "".join(special[char] if is_special else re.escape(char) for char, is_special in pieces)
        return self._fits(field, pattern, ignore_case)

    def _like_word(self, field: str, pieces: Sequence[tuple[str, bool]]) -> RowCondition:
        special = {"*": f"{LETTER}*", "?": LETTER}
        if not any(not is_special or char == "?" for char, is_special in pieces):
            special["*"] = f"{LETTER}+"
        small = [(char if is_special else lower(char), is_special) for char, is_special in pieces]
        if any(not is_special and not is_word(char) for char, is_special in small):
            return NOTHING
        expression = self.bind(_as_words("".join(special[char] if is_it else char for char, is_it in small)))
        runs = "".join("\0" if is_special else char for char, is_special in small).split("\0")
        first = self.bind(_any_case(max(runs, key=len)))
        return self._ask(
            field,
            lambda text: f"(regexp_matches({text}, {first}) AND regexp_matches(lower({text}), {expression}))",
        )

    def _regexp(self, body: Clause, _: int) -> RowCondition:
        field, options = _one_field("regexp", body, "value")
        _known("regexp", options, {"value", "case_insensitive", "boost"})
        return self._fits(field, str(options.get("value")), bool(options.get("case_insensitive")))

    def _fits(self, field: str, pattern: str, ignore_case: bool) -> RowCondition:
        kind = KINDS.get(field)
        if kind == "text" and "\\" not in pattern:
            pattern = lower(pattern)
        pattern = f"(?i){pattern}" if ignore_case else pattern
        self.check(pattern)
        if kind in {"date", "long"}:
            return NOTHING
        expression = self.bind(pattern)
        if kind == "text":
            return self._ask(field, lambda text: _any_word(text, f"regexp_full_match(w, {expression})"))
        if kind is not None:
            return self._ask(field, lambda text: f"regexp_full_match({text}, {expression})")
        return self._in_rest(
            field, lambda value: f"({_is_text(value)} AND regexp_full_match({_text(value)}, {expression}))"
        )

    def _fuzzy(self, body: Clause, _: int) -> RowCondition:
        field, options = _one_field("fuzzy", body, "value")
        _known("fuzzy", options, {"value", "fuzziness", "boost"})
        value, fuzziness = str(options.get("value")), options.get("fuzziness", "AUTO")
        distance = (0 if len(value) < 3 else 1 if len(value) < 6 else 2) if fuzziness == "AUTO" else int(fuzziness)
        kind = KINDS.get(field)
        if kind in {"date", "long"} or not 0 < distance <= 2:
            return self._lenient(lambda: self.exact(field, value), {"lenient": True})
        wanted = self.bind(lower(value) if kind == "text" else value)

        def near(text: str) -> str:
            return (
                f"(abs(len({text}) - len({wanted}::VARCHAR)) <= {distance} "
                f"AND damerau_levenshtein({text}, {wanted}) <= {distance})"
            )

        if kind == "text":
            return self._ask(field, lambda text: _any_word(text, near("w")))
        if kind is not None:
            return self._ask(field, near)
        return self._in_rest(field, lambda value: f"({_is_text(value)} AND {near(_text(value))})")

    def exact(self, field: str, value: Any) -> RowCondition:
        """Match one value, of the field's type; a text field's word."""
        if value is None or isinstance(value, list | dict):
            raise QueryError(f"'{field}' is compared with {_short(value)}: expected one value")
        kind = KINDS.get(field)
        if field == "_id":
            return self._identity(_as_text(value))
        if kind == "text":
            return self._word(field, _as_text(value))
        if kind == "keyword":
            wanted = self.bind(_as_text(value))
            among = f"list_contains(tags, {wanted})" if field == "tags" else None
            return self._ask(field, lambda text: f"{text} = {wanted}", Word(field, _as_text(value)), among)
        if kind == "date":
            return self.between(field, {"gte": value, "lte": value})
        if kind == "long":
            number = _number(value)
            if number is None:
                raise QueryError(f"'{field}' is a number and is compared with {_short(value)}")
            if number != int(number) or not -(2**63) <= number < 2**63:
                return NOTHING
            whole = self.bind(int(number))
            return self._ask(field, lambda held: f"{held} = {whole}")
        return self._in_rest(field, lambda held: self._equals(held, value))

    def _word(self, field: str, word: str) -> RowCondition:
        if not is_word(word):
            return NOTHING
        return self._ask(field, self._in_order([word]), Word(field, word))

    def _equals(self, held: str, value: Any) -> str:
        """Compare a JSON value with the forms that a field without a type may have for `value`."""
        literals = [f"to_json({self.bind(_as_text(value))}::VARCHAR)::VARCHAR"]
        if str(value).lower() in {"true", "false"}:
            literals.append(self.bind(str(value).lower()))
        number = _number(value)
        if number is None:
            return f"{held}::VARCHAR IN ({', '.join(literals)})"
        if number == int(number):
            literals.append(self.bind(str(int(number))))
        double = f"TRY_CAST({held} AS DOUBLE) = {self.bind(_double(number))}"
        return f"({held}::VARCHAR IN ({', '.join(literals)}) OR json_type({held}) = 'DOUBLE' AND {double})"

    def _ask(self, field: str, fits: Callable[[str], str], hint: Hint = None, among: str | None = None) -> RowCondition:
        """Ask a fixed field's column, or `rest` where it may hold the field and the column does not.

        `among` is a quicker way to ask the column of lists.
        """
        if field == "_id":
            return RowCondition(fits(IDENTITY))
        if field == "tags":
            conditions = [among or f"len(list_filter(tags, lambda t: {fits('t')})) > 0"]
        else:
            conditions = [fits(column(field))]
        kind = KINDS[field]
        self.used.add(field)
        self._tell()
        for path in self.names.of(field) if field != TIME else ():
            held = self._at(path, lambda value: f"({is_value(value, kind)} AND {fits(typed(value, kind))})")
            conditions.append(f"({column(field)} IS NULL AND {held})")
        sql = conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"
        return RowCondition(sql, hint if field in FILTERED or isinstance(hint, Several) else None)

    def _in_rest(self, field: str, fits: Callable[[str], str]) -> RowCondition:
        self.used.add(field)
        conditions = [self._at(path, fits) for path in self.names.of(field)]
        return RowCondition(f"({' OR '.join(conditions)})") if conditions else NOTHING

    def _tell(self) -> None:
        """Count a condition. Raises QueryError if there are too many."""
        self._own += 1
        self._all += 1
        if self._own > MOST_CONDITIONS or self._all > MOST_IN_ALL:
            most = MOST_CONDITIONS if self._own > MOST_CONDITIONS else MOST_IN_ALL
            raise QueryError(f"the query comes to more than {most} conditions: use fewer words, or name their fields")

    def _at(self, path: str, fits: Callable[[str], str]) -> str:
        """Ask the value, or any of the values, that stand at a path of `rest`."""
        self._tell()
        if "[*]" in path:
            return f"len(list_filter(json_extract(rest, {self.bind(path)}), lambda v: {fits('v')})) > 0"
        return fits(f"json_extract(rest, {self.bind(path)})")

    def _lenient(self, make: Callable[[], RowCondition], options: Clause) -> RowCondition:
        try:
            return make()
        except QueryError:
            if options.get("lenient"):
                return NOTHING
            raise


_CLAUSES: Final[dict[str, Callable[[Compiler, Clause, int], RowCondition]]] = {
    "match_all": lambda _compiler, _body, _depth: EVERYTHING,
    "match_none": lambda _compiler, _body, _depth: NOTHING,
    "query_string": Compiler._query_string,
    "match": Compiler._match,
    "match_phrase": Compiler._match_phrase,
    "term": Compiler._term,
    "terms": Compiler._terms,
    "range": Compiler._range,
    "exists": Compiler._exists,
    "prefix": Compiler._prefix,
    "wildcard": Compiler._wildcard,
    "regexp": Compiler._regexp,
    "fuzzy": Compiler._fuzzy,
    "ids": Compiler._ids,
}
_SIDES: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def column(field: str) -> str:
    """Write a column's name."""
    return '"' + field.replace('"', '""') + '"'


def all_of(conditions: Sequence[RowCondition]) -> RowCondition:
    """Require all of these."""
    kept = [one for one in conditions if one != EVERYTHING]
    if not kept or NOTHING in kept:
        return NOTHING if kept else EVERYTHING
    hints = tuple(one.hint for one in kept if one.hint is not None)
    sql = " AND ".join(f"({one.sql})" for one in kept) if len(kept) > 1 else kept[0].sql
    return RowCondition(sql, hints[0] if len(hints) == 1 else Several(all=True, hints=hints) if hints else None)


def any_of(conditions: Sequence[RowCondition]) -> RowCondition:
    """Require one of these."""
    kept = [one for one in conditions if one != NOTHING]
    if not kept or EVERYTHING in kept:
        return EVERYTHING if kept else NOTHING
    if len(kept) == 1:
        return kept[0]
    hints = tuple(one.hint for one in kept)
    return RowCondition(
        f"({' OR '.join(f'({one.sql})' for one in kept)})", None if None in hints else Several(all=False, hints=hints)
    )


def negated(condition: RowCondition) -> RowCondition:
    """Require that this does not hold."""
    if condition in {EVERYTHING, NOTHING}:
        return NOTHING if condition == EVERYTHING else EVERYTHING
    return RowCondition(f"({condition.sql}) IS NOT TRUE")


def typed(value: str, kind: str) -> str:
    """Write a value of JSON as what a fixed field of this kind holds."""
    if kind == "long":
        return f"TRY_CAST(trunc(TRY_CAST({_text(value)} AS DOUBLE)) AS BIGINT)"
    if kind == "date":
        return (
            f"coalesce(TRY_CAST({_text(value)} AS TIMESTAMPTZ), "
            f"make_timestamptz(TRY_CAST({_text(value)} AS BIGINT) * 1000))"
        )
    return _text(value)


def is_value(value: str, kind: str | None) -> str:
    """Say whether a value of JSON is one that a field of this kind is searched by."""
    scalar = f"json_type({value}) NOT IN ('NULL', 'OBJECT', 'ARRAY')"
    return f"({scalar})" if kind == "text" else f"({scalar} AND length({_text(value)}) <= {IGNORE_ABOVE})"


def time_limits(clause: Any, now: int) -> tuple[int, int, Any]:
    """Return the first and last millisecond that documents of a clause can have, and the clause without these limits.

    Limits are found on top and in what a ``bool`` requires. The clause must have been compiled before: it is not
    checked.
    """
    low, high = -(2**63), 2**63 - 1
    if "range" in clause and TIME in clause["range"] and isinstance(limits := clause["range"][TIME], dict):
        for side in ("gt", "gte", "lt", "lte"):
            if limits.get(side) is None:
                continue
            at = date_math.resolve(limits[side], round_up=side in {"gt", "lte"}, now=now)
            if side[0] == "g":
                low = max(low, at + (side == "gt"))
            else:
                high = min(high, at - (side == "lt"))
        return low, high, {"match_all": {}}
    if "bool" not in clause:
        return low, high, clause
    body = dict(clause["bool"])
    body.setdefault("minimum_should_match", 0 if body.get("must") or body.get("filter") else 1)
    for occur in ("must", "filter"):
        below = body.get(occur, [])
        kept = []
        for part in below if isinstance(below, list) else [below]:
            part_low, part_high, left = time_limits(part, now)
            low, high = max(low, part_low), min(high, part_high)
            kept.append(left)
        body[occur] = kept
    return low, high, {"bool": body}


def _at_least(conditions: Sequence[RowCondition], least: int) -> RowCondition:
    if least > len(conditions):
        return NOTHING
    return RowCondition(f"{' + '.join(f'(({one.sql}) IS TRUE)::INTEGER' for one in conditions)} >= {least}")


def _text(value: str) -> str:
    return f"({value} ->> '$')"


def _is_text(value: str) -> str:
    return f"(json_type({value}) = 'VARCHAR' AND length({_text(value)}) <= {IGNORE_ABOVE})"


def _holds_something(value: str) -> str:
    return f"({value}::VARCHAR NOT IN ('null', '{{}}', '[]'))"


def _words_of(text: str) -> str:
    return f"list_filter(regexp_split_to_array(lower({text}), '{SEPARATOR}+'), lambda w: w <> '')"


def _any_word(text: str, fits: str) -> str:
    split = f"regexp_split_to_array(lower({text}), '{SEPARATOR}+')"
    return f"len(list_filter({split}, lambda w: w <> '' AND strlen(w) < {LONGEST} AND {fits})) > 0"


def _among(value: str, values: str) -> str:
    """Say whether a value is one of a list; in a function of list elements there can be no join."""
    is_element = re.match(r"\(?[a-z]\b", value) is not None
    return f"list_contains({values}, {value})" if is_element else f"{value} IN (SELECT unnest({values}))"


def _any_case(text: str) -> str:
    """Return an expression that fits wherever `text` stands in small or capital letters; others may fit, too."""
    return f"(?i){text.replace('i', '[iİ]')}"


def _as_words(pattern: str) -> str:
    """Return the expression of a text in which words fit `pattern`."""
    return f"(?:^|{SEPARATOR})(?:{pattern})(?:{SEPARATOR}|$)"


def _objects(paths: Iterable[str], name: str) -> set[str]:
    """Return where the object that is called `name` stands, above these leaves."""
    parts = name.count(".") + 1
    found = set()
    for path in paths:
        pieces = re.findall(r'\."(?:[^"\\]|\\.)*"|\[\*\]', path, re.DOTALL)
        keys = 0
        for number, piece in enumerate(pieces, 1):
            keys += piece.count(".") if piece[0] == "." else 0
            if keys >= parts:
                found.add("$" + "".join(pieces[:number]))
                break
    return found


def _known(name: str, body: Any, options: set[str]) -> None:
    if not isinstance(body, dict):
        raise QueryError(f"'{name}' expects an object, not {_short(body)}")
    for option in body:
        if option not in options:
            hint = nearest(option, options)
            raise QueryError(f"'{name}' has no option '{option}'{f' ({hint})' if hint else ''}")


def _single(name: str, body: Clause) -> tuple[str, Any]:
    if len(body) != 1:
        raise QueryError(f"'{name}' expects one field, not {_short(sorted(body))}")
    [(field, value)] = body.items()
    return field, value


def _one_field(name: str, body: Clause, short: str) -> tuple[str, Clause]:
    field, value = _single(name, body)
    return field, value if isinstance(value, dict) else {short: value}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clean(text: str) -> str:
    """Return a text without halves of surrogates, which no document holds."""
    return text.encode(errors="replace").decode()


def _forms(value: Any) -> list[str]:
    """Return what a field without a type may hold for `value`, as it is written in JSON."""
    forms = [msgspec.json.encode(_clean(_as_text(value))).decode()]
    if str(value).lower() in {"true", "false"}:
        forms.append(str(value).lower())
    if (number := _number(value)) is not None:
        forms += [str(int(number)), f"{int(number)}.0"] if number == int(number) else [repr(number)]
    return forms


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(value) if not isinstance(value, float) else value
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


def _double(number: float | int | None) -> float:
    try:
        return float(number or 0)
    except OverflowError:
        return float("-inf" if (number or 0) < 0 else "inf")


def _whole(field: str, value: Any, up: bool) -> int:
    number = _number(value)
    if number is None:
        raise QueryError(f"'{field}' is a number and is compared with {_short(value)}")
    whole = int(number // 1)
    return max(-(2**63), min(2**63 - 1, whole + (1 if up and whole != number else 0)))


def _wild(text: str) -> list[tuple[str, bool]]:
    """Split a pattern; a backslash before a character takes its meaning away."""
    pieces = re.findall(r"\\.|\\$|.", text, re.DOTALL)
    return [
        (piece, True) if piece in {"*", "?"} else (piece[1:] if piece[0] == "\\" and piece[1:] else piece, False)
        for piece in pieces
    ]
