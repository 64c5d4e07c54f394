"""Every row of the conformance cases of other grok implementations, where that folder is present."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.filter.base import COMMON_OPTIONS
from ingest.filter.grok import Grok as GrokFilter
from ingest.grok import Grok, GrokError
from ingest.lang.field import parse_field
from ingest.options import Block, Setting, resolve
from sawlog.errors import Position
from sawlog.event import MISSING, get

FOLDER = Path(__file__).parents[4] / "shared" / "conformance"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of conformance cases is not here")

EXCEPTIONS: dict[str, str] = {}
"""Row → why it does not hold here."""


def rows(name: str) -> list[Any]:
    file = FOLDER / name
    if not file.is_file():
        return []
    return [
        pytest.param(row, id=row["id"])
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
        if row["id"] not in EXCEPTIONS
    ]


def patterns_dir(row: dict[str, Any]) -> list[Path]:
    return [FOLDER / "patterns" / ("ecs-v1" if row.get("patterns_set") == "ecs-v1" else "legacy")]


def absent(value: Any) -> bool:
    return value is MISSING or value is None or value == ""


def check(row: dict[str, Any], fields: dict[str, Any]) -> None:
    texts = row.get("compare_as_string") or []
    for name, expected in row["expect"].items():
        value = get(fields, parse_field(name), MISSING)
        wanted = str(expected) if name in texts else expected
        if name in texts:
            value = str(value)
        assert value == wanted, name
        assert isinstance(value, bool | int | float) == isinstance(wanted, bool | int | float), name
    for name in row.get("expect_absent") or []:
        assert absent(get(fields, parse_field(name), MISSING)), name
    for name in row.get("expect_present") or []:
        assert get(fields, parse_field(name), MISSING) is not MISSING, name
    for name, how, what in row.get("expect_text") or []:
        # The suite asked a whole event, in which the text itself stands when nothing captured over it.
        value = get(fields, parse_field(name), row["text"])
        held = {
            "startswith": str.startswith,
            "endswith": str.endswith,
            "contains": str.__contains__,
            "includes": str.__contains__,
            "include": str.__contains__,
        }.get(how.removeprefix("not_"))
        assert held is not None
        assert held(value, what) != how.startswith("not_")
    for name in row.get("expect_types") or {}:
        assert isinstance(get(fields, parse_field(name)), str), name
    if not row["partial"]:
        assert leaves(fields) == {parse_field(name) for name in row["expect"]}
    for name in row.get("exact_objects") or []:
        path = parse_field(name)
        wanted = {parse_field(key) for key in row["expect"]}
        assert {path + leaf for leaf in leaves(get(fields, path))} == {
            key for key in wanted if key[: len(path)] == path
        }


def leaves(fields: dict[str, Any]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for key, value in fields.items():
        if isinstance(value, dict):
            found |= {(key, *rest) for rest in leaves(value)}
        else:
            found.add((key,))
    return found


@pytest.mark.parametrize("row", rows("grok_cases.jsonl"))
def test_match(row: dict[str, Any]) -> None:
    grok = Grok(row["pattern"], patterns_dir=patterns_dir(row), pattern_definitions=row["pattern_definitions"])
    fields = grok.match(row["text"])
    if row["expect"] is None:
        assert fields is None
    else:
        assert fields is not None
        check(row, fields)


BUILTIN_EXCEPTIONS = {
    "lpc-aws-012": "the bank's greedy parts put one of CloudFront's columns under another one's name",
}
"""Row → why it does not hold with our own library in place of the bank of patterns."""


def modes(row: dict[str, Any]) -> tuple[bool, ...]:
    """Say for which of legacy (False) and ECS names (True) a row is."""
    return {"ecs-v1": (True,), "both": (False, True)}.get(row.get("patterns_set") or "legacy", (False,))


@pytest.mark.parametrize("row", rows("grok_cases.jsonl"))
def test_match_with_the_built_in_library(row: dict[str, Any]) -> None:
    if row["id"] in BUILTIN_EXCEPTIONS:
        pytest.skip(BUILTIN_EXCEPTIONS[row["id"]])
    for ecs in modes(row):
        check_built_in(row, ecs)


def check_built_in(row: dict[str, Any], ecs: bool) -> None:
    fields = Grok(row["pattern"], pattern_definitions=row["pattern_definitions"], ecs=ecs).match(row["text"])
    if row["expect"] is None:
        assert fields is None
    else:
        assert fields is not None
        check(row, fields)


@pytest.mark.parametrize("row", rows("grok_error_cases.jsonl"))
def test_refused(row: dict[str, Any]) -> None:
    with pytest.raises(GrokError):
        Grok(row["pattern"], pattern_definitions=row["pattern_definitions"])


@pytest.mark.parametrize("row", rows("grok_option_cases.jsonl"))
def test_options(row: dict[str, Any]) -> None:
    position = Position("test.conf", 1)
    match = row["pattern"] if isinstance(row["pattern"], dict) else {"message": row["pattern"]}
    text = row["text"] if isinstance(row["text"], dict) else {"message": row["text"]}
    settings = (
        {"match": match, "patterns_dir": [str(folder) for folder in patterns_dir(row)], **row["options"]}
        if (row.get("options"))
        else {"match": match, "patterns_dir": [str(folder) for folder in patterns_dir(row)]}
    )
    block = Block("grok", [Setting(name, value, position) for name, value in settings.items()], position)
    grok = GrokFilter(resolve("grok", {**COMMON_OPTIONS, **GrokFilter.options}, block))
    (event,) = grok.apply([dict(text)])
    assert "tags" not in event or not any(tag.startswith("_grok") for tag in event["tags"])
    event = {name: value for name, value in event.items() if name not in text or value != text[name]}
    check(row, event)
