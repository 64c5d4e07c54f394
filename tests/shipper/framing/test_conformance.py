"""The multi-line cases of the suites that Filebeat's own reader passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shipper.framing import LineFraming
from shipper.framing.multiline import MultilineFraming
from shipper.settings import MultilineSettings

CASES = Path(__file__).parents[4] / "shared" / "conformance" / "multiline_cases.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(row) for row in CASES.read_text().splitlines()] if CASES.exists() else []


@pytest.mark.skipif(not ROWS, reason="the conformance cases are not beside this checkout")
def test_all_rows() -> None:
    for row in ROWS:
        # Of the row whose lines come out of JSON and keep their own line ends, bytes of a file cannot be made.
        if row["id"] != "fb-021":
            check(row)


def check(row: dict[str, Any]) -> None:
    settings = MultilineSettings(
        type=row["type"],
        pattern=row["pattern"] if row["pattern"] else None,
        negate=row["negate"],
        match=row["match"] or "after",
        count_lines=row.get("count_lines", 0),
        max_lines=row["max_lines"] or 500,
        flush_pattern=row["flush_pattern"] if row["flush_pattern"] else None,
    )
    framing = MultilineFraming(LineFraming(max_bytes=row.get("max_bytes", 10 << 20)), settings)
    frames = framing.frame("".join(f"{line}\n" for line in row["lines"]).encode(), 0, True)
    if row["expect"] is not None:
        assert list(frames.texts) == row["expect"], row["id"]
    assert len(frames.texts) == row.get("expect_count", len(frames.texts)), row["id"]
    if "truncated" in row:
        assert [at in frames.truncated for at in range(len(frames.texts))] == row["truncated"], row["id"]
    for words in row.get("expect_contains_any", []):
        assert any(words in text for text in frames.texts), row["id"]
    for words in row.get("expect_contains_none", []):
        assert not any(words in text for text in frames.texts), row["id"]
