"""Our grok beside pygrok: equal on what both support; where Logstash differs from pygrok, a test says how."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygrok import Grok as Pygrok

from ingest.grok import Grok

# Patterns whose definitions are the same in both libraries, and which read the same in `re` and in Ruby.
NAMES = ("WORD", "INT", "NUMBER", "POSINT", "NONNEGINT", "NOTSPACE", "DATA", "GREEDYDATA", "IPV4", "UUID", "QS", "YEAR")
SEPARATORS = (" ", "  ", ": ", " - ", r"\[", r"\]", r"\s+", "=", ",", r" \| ")
TEXTS = st.text(alphabet="abcXYZ019 .:-=,[]|\"'_/", max_size=30)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    parts = []
    for number in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(NAMES))
        kind = draw(st.sampled_from(["", f":f{number}"] + ([f":f{number}:int"] if name in ("INT", "POSINT") else [])))
        parts.append(f"%{{{name}{kind}}}{draw(st.sampled_from(['', '?'])) if not kind else ''}")
        parts.append(draw(st.sampled_from(SEPARATORS)))
    return "".join(parts[:-1]) + draw(st.sampled_from(["", "$", r"\b"]))


def pygrok(pattern: str, text: str) -> dict[str, Any] | None:
    """Match with pygrok, without its empty captures, which Logstash leaves out."""
    fields = Pygrok(pattern).match(text)
    return None if fields is None else {key: value for key, value in fields.items() if value not in (None, "")}


@settings(max_examples=120, deadline=None)
@given(pattern=patterns(), text=TEXTS)
def test_generated(pattern: str, text: str) -> None:
    assert Grok(pattern).match(text) == pygrok(pattern, text)


LINES = [
    "2017-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService      : GET DATA",
    '192.0.2.7 - bob [10/Oct/2023:13:55:36 +0000] "GET /a?b=c HTTP/1.1" 200 2326 "https://example.org/" "Mozilla/5.0"',
    "Feb  3 10:32:11 web-1 sshd[811]: Accepted publickey for root from 192.0.2.7 port 22",
    "key=value other=12 http://example.org:80/path?x=1 00:11:22:33:44:55 bob@example.org",
    "I, [2024-02-03T10:32:11.003 #811]  INFO -- app: up",
    "",
]
EXPRESSIONS = [
    r"%{TIMESTAMP_ISO8601:time}\s+%{LOGLEVEL:level}\s+%{INT:pid:int} --- "
    r"\[\s*%{DATA:thread}\] %{NOTSPACE:logger}\s+: %{GREEDYDATA:text}",
    r"%{SYSLOGTIMESTAMP:time} %{SYSLOGHOST:host} %{DATA:program}(?:\[%{POSINT:pid:int}\])?: %{GREEDYDATA:text}",
    r'%{IPORHOST:client} %{USER:ident} %{USER:auth} \[%{HTTPDATE:time}\] "%{WORD:verb} %{NOTSPACE:request} '
    r'HTTP/%{NUMBER:version}" %{NUMBER:status:int} %{NUMBER:bytes:float}',
    "%{HOSTPORT:where}",
    "%{MAC:mac}",
    "%{RUBY_LOGGER}",
    "%{IP:ip}.*%{NUMBER:port:float}",
    "%{URIHOST:host}",
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("pattern", EXPRESSIONS)
def test_real_lines(pattern: str, line: str) -> None:
    assert Grok(pattern).match(line) == pygrok(pattern, line)


def test_at_least_one_expression_matches_each_line() -> None:
    for line in LINES[:-1]:
        assert any(Grok(pattern).match(line) for pattern in EXPRESSIONS), line


@pytest.mark.parametrize(
    ("pattern", "text", "logstash", "theirs"),
    [
        # A dot matches a newline; ^ and $ match at each line.
        ("%{GREEDYDATA:x}", "a\nb", {"x": "a\nb"}, {"x": "a"}),
        ("^%{INT:x}$", "a\n5\nb", {"x": "5"}, None),
        # \d and \w are ASCII.
        (r"(?<x>\w+)", "é9", {"x": "9"}, {"x": "é9"}),
        (r"(?<x>\d+)", "٣4", {"x": "4"}, {"x": "٣4"}),
        # \h is a hexadecimal digit; in `regex` it is a blank.
        (r"(?<x>\h+)", " cafe", {"x": "cafe"}, {"x": " "}),
        # Fields below others; pygrok takes such a reference for literal text.
        ("%{INT:[a][b]}", "5", {"a": {"b": "5"}}, None),
        ("%{INT:a.b}", "5", {"a.b": "5"}, None),
        ("%{INT:@x}", "5", {"@x": "5"}, None),
        # A name that captures twice: a list, of which pygrok keeps the last.
        ("%{INT:x} %{INT:x}", "1 2", {"x": ["1", "2"]}, {"x": "2"}),
        ("%{INT:x:int} %{INT:x:int}", "1 2", {"x": 1}, {"x": 2}),
        # Nothing captured: the same without pygrok's empty captures.
        ("(?<x>a)?(?<y>b*)c", "c", {}, {}),
    ],
)
def test_where_logstash_differs(pattern: str, text: str, logstash: Any, theirs: Any) -> None:
    assert Grok(pattern).match(text) == logstash
    assert pygrok(pattern, text) == theirs


@pytest.mark.parametrize(("text", "value"), [("5.5", 5), ("-7", -7), ("1e3", 1)])
def test_int_reads_what_the_text_begins_with(text: str, value: int) -> None:
    assert Grok("%{NOTSPACE:x:int}").match(text) == {"x": value}


def test_pygrok_raises_where_a_number_is_none() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Pygrok("%{NOTSPACE:x:int}").match("5.5")
    assert Grok("%{NOTSPACE:x:float}").match("abc") == {"x": 0.0}
