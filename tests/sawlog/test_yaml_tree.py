"""What is legal for Filebeat's reader of YAML, and what is not."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from sawlog.errors import ConfigError
from sawlog.yaml_tree import parse, plain_value
from shipper.config import load

TEXT = "name: a\nfilebeat.inputs:\n- paths: [/x]\n"


@pytest.mark.parametrize(
    "text",
    ["name:\ta\n", "name: a\t\n", "name: a\t# why\n", "\ufeffname: a\r\n", "name: 'a'\t\n", "---\nname: a\n...\n"],
)
def test_legal_in_filebeat(text: str) -> None:
    assert parse(text, "f").tree.value() == {"name": "a"}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: b\n\tc: d\n", "f:2:", "not with tabs"),
        ("a: \x00\n", "f:1:4", "U+0000"),
        ("a: b\nc: \ufeffd\n", "f:2:4", "U+FEFF"),
        ("a: b\nc:d\n\ne: f\n", "f:2:1", "a space behind the colon"),
        ("a: @b\n", "f:1:4", "no valid YAML"),
        ("a: b: c\n", "f:1:5", "no valid YAML"),
        ("a:\n- b\n  - c: d\n e: f\n", "f:3:", "no valid YAML"),
        ("{{ if x }}\na: b\n", "f:2:1", "a template"),
        ("a: {{ b }}\n", "f:1:5", "a template"),
        ("a: [b\n", "f:", "no valid YAML"),
        ("[" * 5000, "f:1:", "nest"),
        ("- " * 5000, "f:1:121", "nested too deep"),
        ("a: &b [*b]\n", "f:1:", "an alias stands inside"),
        (
            "a:\n  b: [x, “/var/log/*.log”]\n",
            "f:2:10",
            "“/var/log/*.log” is in no quotes of YAML (these are",
        ),
        ("a: ‘b’\n", "f:1:4", "typographic quotes"),
        ("a: «b»\n", "f:1:4", "typographic quotes"),
    ],
)
def test_illegal(text: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(place)
    assert words in str(caught.value)


def test_typographic_quotes_that_belong_to_a_value() -> None:
    assert parse("a: '“b”'\nb: ^“c”$\nc: it’s\nd: ”\n", "f").tree.value() == {
        "a": "“b”",
        "b": "^“c”$",
        "c": "it’s",
        "d": "”",
    }


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="multiply"):
        parse("\n".join(lines), "f")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_the_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "filebeat.yml"
    path.write_bytes(TEXT.encode(encoding))
    assert load(path, syntax_only=True).name == "a"


def test_a_file_in_latin_1_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "filebeat.yml"
    path.write_bytes(b"name: a\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"filebeat.yml:2:.* not in UTF-8"):
        load(path)
    path.write_bytes(codecs.BOM_UTF16_LE + b"a")
    with pytest.raises(ConfigError, match="not in UTF"):
        load(path)


def test_dotted_and_nested_keys_merge_and_the_last_wins() -> None:
    document = parse("a.b: 1\na:\n  c: 2\n  b: 3\na.d.e: 4\na.d:\n", "f")
    assert document.tree.value() == {"a": {"b": 3, "c": 2, "d": {"e": 4}}}
    (warning,) = document.warnings
    assert warning.startswith("f:4:3: 'b' is given again")


def test_merge_keys() -> None:
    document = parse("base: &base {x: 1, y: 2}\nmore:\n  <<: *base\n  y: 3\n", "f")
    assert document.tree.value()["more"] == {"x": 1, "y": 3}


def test_plain_values() -> None:
    texts = ("0600", "0x1f", "1_000", "1:30", "2020-01-01", "yes", "~", "1.5", "x")
    assert [plain_value(text) for text in texts] == [384, 31, 1000, "1:30", "2020-01-01", True, None, 1.5, "x"]
