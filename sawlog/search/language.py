"""Which of Kibana's two query languages a text is written in, and what it means: KQL, or Lucene's syntax.

    log.level : "ERROR" and service.name : orders      KQL
    log.level:ERROR AND service.name:orders            Lucene: the operator is in capitals

Unless somebody says which, what needs Lucene's syntax is Lucene: operators in capitals, ``&&`` ``||`` ``!``, ``+`` or
``-`` before a word, ranges in brackets, ``~``, ``^2``, ``_exists_:``, ``field:/…/``, ``field:a?c``. All else is KQL,
except what KQL cannot read and Lucene can. Where a text has ``and``, ``or``, ``not`` as KQL's operators, or compares
(``log.offset >= 5``), it is KQL, or a mistake: Lucene would take these for words and count something else.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final, Literal

from sawlog.errors import QueryError
from sawlog.search import kql
from sawlog.store import query_string
from sawlog.store.base import Clause

Language = Literal["kql", "lucene"]
"""A language that a text was read as."""
LANGUAGES: Final = ("auto", "kql", "lucene")

_QUOTED: Final = re.compile(r'"(?:\\.|[^"\\])*"|\\.', re.DOTALL)
_CAPITALS: Final = re.compile(r"(?:^|(?<=[\s()]))(?:AND|OR|NOT)(?=[\s(]|$)")
_KQL: Final = re.compile(r"(?:^|(?<=[\s()\"]))(?:and|or|not)(?=[\s(])|[^\s:\[{(]\s*(?<![:=])[<>]=?(?!=)\s*[^\s]")
_LUCENE: Final = re.compile(
    r"""
      && | \|\|                                  # a && b, a || b
    | (?:^|(?<=[\s(]))!(?=[\w"(])                # !a
    | (?:^|(?<=[\s(])(?<!:\s))\+(?=[\w"(])       # +a
    | (?:^|(?<=[\s(])(?<!:\s))-(?=[^\W\d]|["(])  # -a
    | [\[{]\s*[^\s\[\]{}]+\s+TO\s+[^\s\[\]{}]+\s*[\]}]  # [a TO b}
    | (?<=["\w*])~\d*(?=$|[\s)])                 # a~, "a b"~2
    | (?<=["\w)\]}])\^\d                         # a^2
    | (?:^|(?<=[\s(!+-]))_exists_\s*:
    | (?<=:)/(?=[^/]*[.*+?\[\](){}|\\])[^/]+/(?=$|[\s)])  # field:/a.b/
    | (?<=:)[^\s():]*\?(?=[\w*?])                 # field:a?c
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text means, and in which language; `left_out` is what could not be asked (`kql.parse`)."""

    language: Language
    clause: Clause
    left_out: tuple[str, ...] = ()


def read(text: str, language: str = "auto", computed: Container[str] = ()) -> Reading:
    """Return what the text means in a language, or in the one that it seems to be written in.

    `computed` is what `kql.parse` takes.

    Raises:
        QueryError: the text is malformed, with the place (`at`) where known; or the language is none of `LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise QueryError(f"the language is {language!r}: expected {', '.join(LANGUAGES)}")
    if len(text) > kql.LONGEST:
        raise QueryError(f"the query is longer than {kql.LONGEST} characters")
    if text.strip() in {"", "*", "*:*"}:
        return Reading("lucene" if language == "lucene" else "kql", {"match_all": {}})
    if language == "kql":
        return _kql(text, computed)
    if language == "lucene":
        return _lucene(text)
    bare = _QUOTED.sub(lambda found: '"' + "x" * (len(found[0]) - 2) + '"', text)
    needs_lucene, needs_kql = _LUCENE.search(bare), _KQL.search(bare)
    if needs_lucene and needs_kql:
        return _both(text, computed, needs_lucene, needs_kql)
    if needs_kql and any(sign in bare for sign in ":<>"):
        return _kql(text, computed)
    if needs_lucene or _CAPITALS.search(bare):
        return _lucene(text)
    try:
        return _kql(text, computed)
    except QueryError as error:
        return _lucene_or(error, text)


def marked(text: str, error: QueryError, indent: str = "  ") -> str:
    """Write what is wrong with a text, and the text with a caret under the place if one is known."""
    if error.at is None:
        return str(error)
    start, end = error.at
    head = text.rfind("\n", 0, start) + 1
    tail = text.find("\n", start)
    line = text[head : tail if tail >= 0 else len(text)]
    before = "".join("\t" if char == "\t" else " " for char in text[head:start])
    carets = "^" * max(1, min(end, head + len(line)) - start)
    return f"{error}\n{indent}{line}\n{indent}{before}{carets}"


def _kql(text: str, computed: Container[str]) -> Reading:
    query = kql.parse(text, computed)
    return Reading("kql", query.clause, tuple(query.left_out))


def _lucene(text: str) -> Reading:
    # Read by us, too, when another store will: so that what is wrong is said in the same words, with the place.
    query_string.parse(text, ("message",))
    return Reading("lucene", {"query_string": {"query": text, "analyze_wildcard": True}})


def _lucene_or(error: QueryError, text: str) -> Reading:
    """Read what is no KQL as Lucene; if that fails, too, what was wrong in KQL counts."""
    try:
        return _lucene(text)
    except QueryError:
        raise error from None


def _both(text: str, computed: Container[str], lucene: re.Match[str], needs_kql: re.Match[str]) -> Reading:
    """Read what looks like both; KQL would take the sign as a letter, Lucene the operator as a word."""
    sign, word = lucene[0].strip(), needs_kql[0].strip()
    if word in {"and", "or", "not"}:
        at = (needs_kql.start(), needs_kql.start() + len(word))
        raise QueryError(
            f"'{word}' is an operator of KQL, and {sign!r} belongs to Lucene's syntax: write {word.upper()}, or say"
            " which language it is",
            at,
        )
    return _lucene(text)
