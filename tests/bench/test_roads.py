"""That `make bench` measures what it says: tools that send every line once, and a page that keeps its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import tools
from bench.page import write
from bench.parse import generate
from bench.roads import UnsentError, null_server, seconds, taken

LINES = 300


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (path := tmp_path / "boot2.log").write_bytes(generate("boot2", LINES))
    return path


@pytest.mark.parametrize("tool", [tools.up, tools.up_two_groks, tools.ship_beats_ingest, tools.loop, tools.rsyslog])
def test_each_tool_sends_every_line_and_its_cpu_is_counted(tool: tools.Tool, file: Path) -> None:
    if why := tools.missing(tool):
        pytest.skip(why)
    with null_server() as port:
        assert seconds(tool, file, LINES, port) > 0
        assert taken(port) == LINES


def test_a_tool_that_leaves_lines_out_has_no_rate(file: Path) -> None:
    with null_server() as port, pytest.raises(UnsentError, match="1 lines have not arrived"):
        seconds(tools.loop, file, LINES + 1, port)


def test_a_tool_that_sends_lines_twice_has_no_rate(file: Path) -> None:
    with null_server() as port, pytest.raises(UnsentError, match="1 lines too many"):
        seconds(tools.loop, file, LINES - 1, port)


def test_what_stands_around_the_markers_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n<!-- roads: begin -->\nold\n<!-- roads: end -->\nB\n", "utf-8")
    for said in (["| new |"], ["| newer |"]):
        write(page, "roads", said)
    assert page.read_text("utf-8") == "# A\n<!-- roads: begin -->\n\n| newer |\n\n<!-- roads: end -->\nB\n"
    with pytest.raises(SystemExit, match="node: begin"):
        write(page, "node", [])
