"""That what is measured is what it says: tools that send every line once, and whose processes are all counted."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from bench import running, tools
from bench.lines import write_lines
from bench.running import UnsentError, null_server, send, taken
from bench.tools import Command

LINES = 300
SENDERS = [
    tools.up,
    tools.up_two_groks,
    tools.ship_beats_ingest,
    tools.ship_mqtt_ingest,
    tools.loop,
    *tools.RSYSLOGS,
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "boot2.log", LINES)


@pytest.mark.parametrize(
    "tool", [*SENDERS, tools.syslog_ng, partial(tools.up, workers=1), partial(tools.ship_beats_ingest, bulk=50)]
)
def test_each_tool_sends_every_line_and_its_cost_is_counted(tool: tools.Tool, file: Path) -> None:
    if why := tools.missing(tool):
        pytest.skip(why)
    with null_server() as port:
        spent = send(tool, file, LINES, port)
        assert taken(port) == LINES
    assert spent.processor > 0
    assert spent.memory > 1e6
    assert bool(spent.beside) == (tool is tools.ship_mqtt_ingest)


def test_a_tool_that_leaves_lines_out_has_no_figure(file: Path) -> None:
    with null_server() as port, pytest.raises(UnsentError, match="1 lines have not arrived"):
        send(tools.loop, file, LINES + 1, port)


def test_a_tool_that_sends_lines_twice_has_no_figure(file: Path) -> None:
    with null_server() as port, pytest.raises(UnsentError, match="1 lines too many"):
        send(tools.loop, file, LINES - 1, port)


def test_a_tool_that_fails_has_no_figure_and_its_words_are_kept(file: Path) -> None:
    def failing(folder: Path, file: Path | str, port: int) -> list[Command]:
        return [Command([sys.executable, "-c", "raise SystemExit('it is broken')"])]

    with null_server() as port, pytest.raises(UnsentError, match=r"it ended with 1\n.*it is broken"):
        send(failing, file, LINES, port)


def test_a_tool_that_sends_nothing_is_not_waited_for_without_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "STALLED_SECONDS", 0.2)

    def idle(folder: Path, file: Path | str, port: int) -> list[Command]:
        return [Command(["sleep", "600"])]

    with null_server() as port, pytest.raises(UnsentError, match="300 lines have not arrived"):
        send(idle, file, LINES, port)


def test_memory_is_the_tools_own_and_not_that_of_who_started_it(file: Path) -> None:
    ours = bytearray(300_000_000)
    with null_server() as port:
        assert send(tools.loop, file, LINES, port).memory < len(ours)
