"""Rows of the table in docs/design/tailing.md that say what is lost or doubled, each tried."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

import shipper.following
from shipper.framing import SpringBootFraming
from shipper.settings import FileInput
from tests.shipper.rig import Rig, until

LONG = "x" * 300


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, "*.log")


@pytest.fixture
def brief_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipper.following, "COPY_SECONDS", 0.5)


def write(path: Path, *texts: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{text}\n" for text in texts)


def impatient(rig: Rig) -> FileInput:
    return FileInput(paths=(str(rig.logs / "*.log"),), scan_frequency=0.2, close_inactive=0.5)


async def test_renamed_out_of_the_pattern_lines_written_late_still_arrive(rig: Rig) -> None:
    log, rotated = rig.logs / "a.log", rig.logs / "a.log.1"
    write(log, "one")
    agent, running, registry = await rig.live()
    await until(lambda: rig.texts == ["one"])
    log.rename(rotated)
    await asyncio.sleep(1.0)
    write(rotated, "late")
    await until(lambda: rig.texts == ["one", "late"])
    await rig.end(agent, running, registry)


async def test_renamed_out_of_the_pattern_and_long_quiet_it_is_found_at_the_next_start(rig: Rig) -> None:
    log, rotated = rig.logs / "a.log", rig.logs / "a.log.1"
    write(log, "one")
    agent, running, registry = await rig.live(impatient(rig))
    await until(lambda: rig.texts == ["one"])
    log.rename(rotated)
    await asyncio.sleep(1.5)
    write(rotated, "very late")
    await asyncio.sleep(0.5)
    assert rig.texts == ["one"]
    await rig.end(agent, running, registry)
    agent, running, registry = await rig.live()
    await until(lambda: rig.texts == ["one", "very late"])
    await rig.end(agent, running, registry)


async def test_moved_to_another_folder_it_is_read_until_it_was_quiet_for_long(rig: Rig, tmp_path: Path) -> None:
    log, elsewhere = rig.logs / "a.log", tmp_path / "old.log"
    write(log, "one")
    agent, running, registry = await rig.live(impatient(rig))
    await until(lambda: rig.texts == ["one"])
    write(log, "two")
    log.rename(elsewhere)
    await until(lambda: rig.texts == ["one", "two"])
    await asyncio.sleep(1.5)
    write(elsewhere, "late")
    await asyncio.sleep(0.5)
    await rig.end(agent, running, registry)
    agent, running, registry = await rig.live()
    await asyncio.sleep(0.5)
    assert rig.texts == ["one", "two"]
    await rig.end(agent, running, registry)


async def test_deleted_while_open_it_is_read_to_its_end(rig: Rig) -> None:
    log = rig.logs / "a.log"
    write(log, "one")
    agent, running, registry = await rig.live()
    await until(lambda: rig.texts == ["one"])
    write(log, "two")
    log.unlink()
    await until(lambda: rig.texts == ["one", "two"])
    await rig.end(agent, running, registry)


async def test_a_plain_copy_is_held_back_and_then_a_file_of_its_own(rig: Rig, brief_hold: None) -> None:
    log = rig.logs / "a.log"
    write(log, LONG)
    agent, running, registry = await rig.live()
    await until(lambda: rig.texts == [LONG])
    shutil.copy(log, rig.logs / "b.log")
    await asyncio.sleep(0.2)
    assert rig.texts == [LONG]
    await until(lambda: rig.texts == [LONG, LONG])
    await rig.end(agent, running, registry)


def test_once_cannot_know_that_a_copy_will_be_truncated_away(rig: Rig) -> None:
    log = rig.logs / "a.log"
    write(log, LONG)
    rig.once()
    shutil.copy(log, rig.logs / "b.log")
    rig.once()
    assert rig.texts == [LONG, LONG]


async def test_the_rest_of_a_stack_trace_that_comes_late_is_an_event_of_its_own(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "*.log", SpringBootFraming(timeout=0.3))
    log = rig.logs / "a.log"
    write(log, "one", "java.lang.IllegalStateException: no")
    agent, running, registry = await rig.live()
    await until(lambda: len(rig.texts) == 1)
    write(log, "\tat x.Y.z(Y.java:1)", "two")
    await until(lambda: len(rig.texts) == 3)
    assert rig.texts == ["one\njava.lang.IllegalStateException: no", "\tat x.Y.z(Y.java:1)", "two"]
    await rig.end(agent, running, registry)
