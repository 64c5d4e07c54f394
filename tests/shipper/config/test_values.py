"""Each kind of value, as people write it: quoted or not, alone or as a list, from a variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import ConfigError
from shipper.config import load
from shipper.config.values import boolean, duration, encoding, integer, mode, number, size
from shipper.settings import Config, FileInput


def read(tmp_path: Path, text: str, **more: Any) -> Config:
    path = tmp_path / "filebeat.yml"
    path.write_text(text)
    return load(path, syntax_only=True, **more)


def one(tmp_path: Path, option: str) -> FileInput:
    return read(tmp_path, f"filebeat.inputs:\n- paths: /x\n  {option}\n").inputs[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), (".5s", 0.5), ("2us", 2e-6),
        ("2µs", 2e-6), ("3ns", 3e-9), ("0", 0), ("15", 15), ("-1", -1), ("-1s", -1), ("1e2", 100), (" 5s ", 5),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5 days", "1d", "s", "10S", "1h 30m", "ten", "1" * 400, "true"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|too long"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0), ("10485760", 10485760), ("10MB", 10_000_000), ("10MiB", 10 << 20), ("1.5KiB", 1536), ("2k", 2000),
        ("1 gib", 1 << 30), ("1_000", 1000), ("7b", 7), ("1TB", 10**12),
    ],
)  # fmt: skip
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "-1", "10XB", "MB", "1,5MB", "9" * 30, "1e3"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|too large"):
        size(text)


@pytest.mark.parametrize("value", [True, False])
def test_booleans(value: bool) -> None:
    texts = "true True yes on 1 t y" if value else "false FALSE no off 0 f n"
    assert {boolean(text) for text in texts.split()} == {value}


@pytest.mark.parametrize("text", ["", "2", "ja", "truee", "null"])
def test_no_booleans(text: str) -> None:
    with pytest.raises(ValueError, match="true or false"):
        boolean(text)


def test_numbers() -> None:
    assert [integer(text) for text in ("5", "0x10", "0600", "1e3", "5.0", "-2", "1_000")] == [
        5,
        16,
        384,
        1000,
        5,
        -2,
        1000,
    ]
    assert number("0.5") == 0.5
    for wrong in ("", "5.5", "five", "true", "9" * 5000, "1e400"):
        with pytest.raises(ValueError, match="whole number"):
            integer(wrong)


def test_permissions() -> None:
    assert [mode(text) for text in ("0600", "600", "0o644", "0755")] == [0o600, 0o600, 0o644, 0o755]
    for wrong in ("rw", "0999", "6", ""):
        with pytest.raises(ValueError, match="octal"):
            mode(wrong)


def test_encodings() -> None:
    names = ("plain", "utf-8", "UTF_8", "latin1", "utf-16le", "utf-16-bom", "gbk", "cp1252", "windows1252", "shift-jis")
    codecs = ["utf-8", "utf-8", "utf-8", "iso8859-1", "utf-16-le", "utf-16", "gbk", "cp1252", "cp1252", "shift_jis"]
    assert [encoding(name) for name in names] == codecs


@pytest.mark.parametrize("name", ["utf-88", "hex", "zip", "rot13", ""])
def test_no_encodings(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"filebeat.yml:3:13: .*there is no encoding"):
        one(tmp_path, f"encoding: '{name}'")


@pytest.mark.parametrize("written", ["true", '"true"', "'yes'", "on", "${ON:true}", "[true]"])
def test_a_boolean_however_it_is_written(tmp_path: Path, written: str) -> None:
    assert one(tmp_path, f"tail_files: {written}").tail_files


@pytest.mark.parametrize("written", ["a", "[a]", "['a']", "\n  - a", "'${A:a}'"])
def test_a_list_however_it_is_written(tmp_path: Path, written: str) -> None:
    assert one(tmp_path, f"tags: {written}").fields["tags"] == ["a"]


@pytest.mark.parametrize("written", ["backoff.init: 4s", "backoff: {init: 4s}", "backoff: 4s"])
def test_an_option_that_is_a_section_in_newer_files(tmp_path: Path, written: str) -> None:
    path = tmp_path / "filebeat.yml"
    path.write_text(f"filebeat.inputs:\n- paths: /x\n  {written}\noutput.console:\n")
    notes = [note for note in load(path).notes if "backoff" in note]
    assert len(notes) == 1
    assert ":3:" in notes[0]


def test_a_variable_may_hold_a_list_or_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGS_OF_TEST", "[a, 'b']")
    monkeypatch.setenv("LIMIT_OF_TEST", "1MiB")
    assert one(tmp_path, "tags: ${TAGS_OF_TEST}").fields["tags"] == ["a", "b"]
    assert one(tmp_path, "max_bytes: ${LIMIT_OF_TEST}").max_bytes == 1 << 20
    assert one(tmp_path, "max_bytes: ${NONE_OF_TEST}").max_bytes == 10 << 20


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("tail_files: maybe", "takes true or false, and got 'maybe'"),
        ("tail_files: {a: b}", "and got a mapping"),
        ("max_bytes: lots", "takes a size"),
        ("max_bytes: 0", "at least 1"),
        ("close_inactive: -1", "at least 0"),
        ("paths: {a: b}", "takes a list"),
        ("exclude_lines: [{a: b}]", "needs quotes"),
        ("fields: [a]", "takes a mapping"),
        ("ignore_inactive: since_last_start", "`ignore_older` leaves old ones out"),
        ("line_terminator: null_terminator", "'line_terminator: null_terminator' is refused"),
        ("line_terminator: auot", "is refused: it is one of auto"),
        ("json: [a]", "takes options"),
        ("multiline.type: count", "needs 'count_lines'"),
    ],
)
def test_wrong_values_are_named_with_their_line(tmp_path: Path, option: str, words: str) -> None:
    if "count" in option:
        path = tmp_path / "filebeat.yml"
        path.write_text(f"filebeat.inputs:\n- paths: /x\n  {option}\noutput.console:\n")
        with pytest.raises(ConfigError) as caught:
            load(path)
    else:
        with pytest.raises(ConfigError) as caught:
            one(tmp_path, option)
    assert words in str(caught.value)
    assert caught.value.position is not None
    assert caught.value.position.line in (2, 3)
