"""The log generator: exact counts, lines that parse, equal seeds, and a clean stop."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.filter.springboot import Springboot
from ingest.options import Block, resolve
from sawlog.batch import LineBatch, Source
from sawlog.errors import Position

PROGRAM = Path(__file__).parents[2] / "examples/generate.py"
SERVICES = ["inventory.log", "orders.log", "payments.log"]


def generate(*arguments: str) -> None:
    subprocess.run([sys.executable, PROGRAM, *arguments], check=True, timeout=60)


@pytest.mark.parametrize("form", ["boot2", "boot3", "mixed"])
def test_each_line_without_traces_parses(tmp_path: Path, form: str) -> None:
    generate("--lines", "3001", "--no-traces", "--format", form, "--output", f"{tmp_path}/a.log")
    lines = (tmp_path / "a.log").read_text("utf-8").splitlines()
    assert len(lines) == 3001
    springboot = Springboot(resolve("springboot", {**Springboot.options}, Block("springboot", [], Position("t", 1))))
    events = springboot.lines(LineBatch(Source("k", ""), lines, range(3001), 1, lambda _: None))
    assert not [event["message"] for event in events if "tags" in event]
    assert {"INFO", "WARN", "ERROR"} <= {event["log"]["level"] for event in events}
    assert any("trace" in event for event in events) == (form != "boot2")


def test_traces_count_as_lines_and_seeds_repeat(tmp_path: Path) -> None:
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        generate("--lines", "5003", "--seed", seed, "--output", f"{tmp_path}/{name}")
    a, b, c = ((tmp_path / name).read_text("utf-8") for name in "abc")
    assert a.count("\n") == 5003
    assert "\n\tat " in a
    assert "\nCaused by: " in a
    assert a == b
    assert a != c


def test_traces_stand_between_blank_lines_as_spring_boot_prints_them(tmp_path: Path) -> None:
    generate("--lines", "4000", "--output", f"{tmp_path}/a")
    *whole, last = (tmp_path / "a").read_text("utf-8").split("\n\n")
    traces, logged = whole[1::2], [*whole[::2], last]
    assert len(traces) > 20
    assert all(re.match(r"[\w.]+: .*\n\tat ", trace) for trace in traces)
    assert not any("\tat " in lines for lines in logged[:-1])


def test_a_signal_ends_it_with_whole_lines(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, PROGRAM, "--directory", tmp_path, "--rate", "500"])
    try:
        for _ in range(100):
            if [path.name for path in sorted(tmp_path.iterdir()) if path.stat().st_size] == SERVICES:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    for name in SERVICES:
        assert (tmp_path / name).read_text("utf-8").endswith("\n")
