import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.lang.ast import Branch, blocks
from ingest.lang.field import parse_field
from ingest.lang.parser import parse
from ingest.options import Block, Unresolved
from ingest.pipeline import Pipeline
from sawlog.errors import ConfigError, ConfigErrors


def plugin(text: str) -> Block:
    (section,) = parse(f"filter {{ {text} }}", "f")
    (block,) = blocks(section.body)
    return block


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"a # b"', "a # b"),
        ("'say \"x\"'", 'say "x"'),
        (r'"a\"b"', r"a\"b"),
        (r'"\d+\."', r"\d+\."),
        ('"two\nlines"', "two\nlines"),
        ("bare", "bare"),
        ("true", True),
        ("false", False),
        ("5044", 5044),
        ("-1", -1),
        ("1.5", 1.5),
        ("[]", []),
        ('[ "a", b, 3 ]', ["a", "b", 3]),
        ('{ "a" => "b" c => 1 3 => d }', {"a": "b", "c": 1, "3": "d"}),
        ('{ "a" => { b => ["c"] } }', {"a": {"b": ["c"]}}),
        ("# comment\n 1", 1),
    ],
)
def test_values(written: str, value: object) -> None:
    assert plugin(f"p {{ o=>{written} }}").settings[0].value == value


def test_options_keep_their_order_names_and_places() -> None:
    block = plugin('p {\n  "quoted" => 1\n  o=>2 o => 3\n}')
    assert [(s.name, s.value, s.position.line, s.position.column) for s in block.settings] == [
        ("quoted", 1, 2, 3),
        ("o", 2, 3, 3),
        ("o", 3, 3, 8),
    ]


def test_nested_codec() -> None:
    codec = plugin('p { codec => multiline { pattern => "^\\s" what => previous } }').settings[0].value
    assert isinstance(codec, Block)
    assert [setting.name for setting in codec.settings] == ["pattern", "what"]


@pytest.mark.parametrize("text", ["", "\ufeff", "# only a comment", "\r\n", "filter{}", "\ufefffilter {\r\n}\r\n# end"])
def test_nothing_is_a_pipeline(text: str) -> None:
    assert all(section.body == [] for section in parse(text, "f"))


def test_branches() -> None:
    (section,) = parse("filter { if[a] {a{}} else if [b]{b{} c{}} else {d{}} }", "f")
    (branch,) = section.body
    assert isinstance(branch, Branch)
    assert [len(arm.body) for arm in branch.arms] == [1, 2]
    assert [block.name for block in blocks(section.body)] == ["a", "b", "c", "d"]


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAWLOG_PORT", "5044")
    monkeypatch.delenv("SAWLOG_NONE", raising=False)
    assert plugin("p { o => ${SAWLOG_PORT} }").settings[0].value == "5044"
    assert plugin('p { o => "x-${SAWLOG_NONE:y z}" }').settings[0].value == "x-y z"
    with pytest.raises(ConfigError, match=r"f:1:19: .*SAWLOG_NONE.* is not set"):
        plugin('p { o => "${SAWLOG_NONE}" }')
    (section,) = parse('filter { p { o => "${SAWLOG_NONE}" } }', "f", syntax_only=True)
    assert isinstance(blocks(section.body)[0].settings[0].value, Unresolved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('filter { grok { match = "x" } }', "f:1:23: '=' .*write =>"),
        ('filter { grok { match => "x } }', "f:1:26: the text .* has no end"),
        ("filter {\n  grok {", r"f:2:9: the file ends .*line 2, column 8, is still open"),
        ("filte { }", "f:1:1: 'filte' .*did you mean 'filter'"),
        ("mutate { }", "f:1:1: 'mutate' .*plugins stand inside a section"),
        ("filter { if a == 1 { } }", r"f:1:13: 'a' .*\[a\] for a field"),
        ("filter { mutate { rename => { a => b, c => d } } }", "f:1:37: ',' .*without commas"),
        ("filter { } }", "f:1:12: .*one '}' too many"),
        ("filter { if [a] = 1 { } }", "f:1:17: '=' .*an operator"),
        ('filter { mutate { add_tag => ["a" "b"] } }', "f:1:35: .*',' or ']'"),
        ("filter { mutate { x => 12mb } }", 'f:1:24: .*write "12mb"'),
        ("filter { p { a => “b” } }", "f:1:19: '“' stands where a value is expected .these are typographic quotes"),
        ('filter { p { ‘a’ => "b" } }', "f:1:14: '‘' .*typographic quotes"),
        ("filter { if [a] == «b» { } }", "f:1:20: '«' .*typographic quotes"),
        ("filter { p { a => { x=>1 x=>2 } } }", "f:1:26: the key 'x' stands twice"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(text, "f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filter { " + "if [a] { " * 900 + "drop {}" + " }" * 900 + " }", "1:1: the file is nested too deeply"),
        ("filter { if " + " or ".join(["[a]"] * 3_000) + " { drop {} } }", "1:1: .* a condition is too long"),
        ("filter { p { o => " + "[" * 3_000 + "]" * 3_000 + " } }", "1:1: the file is nested too deeply"),
        ("filter { p { o => " + "9" * 5_000 + " } }", "1:19: this number is too long"),
        ('filter { mutate { add_field => { "' + "[" * 2_000 + '" => "b" } } }', "is no field reference"),
        ('filter { ruby { code => "' + "if 1\n" * 900 + "end\n" * 900 + '" } }', "1:26: ruby: the program is nested"),
        ('filter { ruby { code => "x = ' + "+".join("1" * 5_000) + '" } }', "1:26: ruby: the program is nested"),
    ],
    ids=["ifs", "ors", "arrays", "digits", "brackets", "Ruby's ifs", "Ruby's sum"],
)
def test_too_much_is_explained(text: str, message: str) -> None:
    with pytest.raises(ConfigErrors, match=message):
        Pipeline.from_text(text, "f")


def test_a_reference_in_many_brackets_is_the_reference() -> None:
    assert parse_field("[" * 2_000 + "a" + "]" * 2_000) == ("a",)


WHOLE = """input { beats { port => 5044 } }
filter {
  if [type] == "a" and "x" in [tags] or !([b] =~ /c/) {
    grok { match => { "message" => "%{WORD:w}" } add_tag => ["t", "u"] }
  } else { mutate { rename => { "a" => "[b][c]" } } }
}
output { stdout { codec => rubydebug { metadata => true } } }
"""


@settings(max_examples=200, deadline=None)
@given(
    place=st.integers(0, len(WHOLE) - 1),
    length=st.integers(0, 8),
    put=st.text(st.sampled_from("{}[]()=>\"'#,!/ %$\\ab1\n\0é"), max_size=4),
)
def test_broken_files_are_explained(place: int, length: int, put: str) -> None:
    text = WHOLE[:place] + put + WHOLE[place + length :]
    try:
        Pipeline.from_text(text, "broken.conf", syntax_only=True)
    except ConfigErrors as errors:
        for error in errors.errors:
            assert error.position is not None, error
            assert error.position.file == "broken.conf"
            assert 1 <= error.position.line <= text.count("\n") + 1
            assert error.position.column >= 1
            assert error.message
