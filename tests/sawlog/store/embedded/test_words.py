"""The rule of words: the same in Python, in DuckDB and in the filters."""

from __future__ import annotations

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from sawlog.store.embedded.words import SEPARATOR, is_word, make_filter, may_hold, words

TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cn", "Cs"]), st.sampled_from("aAbB .,_-İIıſΣσςßẞÉé\u0301東京1٣Ⅻ½\u200dK")
    )
)


def test_a_word_is_a_run_of_letters_marks_and_digits() -> None:
    assert words("Read timed_out: c.a.Orders, 4711x Grüße 東京 e\u0301") == [
        *("read", "timed", "out", "c", "a", "orders", "4711x", "grüße", "東京", "e\u0301")
    ]
    assert words("x" * 256 + " " + "y" * 255) == ["y" * 255]
    assert (is_word("abc"), is_word("Abc"), is_word("a b"), is_word("")) == (True, False, False, False)


@given(TEXTS)
def test_duckdb_has_the_same_words(text: str) -> None:
    [(found,)] = duckdb.execute("SELECT regexp_split_to_array(lower(?), ?)", [text, f"{SEPARATOR}+"]).fetchall()
    assert [word for word in found if word] == words(text)


@given(st.lists(TEXTS, max_size=20), st.lists(TEXTS, max_size=5))
def test_a_filter_denies_no_word_that_is_there(texts: list[str], values: list[str]) -> None:
    bits = make_filter(texts, values)
    assert all(may_hold(bits, word) for text in texts for word in words(text))
    assert all(may_hold(bits, value) for value in values)


def test_a_filter_denies_most_that_are_not_there() -> None:
    bits = make_filter([f"Order {n} was Accepted, trace={n:032x}" for n in range(10_000)])
    assert len(bits) <= 10_000 * 2 * 12 / 8 + 100
    assert may_hold(bits, "accepted")
    assert sum(may_hold(bits, f"other{n}") for n in range(10_000)) < 200
    assert may_hold(b"", "anything")
