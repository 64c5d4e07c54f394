"""What Elasticsearch says of a query that it refuses, in words for whoever wrote the query."""

from __future__ import annotations

import logging
import re
from typing import Final

NO_SCRIPTS: Final = "this Elasticsearch runs no scripts"
_LOG: Final = logging.getLogger(__name__)
_KNOWN: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), words)
    for pattern, words in (
        (r'For input string: "(.*?)"', "a number is compared with '{0}'"),
        (r"\[(.*?)\] (?:has a decimal part|is out of range)", "a whole number is compared with '{0}'"),
        (r"out of range for an? (?:long|integer)", "a number is out of range"),
        (
            r"failed to parse date field \[(.*?)\]",
            "'{0}' is no date: expected ISO 8601, epoch milliseconds or now-15m",
        ),
        (
            r"all enclosed parsers|date math|could not be parsed at index",
            "a time is not understood: expected ISO 8601, epoch milliseconds or now-15m",
        ),
        (r"boolean value \[(.*?)\]", "'{0}' is neither true nor false"),
        (r"'(.*?)' is not an IP string literal", "'{0}' is no address"),
        (
            r"clauseCount|too many (?:nested )?clauses",
            "the query comes to too many conditions: use fewer words, or name their fields",
        ),
        (r"determiniz|too complex", "a pattern or regular expression is too complex"),
        (
            r"regular expression|character class|end-of-string|expected '?[\])}]|illegal repetition|unexpected char",
            "a regular expression is not understood",
        ),
        (r"cannot parse|failed to parse query", "the query cannot be read in Lucene's syntax"),
        (r"fielddata|text fields are not optimi[sz]ed", "the values of a text can be neither counted nor sorted by"),
        (r"positions? data|without position", "a phrase is looked for in a field that keeps no order of words"),
        (r"too many buckets", "the answer would have too many buckets: narrow the time, or choose longer bars"),
        (r"result window is too large", "so many hits are not given at once: page through them"),
        (r"script_lang not supported|cannot execute (?:scripts|\[)", NO_SCRIPTS),
        (r"nested: *\[|failed to find nested object", "nested fields are not offered"),
    )
)


def plain(reason: str) -> str:
    """Return the reason in plain words; the server's own go to the log, for whoever runs it."""
    _LOG.info("Elasticsearch refused a query: %s", reason)
    for pattern, words in _KNOWN:
        if found := pattern.search(reason):
            return words.format(*(str(part)[:100] for part in found.groups()))
    return "Elasticsearch cannot answer this query; its reason is in the log (level info)"
