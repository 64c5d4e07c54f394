"""The Lucene syntax of Kibana's query bar, turned into Elasticsearch's query clauses.

    log.level:ERROR AND service.name:conta     message:"read timed out"~2     http.status:>=500
    log.level:(WARN OR ERROR) -tags:known      service.name:ord*              @timestamp:[now-1h TO now]
    _exists_:error.type    message:/time.?out/    conection~1

Lucene's rules hold: without an operator between them clauses are optional (`default_operator` changes that), AND
makes both its sides required, NOT and ``-`` prohibit, and parentheses make a query of their own. Boosts have no
effect, because hits are ordered by fields and not by score.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from luqum.exceptions import ParseError
from luqum.tree import (
    AndOperation,
    BaseGroup,
    BaseOperation,
    Boost,
    From,
    Fuzzy,
    Item,
    Not,
    OrOperation,
    Phrase,
    Plus,
    Prohibit,
    Proximity,
    Range,
    Regex,
    SearchField,
    To,
    Word,
)

from sawlog.errors import QueryError
from sawlog.store.base import Clause
from sawlog.store.lucene import parse as parse_lucene

LONGEST: Final = 32_768
DEEPEST: Final = 50
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WILD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")
_POSITION = re.compile(r"\s*at position (\d+)!?")
_UNEXPECTED = re.compile(r"unexpected  '(.*)' at position \d+!?$", re.DOTALL)
_ENDS_IN_OPERATOR = re.compile(r"(?:\b(?:AND|OR|NOT)|&&|\|\||[:!+-])\s*$")


def parse(
    text: str,
    default_fields: Sequence[str],
    *,
    known_fields: Sequence[str] = (),
    default_operator: str = "or",
    lenient: bool = False,
) -> Clause:
    """Return the clause that `text` means.

    Terms without a field are looked for in `default_fields`; a field with ``*`` in its name stands for those of
    `known_fields` that it fits. With `lenient`, a value that does not fit its field's type matches nothing.

    Raises:
        QueryError: `text` is malformed, with the position (from 1) where known, too long, or too deeply nested.
    """
    if not text.strip():
        return {"match_none": {}}
    if len(text) > LONGEST:
        raise QueryError(f"the query is longer than {LONGEST} characters")
    tree = _tree(text)
    return _LuceneTranslation(default_fields, known_fields, default_operator.lower(), lenient).clause(tree, None, 0)


def _tree(text: str) -> Item:
    plain, origins = _spell_out(text)
    try:
        return parse_lucene(plain)
    except ParseError as error:
        raise _explain(str(error), text, origins) from error
    except Exception as error:  # the grammar's actions fail in their own ways on numbers, depth and empty parts
        raise QueryError(f"the query cannot be read: {error or type(error).__name__}") from error


def _explain(reason: str, text: str, origins: list[int]) -> QueryError:
    """Say what the parser says in plain words, with the place in the text as it was written."""
    place = _POSITION.search(reason)
    if place is None:
        words = "an operator stands" if _ENDS_IN_OPERATOR.search(text) else "a value or ')' is missing"
        return QueryError(f"the query cannot be read: {words} at the end", (len(text), len(text)))
    start = origins[min(int(place[1]), len(origins) - 1)]
    if reason.startswith("Illegal"):
        what = f"{text[start]!r} has no other end" if text[start] in '"/' else f"{text[start]!r} is not expected"
        end = start + 1
    else:
        found = _UNEXPECTED.search(reason)
        word = text[start : start + len(found[1])].strip() if found else text[start : start + 1]
        what, end = f"{word!r} is not expected", start + max(1, len(word))
    return QueryError(f"the query cannot be read at character {start + 1}: {what}", (start, end))


def _spell_out(text: str) -> tuple[str, list[int]]:
    """Write ``&&``, ``||`` and ``!`` as words; return the text and where each of its characters comes from."""
    out: list[str] = []
    origins: list[int] = []
    position = depth = 0
    fresh = True
    while position < len(text):
        char = text[position]
        end = _literal_end(text, position, fresh)
        piece = text[position:end]
        if piece in {"&&", "||"}:
            spelled = " AND " if piece == "&&" else " OR "
        elif char == "!" and fresh and position + 1 < len(text):
            spelled = "NOT "
        else:
            spelled = piece
        depth += (char == "(") - (char == ")")
        if depth > DEEPEST:
            reason = f"the query is nested deeper than {DEEPEST} parentheses, at character {position + 1}"
            raise QueryError(reason, (position, position + 1))
        out.append(spelled)
        origins += [position] * len(spelled)
        fresh = char.isspace() or char in "(:+-!" or piece in {"&&", "||"}
        position = end
    return "".join(out), [*origins, len(text)]


def _literal_end(text: str, position: int, fresh: bool) -> int:
    """Return where the quoted string, expression, escape, operator or character that starts here ends."""
    char = text[position]
    if char == "\\" or text.startswith(("&&", "||"), position):
        return min(position + 2, len(text))
    if char == '"' or (char == "/" and fresh):
        end = position + 1
        while end < len(text) and text[end] != char:
            end += 2 if text[end] == "\\" else 1
        return min(end + 1, len(text))
    return position + 1


class _LuceneTranslation:
    """Walks the tree of one query."""

    def __init__(self, fields: Sequence[str], known: Sequence[str], operator: str, lenient: bool) -> None:
        if operator not in {"or", "and"}:
            raise QueryError(f"default_operator is {operator!r}: expected 'or' or 'and'")
        self.fields = fields
        self.known = known
        self.operator = operator
        self.lenient = lenient

    def clause(self, node: Item, field: str | None, depth: int) -> Clause:
        """Translate a node that stands under `field`, if any."""
        if depth > 2 * DEEPEST:
            raise QueryError("the query is nested too deeply")
        if isinstance(node, BaseGroup | Boost):
            return self.clause(node.children[0], field, depth + 1)
        if isinstance(node, BaseOperation | Not | Plus | Prohibit):
            return self._boolean(node, field, depth)
        if isinstance(node, SearchField):
            return self._field(node, field, depth)
        return self._leaf(node, field)

    def _boolean(self, node: Item, field: str | None, depth: int) -> Clause:
        """Combine clauses as Lucene's classic parser does, where AND reaches back to the clause before it."""
        occurs: list[str] = []
        clauses: list[Clause] = []
        for conjunction, item in _operands(node, ""):
            if occurs and conjunction == "and" and occurs[-1] == "should":
                occurs[-1] = "must"
            if occurs and conjunction == "or" and self.operator == "and" and occurs[-1] == "must":
                occurs[-1] = "should"
            inner = item
            if isinstance(item, Not | Prohibit):
                occur, inner = "must_not", item.children[0]
            elif isinstance(item, Plus):
                occur, inner = "must", item.children[0]
            elif conjunction == "and" or (self.operator == "and" and conjunction != "or"):
                occur = "must"
            else:
                occur = "should"
            occurs.append(occur)
            clauses.append(self.clause(inner, field, depth + 1))
        body: dict[str, list[Clause]] = {}
        for occur, clause in zip(occurs, clauses, strict=True):
            body.setdefault(occur, []).append(clause)
        return {"bool": body}

    def _field(self, node: SearchField, outer: str | None, depth: int) -> Clause:
        if outer is not None:
            raise QueryError(
                f"'{outer}:{node.name}:' names two fields: put the value in quotes or write \\: for a colon"
            )
        name = _unescape(node.name)
        if name == "_exists_":
            return {"exists": {"field": _unescape(str(node.children[0]).strip().strip('"'))}}
        return self.clause(node.children[0], name, depth + 1)

    def _leaf(self, node: Item, field: str | None) -> Clause:
        if isinstance(node, Word) and node.value == "*":
            return {"match_all": {}} if field in {None, "*"} else {"exists": {"field": field}}
        clauses = [self._on_field(node, name) for name in self._names(field)]
        if not clauses:
            return {"match_none": {}}
        return clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses}}

    def _names(self, field: str | None) -> list[str]:
        if field is None or field == "*":
            return list(self.fields)
        if "*" in field:
            return [name for name in self.known if fnmatchcase(name, field)]
        return [field]

    def _on_field(self, node: Item, field: str) -> Clause:
        lenient = self.lenient or field in self.fields
        if isinstance(node, Word):
            if _WILD.search(node.value):
                return {"wildcard": {field: {"value": node.value, "analyze": True}}}
            text = _unescape(node.value)
            return {"match": {field: {"query": text, "operator": self.operator, "lenient": lenient}}}
        if isinstance(node, Phrase):
            return {"match_phrase": {field: {"query": _quoted(node), "lenient": lenient}}}
        if isinstance(node, Proximity):
            phrase = {"query": _quoted(node.term), "slop": int(node.degree), "lenient": lenient}
            return {"match_phrase": {field: phrase}}
        if isinstance(node, Fuzzy):
            fuzziness = "AUTO" if node.degree < 1 else min(int(node.degree), 2)
            return {"fuzzy": {field: {"value": _unescape(str(node.term).strip()), "fuzziness": fuzziness}}}
        if isinstance(node, Regex):
            return {"regexp": {field: {"value": node.value[1:-1].replace("\\/", "/")}}}
        if isinstance(node, From | To):
            side = ("gt" if isinstance(node, From) else "lt") + ("e" if node.include else "")
            return {"range": {field: {side: _bound(node.a), "lenient": lenient}}}
        if isinstance(node, Range):
            limits: dict[str, Any] = {"lenient": lenient}
            if _bound(node.low) != "*":
                limits["gte" if node.include_low else "gt"] = _bound(node.low)
            if _bound(node.high) != "*":
                limits["lte" if node.include_high else "lt"] = _bound(node.high)
            return {"range": {field: limits}} if len(limits) > 1 else {"exists": {"field": field}}
        raise QueryError(f"the query cannot be read: {type(node).__name__} has no meaning here")


def _operands(node: Item, conjunction: str) -> Iterator[tuple[str, Item]]:
    if not isinstance(node, BaseOperation):
        yield conjunction, node
        return
    own = "and" if isinstance(node, AndOperation) else "or" if isinstance(node, OrOperation) else ""
    for position, child in enumerate(node.children):
        yield from _operands(child, own if position else conjunction)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _quoted(node: Item) -> str:
    return _unescape(str(node.value)[1:-1]) if isinstance(node, Phrase) else _unescape(str(node).strip())


def _bound(node: Item) -> str:
    return _quoted(node)
