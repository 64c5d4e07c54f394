"""Texts with names in braces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.watch.template import NAMES, AlertTemplate, TemplateError

VALUES = {name: f"<{name}>" for name in NAMES}


def render(text: str, **values: str) -> str:
    return AlertTemplate.compile(text).render(VALUES | values, lambda field: f"[{field}]")


def test_names_fields_and_braces() -> None:
    assert render("{group} has {count}: {newest.host.name}") == "<group> has <count>: [host.name]"
    assert render("{{count}} }}{{") == "{count} }{"
    assert render("") == ""


def test_empty_lines_are_left_out() -> None:
    assert render("one\n{sample}\n{link}\n\ntwo {group}", sample="", link=" ", group="") == "one\ntwo"


def test_values_are_not_templates() -> None:
    assert render("{sample}", sample="{count} {nope} {") == "{count} {nope} {"


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("{grup}", "there is no '{grup}'", "did you mean 'group'?"),
        ("{}", "there is no '{}'", None),
        ("{newest.}", "there is no '{newest.}'", "newest.message"),
        ("a { b", "a '{' stands alone", None),
        ("a } b", "a '}' stands alone", None),
        ("{count", "a '{' stands alone", None),
    ],
)
def test_what_is_not_known_is_refused(text: str, words: str, hint: str | None) -> None:
    with pytest.raises(TemplateError) as caught:
        AlertTemplate.compile(text)
    assert words in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)


@given(st.text())
def test_any_text_is_itself_or_refused(text: str) -> None:
    try:
        template = AlertTemplate.compile(text)
    except TemplateError:
        return
    assert len(template.parts) % 2 == 1
    doubled = text.replace("{", "{{").replace("}", "}}")
    lines = "\n".join(line.rstrip() for line in text.split("\n") if line.strip())
    assert AlertTemplate.compile(doubled).render(VALUES, str) == lines
