"""Go's regular expressions in Python's; each row's answer is what Go's own package regexp says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.config.go_regex import to_python

ROWS = [
    (r"^[[:space:]]+(at|\.{3})[[:space:]]+\b|^Caused by:", "  at com.acme.A", True),
    (r"^[[:space:]]+(at|\.{3})[[:space:]]+\b|^Caused by:", "Caused by: x", True),
    (r"^[[:space:]]+(at|\.{3})[[:space:]]+\b|^Caused by:", "INFO", False),
    (r"^\d{4}-\d{2}-\d{2}", "2020-01-02 x", True),
    (r"^\d{4}-\d{2}-\d{2}", "\u0662\u0660\u0662\u0660-01-02", False),
    (r"\w", "é", False),
    (r"\W", "é", True),
    (r"^\s", "\v", False),
    (r"[[:space:]]", "\v", True),
    (r"\bé", "aé", True),
    (r"a$", "a\n", False),
    (r"(?m)a$", "a\nb", True),
    (r"^b", "a\nb", False),
    (r"(?m)^b", "a\nb", True),
    (r"a.b", "a\nb", False),
    (r"(?s)a.b", "a\nb", True),
    (r"(?i)error", "ERROR", True),
    (r"x(?i)error", "XERROR", False),
    (r"x(?i)error", "xERROR", True),
    (r"(?i:e)rror", "ERROR", False),
    (r"(a(?i)b|c)d", "aBd", True),
    (r"(a(?i)b|c)d", "Cd", True),
    (r"(a(?i)b|c)d", "cD", False),
    (r"a\z", "a", True),
    (r"\Qa.b\E+", "a.bbb", True),
    (r"^\Qa.b\E$", "axb", False),
    (r"\x{e9}", "é", True),
    (r"\x41\101", "AA", True),
    (r"\pL+", "é", True),
    (r"^\p{Lu}", "é", False),
    (r"^\P{Lu}", "é", True),
    (r"^\p{^Lu}", "é", True),
    (r"^[^[:alpha:]]$", "1", True),
    (r"^[[:^alpha:]]$", "a", False),
    (r"^[\d\-]+$", "1-2", True),
    (r"^[\]a]+$", "]a", True),
    (r"^[]a]+$", "]a", True),
    (r"^[^]]+$", "]", False),
    (r"^[a-]$", "-", True),
    (r"^[&&~|]+$", "&|~", True),
    (r"^{\"level", '{"level', True),
    (r"a{,2}", "a{,2}", True),
    (r"^a{2}$", "aa", True),
    (r"(?P<n>a)(?P<m>b)", "ab", True),
    (r"(?<n>a)", "a", True),
    (r"(?U)a+", "aa", True),
    (r"\-\/\:", "-/:", True),
    (r"^\[ ", "[ x", True),
    (r"\|$", "x|", True),
    (r"^*a", "ba", True),
    (r"a$+", "ab", False),
]

NO_GO = [
    "(",
    ")",
    "[",
    "^[",
    "a**",
    "*a",
    r"\1",
    r"(a)\1",
    "(?=a)",
    "(?!a)",
    "(?<=a)b",
    "(?#c)",
    r"\k",
    r"\Z",
    r"\p{",
    r"\x{110000}",
    "[[:nothing:]]",
    "a{1001}",
    "[b-a]",
    "\\",
]


@pytest.mark.parametrize(("pattern", "text", "found"), ROWS)
def test_the_same_as_go(pattern: str, text: str, found: bool) -> None:
    assert (re.search(to_python(pattern), text) is not None) is found


@pytest.mark.parametrize("pattern", NO_GO)
def test_what_go_refuses_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        to_python(pattern)


def test_lazy_by_flag() -> None:
    found = re.search(to_python(r"(?U)(a+)"), "aaa")
    assert found is not None
    assert found[1] == "a"
    found = re.search(to_python(r"(?U)(a+?)"), "aaa")
    assert found is not None
    assert found[1] == "aaa"


@given(st.text(alphabet=list(r"ab01 .*+?|()[]{}^$\-:PpQEdswDSWzAxUims<>é,"), max_size=12))
def test_any_text_is_a_pattern_or_refused(pattern: str) -> None:
    try:
        translated = to_python(pattern)
    except ValueError:
        return
    re.compile(translated)
