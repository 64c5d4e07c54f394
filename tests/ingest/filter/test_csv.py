"""csv: names, quotes, conversion, headers."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from sawlog.event import Event
from tests.ingest.filter.building import reason, refused, run, run_all


def columns(text: str, **options: object) -> dict[str, object]:
    event = run("csv", {"message": text}, target="c", **options)
    return event.get("c", event.get("tags"))  # type: ignore[no-any-return] # what a test compares


def test_names() -> None:
    assert columns("a,,c") == {"column1": "a", "column2": None, "column3": "c"}
    assert columns("a,b", columns=["x"]) == {"x": "a", "column2": "b"}
    assert columns("a,b", columns=["x"], autogenerate_column_names=False) == {"x": "a"}
    assert columns('a,"",', skip_empty_columns=True) == {"column1": "a"}
    assert columns('a,""') == {"column1": "a", "column2": ""}
    assert run("csv", {"message": "1"}, columns=["[a][b]"])["a"] == {"b": "1"}


def test_separator_and_quote() -> None:
    assert columns("a;'b;''c'", separator=";", quote_char="'") == {"column1": "a", "column2": "b;'c"}
    assert columns('a\t"b"', separator="\t", quote_char="") == {"column1": "a", "column2": '"b"'}


def test_convert() -> None:
    kinds = {"a": "integer", "b": "boolean", "c": "float", "d": "date", "e": "date_time"}
    text = "12,True,1.5,2017-07-04,2017-07-04T11:11:37+02:00"
    assert columns(text, columns=list("abcde"), convert=kinds) == {
        "a": 12, "b": True, "c": 1.5, "d": "2017-07-04T00:00:00.000Z", "e": "2017-07-04T09:11:37.000Z",
    }  # fmt: skip
    assert columns("x,y,z,q,r", columns=list("abcde"), convert=kinds) == dict(zip("abcde", "xyzqr", strict=True))


def test_headers_and_empty_rows() -> None:
    rows: list[Event] = [{"message": text} for text in ("n,m", "1,2", "n,m", "3,4")]
    events = run_all("csv", *rows, autodetect_column_names=True, skip_header=True)
    assert [(event["n"], event["m"]) for event in events] == [("1", "2"), ("3", "4")]
    rows: list[Event] = [{"message": text} for text in ("n,m", "1,2")]
    assert [event["n"] for event in run_all("csv", *rows, columns=["n", "m"], skip_header=True)] == ["1"]
    assert run("csv", {"message": ","}, skip_empty_rows=True)["tags"] == ["_csvskippedemptyfield"]


def test_failures() -> None:
    event = run("csv", {"message": 'a,b"c"'}, add_tag=["ok"])
    assert event["tags"] == ["_csvparsefailure"]
    assert "character 3" in reason(event)
    assert run("csv", {"message": 5})["tags"] == ["_csvparsefailure"]
    assert run("csv", {}, source="x") == {}
    assert "integer, float" in refused("csv", convert={"a": "int"})
    assert "one character" in refused("csv", quote_char="ab")
    assert "empty" in refused("csv", separator="")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_reading_undoes_writing(row: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow(row)
    event = run("csv", {"message": out.getvalue()}, target="c")
    assert list(event["c"].values()) == row


def test_separators_of_several_characters_and_no_quoting() -> None:
    columns = ["a", "b", "c"]
    assert run("csv", {"message": 'x||"y||z"||w|'}, separator="||", columns=columns, target="t")["t"] == {
        "a": "x", "b": "y||z", "c": "w|",
    }  # fmt: skip
    for quote in ("\\x00", "\0"):
        assert run("csv", {"message": 'a "b,c'}, quote_char=quote, columns=columns, target="t")["t"] == {
            "a": 'a "b', "b": "c",
        }  # fmt: skip


def test_a_header_names_nothing_in_metadata() -> None:
    rows: list[Event] = [{"message": "[@metadata][_id],a"}, {"message": "x,y", "@metadata": {"_id": "1"}}]
    (event,) = run_all("csv", *rows, autodetect_column_names=True)
    assert event["@metadata"]["_id"] == "1"
    assert event["tags"] == ["_csvparsefailure"]
    assert run("csv", {"message": "x"}, columns=["@timestamp"])["tags"] == ["_csvparsefailure"]
