"""Rows of the table in docs/design/tailing.md that say what is lost or doubled, each tried."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import shipper.following
import shipper.harvester
from shipper.discovery import Complaint, Discovery, FoundFile
from shipper.framing import LineFraming, SpringBootFraming
from shipper.framing.multiline import MultilineFraming
from shipper.settings import FileInput, MultilineSettings
from tests.shipper.rig import Rig, until
from tests.shipper.simulation import Simulation

LONG = "x" * 300


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, "*.log")


@pytest.fixture
def brief_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipper.following, "COPY_SECONDS", 3.0)


def write(path: Path, *texts: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{text}\n" for text in texts)


async def closed(path: Path) -> None:
    """Wait until this process has the file open no more."""
    await until(lambda: str(path) not in [file.path for file in psutil.Process().open_files()])


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
    await closed(rotated)
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
    await closed(elsewhere)
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


def test_files_that_begin_with_the_same_line_are_told_apart_after_copytruncate(tmp_path: Path) -> None:
    """The banner of a service is the first line each time; the `_id`s must not be those of the file before."""
    (tmp_path / "logs").mkdir()
    run = Simulation(tmp_path, LineFraming(), FileInput(paths=(f"{tmp_path}/logs/*.log*",), scan_frequency=1.0))
    run.start()
    log = tmp_path / "logs" / "a.log"
    for turn in range(5):
        write(log, f"banner {LONG}", f"line {turn} {LONG}")
        run.sleep(3.0)
        shutil.copy(log, log.with_name(f"a.log.{turn}"))
        log.write_bytes(b"")
        run.sleep(3.0)
    texts = sorted(run.store.values())
    assert texts == sorted([f"banner {LONG}"] * 5 + [f"line {turn} {LONG}" for turn in range(5)])
    run.close()


def test_a_copy_that_was_being_made_when_a_scan_saw_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the scan's look at it and its opening, the copy is completed and the original truncated."""
    (tmp_path / "logs").mkdir()
    run = Simulation(tmp_path, LineFraming(), FileInput(paths=(f"{tmp_path}/logs/*.log*",), scan_frequency=1.0))
    run.start()
    log, copy = tmp_path / "logs" / "a.log", tmp_path / "logs" / "a.log.1"
    texts = [f"{number} {LONG}" for number in range(20)]
    write(log, *texts)
    run.sleep(3.0)
    begun = log.read_bytes()[:1000]
    files = Discovery.files

    def slow(self: Discovery, complain: Complaint) -> Iterator[FoundFile]:
        write(log, "not yet read")
        copy.write_bytes(begun)
        yield from list(files(self, complain))
        shutil.copy(log, copy)
        log.write_bytes(b"")
        monkeypatch.setattr(Discovery, "files", files)

    monkeypatch.setattr(Discovery, "files", slow)
    run.sleep(30.0)
    assert sorted(run.store.values()) == sorted([*texts, "not yet read"])
    run.close()


