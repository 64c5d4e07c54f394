"""translate: dictionaries of the pipeline file and of their own, lists, files that change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ingest.filter.building import make, reason, refused, run

CODES = {"100": "Continue", "200": "OK"}


def test_exact_fallback_and_override() -> None:
    options = {"source": "code", "target": "text", "dictionary": CODES}
    assert run("translate", {"code": 200}, add_tag=["ok"], **options) == {"code": 200, "text": "OK", "tags": ["ok"]}
    assert run("translate", {"code": ["100"]}, **options)["text"] == "Continue"
    assert run("translate", {"code": "9", "x": "y"}, **options) == {"code": "9", "x": "y"}
    assert run("translate", {"code": "9"}, fallback="%{code}?", **options)["text"] == "9?"
    assert run("translate", {"code": "200", "text": "old"}, **options)["text"] == "old"
    assert run("translate", {"code": "200", "text": "old"}, override=True, **options)["text"] == "OK"
    assert run("translate", {"code": "200"}, source="code", dictionary=CODES)["code"] == "OK"
    old = run("translate", {"c": "200"}, field="c", dictionary=CODES, ecs_compatibility="disabled")
    assert old["translation"] == "OK"
    assert run("translate", {"c": "200"}, field="c", destination="d", dictionary=CODES)["d"] == "OK"


def test_expressions_and_parts() -> None:
    options = {"source": "a", "target": "b"}
    assert run("translate", {"a": "500"}, regex=True, dictionary={"^5": "bad"}, **options)["b"] == "bad"
    assert run("translate", {"a": "foofing"}, exact=False, dictionary={"foo": "bar"}, **options)["b"] == "barfing"
    assert run("translate", {"a": "a1"}, exact=False, regex=True, dictionary={r"\d": "#"}, **options)["b"] == "a#"


def test_iterate() -> None:
    names = {"100": "Yuki", "103": "Kwame"}
    options = {"dictionary": names, "fallback": "Unknown"}
    event = run("translate", {"ids": [100, 103, 110]}, iterate_on="ids", source="ids", target="names", **options)
    assert event["names"] == ["Yuki", "Kwame", "Unknown"]
    people = [{"id": 100}, {"id": 110}]
    event = run("translate", {"p": people}, iterate_on="p", source="id", target="name", **options)
    assert event["p"] == [{"id": 100, "name": "Yuki"}, {"id": 110, "name": "Unknown"}]
    assert people == [{"id": 100}, {"id": 110}]


@pytest.mark.parametrize(
    ("name", "text"),
    [("d.yml", '"100": Go\n'), ("d.yaml", "100: Go"), ("d.json", '{"100": "Go"}'), ("d.csv", "100,Go\n")],
)
def test_files(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert run("translate", {"a": "100"}, source="a", target="b", dictionary_path=str(file))["b"] == "Go"


@pytest.mark.parametrize(("behaviour", "old"), [("merge", "1"), ("replace", None)])
def test_a_changed_file_is_read_again(tmp_path: Path, behaviour: str, old: str | None) -> None:
    file = tmp_path / "d.json"
    file.write_text('{"a": "1"}')
    options = {"dictionary_path": str(file), "refresh_interval": 0.000001, "refresh_behaviour": behaviour}
    translate = make("translate", source="s", target="t", **options)
    file.write_text('{"b": "2"}')
    os.utime(file, ns=(1, 1))
    first, second = translate.apply([{"s": "b"}, {"s": "a"}])
    assert first["t"] == "2"
    assert second.get("t") == old
    file.write_text("{")
    (event,) = translate.apply([{"s": "b"}])
    assert event["t"] == "2"
    assert "old dictionary counts" in reason(event)


def test_refused(tmp_path: Path) -> None:
    assert "needs the option 'source'" in refused("translate", dictionary=CODES)
    assert "not both" in refused("translate", source="a", dictionary=CODES, dictionary_path="x.yml")
    assert "No such file" in refused("translate", source="a", dictionary_path=str(tmp_path / "x.yml"))
    assert "name ends in" in refused("translate", source="a", dictionary_path="x.txt")
