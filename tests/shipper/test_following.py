"""The files that are followed, scan by scan: met, renamed, deleted, replaced, and more of them than may be open."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from shipper import following
from shipper.discovery import Watch
from shipper.following import Followed, FollowedFiles, Tail
from shipper.framing import LineFraming
from shipper.registry import Registry
from shipper.settings import FileInput

LINES = b"".join(b"line %d that is a good deal longer than a word or two\n" % number for number in range(20))


class Files:
    """A folder of logs, and what follows them; a scan is asked for by the test alone."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.registry = Registry(folder / "registry.sqlite")
        self.settings: dict[str, Any] = {}
        self.files = self.started()

    def started(self, **settings: Any) -> FollowedFiles:
        """Return what an agent that is started now has."""
        self.settings = {"paths": (f"{self.logs}/*.log",), **settings}
        tail = Tail(FileInput(**self.settings), LineFraming())
        self.files = FollowedFiles([tail], self.registry, "agent", lambda *_: None, name="alpha")
        return self.files

    async def scan(self) -> list[str]:
        """Scan, and return the names of what is followed."""
        await self.files.scan(Watch(lambda: None))
        return sorted(Path(one.harvester.record.path).name for one in self.files)

    def one(self, name: str) -> Followed:
        (found,) = (one for one in self.files if Path(one.harvester.record.path).name == name)
        return found

    def deliver(self, name: str) -> None:
        """Read a file to its end and acknowledge it."""
        one = self.one(name)
        assert self.files.reopen(one)
        harvester = one.harvester
        assert harvester.descriptor is not None
        harvester.record.offset = harvester.position = os.fstat(harvester.descriptor).st_size

    def write(self, name: str, data: bytes = LINES) -> Path:
        with (path := self.logs / name).open("ab") as file:
            file.write(data)
        return path


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Files], Awaitable[None]]], None]:
    """Run a test's coroutine with files of its own, which are closed in the end."""

    async def all_of(work: Callable[[Files], Awaitable[None]]) -> None:
        files = Files(tmp_path)
        try:
            await work(files)
        finally:
            for one in files.files:
                files.files.close(one)
            files.registry.close()

    return lambda work: asyncio.run(all_of(work))


Run = Callable[[Callable[[Files], Awaitable[None]]], None]


def test_files_are_followed_once_they_have_something(run: Run) -> None:
    async def work(files: Files) -> None:
        files.write("empty.log", b"")
        files.write("other.txt")
        files.write("a.log")
        assert await files.scan() == ["a.log"]
        first = files.one("a.log")
        files.write("empty.log", b"something else\n")
        assert await files.scan() == ["a.log", "empty.log"]
        assert files.one("a.log") is first
        assert files.files.progress.files == len(files.files) == files.files.open_files == 2
        source = first.harvester.source
        assert source.key == first.harvester.record.key
        assert source.fields["host"] == {"name": "alpha"}
        assert source.fields["log"] == {"file": {"path": str(files.logs / "a.log")}}

    run(work)


def test_two_names_of_one_file_are_one(run: Run) -> None:
    async def work(files: Files) -> None:
        os.link(files.write("a.log"), files.logs / "b.log")
        assert len(await files.scan()) == 1

    run(work)


def test_a_renamed_file_goes_on_under_its_new_name(run: Run) -> None:
    async def work(files: Files) -> None:
        path = files.write("a.log")
        await files.scan()
        one, key = files.one("a.log"), files.one("a.log").harvester.record.key
        path.rename(files.logs / "b.log")
        files.write("a.log", b"of the new file\n")
        assert await files.scan() == ["a.log", "b.log"]
        assert files.one("b.log") is one
        assert one.harvester.source.path.endswith("/b.log")
        assert files.one("a.log").harvester.record.key != key

    run(work)


def test_one_renamed_to_a_name_of_no_input_is_finished(run: Run) -> None:
    async def work(files: Files) -> None:
        path = files.write("a.log")
        await files.scan()
        key = files.one("a.log").harvester.record.key
        path.rename(files.logs / "a.log.1")
        assert await files.scan() == ["a.log"]
        assert not files.one("a.log").seen
        files.files.close(files.one("a.log"))
        # An agent that is started only now finishes it, too.
        files.started()
        assert await files.scan() == ["a.log"]
        assert files.one("a.log").harvester.record.key == key
        assert files.files.open_files == 1

    run(work)


def test_a_deleted_file_is_kept_until_it_is_delivered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(files: Files) -> None:
        monkeypatch.setattr(following, "QUIET_SECONDS", 0.0)
        path = files.write("a.log")
        await files.scan()
        path.unlink()
        assert await files.scan() == ["a.log"]
        files.deliver("a.log")
        harvester = files.one("a.log").harvester
        harvester._next = harvester.position
        harvester.at_end, harvester._read_stamp = True, harvester._stamp
        assert await files.scan() == []
        assert (files.files.progress.lost_files, files.files.open_files) == (0, 0)

    run(work)


