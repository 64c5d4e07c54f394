from pathlib import Path

import pytest

from ingest.lang.ast import blocks
from ingest.lang.parser import parse
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source
from sawlog.errors import ConfigErrors

REAL = sorted((Path(__file__).parent / "pipelines").glob("*.conf"))


def test_branches_keep_the_order_of_events() -> None:
    pipeline = Pipeline.from_text("""
        filter {
          if [a] == 1 { mutate { add_tag => "one" } }
          else if [a] == 2 { drop { } }
          else { clone { clones => ["copy"] } }
        }""")
    events = pipeline.filter([{"a": 3}, {"a": 1}, {"a": 2}, {"a": 4}, {"a": 1}])
    assert [event["a"] for event in events] == [3, 3, 1, 4, 4, 1]
    assert [event["a"] for event in events if event.get("tags") == ["one"]] == [1, 1]


def test_files_are_read_in_name_order_and_their_sections_joined(tmp_path: Path) -> None:
    (tmp_path / "20.conf").write_text('filter { mutate { add_field => { "a" => "second" } } }')
    (tmp_path / "10.conf").write_text('filter { mutate { add_field => { "a" => "first" } } } filter { }')
    (tmp_path / "10.samples.yml").write_text("[]")
    for paths in ([tmp_path], [tmp_path / "*.conf"]):
        assert Pipeline.load(paths).filter([{}]) == [{"a": ["first", "second"]}]


def test_all_errors_of_all_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('filter { mutat { } mutate { add_tagg => "x" } if [a] =~ /(/ { rubi { } } }')
    (tmp_path / "b.conf").write_text("filter { mutate { rename } }")
    (tmp_path / "c.conf").write_bytes(b"filter {\n \xff }")
    with pytest.raises(ConfigErrors) as caught:
        Pipeline.load([tmp_path])
    told = [str(error).removeprefix(f"{tmp_path}/") for error in caught.value.errors]
    assert [line.split(":")[:3] for line in told[:2]] == [["a.conf", "1", "10"], ["a.conf", "1", "29"]]
    assert "did you mean 'mutate'?" in told[0]
    assert "did you mean 'add_tag'?" in told[1]
    assert any(line.startswith("a.conf:1:57") for line in told)
    assert any("'rubi'" in line for line in told)
    assert any(line.startswith("b.conf:1:") for line in told)
    assert any(line.startswith("c.conf:2:2: this byte") for line in told)


def test_a_path_that_names_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="there is no pipeline file"):
        Pipeline.load([tmp_path / "missing.conf"])


def test_the_default_pipeline_parses_lines() -> None:
    line = "2017-07-04 11:11:37.921  INFO 60820 --- [main] a.B : hello"
    (event,) = Pipeline.default().run(LineBatch(Source("s", "s.log"), [line], [7], 60, lambda error: None))
    assert event["log"]["level"] == "INFO"
    assert event["@metadata"]["_id"] == "s:7"


def test_events_without_a_time_get_one() -> None:
    pipeline = Pipeline.from_text("filter { }")
    (event,) = pipeline.run(LineBatch(Source("s", "s.log"), ["x"], [0], 1, lambda error: None))
    assert event["@timestamp"].endswith("Z")


def test_inputs_cannot_be_conditional() -> None:
    with pytest.raises(ConfigErrors, match="inputs cannot stand in a condition"):
        Pipeline.from_text("input { if [a] { } }")


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_pipelines_in_the_shapes_of_public_ones(path: Path) -> None:
    sections = parse(path.read_text(), path.name, syntax_only=True)
    named = [block.name for section in sections for block in blocks(section.body)]
    assert len(named) == path.read_text().count("# plugin")


def test_a_malformed_field_reference_has_its_place() -> None:
    with pytest.raises(ConfigErrors, match=r"f:1:25: '\[a\]b' is no field reference"):
        Pipeline.from_text('filter { mutate { id=>m add_field => { "[a]b" => "c" } } }', "f")
