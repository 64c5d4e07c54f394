"""Elasticsearch's query clauses, compiled into tantivy queries for one partition."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import regex
import tantivy
from tantivy import FieldType, Occur, Query

from sawlog.errors import QueryError, nearest
from sawlog.store import date_math, query_string
from sawlog.store.embedded.fields import ANALYZER, DEFAULTS, EXTRA, KINDS, PRESENT, TIME

DEEPEST: Final = 150
MOST_VALUES: Final = 60_000
"""How many distinct values of a field a range or wildcard looks through where the index has no order for it."""

Clause = dict[str, Any]


class Compiler:
    """Compiles clauses against one searcher; `now` is the milliseconds that ``now`` means."""

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher, now: int) -> None:
        self.schema = schema
        self.searcher = searcher
        self.now = now

    def compile(self, clause: Any, depth: int = 0) -> Query:
        """Return the query of a clause. Raises QueryError."""
        if not isinstance(clause, dict) or len(clause) != 1:
            raise QueryError(f"a query is an object with one clause's name as its key, not {_short(clause)}")
        if depth > DEEPEST:
            raise QueryError(f"the query is nested deeper than {DEEPEST} clauses")
        [(name, body)] = clause.items()
        if name == "bool":
            return self._bool(body, depth)
        method = _CLAUSES.get(name)
        if method is None:
            hint = nearest(name, [*_CLAUSES, "bool"])
            raise QueryError(f"unknown query clause '{name}'{f' ({hint})' if hint else ''}")
        if not isinstance(body, dict):
            raise QueryError(f"'{name}' expects an object, not {_short(body)}")
        return method(self, body)

    def _bool(self, body: Any, depth: int) -> Query:
        _known("bool", body, {"must", "filter", "should", "must_not", "minimum_should_match", "boost"})
        parts: dict[str, list[Query]] = {}
        for occur in ("must", "filter", "should", "must_not"):
            below = body.get(occur, [])
            below = below if isinstance(below, list) else [below]
            parts[occur] = [self.compile(clause, depth + 1) for clause in below]
        required = parts["must"] + parts["filter"]
        least = body.get("minimum_should_match", 0 if required else 1)
        if not isinstance(least, int) or isinstance(least, bool):
            raise QueryError(f"minimum_should_match is {_short(least)}: expected a number")
        pairs = [(Occur.Must, query) for query in required]
        if parts["should"] and least > 0:
            choice = Query.boolean_query(
                [(Occur.Should, query) for query in parts["should"]], minimum_number_should_match=least
            )
            pairs.append((Occur.Must, choice))
        if not pairs:
            pairs.append((Occur.Must, Query.all_query()))
        return Query.boolean_query(pairs + [(Occur.MustNot, query) for query in parts["must_not"]])

    def _query_string(self, body: Clause) -> Query:
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
        return self.compile(clause)

    def _match(self, body: Clause) -> Query:
        field, options = _one_field("match", body, "query")
        _known("match", options, {"query", "operator", "lenient", "boost"})
        value = options.get("query")
        if KINDS.get(field) != "text":
            return self._lenient(lambda: self.exact(field, value), options)
        occur = Occur.Must if str(options.get("operator", "or")).lower() == "and" else Occur.Should
        terms = [self.exact(field, token) for token in ANALYZER.analyze(str(value))]
        return Query.boolean_query([(occur, term) for term in terms]) if terms else Query.empty_query()

    def _match_phrase(self, body: Clause) -> Query:
        field, options = _one_field("match_phrase", body, "query")
        _known("match_phrase", options, {"query", "slop", "lenient", "boost"})
        value = options.get("query")
        if KINDS.get(field) != "text":
            return self._lenient(lambda: self.exact(field, value), options)
        tokens = ANALYZER.analyze(str(value))
        if not tokens:
            return Query.empty_query()
        if len(tokens) == 1:
            return self.exact(field, tokens[0])
        return Query.phrase_query(self.schema, field, list(tokens), slop=int(options.get("slop", 0)))

    def _term(self, body: Clause) -> Query:
        field, options = _one_field("term", body, "value")
        _known("term", options, {"value", "boost"})
        return self.exact(field, options.get("value"))

    def _terms(self, body: Clause) -> Query:
        body = {key: value for key, value in body.items() if key != "boost"}
        field, values = _single("terms", body)
        if not isinstance(values, list):
            raise QueryError(f"terms on '{field}' expects a list")
        return _any(self.exact(field, value) for value in values)

    def _ids(self, body: Clause) -> Query:
        _known("ids", body, {"values"})
        return Query.term_set_query(self.schema, "_id", [str(value) for value in body.get("values", [])])

    def _exists(self, body: Clause) -> Query:
        _known("exists", body, {"field"})
        return self.exists(str(body.get("field")))

    def exists(self, field: str) -> Query:
        """Match documents with a value in `field` or, if it is an object, in one below it."""
        if field == "message":
            missing = Query.term_query(self.schema, PRESENT, "-message")
            return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, missing)])
        kind = KINDS.get(field)
        if field in {"_id", "_index"}:
            return Query.all_query()
        if kind == "text":
            return Query.term_query(self.schema, PRESENT, field)
        if kind is not None:
            return Query.exists_query(field)
        below = [self.exists(name) for name in KINDS if name.startswith(f"{field}.")]
        return _any([*below, Query.exists_query(f"{EXTRA}.{field}", json_subpaths=True)])

    def _range(self, body: Clause) -> Query:
        field, limits = _one_field("range", body, "gte")
        _known("range", limits, {"gt", "gte", "lt", "lte", "format", "time_zone", "lenient", "boost"})
        return self._lenient(lambda: self.between(field, limits), limits)

    def between(self, field: str, limits: Clause) -> Query:
        """Match values within the limits ``gt``, ``gte``, ``lt``, ``lte``."""
        kind = KINDS.get(field)
        sides = {side: limits[side] for side in ("gt", "gte", "lt", "lte") if limits.get(side) is not None}
        if not sides:
            return self.exists(field)
        if kind not in {"date", "long"}:
            return self._among(field, _comparison(sides), tokens=kind == "text")
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
            return Query.empty_query()
        return Query.range_query(self.schema, field, FieldType.Integer, low, high)

    def _prefix(self, body: Clause) -> Query:
        field, options = _one_field("prefix", body, "value")
        _known("prefix", options, {"value", "case_insensitive", "boost"})
        return self._fits(field, _escape(str(options.get("value"))) + _ANYTHING, bool(options.get("case_insensitive")))

    def _wildcard(self, body: Clause) -> Query:
        field, options = _one_field("wildcard", body, "value")
        _known("wildcard", options, {"value", "wildcard", "case_insensitive", "boost", "analyze"})
        value = str(options.get("value", options.get("wildcard")))
        return self._fits(field, _wild(value), bool(options.get("case_insensitive")))

    def _regexp(self, body: Clause) -> Query:
        field, options = _one_field("regexp", body, "value")
        _known("regexp", options, {"value", "case_insensitive", "boost"})
        return self._fits(field, str(options.get("value")), bool(options.get("case_insensitive")))

    def _fits(self, field: str, pattern: str, ignore_case: bool) -> Query:
        kind = KINDS.get(field)
        if kind in {"date", "long"}:
            return self._among(field, _matcher(pattern, ignore_case))
        if kind is None:
            return self._among(field, _matcher(pattern, ignore_case))
        if kind == "text" and "\\" not in pattern:
            pattern = pattern.lower()
        try:
            return Query.regex_query(self.schema, field, f"(?i){pattern}" if ignore_case else pattern)
        except ValueError as error:
            reason = str(error).replace("\n", " ")
            raise QueryError(f"the expression {_short(pattern)} is not understood: {reason}") from error

    def _fuzzy(self, body: Clause) -> Query:
        field, options = _one_field("fuzzy", body, "value")
        _known("fuzzy", options, {"value", "fuzziness", "boost"})
        value, fuzziness = str(options.get("value")), options.get("fuzziness", "AUTO")
        distance = (0 if len(value) < 3 else 1 if len(value) < 6 else 2) if fuzziness == "AUTO" else int(fuzziness)
        kind = KINDS.get(field)
        if kind in {"date", "long"} or not 0 < distance <= 2:
            return self._lenient(lambda: self.exact(field, value), {"lenient": True})
        text = value.lower() if kind == "text" else value
        return Query.fuzzy_term_query(self.schema, field if kind else f"{EXTRA}.{field}", text, distance)

    def exact(self, field: str, value: Any) -> Query:
        """Match one value, of the field's type; a text field's token."""
        if value is None or isinstance(value, list | dict):
            raise QueryError(f"'{field}' is compared with {_short(value)}: expected one value")
        kind = KINDS.get(field)
        if field == "_id" or kind in {"keyword", "text"}:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            return Query.term_query(self.schema, field, text)
        if kind == "date":
            return self.between(field, {"gte": value, "lte": value})
        if kind == "long":
            number = _number(value)
            if number is None:
                raise QueryError(f"'{field}' is a number and is compared with {_short(value)}")
            if number != int(number) or not -(2**63) <= number < 2**63:
                return Query.empty_query()
            return Query.term_query(self.schema, field, int(number))
        return _any(Query.term_query(self.schema, f"{EXTRA}.{field}", form) for form in _forms(value))

    def count(self, query: Query) -> int:
        """Return how many documents match."""
        found: Any = self.searcher.search(query, limit=1)  # its `count` is missing in tantivy's type stubs
        return int(found.count)

    def values(self, field: str) -> list[Any]:
        """Return the distinct values of a field that has a column. Raises QueryError if there are too many."""
        name = field if field in KINDS else f"{EXTRA}.{field}"
        request = {"values": {"terms": {"field": name, "size": MOST_VALUES, "segment_size": MOST_VALUES}}}
        answer = self.searcher.aggregate(Query.all_query(), request)["values"]
        if answer["sum_other_doc_count"]:
            raise QueryError(f"'{field}' has more than {MOST_VALUES} distinct values: too many for this clause")
        return [
            bucket["key"] == 1 if bucket.get("key_as_string") in {"true", "false"} else bucket["key"]
            for bucket in answer["buckets"]
        ]

    def _among(self, field: str, fits: Callable[[Any], bool], tokens: bool = False) -> Query:
        if tokens:
            pairs = self.searcher.terms_with_prefix(field, "", limit=MOST_VALUES)
            return Query.term_set_query(self.schema, field, [token for token, _ in pairs if fits(token)])
        chosen = [value for value in self.values(field) if fits(value)]
        return _any(self.exact(field, value) for value in chosen)

    def _lenient(self, make: Callable[[], Query], options: Clause) -> Query:
        try:
            return make()
        except QueryError:
            if options.get("lenient"):
                return Query.empty_query()
            raise


_CLAUSES: Final[dict[str, Callable[[Compiler, Clause], Query]]] = {
    "match_all": lambda _compiler, _body: Query.all_query(),
    "match_none": lambda _compiler, _body: Query.empty_query(),
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
_ANYTHING: Final = "(?s:.)*"


def time_limits(clause: Any, now: int) -> tuple[int, int]:
    """Return the first and last millisecond that documents of a clause can have, as far as it shows on top."""
    low, high = -(2**63), 2**63 - 1
    if not isinstance(clause, dict):
        return low, high
    ranges = clause.get("range")
    limits = ranges.get(TIME) if isinstance(ranges, dict) else None
    for side, value in limits.items() if isinstance(limits, dict) else ():
        if side in {"gt", "gte"}:
            low = max(low, date_math.resolve(value, now=now))
        elif side in {"lt", "lte"}:
            high = min(high, date_math.resolve(value, round_up=True, now=now))
    body = clause.get("bool")
    if not isinstance(body, dict):
        return low, high
    for occur in ("must", "filter"):
        below = body.get(occur, [])
        for part in below if isinstance(below, list) else [below]:
            part_low, part_high = time_limits(part, now)
            low, high = max(low, part_low), min(high, part_high)
    return low, high


def _any(queries: Iterable[Query]) -> Query:
    pairs = [(Occur.Should, query) for query in queries]
    return Query.boolean_query(pairs) if pairs else Query.empty_query()


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


def _whole(field: str, value: Any, up: bool) -> int:
    number = _number(value)
    if number is None:
        raise QueryError(f"'{field}' is a number and is compared with {_short(value)}")
    whole = int(number // 1)
    return max(-(2**63), min(2**63 - 1, whole + (1 if up and whole != number else 0)))


def _forms(value: Any) -> list[Any]:
    """Return the typed values that a dynamic field may hold for `value`."""
    forms: list[Any] = [str(value).lower() if isinstance(value, bool) else str(value)]
    if str(value).lower() in {"true", "false"}:
        forms.append(str(value).lower() == "true")
    number = _number(value)
    if number is not None:
        if -(2**63) <= number < 2**63 and number == int(number):
            forms.append(int(number))
        forms.append(float(number))
    return forms


def _comparison(sides: Clause) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        for side, limit in sides.items():
            bound: Any = str(limit) if isinstance(value, str) else _number(limit)
            if bound is None or isinstance(value, bool):
                return False
            less, same = value < bound, value == bound
            if not (same and side in {"gte", "lte"}) and (same or less != (side[0] == "l")):
                return False
        return True

    return fits


def _matcher(pattern: str, ignore_case: bool) -> Callable[[Any], bool]:
    try:
        compiled = regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    except regex.error as error:
        raise QueryError(f"the expression {_short(pattern)} is not understood: {error}") from error

    def fits(value: Any) -> bool:
        try:
            return isinstance(value, str) and compiled.fullmatch(value, timeout=1.0) is not None
        except TimeoutError as error:
            raise QueryError(f"the expression {_short(pattern)} takes too long") from error

    return fits


def _escape(text: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _wild(text: str) -> str:
    """Turn ``*`` and ``?`` into an expression; a backslash before a character takes its meaning away."""
    pieces = re.findall(r"\\.|\\$|.", text, re.DOTALL)
    special = {"*": _ANYTHING, "?": "(?s:.)"}
    return "".join(
        special.get(piece) or _escape(piece[1:] if piece[0] == "\\" and piece[1:] else piece) for piece in pieces
    )
