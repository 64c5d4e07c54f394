"""Generated programs do what they do in a real Ruby, where one is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest.ruby import real_ruby
from tests.ingest.ruby.test_differential import ours, same, zone

__all__ = ["zone"]
pytestmark = pytest.mark.skipif(real_ruby.RUBY is None, reason="needs a real Ruby 3.1")
EVENT = {"@timestamp": "2020-02-29T23:30:15.123Z", "text": "a=1, B=22; ünï 3.5", "number": 7, "list": [3, 1, "x", None]}

whole = st.integers(-50, 50).map(lambda number: str(number) if number >= 0 else f"({number})")
decimal = st.sampled_from(["0.5", "(-2.5)", "1e3", "3.14159", "100.0", "1e16", "0.1", "2.675"])
text = st.one_of(
    st.sampled_from(
        ["'a,b,,c'", "'  x y '", "'12abc'", "'Äpfel'", "''", "'a=1 b=2'", '"t\\tn\\n"', "event.get('text')", "'0x1f'"]
    ),
    st.text("abAB01 ,.-_ü", max_size=8).map(lambda one: f"'{one}'"),
)
pattern = st.sampled_from(
    ["/\\w+/", "/(\\w)=(\\d)/", "/[,;]\\s*/", "/b/i", "/^a|c$/", "/\\d+/", "/(?<k>[a-z])/", "/x*/", "/\\s/"]
)
small = st.integers(-3, 6).map(str)


def numbers() -> st.SearchStrategy[str]:
    leaf = st.one_of(whole, decimal, st.just("event.get('number')"), text.map(lambda one: f"{one}.length"))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner),
            st.builds("{}.{}".format, inner, st.sampled_from(["abs", "to_i", "to_f", "round", "floor", "ceil"])),
            st.builds("{}.{}({})".format, inner, st.sampled_from(["round", "floor", "ceil"]), st.integers(0, 3)),
            st.builds("{}.divmod({}).last".format, inner, inner),
        ),
        max_leaves=5,
    )


def texts() -> st.SearchStrategy[str]:
    plain = [
        "strip",
        "upcase",
        "downcase",
        "capitalize",
        "reverse",
        "chomp",
        "chop",
        "swapcase",
        "squeeze",
        "inspect",
        "lstrip",
    ]
    return st.recursive(
        text,
        lambda inner: st.one_of(
            st.builds("{}.{}".format, inner, st.sampled_from(plain)),
            st.builds("({} + {})".format, inner, inner),
            st.builds("({} * {})".format, inner, st.integers(0, 3)),
            st.builds("{}[{}..{}]".format, inner, small, small),
            st.builds("{}[{}, {}]".format, inner, small, small),
            st.builds("{}.gsub({}, {})".format, inner, pattern, st.sampled_from(["'<\\0>'", "'-'", "''", "'\\\\1'"])),
            st.builds("{}.sub({}) {{ |m| m.upcase + $&.length.to_s }}".format, inner, pattern),
            st.builds(
                "{}.tr('{}', '{}')".format,
                inner,
                st.sampled_from(["a-c", "^a", "ab", "0-9"]),
                st.sampled_from(["x", "A-C", ""]),
            ),
            st.builds("{}.delete('{}')".format, inner, st.sampled_from(["a-c", "^a", "ab"])),
            st.builds("{}.rjust({}, '*')".format, inner, st.integers(0, 12)),
            st.builds('"#{{{}}}|#{{{}}}"'.format, inner, numbers()),
        ),
        max_leaves=4,
    )


def lists() -> st.SearchStrategy[str]:
    made = st.one_of(
        st.builds("{}.split({})".format, texts(), st.one_of(pattern, st.sampled_from(["','", "' '", "''"]))),
        st.builds("{}.split({}, {})".format, texts(), pattern, st.integers(-1, 4)),
        st.builds("{}.scan({})".format, texts(), pattern),
        st.builds("{}.chars".format, texts()),
        st.builds("{}.partition({})".format, texts(), pattern),
        st.lists(numbers(), max_size=5).map(lambda some: f"[{', '.join(some)}]"),
    )
    after = [
        "",
        ".uniq",
        ".reverse",
        ".compact",
        ".flatten",
        ".map(&:to_s)",
        ".map { |x| [x, x.to_s.length] }.to_h",
        ".first(2)",
        ".sort",
        '.each_with_index.map { |x, i| "#{i}#{x}" }',
        ".select { |x| x.to_s =~ /a|1/ }",
        ".group_by { |x| x.to_s[0] }",
        ".max",
        ".last",
        ".each_slice(2).to_a",
        ".join('-')",
        ".inspect",
        ".include?('a')",
        ".inject(:+)",
        ".sort_by { |x| x.to_s }",
        ".tally",
        ".min",
        ".partition { |x| x.to_s.length > 1 }",
        ".each_cons(2).to_a",
        ".zip([1, 2])",
        ".rotate",
        ".take_while { |x| x }",
        ".to_a[1..-2]",
    ]
    return st.builds("{}{}".format, made, st.sampled_from(after))


@pytest.fixture(scope="module")
def ruby() -> Iterator[real_ruby.RealRuby]:
    with real_ruby.RealRuby() as process:
        yield process


# The same ones each time: what a stranger's Ruby does with others is no reason for his build to fail.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True)
@given(code=st.one_of(numbers(), texts(), lists()))
def test_generated_expressions(ruby: real_ruby.RealRuby, code: str) -> None:
    case = {"code": f"event.set('r', {code})", "event": EVENT}
    expected, found = ruby.run(json.loads(json.dumps(case))), ours(case)
    if expected["error"]:
        # Which of two wrong things is told first depends on the order of reckoning; the class is the same.
        assert found["error"], (code, expected)
        assert found["error"]["class"] == expected["error"]["class"], (code, expected, found)
    else:
        assert same(found, expected), (code, expected, found)