def test_one_that_nobody_takes_is_given_up_and_counted(run: Run) -> None:
    async def work(files: Files) -> None:
        files.started(hold_deleted=0.0)
        path = files.write("a.log")
        await files.scan()
        path.unlink()
        assert await files.scan() == []
        progress = files.files.progress
        assert (progress.lost_files, progress.lost_bytes) == (1, len(LINES))

    run(work)


@pytest.mark.parametrize("other", [b"short\n", LINES.replace(b"line", b"LINE") * 2], ids=["shorter", "longer"])
def test_a_file_that_was_written_anew_is_read_from_its_start(run: Run, other: bytes) -> None:
    async def work(files: Files) -> None:
        path = files.write("a.log")
        await files.scan()
        files.deliver("a.log")
        key = files.one("a.log").harvester.record.key
        path.write_bytes(other)
        assert await files.scan() == ["a.log"]
        record = files.one("a.log").harvester.record
        assert (record.offset, record.retired) == (0, False)
        assert record.key != key

    run(work)


def test_a_copy_goes_on_where_its_original_was_truncated(run: Run) -> None:
    async def work(files: Files) -> None:
        path = files.write("a.log")
        await files.scan()
        key = files.one("a.log").harvester.record.key
        shutil.copy(path, files.logs / "a-1.log")
        # While it is a copy in the making, it is not read.
        assert await files.scan() == ["a.log"]
        os.truncate(path, 0)
        assert await files.scan() == ["a-1.log"]
        assert files.one("a-1.log").harvester.record.key == key
        files.write("a.log", b"after that\n")
        assert await files.scan() == ["a-1.log", "a.log"]

    run(work)


def test_what_is_no_text_is_a_problem_and_no_file(run: Run) -> None:
    async def work(files: Files) -> None:
        path = files.write("a.log", gzip.compress(LINES))
        assert await files.scan() == []
        assert files.files.progress.readable_problems() == {
            str(path): "this is not text but gzip data; it is not read, unless 'compression: auto' is set"
        }
        path.unlink()
        files.write("a.log")
        assert await files.scan() == ["a.log"]
        assert not files.files.progress.problems

    run(work)


def test_old_files_are_left_alone_unless_they_are_known(run: Run) -> None:
    async def work(files: Files) -> None:
        path = files.write("a.log")
        os.utime(path, (0, 0))
        files.started(ignore_older=3600.0)
        assert await files.scan() == []
        files.started()
        assert await files.scan() == ["a.log"]
        files.files.close(files.one("a.log"))
        files.started(ignore_older=3600.0)
        assert await files.scan() == ["a.log"]

    run(work)


def test_only_the_end_of_files_that_were_there_is_read_if_so_asked(run: Run) -> None:
    async def work(files: Files) -> None:
        files.write("a.log")
        files.started(tail_files=True)
        await files.scan()
        record = files.one("a.log").harvester.record
        assert (record.offset, record.tail.length) == (len(LINES), 1024)

    run(work)


def test_more_files_than_may_be_open_take_turns(run: Run) -> None:
    async def work(files: Files) -> None:
        names = [f"{number:02}.log" for number in range(12)]
        for name in names:
            # Those that begin alike are taken for copies for a while.
            files.write(name, name.encode() + b"\n" + LINES)
        followed = files.started()
        followed._most_open = 4
        assert await files.scan() == names
        assert followed.open_files == 4
        for _ in range(3):
            for name in names:
                one = files.one(name)
                assert followed.reopen(one)
                assert one.harvester.descriptor is not None
                one.harvester.at_end = True
                assert followed.open_files <= 4
        # What still has something to be read is not closed for another.
        for one in followed:
            followed.close(one)
        for name in names[:4]:
            followed.reopen(files.one(name))
        followed.reopen(files.one(names[4]))
        assert followed.open_files == 5

    run(work)


def test_turns_begin_after_the_last(run: Run) -> None:
    async def work(files: Files) -> None:
        for name in "abc":
            files.write(f"{name}.log", name.encode() * 10 + b"\n")
        await files.scan()
        first, second, third = files.files.turns(None)
        assert files.files.turns(first.place) == [second, third, first]
        assert files.files.turns(third.place) == [first, second, third]
        assert files.files.turns((0, 0)) == [first, second, third]

    run(work)


def test_a_file_that_cannot_be_opened_again_is_a_problem_said_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def work(files: Files) -> None:
        path = files.write("a.log")
        await files.scan()
        one = files.one("a.log")
        files.files.close(one)
        path.unlink()
        for _ in range(3):
            assert not files.files.reopen(one)
        assert one.retry_at > asyncio.get_running_loop().time()
        assert files.files.progress.problems == {str(path): "no such file or directory"}
        assert caplog.text.count("no such file") == 1

    run(work)


def test_a_record_whose_file_has_gone_is_forgotten_after_a_while(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(files: Files) -> None:
        monkeypatch.setattr(following, "CLEAN_SECONDS", 0.0)
        path = files.write("a.log")
        files.write("b.log", b"another file\n")
        files.started(clean_after=0.0, hold_deleted=0.0)
        await files.scan()
        path.unlink()
        await files.scan()
        assert await files.scan() == ["b.log"]
        assert [Path(record.path).name for record in files.registry.records()] == ["b.log"]

    run(work)
