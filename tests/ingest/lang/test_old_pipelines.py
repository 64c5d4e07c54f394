"""What pipelines that people have run for years say: repeated options, old names, values in old shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.lang.ast import blocks
from ingest.lang.parser import parse
from ingest.lang.ruby import Regex
from ingest.options import Block, Kind, Option, Options, resolve
from ingest.pipeline import Pipeline
from sawlog.cli.check import check
from sawlog.errors import ConfigError, ConfigErrors

DECLARED = {
    "one": Option(Kind.STRING, ""),
    "count": Option(Kind.NUMBER, ""),
    "flag": Option(Kind.BOOLEAN, ""),
    "many": Option(Kind.ARRAY, "", []),
    "map": Option(Kind.HASH, "", {}),
}


def block(text: str) -> Block:
    (section,) = parse(f"filter {{ {text} }}", "f")
    (found,) = blocks(section.body)
    return found


def options(text: str) -> Options:
    return resolve("p", DECLARED, block(f"p {{ {text} }}"))


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        ('one => "x" one => "x"', "one", "x"),
        ("one => x one => [x]", None, None),
        ("count => 7 count => 7 count => 7", "count", 7),
        ("flag => true flag => true", "flag", True),
        ("many => x many => x", "many", ["x"]),
        ("many => x many => y many => [z, x]", "many", ["x", "y", "z", "x"]),
        ("many => [a] many => [a]", "many", ["a", "a"]),
        ('map => { "k" => "x" } map => { "k" => "x" }', "map", {"k": "x"}),
        ('map => { "k" => "x" } map => { "k" => "y" "l" => 1 }', "map", {"k": ["x", "y"], "l": 1}),
        ('map => [ "k", "x", "l", "y" ]', "map", {"k": "x", "l": "y"}),
        ('map => [ "k", "x", "k", "y", "k", "z" ]', "map", {"k": ["x", "y", "z"]}),
        ('map => [ "k", "x" ] map => [ "k", "y" ]', "map", {"k": ["x", "y"]}),
    ],
)
def test_a_repeated_option_is_one_option(written: str, name: str | None, value: Any) -> None:
    if name is None:
        with pytest.raises(ConfigError, match="takes one string"):
            options(written)
    else:
        assert options(written)[name] == value


def test_two_values_for_one_are_refused_where_the_second_stands() -> None:
    with pytest.raises(ConfigError, match="takes one number") as caught:
        options("count => 1 count => 2")
    position = caught.value.position
    assert position is not None
    assert (position.line, position.column) == (1, 25)


def test_true_and_one_are_two_values() -> None:
    with pytest.raises(ConfigError, match="takes one"):
        options("flag => true flag => 1")


@pytest.mark.parametrize(
    "written",
    [
        'filter { kv { trim => "<>" trimkey => "_" } }',
        'filter { geoip { source => "ip" lru_cache_size => 10 } }',
        'filter { mutate { remove => [ "a", "b" ] remove_field => "c" } }',
        'filter { grok { match => { "message" => "x" } singles => true } }',
        "output { stdout { debug => true debug_format => json } }",
        'output { file { path => "/x/y" stale_cleanup_interval => 10 } }',
        'output { http { url => "http://h" http_method => "post" verify_ssl => false } }',
        "output { elasticsearch { host => h port => 9200 embedded_http_port => 9201 max_inflight_requests => 5 } }",
        'input { file { path => "/x" debug => true } }',
    ],
)
def test_old_names_are_taken_with_a_word(written: str) -> None:
    assert Pipeline.from_text(written, syntax_only=True).notes


def test_an_old_option_with_another_shape_says_what_to_write() -> None:
    with pytest.raises(ConfigErrors, match="write match"):
        Pipeline.from_text('filter { grok { pattern => [ "%{WORD:w}" ] } }', syntax_only=True)


@pytest.mark.parametrize(
    ("output", "instead"),
    [("amazon_es", "opensearch output"), ("clickhouse", "http")],
)
def test_an_old_output_names_the_one_to_use(output: str, instead: str) -> None:
    with pytest.raises(ConfigErrors, match=instead):
        Pipeline.from_text(f"output {{ {output} {{ host => h }} }}", syntax_only=True)


def test_the_output_of_logstash_1_over_http_is_the_one_of_today() -> None:
    pipeline = Pipeline.from_text("output { elasticsearch_http { host => h port => 9201 } }", syntax_only=True)
    assert any("'elasticsearch_http' is the output 'elasticsearch'" in note for note in pipeline.notes)


CONDITIONS = [
    'if[kind]=="a"or[kind]in["b","c"]{drop{}}else if![kind]{drop{}}else{}',
    'if "seen" not in [tags] and !([a][b] or "x" in [c]) { drop { } }',
    'if [n] in [404] or [n] in [ 500, 503 ] or [n] in [ "x" ] { drop { } }',
    "if [path] =~ /^\\/var\\/[^\\/]+\\.log$/ or [path] !~ 'q\"' { drop { } }",
    'if "text alone" { drop { } }',
    "if ((([deep]))) { drop { } }",
    'if [a # not a comment] == "#" { drop { } } # a comment',
    'if # here\n[a] # and here\n== "b"\n{ # and here\ndrop { } }\n# and here\nelse { }',
]


@pytest.mark.parametrize("written", CONDITIONS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_conditions_as_people_write_them(written: str, line_end: str) -> None:
    Pipeline.from_text(f"filter {{\n{written}\n}}".replace("\n", line_end))


@pytest.mark.parametrize(
    ("expression", "text", "found"),
    [
        (r"[a-z&&[^aeiou]]+", "aexyz", "xyz"),
        (r"\e\[0m", "x\x1b[0m", "\x1b[0m"),
        (r"a(?i)b", "aB", "aB"),
        (r"^{.*}$", '{"a":1}', '{"a":1}'),
    ],
)
def test_expressions_of_ruby_are_read_as_ruby_does(
    expression: str, text: str, found: str, recwarn: pytest.WarningsRecorder
) -> None:
    match = Regex(expression).search(text)
    assert match is not None
    assert match[0] == found
    assert not recwarn.list


def test_a_fragment_that_names_what_is_not_there_is_good(tmp_path: Path) -> None:
    file = tmp_path / "20-access.conf"
    file.write_text(
        """filter {
          if [kind] == "access" {
            grok { patterns_dir => "/nowhere/patterns" match => [ "message", "%{NOT_DEFINED_HERE:x}" ] }
            geoip { source => "client" database => "/nowhere/city.mmdb" }
            translate { field => "code" destination => "word" dictionary_path => "${NO_SUCH_FOLDER}/codes.yml" }
            useragent { source => "agent" regexes => "/nowhere/regexes.yml" }
          }
        }
        output {
          elasticsearch {
            hosts => [ "https://${NO_SUCH_HOST}:${NO_SUCH_PORT}" ] ssl => "${NO_SUCH_FLAG}" cacert => "/nowhere/ca.pem"
            codec => "${NO_SUCH_CODEC}" user => "${NO_SUCH_USER}" password => '${NO_SUCH_WORD}'
            template => "/nowhere/template.json"
          }
        }
        """,
        encoding="utf-8",
    )
    result = CliRunner().invoke(check, ["--syntax", "-f", str(file)])
    assert (result.exit_code, result.exception) == (0, None), result.output


def test_a_character_set_that_cannot_be_a_name_is_said_where_it_stands() -> None:
    with pytest.raises(ConfigErrors, match="there is no character set") as caught:
        Pipeline.from_text('input { stdin { codec => plain { charset => "UTF\0" } } }')
    position = caught.value.errors[0].position
    assert position is not None
    assert (position.line, position.column) == (1, 34)
