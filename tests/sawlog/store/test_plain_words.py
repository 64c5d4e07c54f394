"""What Elasticsearch says (its sources, 7 and 8) and what people read instead."""

from __future__ import annotations

import pytest

from sawlog.store.plain_words import plain


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ('For input string: "abc"', "a number is compared with 'abc'"),
        ("failed to parse date field [soon] with format [strict_date_optional_time]", "'soon' is no date"),
        ("Failed to parse with all enclosed parsers", "a time is not understood"),
        ("Can't parse boolean value [x], expected [true] or [false]", "'x' is neither true nor false"),
        ("'x' is not an IP string literal.", "'x' is no address"),
        ("Query contains too many nested clauses; maxClauseCount is set to 16384", "too many conditions"),
        ("Failed to parse query [a:(]", "cannot be read in Lucene's syntax"),
        ("expected ']' at position 2", "a regular expression is not understood"),
        ("Determinizing automaton with 1 states would require more than 10000 effort.", "too complex"),
        ("script_lang not supported [painless]", "this Elasticsearch runs no scripts"),
        ("cannot execute scripts using [runtime] context", "this Elasticsearch runs no scripts"),
        ("something new [x] org.elasticsearch.Y", "its reason is in the log"),
    ],
)
def test_a_reason_in_plain_words(reason: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert words in plain(reason)
    assert reason in caplog.text
