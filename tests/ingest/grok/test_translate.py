"""Ruby's expressions in Python's words: each construct by what it matches."""

from __future__ import annotations

import pytest

from ingest.grok import Grok, GrokError
from ingest.grok.translate import translate


@pytest.mark.parametrize(
    ("ruby", "text", "found"),
    [
        (r"\h+", "xyz09afG", "09af"),
        (r"\H+", "0xyzf", "xyz"),
        (r"a\Rb", "a\r\nb", "a\r\nb"),
        (r"a\Rb", "a\u2028b", "a\u2028b"),
        (r"\Ab", "a\nb", None),
        (r"b\Z", "b\n", "b"),
        (r"b\z", "b\n", None),
        (r"a*+a", "aaa", None),
        (r"(?>a+)b", "aab", "aab"),
        (r"(?>a|ab)c", "abc", None),
        (r"a(?i)B|C", "ac", "ac"),
        (r"(?i:A)b", "ab", "ab"),
        (r"(?i:A)b", "aB", None),
        (r"(?x) a b # comment", "ab", "ab"),
        (r"(?-m:a)b", "ab", "ab"),
        (r"(?<q>['\"])x\k<q>", "'x'", "'x'"),
        (r"(?<q>a)?(?(<q>)b|c)", "ab", "ab"),
        (r"^(?<q>a)?(?(<q>)b|c)$", "ac", None),
        (r"(a)\1", "aa", "aa"),
        (r"[[:digit:]]+", "a12", "12"),
        (r"[[:alnum:]_]+", "-é9_", "é9_"),
        (r"[a-z&&[^aeiou]]+", "aebcd", "bcd"),
        (r"\p{Alpha}+", "1é", "é"),
        (r"a{,2}b", "aab", "aab"),
        (r"\u00e9\x41", "éA", "éA"),
        (r"(?<!a{2,3})b", "b", "b"),
        (r"a(?#nothing)b", "ab", "ab"),
        (r"\(\g<p>\)(?<p>x)", "(x)x", "(x)x"),
    ],
)
def test_construct(ruby: str, text: str, found: str | None) -> None:
    match = Grok(ruby).expressions[0].search()(text)
    assert (None if match is None else match[0]) == found  # type: ignore[index]  # both modules' matches have it


def test_names_of_groups() -> None:
    assert translate("(?<[a][b]>x)(?<c>y)(z)(?:w)").names == ("[a][b]", "c")
    assert translate(r"(a)(b)\1").names == (None, None)


@pytest.mark.parametrize(
    ("ruby", "word"),
    [
        (r"(?~abc)", "opens no group that is known"),
        (r"(?<a>x)\1", "by number"),
        (r"\k<none>", "unknown group"),
        (r"[[:nothing:]]", "unknown class"),
        (r"(?<>x)", "name"),
        ("a\\", "backslash at the end"),
        (r"\x", "without its digits"),
        ("(" * 300, "nested too deeply"),
        ("(?#", "does not end"),
        ("[a", "not closed"),
    ],
)
def test_refused_with_the_place(ruby: str, word: str) -> None:
    with pytest.raises(GrokError, match=r"expression|number") as error:
        translate(ruby)
    assert word in str(error.value)
