"""output.file and output.console: what they write, rotation, a disk that is full, codecs."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path

import pytest

from sawlog.batch import EventBatch, Source
from sawlog.event import Event
from shipper.format_string import FormatString
from shipper.output import About
from shipper.output.encoding import lines_of
from shipper.output.file import FileSender
from shipper.settings import CodecSettings, FileOutput

ABOUT = About("agent", "host", Path("unused"))


def event(text: str) -> Event:
    return {"@timestamp": "2024-03-01T10:00:00.000Z", "message": text}


async def send(sender: FileSender, *texts: str) -> list[BaseException | None]:
    heard: list[BaseException | None] = []
    batch = EventBatch(Source("s", "p"), [event(text) for text in texts], 10, heard.append)
    await sender.send(batch)
    return heard


def texts(path: Path) -> list[str]:
    return [json.loads(line)["message"] for line in path.read_text().splitlines()]


async def test_it_rotates_by_size_and_keeps_so_many(tmp_path: Path) -> None:
    settings = FileOutput(str(tmp_path), FormatString("log"), rotate_every_kb=1, number_of_files=3)
    async with FileSender(settings, ABOUT) as sender:
        for number in range(5):
            assert await send(sender, f"{number}" * 900) == [None]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert [texts(tmp_path / name)[0][0] for name in ("log", "log.1", "log.2")] == ["4", "3", "2"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    assert sender.counters.events == 5


async def test_it_begins_a_file_at_each_start_unless_told_not_to(tmp_path: Path) -> None:
    for again in (True, False):
        async with FileSender(FileOutput(str(tmp_path), FormatString("log"), rotate_on_startup=again), ABOUT) as sender:
            await send(sender, "a")
            await send(sender, "b")
    assert texts(tmp_path / "log") == ["a", "b", "a", "b"]
    async with FileSender(FileOutput(str(tmp_path), FormatString("log")), ABOUT) as sender:
        await send(sender, "c")
    assert texts(tmp_path / "log") == ["c"]


async def test_a_full_disk_is_waited_for_and_nothing_is_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = os.write, [2]

    def write(descriptor: int, data: bytes) -> int:
        if failures[0] and data.startswith(b"{"):
            failures[0] -= 1
            real(descriptor, data[:5])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    async with FileSender(FileOutput(str(tmp_path), FormatString("log")), ABOUT) as sender:
        assert await send(sender, "a", "b") == [None]
    assert texts(tmp_path / "log") == ["a", "b"]
    assert sender.counters.retries == 2
    assert sender.counters.problem is None


async def test_closing_nacks_what_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with FileSender(FileOutput(str(tmp_path), FormatString("log")), ABOUT) as sender:
        heard: list[BaseException | None] = []
        batch = EventBatch(Source("s", "p"), [event("a")], 10, heard.append)
        monkeypatch.setattr(os, "write", write)
        task = asyncio.create_task(sender.send(batch))
        while sender.counters.problem is None:
            await asyncio.sleep(0.01)
        assert heard == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        monkeypatch.undo()
    assert len(heard) == 1
    assert heard[0] is not None


async def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with FileSender(FileOutput(str(tmp_path / "file" / "below")), ABOUT) as sender:
        (error,) = await send(sender, "a")
    assert "Not a directory" in str(error)


def test_codecs() -> None:
    one = {**event("<a&b>"), "@metadata": {"_id": "x:1"}}
    (line,) = lines_of(CodecSettings())([one])
    assert json.loads(line)["@metadata"]["_id"] == "x:1"
    assert "\n" not in line
    (pretty,) = lines_of(CodecSettings(pretty=True))([one])
    assert json.loads(pretty) == json.loads(line)
    assert pretty.startswith("{\n  ")
    (escaped,) = lines_of(CodecSettings(escape_html=True))([one])
    assert "\\u003ca\\u0026b\\u003e" in escaped
    assert json.loads(escaped)["message"] == "<a&b>"
    assert lines_of(CodecSettings(FormatString("%{[message]} %{[none]}")))([one]) == []
