"""Go's regular expressions by RE2; each row's answer is what Go's own package regexp says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.expression import Expressions, Substitution, checked

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
    assert bool(Expressions([pattern]).search(text)) is found


@pytest.mark.parametrize("pattern", NO_GO)
def test_what_go_refuses_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        checked(pattern)


def test_several_at_once() -> None:
    several = Expressions(["^a", "b$"])
    assert [bool(several.search(text)) for text in ("ax", "xb", "x")] == [True, True, False]
    assert not Expressions([]).search("x")
    assert several == Expressions(["^a", "b$"]) != Expressions(["b$", "^a"])
    assert len({several, Expressions(["^a", "b$"])}) == 1


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{4}-\d{2}-\d{2}", "DEBUG", r"^\[", "[A-Z]{3}x", r"\w{2}\$", r"^\\", "a{2}-", "[a-]", "é", "a|b", "a$"],
)
@given(text=st.text(alphabet=list("a-Zx012é٢$\\[D\n"), max_size=12))
def test_plain_ones_mean_the_same_to_both_engines(pattern: str, text: str) -> None:
    by_re2 = Expressions([pattern, "(?:never){3}$"])
    assert bool(Expressions([pattern]).search(text)) is bool(by_re2.search(text))


def test_what_is_too_large_for_one_search_is_looked_for_one_by_one() -> None:
    large = Expressions([rf"(\pL{{1,900}}){digit}" for digit in range(3)])
    assert [bool(large.search(f"x{digit}")) for digit in range(4)] == [True, True, True, False]
    with pytest.raises(ValueError, match="too large"):
        checked(r"(\pL{0,1000}\d[^\pN]{1,500}){1}" * 3)


def test_a_name_need_not_be_utf_8() -> None:
    assert Expressions(["^a.b$"]).search("a\udcffb")
    assert Substitution("b", "c").apply("a\udcffb") == "a?c"


@pytest.mark.parametrize(
    ("pattern", "replacement", "text", "wanted"),
    [
        ("(a+)(b)?", "<$1$2>", "aab a", "<aab> <a>"),
        ("(?P<n>a)", "${n}x$nx", "a", "ax"),
        ("a", r"\1$$", "aba", r"\1$b\1$"),
        ("(?U)(a+)", "[$1]", "aaa", "[a][a][a]"),
        ("x*", "-", "é", "-é-"),
        ("$", "!", "é", "é!"),
        ("a*", "-", "baac", "-b-c-"),
    ],
)
def test_replacing_as_go_does(pattern: str, replacement: str, text: str, wanted: str) -> None:
    assert Substitution(pattern, replacement).apply(text) == wanted


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "(.*)*x$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_text_takes_forever(pattern: str) -> None:
    hostile = "a" * 100_000 + "!"
    assert not Expressions([pattern]).search(hostile)
    assert Substitution(pattern, "").apply(hostile) == hostile


@given(st.text(alphabet=list(r"ab01 .*+?|()[]{}^$\-:PpQEdswDSWzAxUims<>é,"), max_size=12), st.text(max_size=20))
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    try:
        assert checked(pattern) == pattern
    except ValueError:
        return
    found = Expressions([pattern]).search(text)
    assert found or Substitution(pattern, "x").apply(text) == text
