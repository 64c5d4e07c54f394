"""KQL, Kibana's query language, turned into the query clauses that every store knows (`sawlog.store.base`).

    log.level : (ERROR or FATAL) and not service.name : orders     message : "read timed out"
    tags : *failure*      error.type : *      log.offset >= 4096      @timestamp < now-1h      timeout

Saved objects hold their queries in it; which of two languages a person writes in says `sawlog.search.language`.
Rules: Kibana's own sources, `packages/kbn-es-query/src/kuery`, versions 8 and 9. ``and`` binds before ``or``;
operators mind no case; values that are not quoted may hold spaces and are matched by any of their words in a text
field and as a whole elsewhere; ``*`` is the only wildcard, and none within quotes.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from sawlog.errors import QueryError
from sawlog.store import mappings
from sawlog.store.base import Clause

LONGEST: Final = 32_768
DEEPEST: Final = 50

_TYPES: Final = {name: str(mapping["type"]) for name, mapping in mappings.FIELDS.items() if mapping.get("index", True)}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-f]{4}|and|or|not|[trn\\():<>\"*{}])|(\*)", re.IGNORECASE)
_QUOTED_ESCAPE: Final = re.compile(r'\\(u[0-9a-fA-F]{4}|[trn\\"])')
_LITERALLY: Final = re.compile(r'\\.|"(?:\\.|[^"\\])*"', re.DOTALL)
_WHITESPACE: Final = {"t": "\t", "r": "\r", "n": "\n"}
_SIDES: Final = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_NOTHING: Final[Clause] = {"bool": {"must_not": [{"match_all": {}}]}}


@dataclass(slots=True)
class Query:
    """What a text means; `left_out` are the alternatives that could not be asked, as they were written."""

    clause: Clause = field(default_factory=lambda: {"match_all": {}})
    left_out: list[str] = field(default_factory=list)


def parse(text: str, computed: Container[str] = ()) -> Query:
    """Return what `text` means.

    `computed` are fields that no store holds. What is asked of one is left out where it is an alternative of an
    ``or``, and refused elsewhere, where leaving it out would find too much.

    Raises:
        QueryError: the text is malformed, too long or nested too deeply, or asks what no store can answer.
    """
    if len(text) > LONGEST:
        raise QueryError(f"the query is longer than {LONGEST} characters")
    if _LITERALLY.sub("", text).count("(") > DEEPEST:
        raise QueryError(f"the query has more than {DEEPEST} parentheses")
    try:
        asked: list[Any] = _lark().parse(text).children
    except UnexpectedInput as error:
        raise _explain(error, text) from None
    query = Query()
    if asked:
        query.clause = _KqlTranslation(text, computed, query.left_out).clause(asked[0])
    return query


@cache
def _lark() -> Lark:
    grammar = Path(__file__).with_name("kql.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


@dataclass(frozen=True, slots=True)
class _Literal:
    """A value or a field's name: the pieces between its wildcards."""

    pieces: tuple[str, ...]
    quoted: bool = False

    @classmethod
    def read(cls, token: Token) -> _Literal:
        if token.type == "QUOTED":
            return cls((_QUOTED_ESCAPE.sub(lambda found: _unescape(found[1]), token[1:-1]),), quoted=True)
        pieces, start = [""], 0
        for found in _ESCAPE.finditer(token):
            pieces[-1] += token[start : found.start()]
            start = found.end()
            if found[2]:
                pieces.append("")
            else:
                pieces[-1] += _unescape(found[1])
        pieces[-1] += token[start:]
        return cls(tuple(pieces))

    @property
    def wild(self) -> bool:
        return len(self.pieces) > 1

    @property
    def anything(self) -> bool:
        return self.pieces == ("", "")

    @property
    def text(self) -> str:
        return "*".join(self.pieces)

    def fits(self, name: str) -> bool:
        escaped = (re.sub(r"([\[?*])", r"[\1]", piece) for piece in self.pieces)
        return fnmatchcase(name, "*".join(escaped))


def _unescape(escape: str) -> str:
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    return _WHITESPACE.get(escape.lower(), escape)


