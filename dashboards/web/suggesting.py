"""`POST /api/suggest`: what may stand at the caret of a query: fields, values with their counts, operators."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.search.question import Question
from sawlog.store.base import Store, StoredField

SUGGESTED: Final = 12
LOOKED_THROUGH: Final = 500
"""Values of a field among which those that begin alike are looked for."""
_FIELD: Final = re.compile(r"[\w@.\-]*$")
_VALUE: Final = re.compile(
    r"""(?P<field>[\w@.\-]+)\s*:\s*
        (?:\((?:[^()]*\s)?)?                  # (a or b
        (?P<value>"[^"]*|[^\s"()]*)$""",
    re.VERBOSE,
)
_PLAIN: Final = re.compile(r"[\w.@/\-]+")
_AFTER_VALUE: Final = re.compile(r""":\s*(?:"[^"]*"|[^\s"()]+|\([^()]*\))\s+(?P<word>[a-zA-Z]*)$""")
_OPERATORS: Final = ("and", "or", "and not")
_WORDS: Final = {"and", "or", "not"}


async def suggest(store: Store, question: Question, text: str, caret: int) -> dict[str, Any]:
    """Return what may stand at the caret of a query: ``start`` and ``end`` are what an item takes the place of."""
    before = text[: max(0, min(caret, len(text)))]
    value = _VALUE.search(before)
    if value is not None:
        return await _values(store, question, value, len(before))
    word = _FIELD.search(before)
    begun = word[0] if word else ""
    items = _fields(await store.fields(question.index), begun)
    if after := _AFTER_VALUE.search(before):
        wanted = after["word"].lower()
        operators = [{"text": one, "kind": "operator", "n": None} for one in _OPERATORS if one.startswith(wanted)]
        items = operators + items
    return {"start": len(before) - len(begun), "end": len(before), "items": items[:SUGGESTED]}


def _fields(known: list[StoredField], begun: str) -> list[dict[str, Any]]:
    wanted = begun.lower()
    found = [one.name for one in known if wanted in one.name.lower()]
    # Those that begin so come first, and so do parts of names: "lev" finds log.level before something.else.level2.
    found.sort(key=lambda name: (not name.lower().startswith(wanted), f".{wanted}" not in f".{name.lower()}", name))
    return [{"text": f"{name}: ", "kind": "field", "n": None} for name in found]


async def _values(store: Store, question: Question, match: re.Match[str], end: int) -> dict[str, Any]:
    field, begun = match["field"], match["value"].removeprefix('"').lower()
    body = {
        # What is being written does not narrow its own completion.
        "query": replace(question, query="").clause(without=field),
        "size": 0,
        "track_total_hits": False,
        "aggs": {"values": {"terms": {"field": field, "size": LOOKED_THROUGH if begun else SUGGESTED}}},
    }
    try:
        buckets = (await store.search(body, question.index))["aggregations"]["values"]["buckets"]
    except QueryError:
        buckets = []  # a text, or no field at all
    found = [(one.get("key_as_string", one["key"]), one["doc_count"]) for one in buckets]
    matching = [(value, n) for value, n in found if str(value).lower().startswith(begun)]
    items = [{"text": _written(value), "kind": "value", "n": n} for value, n in matching[:SUGGESTED]]
    return {"start": match.start("value"), "end": end, "items": items}


def _written(value: Any) -> str:
    """Write a value as both query languages take it."""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if _PLAIN.fullmatch(text) and not text.startswith("-") and text.lower() not in _WORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
