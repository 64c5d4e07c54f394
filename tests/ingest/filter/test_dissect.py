"""dissect: all modifiers, conversion, texts that do not fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.filter.building import reason, refused, run


def dissected(text: str, mapping: str, **fields: str) -> dict[str, object]:
    event = run("dissect", {"m": text, **fields}, mapping={"m": mapping})
    assert "tags" not in event, event
    return {key: value for key, value in event.items() if key != "m"}


def test_a_syslog_line() -> None:
    line = "Apr 26 12:20:02 localhost x systemd[1]: Starting system"
    assert dissected(line, "%{ts} %{+ts} %{+ts} %{src} %{} %{prog}[%{pid}]: %{msg}") == {
        "ts": "Apr 26 12:20:02", "src": "localhost", "prog": "systemd", "pid": "1", "msg": "Starting system",
    }  # fmt: skip


def test_append_with_order_indirect_and_skip() -> None:
    assert dissected("1 2 3 go", "%{+a/2} %{+a/1} %{+a/4} %{+a/3}") == {"a": "2 1 go 3"}
    assert dissected("1 2 3 go", "%{a} %{b} %{+a}") == {"a": "1 3 go", "b": "2"}
    assert dissected("error: some_error, text", "error: %{?err}, %{&err}") == {"some_error": "text"}
    assert dissected("google: 77.98", "%{?a}: %{&a}") == {"google": "77.98"}
    assert dissected("v", "%{&k}", k="name") == {"k": "name", "name": "v"}


def test_empty_and_padded_fields() -> None:
    assert dissected("Jane,4321,,,NY", "%{n},%{a},%{b},%{c},%{d}") == {
        "n": "Jane",
        "a": "4321",
        "b": "",
        "c": "",
        "d": "NY",
    }
    assert dissected("43 View     m-3", "%{id} %{f->} %{s}") == {"id": "43", "f": "View", "s": "m-3"}
    assert dissected("43     View m-3", "%{id->} %{f} %{s}") == {"id": "43", "f": "View", "s": "m-3"}
    assert dissected("a b", "%{[x][y]} %{z}") == {"x": {"y": "a"}, "z": "b"}


def test_mappings_in_order_and_conversion() -> None:
    event = run(
        "dissect", {"m": "1 2.5 rest"}, mapping={"m": "%{a} %{d}", "d": "%{b} %{c}"},
        convert_datatype={"a": "int", "b": "float"}, add_tag=["ok"],
    )  # fmt: skip
    assert event == {"m": "1 2.5 rest", "a": 1, "d": "2.5 rest", "b": 2.5, "c": "rest", "tags": ["ok"]}


def test_failures() -> None:
    event = run("dissect", {"m": "abc"}, mapping={"m": "%{a}-%{b}"}, add_tag=["ok"])
    assert event["tags"] == ["_dissectfailure"]
    assert "%{a}-%{b}" in reason(event)
    assert "a" not in event
    assert "no field" in reason(run("dissect", {}, mapping={"m": "%{a}"}))
    event = run("dissect", {"a": "x"}, convert_datatype={"a": "int"})
    assert event["tags"] == ["_dataconversionuncoercible_a_int"]


def test_refused() -> None:
    assert "no field" in refused("dissect", mapping={"m": "abc"})
    assert "combined" in refused("dissect", mapping={"m": "%{+&a}"})
    assert "int and float" in refused("dissect", convert_datatype={"a": "integer"})


@given(st.lists(st.text(st.characters(exclude_characters="|")), min_size=1, max_size=6))
def test_cutting_undoes_joining(values: list[str]) -> None:
    mapping = "|".join(f"%{{f{place}}}" for place in range(len(values)))
    event = run("dissect", {"m": "|".join(values)}, mapping={"m": mapping})
    assert [event[f"f{place}"] for place in range(len(values))] == values


def test_an_indirect_name_out_of_a_line_is_not_in_metadata() -> None:
    for text in ("@metadata=x", "[@metadata][_id]=x", "@timestamp=x"):
        event = run("dissect", {"m": text, "@metadata": {"_id": "1"}}, mapping={"m": "%{?k}=%{&k}"})
        assert event["@metadata"].keys() == {"_id", "failures"}
        assert event["@metadata"]["_id"] == "1"
        assert event["tags"] == ["_dissectfailure"]
    # The file may.
    event = run("dissect", {"m": "x"}, mapping={"m": "%{[@metadata][a]}"})
    assert event["@metadata"]["a"] == "x"