def test_truncated_between_a_scans_look_and_its_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is met then has no content by which it could be known; `make chaos` found it while a store was away."""
    (tmp_path / "logs").mkdir()
    run = Simulation(tmp_path, LineFraming(), FileInput(paths=(f"{tmp_path}/logs/*.log*",), scan_frequency=1.0))
    run.start()
    log = tmp_path / "logs" / "a.log"
    write(log, *[f"{number} {LONG}" for number in range(20)])
    run.sleep(3.0)
    files = Discovery.files

    def slow(self: Discovery, complain: Complaint) -> Iterator[FoundFile]:
        write(log, "not yet read")
        yield from list(files(self, complain))
        shutil.copy(log, log.with_name("a.log.1"))
        log.write_bytes(b"")
        monkeypatch.setattr(Discovery, "files", files)

    monkeypatch.setattr(Discovery, "files", slow)
    run.sleep(1.0)
    # Nothing is acknowledged from here on.
    run.way = "store"
    for first in (20, 40):
        write(log, *[f"{number} {LONG}" for number in range(first, first + 20)])
        run.sleep(3.0)
        shutil.copy(log, log.with_name(f"a.log.{first}"))
        log.write_bytes(b"")
        run.sleep(3.0)
    run.settle_all()
    run.sleep(30.0)
    assert sorted(run.store.values()) == sorted([*(f"{number} {LONG}" for number in range(60)), "not yet read"])
    run.close()


class TestDeletedFiles:
    """In simulated time: a day passes in no time."""

    def simulation(self, folder: Path, **options: float | None) -> Simulation:
        (folder / "logs").mkdir()
        inputs = FileInput(paths=(f"{folder}/logs/*.log",), scan_frequency=1.0, **options)  # type: ignore[arg-type]
        return Simulation(folder, LineFraming(), inputs)

    def test_while_nothing_gets_through_they_are_held_and_then_given_up(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        run = self.simulation(tmp_path, hold_deleted=600.0)
        run.way = "lose"
        run.start()
        log = tmp_path / "logs" / "a.log"
        # More than the window, so that not all of it is read.
        write(log, *[LONG] * 100)
        run.sleep(5.0)
        log.unlink()
        run.sleep(590.0)
        assert run.agent is not None
        assert run.agent.open_files == 1
        run.sleep(20.0)
        assert run.agent.open_files == 0
        assert (run.agent.progress.lost_files, run.agent.progress.lost_bytes) == (1, 30_100)
        assert "30100 bytes that are not delivered; it is given up" in caplog.text
        run.close()

    def test_held_until_the_output_is_back_nothing_is_lost(self, tmp_path: Path) -> None:
        run = self.simulation(tmp_path, hold_deleted=600.0)
        run.way = "lose"
        run.start()
        log = tmp_path / "logs" / "a.log"
        write(log, *[f"{number} {LONG}" for number in range(100)])
        run.sleep(5.0)
        log.unlink()
        # Files that come meanwhile are found, and opened, too.
        write(log, "new")
        run.sleep(5.0)
        log.unlink()
        run.sleep(300.0)
        run.settle_all()
        run.sleep(60.0)
        assert sorted(run.store.values()) == sorted([*(f"{number} {LONG}" for number in range(100)), "new"])
        assert run.agent is not None
        assert run.agent.open_files == run.agent.progress.lost_files == 0
        run.close()

    @pytest.mark.parametrize(("clean_after", "known"), [(3600.0, 0), (None, 1)])
    def test_their_records_are_forgotten_after_a_while(
        self, tmp_path: Path, clean_after: float | None, known: int
    ) -> None:
        run = self.simulation(tmp_path, clean_after=clean_after)
        run.start()
        log = tmp_path / "logs" / "a.log"
        write(log, "one")
        inode = log.stat().st_ino
        run.sleep(5.0)
        log.unlink()
        run.sleep(3500.0)
        assert run.registry is not None
        assert len(run.registry.records()) == 1
        run.sleep(300.0)
        assert len(run.registry.records()) == known
        # With the same first line, and the same inode where the file system gives it again: it is another file.
        for number in range(200):
            write(new := log.with_name(f"new-{number}"), "one", "two")
            if new.stat().st_ino == inode:
                break
        new.rename(log)
        run.sleep(5.0)
        assert sorted(run.store.values()) == ["one", "one", "two"]
        run.close()


def test_an_event_that_never_ends_is_ended_at_the_limit(tmp_path: Path) -> None:
    framing = MultilineFraming(LineFraming(max_bytes=100_000), MultilineSettings(pattern="^never", negate=True))
    (tmp_path / "logs").mkdir()
    run = Simulation(tmp_path, framing, FileInput(paths=(f"{tmp_path}/logs/*.log",), scan_frequency=1.0))
    run.start()
    (log := tmp_path / "logs" / "a.log").write_text("".join(f"{number} {LONG}\n" for number in range(10_000)))
    run.sleep(2.0)
    assert run.agent is not None
    followed = next(iter(run.agent._files))
    assert len(followed.harvester._buffer) <= 100_000 + 2 * shipper.harvester.BLOCK_BYTES
    assert len(run.store) >= 2
    events = dict(run.store)
    run.crash()
    run.start()
    run.sleep(60.0)
    # Read again, the events end at the same places.
    assert set(events) <= set(run.store)
    assert log.stat().st_size > 3_000_000
    run.close()
