from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.search.export import csv_writer, harmless, ndjson


def hit(**source: Any) -> dict[str, Any]:
    return {"_id": "x", "_source": source}


def test_each_document_is_a_line() -> None:
    documents = [{"message": "one\ntwo"}, {"a": {"b": [1, None]}}]
    written = ndjson(hit(**one) for one in documents)
    assert [json.loads(line) for line in written.decode().splitlines()] == documents
    assert ndjson([]) == b""


def test_rows_have_the_fields_that_were_asked_for() -> None:
    write = csv_writer(["message", "log.level", "tags", "http.ok", "n"])
    first = write([hit(message='a "b", c\nd', log={"level": "INFO"}, tags=["x", "y"], http={"ok": True}, n=1.5)])
    second = write([hit(**{"log.level": "WARN", "n": -7})])
    rows = list(csv.reader(io.StringIO((first + second).decode(), newline="")))
    assert rows == [
        ["message", "log.level", "tags", "http.ok", "n"],
        ['a "b", c\nd', "INFO", '["x","y"]', "true", "1.5"],
        ["", "WARN", "", "", "-7"],
    ]


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://x")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]
)
def test_a_formula_becomes_text(text: str) -> None:
    [_, row] = csv.reader(io.StringIO(csv_writer(["message"])([hit(message=text)]).decode(), newline=""))
    assert row == ["'" + text]


@given(st.text())
def test_what_is_no_formula_stays(text: str) -> None:
    assert harmless(text) in {text, "'" + text}
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
