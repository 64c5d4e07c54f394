"""A service that logs line by line while `sawlog up` follows makes the same events as a file that is read at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.corpus.compare import SAWLOG, Documents, indexed, run
from tests.corpus.truth import Capture
from tests.profiles import NIGHTLY

LONGEST_PAUSE = 0.8
"""Seconds. A machine that stands still for longer makes other events, rightly: after a second, an event is whole."""

PAUSE = 0.005 if NIGHTLY else 0.002
"""Seconds from one turn to the next, of which there are some eight thousand; seldom it is half a second."""


def test_a_slow_writer_makes_the_same_events(captures: list[Capture], at_once: Documents, tmp_path: Path) -> None:
    """Line by line, twenty files at once, with pauses in the middle of traces: every trace whole, none doubled."""
    slowly = captures[::3]
    traces = sum(event.fields.get("error.stack_trace") is not None for capture in slowly for event in capture.events)
    assert traces > 2_000
    expected = {capture.name: _lasting(at_once[capture.name]) for capture in slowly}
    found = _index_slowly(slowly, tmp_path, sum(map(len, expected.values())))
    for name, documents in expected.items():
        slowly_read = _lasting(found[name])
        assert not [at for at in documents.keys() | slowly_read.keys() if slowly_read.get(at) != documents.get(at)]


def _lasting(documents: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Documents without what differs from run to run: where and when they were read."""
    return {
        offset: {
            name: document.get(name) for name in ("message", "log", "process", "error", "service", "trace", "tags")
        }
        | {
            "log": document["log"] | {"file": None},
            "@timestamp": None if "tags" in document else document["@timestamp"],
        }
        for offset, document in documents.items()
    }


def _index_slowly(captures: Sequence[Capture], folder: Path, count: int) -> Documents:
    for attempt in range(3):
        logs, data = folder / f"logs-{attempt}", folder / f"data-{attempt}"
        logs.mkdir()
        for capture in captures:
            (logs / f"{capture.name}.log").touch()
        command = [SAWLOG, "up", "--no-web", "--data", str(data), str(logs / "*.log")]
        up = subprocess.Popen(command, env=os.environ | {"TZ": "UTC"}, stdout=subprocess.DEVNULL)
        try:
            pause = _write_slowly(captures, logs)
            if pause < LONGEST_PAUSE:
                _await(data, count)
            up.send_signal(signal.SIGINT)
            assert up.wait(60) == 0
        finally:
            up.kill()
            up.wait()
        if pause < LONGEST_PAUSE:
            return indexed(data)
    pytest.skip(f"this machine stood still for {pause:.1f} s each time")


def _write_slowly(captures: Sequence[Capture], logs: Path) -> float:
    """Write all captures, a line of each in turn; return the longest time in seconds from one turn to the next."""
    rng = random.Random(13)
    longest, last = 0.0, time.monotonic()
    with ExitStack() as stack:
        writers = [
            (stack.enter_context((logs / f"{capture.name}.log").open("ab", buffering=0)), iter(_lines(capture.text)))
            for capture in captures
        ]
        while writers:
            writers = [writer for writer in writers if _write_line(*writer, rng)]
            time.sleep(0.5 if rng.random() < 0.003 else PAUSE)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


def _lines(text: bytes) -> list[bytes]:
    return [line + b"\n" for line in text.split(b"\n")[:-1]]


def _write_line(file: BinaryIO, lines: Iterator[bytes], rng: random.Random) -> bool:
    """Write the next line, seldom in two pieces; False if there is none."""
    line = next(lines, None)
    if line is None:
        return False
    if rng.random() < 0.02:
        half = len(line) // 2
        file.write(line[:half])
        line = line[half:]
    file.write(line)
    return True


def _await(data: Path, count: int) -> None:
    end = time.monotonic() + 60
    while int(run("count", "--data", str(data))) < count:
        assert time.monotonic() < end, f"not all of {count} events came"
        time.sleep(0.5)
    time.sleep(2)  # For more than there should be.
