"""One file read in blocks: every line once at its offset, however it grows, and offsets that move only on acks."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sawlog.batch import LineBatch, Source
from shipper import harvester
from shipper.framing import LineFraming, SpringBootFraming
from shipper.framing.base import Framing
from shipper.harvester import Harvester, ReplacedError
from shipper.identity import Mark, Record, head_of
from shipper.registry import Registry
from tests.profiles import examples


class Reading:
    """A file, its harvester, and the batches that came of it."""

    def __init__(self, folder: Path, framing: Framing | None = None) -> None:
        self.path = folder / "app.log"
        self.path.touch()
        self.registry = Registry(folder / "registry.sqlite")
        self.framing = framing or LineFraming()
        self.record = Record("key", str(self.path), 1, 2)
        self.settled: list[tuple[int, BaseException | None]] = []
        self.batches: list[LineBatch] = []
        self._executor = ThreadPoolExecutor(1)
        self.begin()

    def begin(self) -> None:
        """Begin at the record's offset, as an agent does that was started again."""
        self.harvester = Harvester(
            self.record,
            Source("key", str(self.path)),
            self.framing,
            self.registry,
            lambda _, batch: self.settled.append((batch.bytes, batch.error)),
        )
        self.harvester.open(os.open(self.path, os.O_RDONLY))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.harvester.close()
        self.registry.close()
        self._executor.shutdown()

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        if not self.record.head.length:
            descriptor = os.open(self.path, os.O_RDONLY)
            self.record.head = Mark.of(head_of(descriptor))
            os.close(descriptor)

    def read(self, *, flush: bool = False, last: bool = False) -> LineBatch | None:
        """Read one block."""
        batch = asyncio.run(self.harvester.read(self._executor, flush=flush, last=last))
        if batch is not None:
            self.batches.append(batch)
        return batch

    def to_end(self, *, last: bool = False) -> None:
        """Read until the end of the file."""
        for _ in range(1_000):
            self.read(last=last)
            if self.harvester.at_end:
                return
        raise AssertionError("the end does not come")

    def events(self, batches: Sequence[LineBatch] | None = None) -> list[tuple[int, str]]:
        """Return the offset and text of each event, in the order in which they were read."""
        batches = self.batches if batches is None else batches
        return [one for batch in batches for one in zip(batch.offsets, batch.texts, strict=True)]


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Reading]:
    with Reading(tmp_path) as reading:
        yield reading


def expected(data: bytes) -> list[tuple[int, str]]:
    """Return offset and text of each line that is not empty."""
    found, offset = [], 0
    for line in data.split(b"\n"):
        if line:
            found.append((offset, line.decode()))
        offset += len(line) + 1
    return found


LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\ufeff"), max_size=40)
STEPS = st.lists(
    st.one_of(
        st.sampled_from(["read", "ack", "nack", "again"]),
        st.integers(1, 200),
    ),
    max_size=30,
)


@settings(max_examples=examples(60, 600))
@given(st.lists(LINE, min_size=1, max_size=40), STEPS, st.sampled_from([1, 7, 64, 1 << 20]))
def test_every_line_once_however_it_comes(lines: list[str], steps: list[str | int], block: int) -> None:
    """Bytes come in pieces; batches are acknowledged, refused, or lost with the process, in any order."""
    data = "".join(f"{line}\n" for line in lines).encode()
    stored: dict[int, str] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Reading(Path(folder)) as reading,
        patch.object(harvester, "BLOCK_BYTES", block),
    ):
        written, waiting = 0, list[LineBatch]()

        def keep(batch: LineBatch) -> None:
            for offset, text in zip(batch.offsets, batch.texts, strict=True):
                assert stored.setdefault(offset, text) == text
            batch.ack()

        for step in steps:
            if isinstance(step, int):
                reading.write(data[written : written + step])
                written += step
            elif step == "read":
                # One of empty lines alone has no events, and is acknowledged like others.
                waiting += [batch] if (batch := reading.read()) is not None else []
            elif step == "again":
                reading.harvester.close()
                waiting = []
                reading.begin()
            elif waiting and step == "ack":
                keep(waiting.pop(0))
            elif waiting:
                waiting.pop().nack(RuntimeError("refused"))
        reading.write(data[written:])
        for batch in waiting:
            batch.nack(RuntimeError("the last try"))
        for _ in range(2 * len(data) + 10):
            if (batch := reading.read(last=True)) is not None:
                keep(batch)
            if reading.record.offset == len(data):
                break
        assert sorted(stored.items()) == expected(data)
        assert reading.harvester.settled


class TestOffsets:
    def test_it_moves_when_all_before_it_is_acknowledged(self, reading: Reading) -> None:
        for number in range(3):
            reading.write(f"line {number}\n".encode())
            reading.read()
        first, second, third = reading.batches
        third.ack()
        second.ack()
        assert reading.record.offset == 0
        assert not reading.harvester.settled
        first.ack()
        assert reading.record.offset == 21
        assert reading.harvester.settled
        assert [record.offset for record in reading.registry.records()] == [21]
        assert reading.settled == [(7, None)] * 3

    def test_what_was_refused_and_all_after_it_comes_again_with_the_same_offsets(self, reading: Reading) -> None:
        for number in range(3):
            reading.write(f"line {number}\n".encode())
            reading.read()
        first, second, third = reading.batches
        first.ack()
        second.nack(error := RuntimeError("refused"))
        assert reading.harvester.failed
        before = reading.events([second, third])
        reading.batches = []
        reading.to_end()
        assert reading.events() == before
        # What is still under way of the first try changes nothing.
        third.nack(RuntimeError("refused, too"))
        assert not reading.harvester.failed
        assert reading.record.offset == 7
        for batch in reading.batches:
            batch.ack()
        assert reading.record.offset == 21
        assert reading.settled[1] == (7, error)


