from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from shipper.framing import LineFraming, SpringBootFraming
from shipper.settings import FileInput
from tests.shipper.rig import Rig, until

LONG = "x" * 60


def write(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(line + "\n" for line in lines)


def lines(start: int, count: int) -> list[str]:
    return [f"line {number} {LONG}" for number in range(start, start + count)]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


class TestOnce:
    def test_reads_every_line_of_every_file_once(self, rig: Rig) -> None:
        write(rig.logs / "a.log", *lines(0, 30_000))
        write(rig.logs / "b.log", *lines(50_000, 10))
        rig.once()
        rig.once()
        assert sorted(rig.texts) == sorted(lines(0, 30_000) + lines(50_000, 10))

    def test_files_of_equal_content_are_both_read(self, rig: Rig) -> None:
        for name in "abc":
            write(rig.logs / f"{name}.log", *lines(0, 50))
        rig.once()
        assert sorted(rig.texts) == sorted(lines(0, 50) * 3)

    def test_goes_on_where_it_stood(self, rig: Rig) -> None:
        write(rig.logs / "a.log", *lines(0, 10))
        rig.once()
        write(rig.logs / "a.log", *lines(10, 10))
        rig.once()
        assert rig.texts == lines(0, 20)

    def test_a_last_line_without_its_end_counts(self, rig: Rig) -> None:
        (rig.logs / "a.log").write_text("one\ntwo")
        rig.once()
        assert rig.texts == ["one", "two"]

    def test_a_refused_batch_comes_again(self, rig: Rig) -> None:
        write(rig.logs / "a.log", *lines(0, 40_000))
        rig.once(refuse=lambda number: number == 2)
        assert rig.texts == lines(0, 40_000)

    def test_a_crash_gives_the_same_ids_again(self, rig: Rig) -> None:
        write(rig.logs / "a.log", *lines(0, 60_000))
        rig.once(crash_after=2)
        assert 0 < len(rig.events) < 60_000
        rig.once()
        assert rig.texts == lines(0, 60_000)

    def test_a_lost_registry_gives_the_same_ids_again(self, rig: Rig) -> None:
        write(rig.logs / "a.log", *lines(0, 100))
        rig.once()
        rig.registry.unlink()
        rig.once()
        assert rig.texts == lines(0, 100)

    def test_a_damaged_registry_is_set_aside(self, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        write(rig.logs / "a.log", *lines(0, 100))
        rig.once()
        rig.registry.write_bytes(b"no database at all" * 1000)
        rig.once()
        assert rig.texts == lines(0, 100)
        assert "is damaged" in caplog.text
        assert list(rig.registry.parent.glob("*.damaged-*"))

    def test_a_binary_file_is_left_out_with_a_word(self, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        (rig.logs / "a.log.gz").write_bytes(b"\x1f\x8b" + os.urandom(100))
        (rig.logs / "b.log").write_bytes(bytes(range(32)) * 50)
        write(rig.logs / "c.log", "text")
        rig.once()
        assert rig.texts == ["text"]
        assert "gzip data" in caplog.text
        assert "control bytes" in caplog.text

    def test_invalid_utf8_stays_visible(self, rig: Rig) -> None:
        (rig.logs / "a.log").write_bytes(b"caf\xe9 \xff\n\xc3\xa9t\xc3\xa9\n")
        rig.once()
        assert rig.texts == [r"caf\xe9 \xff", "été"]

    def test_offsets_count_bytes(self, rig: Rig) -> None:
        (rig.logs / "a.log").write_bytes("été\nlà\nfin\n".encode())
        rig.once()
        assert [int(one.rpartition(":")[2]) for one in rig.events] == [0, 6, 10]

    def test_a_line_of_20_megabytes(self, rig: Rig) -> None:
        giant = "y" * 20_000_000
        write(rig.logs / "a.log", "before", giant, "after")
        rig.once()
        assert rig.texts == ["before", giant, "after"]

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
    def test_a_wide_line_beyond_the_limit_costs_no_other(self, tmp_path: Path, encoding: str) -> None:
        rig = Rig(tmp_path, framing=LineFraming(encoding, max_bytes=1000))
        long = "\u0a0a\u010a" * 1_000_000
        (rig.logs / "a.log").write_bytes(f"one\n{long}\ntwo\nthree\n".encode(encoding))
        rig.once()
        one, cut, *rest = rig.texts
        assert [one, *rest] == ["one", "two", "three"]
        assert long.startswith(cut.rstrip("\\x0a"))

    def test_a_line_beyond_the_limit_is_cut_and_the_next_is_whole(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, framing=SpringBootFraming(max_bytes=3_000_000))
        write(rig.logs / "a.log", "before", "y" * 20_000_000, "after", "  goes on")
        rig.once()
        assert rig.texts == ["before", "y" * 3_000_000, "after\n  goes on"]

    def test_zero_bytes_left_by_truncation_are_passed_over(self, rig: Rig) -> None:
        (rig.logs / "a.log").write_bytes(b"\0" * 5000 + b"after\nmore\n")
        rig.once()
        assert rig.texts == ["after", "more"]


class TestRotation:
    def test_rename(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        write(log, *lines(0, 100))
        rig.once()
        write(log, *lines(100, 100))
        log.rename(rig.logs / "a.log.1")
        write(log, *lines(200, 100))
        rig.once()
        assert sorted(rig.texts) == sorted(lines(0, 300))

    def test_rename_to_a_name_that_no_input_has(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, "*.log")
        log = rig.logs / "a.log"
        write(log, *lines(0, 100))
        rig.once()
        write(log, *lines(100, 100))
        log.rename(rig.logs / "a.old")
        write(log, *lines(200, 100))
        rig.once()
        assert sorted(rig.texts) == sorted(lines(0, 300))

    def test_copytruncate(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        write(log, *lines(0, 100))
        rig.once()
        write(log, *lines(100, 100))
        shutil.copy(log, rig.logs / "a.log.1")
        os.truncate(log, 0)
        write(log, *lines(200, 50))
        rig.once()
        rig.once()
        assert sorted(rig.texts) == sorted(lines(0, 250))

    def test_truncated_and_written_anew_to_a_greater_size(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        write(log, *lines(0, 100))
        rig.once()
        os.truncate(log, 0)
        write(log, *lines(500, 300))
        rig.once()
        assert sorted(rig.texts) == sorted(lines(0, 100) + lines(500, 300))

    def test_inode_given_to_another_file(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        write(log, *lines(0, 100))
        rig.once()
        inode = log.stat().st_ino
        log.unlink()
        for attempt in range(100):
            other = rig.logs / f"other{attempt}.log"
            write(other, *lines(1000 + attempt * 200, 200))
            if other.stat().st_ino == inode:
                break
        rig.once()
        expected = lines(0, 100) + [line for at in range(attempt + 1) for line in lines(1000 + at * 200, 200)]
        assert sorted(rig.texts) == sorted(expected)


class TestLive:
    async def test_follows_growing_and_new_files(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        write(log, *lines(0, 10))
        ends = await rig.live()
        await until(lambda: len(rig.events) == 10)
        write(log, *lines(10, 10))
        write(rig.logs / "b.log", *lines(20, 10))
        await until(lambda: len(rig.events) == 30)
        await rig.end(*ends)
        assert sorted(rig.texts) == sorted(lines(0, 30))

    async def test_a_partial_line_waits_for_its_end(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        log.write_text("whole\nhal")
        ends = await rig.live()
        await until(lambda: rig.texts == ["whole"])
        with log.open("a") as file:
            file.write("f\n")
        await until(lambda: rig.texts == ["whole", "half"])
        await rig.end(*ends)

    async def test_an_event_ended_by_time_keeps_its_text_after_a_crash(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, framing=SpringBootFraming(timeout=0.2))
        log = rig.logs / "a.log"
        write(log, "2025-01-01 10:00:00.000 INFO first")
        _, running, registry = await rig.live(acknowledge=False)
        await until(lambda: len(rig.events) == 1)
        await rig.kill(running, registry)
        write(log, "  goes on")
        ends = await rig.live()
        await until(lambda: len(rig.events) == 2)
        await rig.end(*ends)
        assert rig.texts == ["2025-01-01 10:00:00.000 INFO first", "  goes on"]

    async def test_each_new_line_starts_the_clock_again(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, framing=SpringBootFraming(timeout=2.0))
        log = rig.logs / "a.log"
        ends = await rig.live()
        head = "2025-01-01 10:00:00.000  INFO 1 --- [main] a.B : failed"
        text = [head, "", "a.XException: why", *["\tat a.B.c"] * 22]
        for _ in range(2):
            for line in text:
                write(log, line)
                await asyncio.sleep(0.12)
        await until(lambda: len(rig.events) == 2)
        await rig.end(*ends)
        assert rig.texts == ["\n".join(text)] * 2

    async def test_deleted_while_open_is_read_to_its_end(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        write(log, *lines(0, 10))
        ends = await rig.live()
        await until(lambda: len(rig.events) == 10)
        write(log, *lines(10, 5))
        log.unlink()
        await until(lambda: len(rig.events) == 15)
        await rig.end(*ends)

    async def test_a_folder_that_appears_later(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path)
        deep = rig.logs / "x" / "y"
        settings = FileInput(paths=(str(rig.logs / "**" / "*.log"),), scan_frequency=0.3)
        ends = await rig.live(settings)
        deep.mkdir(parents=True)
        write(deep / "a.log", "here")
        await until(lambda: rig.texts == ["here"])
        await rig.end(*ends)

    async def test_copytruncate_while_following(self, rig: Rig) -> None:
        log = rig.logs / "a.log"
        write(log, *lines(0, 100))
        ends = await rig.live()
        await until(lambda: len(rig.events) == 100)
        shutil.copy(log, rig.logs / "a.log.1")
        os.truncate(log, 0)
        write(log, *lines(100, 30))
        await until(lambda: len(rig.events) == 130)
        await rig.end(*ends)
        assert sorted(rig.texts) == sorted(lines(0, 130))
