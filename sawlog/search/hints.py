"""Why an answer is empty: a field that no event has, a value written otherwise, a time without data, a wrong pair.

Each hint says one reason in plain words, and, where there is a way out, what to change in the question for it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.search.filters import FieldFilter
from sawlog.search.question import Question
from sawlog.store import query_string
from sawlog.store.base import Clause, Store, order
from sawlog.times.instant import of_milliseconds

MOST_HINTS: Final = 4
_MOST_CONDITIONS: Final = 6
_MOST_VALUES: Final = 1_000
_OTHER_WORDS: Final = {
    "severity": "log.level", "loglevel": "log.level", "lvl": "log.level", "logger": "log.logger",
    "class": "log.logger", "msg": "message", "text": "message", "log": "message", "app": "service.name",
    "application": "service.name", "service": "service.name", "thread": "process.thread.name", "pid": "process.pid",
    "host": "host.name", "hostname": "host.name", "file": "log.file.path", "path": "log.file.path",
    "trace": "trace.id", "traceid": "trace.id", "span": "span.id", "spanid": "span.id", "exception": "error.type",
    "error": "error.type", "stacktrace": "error.stack_trace", "time": "@timestamp", "timestamp": "@timestamp",
}  # fmt: skip
"""What people call fields elsewhere."""
_OTHER_LEVELS: Final = {
    "WARNING": "WARN", "ERR": "ERROR", "SEVERE": "ERROR", "CRITICAL": "FATAL", "INFORMATION": "INFO",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswerHint:
    """One reason; `action` has the parts of a question (``query``, ``filters``, ``from``, ``to``) as they should be."""

    text: str
    action: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Condition:
    """What a question asks of one field; `value` is None where it asks for any, or for more than one value."""

    field: str
    value: str | None = None


async def hints(store: Store, question: Question) -> list[AnswerHint]:
    """Say why nothing matches a question; raises as `Store.search` does."""
    index = question.index
    known = {one.name: one.type for one in await store.fields(index)}
    if not known or not await store.count({"match_all": {}}, index):
        return [AnswerHint(f"there is no event at all{f' in {index}' if index else ''} yet")]
    told: list[AnswerHint] = []
    asked = list(_conditions(question))[:_MOST_CONDITIONS]
    for one in asked:
        if one.field not in known:
            told.append(_unknown_field(question, one.field, known))
        elif one.value is not None and known[one.field] in {"keyword", "boolean"}:
            told += await _unknown_value(store, question, one.field, one.value)
    if not told:
        told += await _other_time(store, question)
    if not told:
        told += await _without_filter(store, question)
    if not told and len(asked) > 1:
        told.append(AnswerHint("events meet each condition, but none meets all of them"))
    return list({one.text: one for one in told}.values())[:MOST_HINTS]


def told(hint: AnswerHint) -> dict[str, Any]:
    """Return a hint as JSON has it."""
    return {name: value for name, value in asdict(hint).items() if value is not None}


def similar_field(name: str, known: Iterable[str]) -> str | None:
    """Return the field that somebody who writes `name` most likely means."""
    names = [one for one in known if not one.startswith("_")]
    small = name.casefold().replace("_", ".").replace("-", ".")
    for one in names:
        if one.casefold() in {small, name.casefold()}:
            return one
    other = _OTHER_WORDS.get(small.replace(".", ""))
    if other in names:
        return other
    ending = sorted((one for one in names if one.casefold().endswith(f".{small}")), key=len)
    if ending:
        return ending[0]
    near = difflib.get_close_matches(small, [one.casefold() for one in names], n=1, cutoff=0.6)
    if not near:
        last = {one.rpartition(".")[2].casefold(): one for one in sorted(names, key=len, reverse=True)}
        return next((last[one] for one in difflib.get_close_matches(small, last, n=1, cutoff=0.75)), None)
    return next(one for one in names if one.casefold() == near[0])


def unknown(field: str, known: Iterable[str]) -> QueryError:
    """Return the error that says that no event has a field, with the one that is most likely meant."""
    similar = similar_field(field, known)
    return QueryError(f"no event has the field {field}" + (f"; did you mean {similar}?" if similar else ""))


def _unknown_field(question: Question, field: str, known: Iterable[str]) -> AnswerHint:
    similar = similar_field(field, known)
    if similar is None:
        return AnswerHint(f"no event has the field {field}")
    action: dict[str, Any] = {}
    if (query := _renamed(question.query, field, similar)) != question.query:
        action["query"] = query
    if any(one.field == field for one in question.filters):
        action["filters"] = _filters(
            replace(one, field=similar) if one.field == field else one for one in question.filters
        )
    return AnswerHint(f"no event has the field {field}; did you mean {similar}?", action or None)


async def _unknown_value(store: Store, question: Question, field: str, value: str) -> list[AnswerHint]:
    """Look for a value like one that no event has; nothing is said of one that there is, at whatever time."""
    if await store.count({"term": {field: value}}, question.index):
        return []
    request = {"size": 0, "aggs": {"values": {"terms": {"field": field, "size": _MOST_VALUES}}}}
    answer = await store.search(request, question.index)
    there = [str(bucket["key"]) for bucket in answer["aggregations"]["values"]["buckets"]]
    similar = _similar_value(value, there)
    if similar is None:
        some = ", ".join(there[:5]) + (", …" if len(there) > 5 else "")
        return [
            AnswerHint(f"no event has {value} as {field}; there are {some}" if there else f"no event has a {field}")
        ]
    action: dict[str, Any] = {}
    if (query := _revalued(question.query, value, similar)) != question.query:
        action["query"] = query
    if any(one.field == field and value in one.values for one in question.filters):
        action["filters"] = _filters(
            replace(one, values=tuple(similar if old == value else old for old in one.values))
            if one.field == field
            else one
            for one in question.filters
        )
    return [AnswerHint(f"no event has {value} as {field}; {similar} exists", action or None)]


async def _other_time(store: Store, question: Question) -> list[AnswerHint]:
    """Look outside of the time range: what matches there, or what there is at all."""
    if question.start is None and question.end is None:
        return []
    matching = question.clause(time=False)
    newest = await _newest(store, matching, question.index)
    if newest is None:
        return []
    count = await store.count(matching, question.index)
    span = None if question.start is None or question.end is None else question.end - question.start
    oldest = await _newest(store, matching, question.index, last=True)
    # The range ends with the newest event; one as long as was asked for, or as far as there are events.
    start = (newest - span) if span else (oldest if oldest is not None else newest)
    events = "1 event matches" if count == 1 else f"{count:,} events match"
    action = {"from": of_milliseconds(start), "to": of_milliseconds(newest)}
    return [AnswerHint(f"{events} at another time: the newest event is of {of_milliseconds(newest)}", action)]


async def _newest(store: Store, clause: Clause, index: str | None, *, last: bool = False) -> int | None:
    request = {
        "query": {"bool": {"filter": [clause, {"exists": {"field": "@timestamp"}}]}},
        "size": 1,
        "sort": order(descending=not last)[:1],
        "track_total_hits": False,
        "_source": False,
    }
    hits = (await store.search(request, index))["hits"]["hits"]
    return int(hits[0]["sort"][0]) if hits else None


async def _without_filter(store: Store, question: Question) -> list[AnswerHint]:
    """Say how many events each filter takes away that would be left without it."""
    found = []
    for at, one in enumerate(question.filters[:_MOST_CONDITIONS]):
        rest = replace(question, filters=(*question.filters[:at], *question.filters[at + 1 :]))
        if count := await store.count(rest.clause(), question.index):
            number = "1 event matches" if count == 1 else f"{count:,} events match"
            found.append(AnswerHint(f"{number} without the filter on {one.field}", {"filters": _filters(rest.filters)}))
    return found


def _filters(filters: Iterable[FieldFilter]) -> list[dict[str, Any]]:
    return [{"field": one.field, "operator": one.operator, "values": list(one.values)} for one in filters]


def _conditions(question: Question) -> Iterator[_Condition]:
    """Yield what a question asks for, without what it excludes; each once."""
    meant = question.reading().clause
    if "query_string" in meant:
        meant = query_string.parse(str(meant["query_string"]["query"]), ())
    given = [_Condition(one.field, str(one.values[0]) if len(one.values) == 1 and one.operator == "is" else None)
             for one in question.filters if not one.excludes]  # fmt: skip
    # Of several values each may be the wrong one.
    several = [_Condition(one.field, str(value)) for one in question.filters if one.operator == "is"
               for value in one.values if len(one.values) > 1]  # fmt: skip
    yield from dict.fromkeys([*_of_clause(meant), *given, *several])


def _of_clause(clause: Clause) -> Iterator[_Condition]:
    [(kind, body)] = clause.items()
    if kind == "bool":
        for part in ("must", "filter", "should"):
            below = body.get(part, [])
            for one in below if isinstance(below, list) else [below]:
                yield from _of_clause(one)
    elif kind == "exists":
        yield _Condition(str(body["field"]))
    elif kind in {"match", "match_phrase", "term"}:
        [(field, told_of)] = body.items()
        value = told_of.get("query", told_of.get("value")) if isinstance(told_of, dict) else told_of
        yield _Condition(field, str(value))
    elif kind in {"range", "wildcard", "regexp", "fuzzy", "prefix"}:
        yield _Condition(next(iter(body)))
    elif kind == "query_string" and body.get("fields"):
        yield from (_Condition(str(field)) for field in body["fields"])


def _similar_value(value: str, there: Sequence[str]) -> str | None:
    small = value.casefold()
    for one in there:
        if one.casefold() == small:
            return one
    if (other := _OTHER_LEVELS.get(value.upper())) in there:
        return other
    for one in there:
        if one.casefold().startswith(small) and small:
            return one
    near = difflib.get_close_matches(small, [one.casefold() for one in there], n=1, cutoff=0.6)
    return next((one for one in there if near and one.casefold() == near[0]), None)


def _renamed(query: str, field: str, other: str) -> str:
    written = re.escape(field)
    return re.sub(rf"(?<![\w.@\"\\-]){written}(?=\s*(?::|[<>]))", lambda _: other, query)


def _revalued(query: str, value: str, other: str) -> str:
    """Write another value where the query has this one behind a colon, a parenthesis or an operator."""
    if re.search(r'[\s"\\():<>{}*]', other):
        other = '"' + other.replace("\\", "\\\\").replace('"', '\\"') + '"'
    written = re.escape(value)
    return re.sub(
        rf"(?P<before>[:(]\s*|\b(?:or|and|not|OR|AND|NOT)\s+)(?:\"{written}\"|{written})(?=$|[\s)])",
        lambda found: f"{found['before']}{other}",
        query,
    )
