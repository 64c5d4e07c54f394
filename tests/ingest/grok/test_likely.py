"""The quick test of an expression: it never says no to a text in which the expression is found."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.grok import Grok, GrokError
from ingest.grok.library import load
from ingest.grok.likely import likely

SPRING = "2025-03-01 10:00:00.001 DEBUG 4711 --- [io-8080-exec-16] o.s.web.Dispatcher        : GET /"
OTHER = r"\A%{TIMESTAMP_ISO8601}%{SPACE}%{SYSLOG5424SD}%{CRON_ACTION}%{JAVACLASS:servico}"


def worth(expression: str, *texts: str, grok: bool = True) -> list[bool]:
    """Say for each text whether the quick test lets it pass."""
    compiled: Any = Grok(expression).expressions[0].likely if grok else likely(re.compile(expression))
    assert compiled is not None
    return list(compiled(texts))


def test_what_an_expression_begins_with() -> None:
    assert worth(OTHER, SPRING, SPRING.replace("DEBUG 4711 --- ", ""), "", "[a]") == [False, True, False, True]


def test_plain_text_in_an_expression() -> None:
    assert worth(r"%{INT:pid} --- \[%{DATA:thread}\]", SPRING, "1 -- [x]", "a --- [") == [True, False, True]
    assert worth("(?:%{WORD:a} )?(?<b>ab(?:cd))", "abc", "abcd") == [False, True]


@pytest.mark.parametrize(
    "expression",
    [
        "%{IP:client}", "a|b", r"\Aa*b?", "(?i)error", "(?i:error)", "(?:ab)*", r"\A(?:a|[^b])*[cd]", "", r"\A.*",
        r"(?<q>a)?(?(<q>)b|c)", r"\p{Alpha}", r"\A\p{Alpha}+:",
    ],
)  # fmt: skip
def test_expressions_of_which_nothing_is_known(expression: str) -> None:
    assert Grok(expression).expressions[0].likely is None


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"\A[a-c]*d", "abcd"),
        (r"\A[a-c]*(?:)d", "d"),
        (r"\Aa*(?=b)bc", "abc"),
        (r"\Aa+(?:b|)[^a]", "ab"),
        (r"\A[^\W]+é", "aé"),
        (r"\A[\x00-\u00ff]+\u0100", "\u00e9\u0100"),
        (r"\Aa\b b", "a b"),
        (r"\A(?>a*)(?:b(?:c|))+$", "aabcb"),
        (r"\A(a)?(?(1)b|c)d", "cd"),
        (r"\A(a)\1b", "aab"),
        (r"\A(?i:a)+b", "AAb"),
        (r"\A[\d.]+-", "1.1-"),
        (r"\A(?:a|b(?!d))*+c", "abc"),
        (r"\Aa{2}?b", "aab"),
    ],
)
def test_a_text_that_matches_is_worth_a_search(expression: str, text: str) -> None:
    assert re.search(expression, text)
    quick = likely(re.compile(expression))
    assert quick is None or quick([text]) == [True]


ATOMS = (
    "a",
    "b",
    " ",
    r"\[",
    "[ab]",
    "[^a]",
    "[^ab ]",
    ".",
    r"\d",
    r"\w",
    r"\b",
    "$",
    "é",
    "[a-é]",
    "%{INT}",
    "%{SPACE}",
)
QUANTIFIERS = ("", "", "?", "*", "+", "*?", "++", "{2}", "{0,2}")


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        if depth and draw(st.booleans()):
            opening = draw(st.sampled_from(("(?:", "(?<x>", "(?>", "(?=", "(?!", "(?i:")))
            branches = draw(st.lists(expressions(depth - 1), min_size=1, max_size=3))
            parts.append(
                f"{opening}{'|'.join(branches)})" + ("" if "=" in opening else draw(st.sampled_from(QUANTIFIERS)))
            )
        else:
            atom = draw(st.sampled_from(ATOMS))
            parts.append(atom + (draw(st.sampled_from(QUANTIFIERS)) if atom not in (r"\b", "$") else ""))
    return "".join(parts)


@given(expressions(), st.booleans(), st.lists(st.text("ab [1é-x", max_size=12), min_size=1, max_size=20))
def test_it_never_says_no_where_there_is_a_match(expression: str, anchored: bool, texts: list[str]) -> None:
    try:
        one = Grok(rf"\A{expression}" if anchored else expression).expressions[0]
    except GrokError:  # two names, a repetition of a repetition
        return
    if one.likely is not None:
        search = one.search()
        for text, worth_it in zip(texts, one.likely(texts), strict=True):
            assert worth_it or search(text) is None, text


def test_each_pattern_of_the_library_with_its_own_text() -> None:
    """Real lines that built-in patterns match pass the tests of those patterns, with an anchor and without."""
    lines = [
        SPRING,
        '192.0.2.7 - bob [10/Oct/2023:13:55:36 +0000] "GET /a?b=c HTTP/1.1" 200 2326 "-" "Mozilla/5.0"',
        "Feb  3 10:32:11 web-1 sshd[811]: Accepted publickey",
        "I, [2024-02-03T10:32:11.003 #811]  INFO -- app: up",
    ]
    matched = 0
    for name in load(()):
        for expression in (f"%{{{name}:x}}", rf"\A%{{{name}:x}}"):
            one = Grok(expression).expressions[0]
            hits = [line for line in lines if one.search()(line)]
            matched += len(hits)
            assert one.likely is None or all(one.likely(hits)), name
    assert matched > 200
