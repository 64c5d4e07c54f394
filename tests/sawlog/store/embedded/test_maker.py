"""Large segments are made by a process of their own, or, where there is none, without."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import arro3.io
import pytest

from sawlog.errors import StoreError
from sawlog.store.embedded import maker, segment, upkeep
from sawlog.store.embedded.files import segment_path, segments_in
from sawlog.store.embedded.granules import milliseconds_of
from sawlog.store.embedded.log import LogReader
from sawlog.store.embedded.segment import Segment
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.embedded.verify import problems
from tests.sawlog.store.embedded.writing import bulk

ROWS = 1_000


@pytest.fixture
async def made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """What this process has made of segments, where all are large."""
    monkeypatch.setattr(maker, "LARGE", 1)
    monkeypatch.setattr(upkeep, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    found: list[str] = []
    for name in ("publish", "merge"):
        monkeypatch.setattr(segment, name, _noting(getattr(segment, name), found))
    yield found
    assert list(problems(tmp_path)) == []
    async with EmbeddedStore(tmp_path, read_only=True) as store:
        assert len(store.view().segments) == 1
        assert await store.count({"match_all": {}}) == 8 * ROWS
        answer = await store.search({"size": 8 * ROWS, "sort": [{"@timestamp": "asc"}]})
    assert sorted(hit["_id"] for hit in answer["hits"]["hits"]) == sorted(f"s:{n}" for n in range(8 * ROWS))


def _noting(make: Any, found: list[str]) -> Any:
    def noting(*arguments: Any, **options: Any) -> Any:
        found.append(make.__name__)
        return make(*arguments, **options)

    return noting


async def fill(directory: Path, *, in_order: bool = False) -> None:
    """Write eight segments, which become one."""
    async with EmbeddedStore(directory, segment_rows=ROWS) as store:
        for n in range(0, 8 * ROWS, 100):
            one = bulk(n, n + 100)
            if in_order:
                for number, made in zip(range(n, n + 100), one.documents, strict=True):
                    made["@timestamp"] = f"2025-03-01T10:{number // 1000:02}:00.{number % 1000:03}Z"
                    made["odd"] = {"about": number % 3}
            await store.bulk(one)
    async with EmbeddedStore(directory, segment_rows=ROWS) as store:
        await store.compact()


@pytest.mark.parametrize("in_order", [False, True], ids=["out of order", "in order"])
async def test_a_process_of_its_own(
    tmp_path: Path, made_here: list[str], monkeypatch: pytest.MonkeyPatch, in_order: bool
) -> None:
    processes = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    asked = maker._asked
    told: list[Any] = []
    unsorted: list[Any] = []

    def watched(process: subprocess.Popen[bytes], ask: Any) -> Any:
        answer = asked(process, ask)
        told.append(ask)
        [batch] = arro3.io.read_parquet(segment_path(tmp_path, ask.span), batch_size=8 * ROWS)
        times = milliseconds_of(batch)
        unsorted.extend([ask.span] if times != sorted(times) else [])
        return answer

    monkeypatch.setattr(maker, "_asked", watched)
    await fill(tmp_path, in_order=in_order)
    assert made_here == []
    assert [process.returncode for process in processes] == [0, 0]
    assert unsorted == []
    assert [ask.in_order for ask in told if not ask.merged] == [in_order] * 8
    [(span, path)] = segments_in(tmp_path).items()
    head = Segment(path, span).head
    assert head.rows == 8 * ROWS
    assert head.index == "logs-spring-default"
    assert (head.rest_paths is not None and "odd" in str(head.rest_paths)) is in_order


async def test_one_that_cannot_be_started(
    tmp_path: Path, made_here: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with caplog.at_level(logging.INFO):
        await fill(tmp_path)
    assert {"publish", "merge"} == set(made_here)
    assert caplog.text.count("segments are made without a process of their own: the process could not be started") == 2


async def test_one_that_is_killed(
    tmp_path: Path, made_here: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, killed = maker._asked, []

    def killing(process: subprocess.Popen[bytes], ask: Any) -> Any:
        # Of the first segment, of a later one, and of the merge.
        if len(killed) < 3 and (ask.merged or ask.span.first in (1, 1 + 3 * ROWS)) and ask.span not in killed:
            killed.append(ask.span)
            process.send_signal(signal.SIGSTOP)
            process.kill()
        return asked(process, ask)

    monkeypatch.setattr(maker, "_asked", killing)
    with suppress(StoreError):  # the merge may be told to who asks for it, or be tried again before
        await fill(tmp_path)
    async with EmbeddedStore(tmp_path) as store:
        await store.compact()
    assert len(killed) == 3
    assert made_here == []
    assert "segments could not be written: the process that makes segments ended with -9" in caplog.text


async def test_one_that_is_killed_while_it_has_nothing_to_do(
    tmp_path: Path, made_here: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, killed = maker._asked, []

    def killing(process: subprocess.Popen[bytes], ask: Any) -> Any:
        answer = asked(process, ask)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        killed.append(ask)
        return answer

    monkeypatch.setattr(maker, "_asked", killing)
    await fill(tmp_path)
    assert len(killed) >= 9
    assert made_here == []
    assert caplog.text == ""


async def test_one_that_somebody_has_stopped_does_not_keep_the_store_from_closing(
    tmp_path: Path, made_here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, stopped = maker._asked, []

    def stopping(process: subprocess.Popen[bytes], ask: Any) -> Any:
        answer = asked(process, ask)
        if ask.span.last == 8 * ROWS:
            process.send_signal(signal.SIGSTOP)
            stopped.append(process)
        return answer

    monkeypatch.setattr(maker, "_asked", stopping)
    monkeypatch.setattr(maker, "END_SECONDS", 0.2)
    await fill(tmp_path)
    assert {process.returncode for process in stopped} == {-signal.SIGKILL}
    assert made_here == []


async def test_a_log_that_cannot_be_read_again(
    tmp_path: Path, made_here: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun = maker.SegmentMaker._begun

    def damaging(self: maker.SegmentMaker) -> subprocess.Popen[bytes]:
        for path in tmp_path.glob("wal-000000000001.log"):
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            assert list(LogReader(path).more()) == []
        return begun(self)

    monkeypatch.setattr(maker.SegmentMaker, "_begun", damaging)
    await fill(tmp_path)
    assert made_here == ["publish"]
    assert "a segment is made once more: 0 rows of wal-000000000001.log can be read" in caplog.text


async def test_a_folder_whose_name_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "LARGE", 1)
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    async with EmbeddedStore(folder, segment_rows=ROWS) as store:
        await store.bulk(bulk(0, ROWS))
    assert list(segments_in(folder)) == [(1, ROWS)]


async def test_the_folder_of_a_killed_process_is_waited_for(tmp_path: Path) -> None:
    """What still makes a segment holds the lock: nobody else opens the folder for writing until it is there."""
    lock = tmp_path / "lock"
    lock.touch()
    # A process that is gone, and one that holds its lock until its input ends.
    gone = subprocess.Popen(["true"])
    gone.wait()
    holding = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(gone.pid))
        file.flush()
        process = subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(file.fileno(),))
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        store = EmbeddedStore(tmp_path)
        opening = asyncio.create_task(store.open())
        done, _ = await asyncio.wait({opening}, timeout=0.3)
        assert not done
    await opening
    await store.close()
