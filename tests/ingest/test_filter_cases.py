"""What Logstash's filters and core expect of themselves, row by row, where that folder is present.

Its README says how a row is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.lang.field import parse_field
from ingest.pipeline import Pipeline
from sawlog.batch import EventBatch, Source
from sawlog.event import METADATA, MISSING, Event, get

FILE = Path(__file__).parents[3] / "shared" / "conformance" / "filter_cases.jsonl"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the folder of conformance cases is not here")

EXCEPTIONS: dict[str, str] = {
    "conditionals-0ab02c33f8": "the specification names the second of three events there, and this row the last",
    "useragent-d4dded1b32": "MacOutlook's system and build are not in the list of user agents that ours comes with",
    "useragent-efef16f720": "likewise",
}
"""Row → why it does not hold here."""
CLASSES = {"Integer": int, "Float": float, "String": str, "Array": list, "Hash": dict}


def rows() -> list[Any]:
    if not FILE.is_file():
        return []
    return [
        pytest.param(row, id=row["id"])
        for row in map(json.loads, FILE.read_text(encoding="utf-8").splitlines())
        if row["id"] not in EXCEPTIONS
    ]


@pytest.mark.parametrize("row", rows())
def test_row(row: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "pipeline.conf"
    file.write_text(row["config"], encoding="utf-8")
    event: Event = {"@timestamp": "2025-01-01T00:00:00.000Z", **row["event"], METADATA: {"_id": "1"}}
    events = Pipeline.load([file]).run(EventBatch(Source("key", ""), [event], 1, lambda _: None))
    assert events, "the event was dropped"
    for one in row["expect"]:
        value = get(events[-1], tuple(map(str, one["path"])), MISSING) if one["path"] else events[-1]
        assert holds(one["op"], value, one["expected"]) is not one["negated"], (one, value)


def holds(op: str, value: Any, expected: Any) -> bool:
    if op in ("eq", "nil") and (op == "nil" or expected is None):
        return value is MISSING or value is None
    if op in ("truthy", "falsy"):
        return (value is not MISSING and value is not None and value is not False) is (op == "truthy")
    if op == "eq":
        return bool(equal(value, expected))
    if op == "isa":
        kind = CLASSES[expected["__ruby__"]]
        return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if op == "BeWithin":
        return isinstance(value, int | float) and abs(value - expected) <= 0.001
    assert op == "include", op
    if isinstance(expected, dict):
        return all(name in value and equal(value[name], wanted) for name, wanted in expected.items())
    parts = expected if isinstance(expected, list) else [expected]
    if isinstance(value, dict):
        return all(_has(value, part) for part in parts)
    return value is not MISSING and all(part in value for part in parts)


def _has(fields: dict[str, Any], part: Any) -> bool:
    """Whether an object has a field, or the fields of an object with their values."""
    if isinstance(part, dict):
        return all(name in fields and equal(fields[name], wanted) for name, wanted in part.items())
    return get(fields, parse_field(part) if part.startswith("[") else (part,), MISSING) is not MISSING


def equal(value: Any, expected: Any) -> bool:
    """Whether both are the same, numbers as numbers; a truth value is none."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(expected, dict) and isinstance(value, dict):
        return value.keys() == expected.keys() and all(equal(value[name], expected[name]) for name in expected)
    if isinstance(expected, list) and isinstance(value, list):
        return len(value) == len(expected) and all(map(equal, value, expected))
    return bool(value == expected)
