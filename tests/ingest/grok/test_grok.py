"""The public class Grok: types, repeated names, optional groups, Unicode, anchors, layers of patterns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingest.grok import Grok, GrokError
from sawlog.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "text", "fields"),
    [
        ("%{NUMBER:a:int} %{NUMBER:b:float} %{NUMBER:c}", "5.5 2 3", {"a": 5, "b": 2.0, "c": "3"}),
        ("%{WORD:a:boolean}", "true", {"a": "true"}),
        ("%{WORD:a:int}", "abc", {"a": 0}),
        ("%{WORD:x} %{WORD:x} %{WORD:x}", "a b c", {"x": ["a", "b", "c"]}),
        ("(?:%{INT:x}|%{WORD:x})", "a", {"x": "a"}),
        ("%{WORD:a}(?: %{INT:b})?", "x", {"a": "x"}),
        ("%{WORD:[a][b]} %{WORD:[a][c]} %{WORD:[d]}", "x y z", {"a": {"b": "x", "c": "y"}, "d": "z"}),
        ("%{WORD:a} %{WORD:[a][b]}", "x y", {"a": "x"}),
        ("(?<[a][b]>x)", "x", {"a": {"b": "x"}}),
        ("(?<größe>\\d+) %{GREEDYDATA:текст}", "5 日本語 😀", {"größe": "5", "текст": "日本語 😀"}),
        ("(?<x>ß+)", "straße", {"x": "ß"}),
        ("%{GREEDYDATA:x}", "a\r\nb", {"x": "a\r\nb"}),
        (r"^%{WORD:x}$", "-\nb\n-", {"x": "b"}),
        (r"\A%{WORD:x}", "a\nb", {"x": "a"}),
        (r"\A-%{WORD:x}", "a\n-b", None),
        (r"%{WORD:x}\Z", "a\nb\n", {"x": "b"}),
        (r"%{WORD:x}\z", "a\nb\n", None),
        ("%{ID=[0-9]{2}}-%{ID:x}", "12-34", {"x": "34"}),
        ("%{WORD:x", "a%{WORD:x", {}),
        ("%{", "%{", {}),
    ],
)
def test_match(pattern: str, text: str, fields: Any) -> None:
    assert Grok(pattern).match(text) == fields


def test_the_first_expression_that_matches() -> None:
    grok = Grok(["%{INT:n}$", "%{WORD:w}"])
    assert (grok.match("a 1"), grok.match("a b"), grok.match("-")) == ({"n": "1"}, {"w": "a"}, None)


def test_unnamed_captures_and_empty_ones() -> None:
    assert Grok("%{INT} %{WORD:w}", named_captures_only=False).match("1 a") == {"INT": "1", "w": "a"}
    assert Grok("(?<a>x)?(?<b>y*)z", keep_empty_captures=True).match("z") == {"a": None, "b": ""}


def test_layers_of_patterns(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("WORD [a-c]+\nCODE x%{WORD}\n")
    assert Grok("%{CODE:c}", patterns_dir=tmp_path).match("xabcd") == {"c": "xabc"}
    both = Grok("%{CODE:c}", patterns_dir=[str(tmp_path)], pattern_definitions={"WORD": "d"})
    assert both.match("xabc xd") == {"c": "xd"}
    assert Grok("%{WORD:w}").match("xyz") == {"w": "xyz"}


@pytest.mark.parametrize(
    ("pattern", "definitions", "word"),
    [
        ("%{LOGLEVL}", {}, "LOGLEVEL"),
        ("%{A}", {"A": "%{B}", "B": "%{A}"}, "A → B → A"),
        ("%{A}", {"A": "x%{WORD"}, "not closed"),
        ("%{A}", {f"{chr(65 + n)}": f"%{{{chr(66 + n)}}}" * 9 for n in range(9)} | {"J": "xxxx"}, "grows beyond"),
        ("(a", {}, "not closed"),
        ("a)", {}, "closing"),
        ("[z-a]", {}, "backwards"),
        ("*a", {}, "nothing to repeat"),
    ],
)
def test_refused(pattern: str, definitions: dict[str, str], word: str) -> None:
    with pytest.raises(GrokError) as error:
        Grok(pattern, pattern_definitions=definitions)
    assert isinstance(error.value, ConfigError)
    assert word in str(error.value)
