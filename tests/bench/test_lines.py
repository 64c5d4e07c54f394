"""The lines that are measured with are what the table says they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.lines import TRACE, UNPARSABLE, shorten, write_files, write_lines, write_long, write_with
from bench.stages import SOURCE
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch
from shipper.framing import SpringBootFraming

LINES = 200


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "source.log", LINES)


def events(file: Path) -> list[dict[str, object]]:
    data = file.read_bytes()
    frames = SpringBootFraming().frame(data, 0, final=True)
    batch = LineBatch(SOURCE, frames.texts, frames.offsets, len(data), lambda _: None)
    return [dict(event) for event in Pipeline.default().run(batch)]


@pytest.mark.parametrize("form", ["boot2", "boot3"])
def test_each_line_is_an_event_that_is_parsed(tmp_path: Path, form: str) -> None:
    made = events(write_lines(tmp_path / "lines.log", LINES, form))
    assert len(made) == LINES
    assert all("level" in event["log"] and "tags" not in event for event in made)


def test_a_share_of_events_has_a_stack_trace(tmp_path: Path, source: Path) -> None:
    write_with(file := tmp_path / "traces.log", source, LINES, 0.1, TRACE, instead=False)
    made = events(file)
    assert len(made) == LINES
    assert sum("stack_trace" in event.get("error", {}) for event in made) == LINES // 10


def test_a_share_of_events_cannot_be_parsed(tmp_path: Path, source: Path) -> None:
    write_with(file := tmp_path / "unparsable.log", source, LINES, 0.1, UNPARSABLE, instead=True)
    made = events(file)
    assert len(made) == LINES
    assert sum("_grokparsefailure" in event.get("tags", ()) for event in made) == LINES // 10


def test_no_share_leaves_the_lines_as_they_are(tmp_path: Path, source: Path) -> None:
    write_with(file := tmp_path / "same.log", source, LINES, 0.0, TRACE, instead=False)
    assert file.read_bytes() == source.read_bytes()


def test_lines_are_as_long_as_is_asked_for_and_still_parsed(tmp_path: Path, source: Path) -> None:
    write_long(file := tmp_path / "long.log", source, 50, 1_000)
    assert {len(line) for line in file.read_bytes().splitlines(keepends=True)} == {1_000}
    assert all("level" in event["log"] for event in events(file))


@pytest.mark.parametrize("files", [1, 7, LINES])
def test_lines_are_shared_among_files(tmp_path: Path, source: Path, files: int) -> None:
    write_files(folder := tmp_path / "many", source, LINES, files)
    texts = [path.read_bytes() for path in sorted(folder.iterdir(), key=lambda path: int(path.stem))]
    assert len(texts) == files
    assert b"".join(texts) == source.read_bytes()


def test_a_short_file_has_the_first_lines(source: Path) -> None:
    assert source.read_bytes().startswith(short := shorten(source, 20).read_bytes())
    assert short.count(b"\n") == 20
