"""Which language a text is, what is wrong with it, and that both languages count the same."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.errors import QueryError
from sawlog.search import kql
from sawlog.search.language import marked, read


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "kql"),
        ("*", "kql"),
        ("timeout", "kql"),
        ("connection refused", "kql"),
        ('log.level : "ERROR" and service.name : orders', "kql"),
        ("log.level : (ERROR or FATAL) and not service.name : orders", "kql"),
        ("log.offset >= 4096", "kql"),
        ("log.offset >= 4096 AND service.name : orders", "kql"),
        ("@timestamp < now-1h", "kql"),
        ('"a AND b"', "kql"),
        ("read and write", "kql"),
        ("GET /orders?id=5", "kql"),
        ("log.file.path:/var/log/", "kql"),
        ("log.file.path : /var/log/a.log", "kql"),
        ("log.level:ERROR AND service.name:orders", "lucene"),
        ("log.level : ERROR AND service.name : orders", "lucene"),
        ("log.level:(WARN OR ERROR) -tags:known", "lucene"),
        ("NOT log.level:ERROR", "lucene"),
        ("a && !b", "lucene"),
        ("a || b", "lucene"),
        ("+a b", "lucene"),
        ("a -b", "lucene"),
        ('"read out"~2', "lucene"),
        ("conection~", "lucene"),
        ("timeout^2", "lucene"),
        ("process.pid:[1 TO 99]", "lucene"),
        ("process.pid:{1 TO 99}", "lucene"),
        ("@timestamp:[now-1h TO now]", "lucene"),
        ("process.pid:>=500", "lucene"),
        ("_exists_:error.type", "lucene"),
        ("message:/time.?out/", "lucene"),
        ("service.name:c?nta", "lucene"),
        ("connection not found", "lucene"),
        ("log.level:ERROR service.name:orders", "lucene"),
    ],
)
def test_a_text_is_of_a_language(text: str, language: str) -> None:
    assert read(text).language == language


@pytest.mark.parametrize("language", ["kql", "lucene"])
def test_whoever_says_which_is_believed(language: str) -> None:
    for text in ("log.level:ERROR", "a OR b", "", "*"):
        assert read(text, language).language == language
    lucene = read("log.level : ERROR and b", "lucene").clause
    assert lucene == {"query_string": {"query": "log.level : ERROR and b", "analyze_wildcard": True}}
    assert read("a OR b", "kql").clause == kql.parse("a or b").clause


@pytest.mark.parametrize(
    ("text", "language", "shown"),
    [
        ("log.level : (ERROR or", "auto", "the query ends where a value or ')' is expected\n  {}\n  " + " " * 21 + "^"),
        ("log.level : ERROR)", "auto", "quote it or write \\ before it\n  {}\n  " + " " * 17 + "^"),
        ("log.level:ERROR and not not a:b", "auto", "here; quote it or write \\ before it\n  {}\n  " + " " * 24 + "^"),
        ("log.level:(ERROR OR", "auto", "an operator stands at the end\n  {}\n  " + " " * 19 + "^"),
        ("log.level:(ERROR OR )", "auto", "at character 21: ')' is not expected\n  {}\n  " + " " * 20 + "^"),
        ("a AND OR b", "lucene", "at character 7: 'OR' is not expected\n  {}\n  " + " " * 6 + "^^"),
        ('a AND "b', "auto", "at character 7: '\"' has no other end\n  {}\n  " + " " * 6 + "^"),
        ("a && && b", "auto", "at character 6: '&&' is not expected\n  {}\n  " + " " * 5 + "^^"),
        ("x : {y : a}", "auto", "nested fields, { }, are not offered\n  {}\n  " + "^" * 11),
        ("a:b~ and c:d", "auto", "which language it is\n  {}\n  " + " " * 5 + "^^^"),
        ("a\n:b)", "auto", "before it\n  :b)\n    ^"),
    ],
)
def test_a_mistake_is_shown_in_its_place(text: str, language: str, shown: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(text, language)
    assert marked(text, caught.value).endswith(shown.replace("{}", text))


def test_a_query_of_nothing_but_colons_holds_nobody_up() -> None:
    for text in (":" * 32_000, "a:" * 16_000, ":/" * 16_000, "[" * 32_000):
        with suppress(QueryError):
            assert read(text).language
    with pytest.raises(QueryError, match="longer than 32768"):
        read("a" * 33_000)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(QueryError, match="'sql': expected auto, kql, lucene"):
        read("a", "sql")


@given(st.text(st.sampled_from('ab "\\():<>*{}[]=~^+-!&|/?u0notrdANDTO\n'), max_size=40))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    for language in ("auto", "kql", "lucene"):
        wrong = None
        try:
            reading = read(text, language)
        except QueryError as error:
            wrong = error
        if wrong is None:
            assert reading.language in {"kql", "lucene"}
            assert language in {"auto", reading.language}
        else:
            assert wrong.at is None or 0 <= wrong.at[0] <= wrong.at[1] <= len(text)
            assert marked(text, wrong)


@given(st.text(st.sampled_from('ab:* "()\\.'), max_size=20))
def test_what_has_no_sign_of_lucene_is_kql_where_that_can_read_it(text: str) -> None:
    try:
        meant = kql.parse(text)
    except QueryError:
        return
    assert read(text).clause == meant.clause