class TestReplaced:
    def test_a_truncated_file(self, reading: Reading) -> None:
        reading.write(b"one\ntwo\n")
        reading.read()
        os.truncate(reading.path, 3)
        with pytest.raises(ReplacedError):
            reading.read()

    def test_a_file_that_was_written_anew_and_is_longer(self, reading: Reading) -> None:
        reading.write(b"one\ntwo\n")
        reading.read()
        os.truncate(reading.path, 0)
        reading.write(b"another beginning\nand more of it\n")
        with pytest.raises(ReplacedError):
            reading.read()

    def test_one_that_was_replaced_while_it_was_read(self, reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        reading.write(b"one\n" * 100)
        reading.read()
        pread = os.pread

        def replace(descriptor: int, size: int, offset: int) -> bytes:
            if size == harvester.BLOCK_BYTES:
                reading.path.write_bytes(b"two\n" * 200)
            return pread(descriptor, size, offset)

        monkeypatch.setattr(os, "pread", replace)
        with pytest.raises(ReplacedError):
            reading.read()
        assert reading.events() == expected(b"one\n" * 100)


class TestLastLines:
    def test_half_a_line_waits_for_the_rest(self, reading: Reading) -> None:
        reading.write(b"one\ntw")
        reading.read()
        reading.read(flush=True)
        assert reading.events() == [(0, "one")]
        reading.write(b"o\n")
        reading.read()
        assert reading.events() == [(0, "one"), (4, "two")]

    def test_at_the_end_of_all_it_counts(self, reading: Reading) -> None:
        reading.write(b"one\ntw")
        reading.to_end(last=True)
        assert reading.events() == [(0, "one"), (4, "tw")]

    def test_lines_that_wait_for_more_come_when_asked_for(self, tmp_path: Path) -> None:
        trace = b"2025-03-01 10:00:00.000 ERROR 7 --- [main] a.B : no\njava.lang.X: no\n\tat a.B.c(B.java:1)\n"
        with Reading(tmp_path, SpringBootFraming()) as reading:
            reading.write(trace)
            assert reading.read() is None
            assert reading.harvester.holds_back
            # What has only just grown is no end yet; the next look finds nothing new, and gives it out.
            reading.write(b"\tat a.B.d(B.java:2)\n")
            assert reading.read(flush=True) is None
            reading.read(flush=True)
            ((offset, text),) = reading.events()
            assert (offset, text.count("\n")) == (0, 3)
            assert not reading.harvester.holds_back

    def test_an_early_end_that_cannot_be_noted_is_not_sent(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise a second reading would cut otherwise, and give other `_id`s."""
        with Reading(tmp_path, SpringBootFraming()) as reading:
            reading.write(b"2025-03-01 10:00:00.000 ERROR 7 --- [main] a.B : no\njava.lang.X: no\n")
            reading.read()
            with monkeypatch.context() as full:
                full.setattr(reading.registry, "cut", lambda key, end: False)
                with pytest.raises(OSError, match="waits until the registry can be written"):
                    reading.read(flush=True)
            assert not reading.events()
            reading.read()
            reading.read(flush=True)
            assert [offset for offset, _ in reading.events()] == [0]


class TestLongLines:
    def test_the_head_of_a_line_beyond_the_limit_is_an_event(self, tmp_path: Path) -> None:
        data = b"before\n" + b"x" * 5_000 + b"\nafter\n"
        with Reading(tmp_path, LineFraming(max_bytes=100)) as reading, patch.object(harvester, "BLOCK_BYTES", 512):
            reading.write(data)
            reading.to_end()
            assert reading.events() == [(0, "before"), (7, "x" * 100), (5_008, "after")]
            (cut,) = (batch for batch in reading.batches if batch.truncated)
            assert [cut.texts[position] for position in cut.truncated] == ["x" * 100]
            assert sum(batch.size for batch in reading.batches) == len(data)

    def test_a_hole_left_by_copytruncate_is_passed_over(self, reading: Reading) -> None:
        reading.write(b"\0" * 3_000 + b"first\n\nsecond\n")
        reading.read()
        assert [text for _, text in reading.events()] == ["first", "second"]


def test_what_was_read_and_not_given_out_is_read_again_after_it_was_closed(reading: Reading) -> None:
    reading.write(b"one\nhalf of")
    reading.read()
    assert not reading.harvester.empty_handed
    reading.harvester.close()
    assert reading.harvester.empty_handed
    reading.write(b" two\n")
    reading.harvester.open(os.open(reading.path, os.O_RDONLY))
    reading.read()
    assert reading.events() == [(0, "one"), (4, "half of two")]
