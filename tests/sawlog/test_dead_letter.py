from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sawlog import dead_letter
from sawlog.dead_letter import DeadLetter, DeadLetters
from sawlog.errors import StoreError, StoreUnavailableError
from tests.faults import fill_up
from tests.patience import SECONDS


def letters(*ids: str, message: str = "x") -> list[DeadLetter]:
    return [
        DeadLetter(index="i", id=name, status=400, type="t", reason="why", document={"message": message})
        for name in ids
    ]


def test_letters_come_back_in_order_from_several_writers(tmp_path: Path) -> None:
    one, two = DeadLetters(tmp_path), DeadLetters(tmp_path)
    one.append(letters("a"))
    two.append(letters("b"))
    assert [letter.id for letter in DeadLetters(tmp_path)] == ["a", "b"]
    assert one.appended == 1


def test_a_torn_line_costs_that_line_alone(tmp_path: Path) -> None:
    first = DeadLetters(tmp_path)
    first.append(letters("a", "b"))
    [segment] = first.segments()
    segment.write_bytes(segment.read_bytes()[:-9])
    DeadLetters(tmp_path).append(letters("c"))
    assert [letter.id for letter in first] == ["a", "c"]


async def test_a_full_disk_is_waited_for(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dead_letter, "RETRY_SECONDS", 0.05)
    dead, changes = DeadLetters(small_disk / "dead-letters"), []
    dead.append(letters("a"))
    filler = fill_up(small_disk)
    with pytest.raises(StoreUnavailableError, match=r"disk full: dead letters cannot be written to .*No space left"):
        dead.append(letters("b", message="m" * 10_000))
    keeping = asyncio.create_task(
        dead.keep(letters("b", "c", message="m" * 10_000), lambda: changes.append(dead.problem))
    )
    await asyncio.sleep(0.5)
    assert not keeping.done()
    assert "disk full" in str(dead.problem)
    filler.unlink()
    async with asyncio.timeout(SECONDS):
        await keeping
    assert (dead.problem, changes[-1]) == (None, None)
    # What was tried meanwhile has left nothing, and the log has been spared.
    assert [letter.id for letter in dead] == ["a", "b", "c"]
    assert len(dead.segments()) == 2
    assert caplog.text.count("disk full") == 1


def test_the_oldest_segments_are_dropped_at_the_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dead = DeadLetters(tmp_path, max_bytes=80_000)
    for number in range(100):
        dead.append(letters(str(number), message="m" * 2_000))
    kept = [letter.id for letter in dead]
    assert kept == [str(number) for number in range(100 - len(kept), 100)]
    assert 20 < len(kept) < 40
    assert dead.size() <= 80_000
    assert dead.dropped_bytes > 0
    assert "over their limit" in caplog.text


def test_purging_under_a_writer_loses_nothing_new(tmp_path: Path) -> None:
    writer = DeadLetters(tmp_path)
    writer.append(letters("a"))
    assert DeadLetters(tmp_path).purge() == 1
    writer.append(letters("b"))
    assert [letter.id for letter in writer] == ["b"]


def test_taken_segments_are_closed_to_writers(tmp_path: Path) -> None:
    writer = DeadLetters(tmp_path)
    writer.append(letters("a"))
    reader = DeadLetters(tmp_path)
    [taken] = reader.take()
    writer.append(letters("b"))
    assert [letter.id for letter in reader] == ["a", "b"]
    reader.drop(taken)
    assert [letter.id for letter in reader] == ["b"]


def test_no_directory_is_empty_and_a_file_in_its_place_is_explained(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "none")
    assert (list(dead), dead.purge(), dead.take()) == ([], 0, [])
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        DeadLetters(tmp_path / "file").append(letters("a"))