class _KqlTranslation:
    """Walks the tree of one query."""

    def __init__(self, text: str, computed: Container[str], left_out: list[str]) -> None:
        self.text = text
        self.computed = computed
        self.left_out = left_out

    def clause(self, node: Tree[Token], name: _Literal | None = None, *, negated: bool = False) -> Clause:
        """Translate a node; within a field's parentheses, `name` is that field."""
        below = [child for child in node.children if isinstance(child, Tree)]
        if node.data == "disjunction":
            asked = below if negated else [one for one in below if not self._is_computed(one)]
            if asked and len(asked) < len(below):
                left = (one for one in below if one not in asked)
                self.left_out += [self.text[one.meta.start_pos : one.meta.end_pos] for one in left]
                below = asked
            return _any([self.clause(one, name, negated=negated) for one in below])
        if node.data == "conjunction":
            return {"bool": {"filter": [self.clause(one, name, negated=negated) for one in below]}}
        if node.data == "negation":
            return {"bool": {"must_not": [self.clause(below[0], name, negated=True)]}}
        return self._leaf(node, name)

    def _is_computed(self, node: Tree[Token]) -> bool:
        children: list[Any] = node.children
        return node.data in {"equals", "compare"} and _Literal.read(children[0]).text in self.computed

    def _leaf(self, node: Tree[Token], name: _Literal | None) -> Clause:
        if node.data == "nested":
            place = (node.meta.start_pos, node.meta.end_pos)
            raise QueryError(f"character {place[0] + 1}: nested fields, {{ }}, are not offered", place)
        children: list[Any] = node.children
        first = _Literal.read(children[0])
        if node.data == "value":
            assert name is not None
            return _equals(name, first)
        if node.data == "anywhere":
            return _anywhere(first)
        if first.text in self.computed:
            raise QueryError(
                f"'{first.text}' is computed by Kibana and in no store: it can only be one alternative of an 'or'",
                (node.meta.start_pos, node.meta.end_pos),
            )
        if node.data == "equals":
            return self.clause(children[1], first)
        return _compare(first, _SIDES[children[1]], _Literal.read(children[2]))


def _anywhere(value: _Literal) -> Clause:
    """Look for a value in whichever fields a search without a field looks in."""
    if value.anything:
        return {"match_all": {}}
    if value.quoted:
        return {"query_string": {"query": '"' + re.sub(r'(["\\])', r"\\\1", value.text) + '"'}}
    return {"query_string": {"query": _lucene(value)}}


def _equals(name: _Literal, value: _Literal) -> Clause:
    if name.anything:
        return _anywhere(value)
    if not name.wild:
        return _on_field(name.text, value)
    # A value need not fit all the fields that a name with wildcards stands for.
    names = [one for one in _TYPES if name.fits(one)]
    if value.wild and not value.anything:
        names = [one for one in names if _TYPES[one] in {"keyword", "text"}]
    elif not value.wild:
        names = [one for one in names if _TYPES[one] != "date"]
    return _any([_on_field(one, value, lenient=True) for one in names])


def _on_field(name: str, value: _Literal, *, lenient: bool = False) -> Clause:
    kind = _TYPES.get(name, "keyword")
    if value.anything:
        return {"exists": {"field": name}}
    if value.wild and kind == "text":
        return {"query_string": {"fields": [name], "query": _lucene(value)}}
    if value.wild:
        return {"wildcard": {name: {"value": "*".join(re.sub(r"([\\?*])", r"\\\1", one) for one in value.pieces)}}}
    if kind == "date":
        return {"range": {name: {"gte": value.text, "lte": value.text}}}
    if value.quoted and not (lenient and kind == "long"):
        return {"match_phrase": {name: {"query": value.text}}}
    return {"match": {name: {"query": value.text, **({"lenient": True} if lenient else {})}}}


def _compare(name: _Literal, side: str, value: _Literal) -> Clause:
    if value.wild:
        raise QueryError(f"'{name.text}' is compared with '{value.text}': a limit has no wildcards")
    names = [one for one in _TYPES if name.fits(one) and _TYPES[one] in {"date", "long"}] if name.wild else [name.text]
    return _any([{"range": {one: {side: value.text}}} for one in names])


def _lucene(value: _Literal) -> str:
    """Write words in Lucene's syntax, with every sign but our own wildcards taken literally."""
    pieces = [re.sub(r'([-+=&|><!(){}\[\]^"~*?:\\/])', r"\\\1", piece) for piece in value.pieces]
    return re.sub(r"(?<!\S)(?=(?:AND|OR|NOT)(?!\S))", r"\\", "*".join(pieces))


def _any(clauses: list[Clause]) -> Clause:
    if not clauses:
        return _NOTHING
    return clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses, "minimum_should_match": 1}}


def _explain(error: UnexpectedInput, text: str) -> QueryError:
    at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        end = len(text.rstrip())
        return QueryError(
            f"the query ends where a {'value' if text.strip() else 'query'} or ')' is expected", (end, end)
        )
    if isinstance(error, UnexpectedCharacters | UnexpectedToken) and 0 <= at < len(text):
        if text[at] == '"':
            return QueryError(f"character {at + 1}: '\"' has no other end, or stands within a word", (at, at + 1))
        return QueryError(
            f"character {at + 1}: {text[at]!r} is not expected here; quote it or write \\ before it", (at, at + 1)
        )
    return QueryError("the query cannot be read")
