"""Which file is this: by what stands at its head and before the offset, and a key that comes out alike each time."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import sqlite3
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.identity import MARK_BYTES, Mark, Record, agent_id, bears, head_of, key_of, looks_binary, tail_before

CONTENT = st.binary(min_size=1, max_size=64) | st.binary(min_size=1, max_size=64).map(lambda data: data * 100)


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    """Lend a file with this content that has no name."""
    descriptor = os.memfd_create("sawlog-tests")
    try:
        os.pwrite(descriptor, data, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def reached(descriptor: int, offset: int) -> Record:
    """Make the record of a file that was acknowledged up to an offset."""
    head = Mark.of(head_of(descriptor))
    return Record("key", "/logs/a.log", 1, 2, offset, head, tail_before(descriptor, offset))


class TestBears:
    @given(CONTENT, st.data())
    def test_a_file_that_grew_is_the_same(self, data: bytes, drawn: st.DataObject) -> None:
        offset = drawn.draw(st.integers(0, len(data)))
        with opened(data) as descriptor:
            record = reached(descriptor, offset)
            assert bears(descriptor, len(data), record)
            more = drawn.draw(st.binary(max_size=50))
            os.pwrite(descriptor, more, len(data))
            assert bears(descriptor, len(data) + len(more), record)

    @given(CONTENT, st.data())
    def test_another_byte_in_a_mark_is_another_file(self, data: bytes, drawn: st.DataObject) -> None:
        offset = drawn.draw(st.integers(0, len(data)))
        with opened(data) as descriptor:
            record = reached(descriptor, offset)
            at = drawn.draw(st.integers(0, len(data) - 1))
            os.pwrite(descriptor, bytes([data[at] ^ 1]), at)
            marked = at < MARK_BYTES or offset - MARK_BYTES <= at < offset
            assert bears(descriptor, len(data), record) is not marked

    @given(CONTENT, st.data())
    def test_a_file_that_is_shorter_than_what_was_read_is_another(self, data: bytes, drawn: st.DataObject) -> None:
        with opened(data) as descriptor:
            record = reached(descriptor, len(data))
            size = drawn.draw(st.integers(0, len(data) - 1))
            os.ftruncate(descriptor, size)
            assert not bears(descriptor, size, record)

    def test_the_marks_cover_the_head_and_what_is_before_the_offset(self) -> None:
        with opened(bytes(range(256)) * 20) as descriptor:
            assert head_of(descriptor) == bytes(range(256)) * 4
            assert tail_before(descriptor, 10) == Mark.of(bytes(range(10)))
            assert tail_before(descriptor, 3000).length == MARK_BYTES


class TestKey:
    @given(st.text(), st.integers(0), st.integers(0), st.binary(), st.integers(0, 5))
    def test_it_can_stand_in_an_id(self, agent: str, device: int, inode: int, head: bytes, generation: int) -> None:
        key = key_of(agent, device, inode, head, generation)
        assert re.fullmatch(r"[A-Za-z0-9_-]{16}", key)

    @given(st.binary(max_size=2 * MARK_BYTES), st.binary())
    def test_what_the_file_gets_after_its_first_line_does_not_count(self, line: bytes, more: bytes) -> None:
        line = line.replace(b"\n", b" ")
        assert key_of("a", 1, 2, line + b"\n", 0) == key_of("a", 1, 2, line + b"\n" + more, 0)

    def test_all_else_counts(self) -> None:
        keys = [
            key_of("a", 1, 2, b"line\n", 0),
            key_of("b", 1, 2, b"line\n", 0),
            key_of("a", 2, 2, b"line\n", 0),
            key_of("a", 1, 3, b"line\n", 0),
            key_of("a", 1, 2, b"another\n", 0),
            key_of("a", 1, 2, b"line\n", 1),
            # Numbers beside one another stay apart.
            key_of("a", 12, 2, b"line\n", 0),
            key_of("a", 1, 22, b"line\n", 0),
        ]
        assert len(set(keys)) == len(keys)

    def test_it_is_the_same_for_ever(self) -> None:
        """A key that came out otherwise would double all that was ever read."""
        assert key_of("6f9c", 64768, 131, b"2025-03-01 INFO started\nsecond", 0) == "w3NZvfMDS7Xptwri"


class TestAgentId:
    def test_the_agent_keeps_its_id(self, tmp_path: Path) -> None:
        first = agent_id(tmp_path)
        assert uuid.UUID(first)
        assert agent_id(tmp_path) == first
        assert (tmp_path / "agent.json").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("text", ["{", "[]", "{}", '{"id": 7}', '{"id": "no uuid"}', ""])
    def test_a_damaged_id_is_set_aside(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "agent.json").write_text(text)
        first = agent_id(tmp_path)
        assert (tmp_path / "agent.damaged").read_text() == text
        assert agent_id(tmp_path) == first


def binaries(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what real programs write, with a word of what it is."""
    yield "gzip", gzip.compress(b"2025-03-01 INFO rotated\n")
    yield "bzip2", bz2.compress(b"x")
    yield "xz", lzma.compress(b"x")
    with zipfile.ZipFile(folder / "a.zip", "w") as file:
        file.writestr("a.log", "x")
    yield "zip", (folder / "a.zip").read_bytes()
    database = sqlite3.connect(folder / "a.db")
    database.execute("CREATE TABLE t (x)")
    database.close()
    yield "SQLite", (folder / "a.db").read_bytes()
    yield "executable", Path("/proc/self/exe").read_bytes()[:100]
    yield "control bytes", bytes(range(32)) * 10


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    for word, data in binaries(tmp_path):
        assert word in (looks_binary(data[:MARK_BYTES]) or ""), word


@pytest.mark.parametrize(
    "text",
    ["", "plain\r\n\ttext\n", "\x1b[32m INFO\x1b[0;39m colours\n", "Grüße 東京\n", "\0" * 500 + "after copytruncate\n"],
)
def test_texts_are_texts(text: str) -> None:
    assert looks_binary(text.encode()) is None
