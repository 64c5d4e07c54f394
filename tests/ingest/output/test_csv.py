"""The csv output: rows as Ruby's library has written them (`csv_rows.rb`), in files as the file output writes them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.output.building import event, notes, refused, send

RECORDED = json.loads(Path(__file__).with_name("csv_rows.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: json.dumps(case["options"]))
async def test_rows_are_those_of_ruby(tmp_path: Path, case: dict[str, Any]) -> None:
    wide = max(len(row) for row, _ in case["rows"])
    for width in range(1, wide + 1):
        rows = [(row, text) for row, text in case["rows"] if len(row) == width]
        events = [event(0, **{f"f{place}": value for place, value in enumerate(row)}) for row, _ in rows]
        fields = [f"f{place}" for place in range(width)]
        path = tmp_path / f"{width}.csv"
        await send("csv", *events, path=str(path), fields=fields, csv_options=case["options"], spreadsheet_safe=False)
        assert path.read_bytes().decode() == "".join(text for _, text in rows)


async def test_fields_files_and_formulas(tmp_path: Path) -> None:
    events = [
        event(1, app="shop", http={"status": 200, "path": "/a"}, text="=1+1"),
        event(2, app="cart", http={}, text="1=1"),
        event(3, app="shop", text=["=1"]),
    ]
    fields = ["@timestamp", "message", "[http][status]", "http", "text", "missing", "[@metadata][_id]"]
    refusals = await send("csv", *events, path=f"{tmp_path}/%{{app}}.csv.gz", fields=fields, gzip=True)
    assert list(refusals) == []
    assert gzip.decompress((tmp_path / "shop.csv.gz").read_bytes()).decode() == (
        '2017-07-04T11:11:37.921Z,line 1,200,"{""status"":200,""path"":""/a""}",\'=1+1,,a:1\n'
        '2017-07-04T11:11:37.921Z,line 3,,,"[""=1""]",,a:3\n'
    )
    assert gzip.decompress((tmp_path / "cart.csv.gz").read_bytes()).decode() == (
        "2017-07-04T11:11:37.921Z,line 2,,{},1=1,,a:2\n"
    )


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    await send("csv", event(1), path=f"{tmp_path}/one.csv", fields=["message"], create_if_deleted=False)
    assert (tmp_path / "_filepath_failures").read_text() == "line 1\n"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "csv needs the option 'fields'"),
        ({"fields": []}, "a row has one field at least"),
        ({"fields": ["[a"]}, "[a"),
        ({"fields": ["a"], "csv_options": {"colsep": ";"}}, "did you mean 'col_sep'"),
        ({"fields": ["a"], "csv_options": {"col_sep": ""}}, "have one character at least"),
        ({"fields": ["a"], "csv_options": {"quote_char": "''"}}, "'quote_char' is one character"),
        ({"fields": ["a"], "csv_options": {"force_quotes": "maybe"}}, "'force_quotes' is true or false"),
        ({"fields": ["a"], "message_format": "%{a}"}, "csv has no option 'message_format'"),
    ],
)
def test_options_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    assert words in refused("csv", path="/tmp/x.csv", **settings)


def test_a_codec_is_of_no_use() -> None:
    assert any("'codec' has no effect" in note for note in notes("csv", path="/x/y", fields=["a"], codec="json"))
