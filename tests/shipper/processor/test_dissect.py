"""The tokenizer of ``dissect``, with the examples of Filebeat's documentation and its traps."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.processor.dissect import Tokenizer


def cut(tokenizer: str, text: str) -> dict[str, Any] | None:
    compiled = Tokenizer.compile(tokenizer)
    values = compiled.cut(text)
    return None if values is None else compiled.resolve(values)


@pytest.mark.parametrize(
    ("tokenizer", "text", "wanted"),
    [
        ("%{a}", "x y", {"a": "x y"}),
        ("%{a} %{b}", "x y z", {"a": "x", "b": "y z"}),
        ("%{a} %{b}", "xy", None),
        ("%{a}", "", None),
        ("<%{a}>", "<x> and more", {"a": "x"}),
        ("<%{a}>", "x <y>", None),
        ("%{a},%{b},%{c}", ",,", {"a": "", "b": "", "c": ""}),
        ("%{} %{?b} %{c}", "x y z", {"c": "z"}),
        ("%{a->} %{b}", "x    y", {"a": "x", "b": "y"}),
        ("%{a} %{b}", "x    y", {"a": "x", "b": "   y"}),
        ("%{a->} ", "x    ", {"a": "x"}),
        ("%{a}-%{+a}-%{+a}", "1-2-3", {"a": "1-2-3"}),
        ("%{+a/3} %{+a/1} %{+a/2}", "1 2 3", {"a": "2 3 1"}),
        ("%{*k}=%{&k} %{*j}=%{&j}", "x=1 y=2", {"x": "1", "y": "2"}),
        ("%{?k}=%{&k|integer}", "x=1", {"x": 1}),
        ("%{k} %{&k}", "hello world", {"k": "hello", "hello": "world"}),
        ("%{a#2}%{b#3}%{c}", "xxyyyz", {"a": "xx", "b": "yyy", "c": "z"}),
        ("%{a#2}%{b#3}", "xxyy", None),
        ("%{a#2}%{b#3}", "xxyyyz", None),
        ("{%{a}}{%{b}} %{rest}", "{c}{d} anything", {"a": "c", "b": "d", "rest": "anything"}),
        ("%{a|long} %{b|boolean} %{c|double} %{d|ip}", "0x1F true 1.5e3 ::1",
         {"a": 31, "b": True, "c": 1500.0, "d": "::1"}),
        ("%{a|integer} %{b|ip}", "2147483648 x", {"a": "2147483648", "b": "x"}),
        ("%{a|float}", "inf", {"a": "inf"}),
        ("%{a.b}", "x", {"a.b": "x"}),
    ],
)  # fmt: skip
def test_a_text_is_cut_so(tokenizer: str, text: str, wanted: dict[str, Any] | None) -> None:
    assert cut(tokenizer, text) == wanted


@pytest.mark.parametrize(
    ("tokenizer", "words"),
    [
        ("no key", "has no '%{key}'"),
        ("%{a}%{b}", "no delimiter between '%{a}' and '%{b}'"),
        ("%{a->}", "'->' needs a delimiter"),
        ("%{a|number}", "there is no type 'number'"),
        ("%{a|}", "there is no type ''"),
        ("%{+&a}", "both appends and follows"),
        ("%{&a}", "needs a '%{*a}'"),
        ("%{+}", "has no name"),
    ],
)
def test_what_is_no_tokenizer(tokenizer: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Tokenizer.compile(tokenizer)


@given(st.lists(st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"])), min_size=2, max_size=6))
def test_values_without_the_delimiter_come_out_as_they_went_in(values: list[str]) -> None:
    tokenizer = "|".join(f"%{{k{number}}}" for number in range(len(values)))
    assert cut(tokenizer, "|".join(values)) == {f"k{number}": value for number, value in enumerate(values)}


def test_a_text_that_nearly_fits_takes_no_longer_than_its_length() -> None:
    # With an expression that goes back, this would take 5000 to the power of 5 steps.
    assert cut("%{a},%{b},%{c},%{d},%{e};%{f}", "," * 5000) is None
