from __future__ import annotations

import os
from pathlib import Path

import pytest

from sawlog.errors import InputError
from shipper.identity import Mark, Record
from shipper.registry import Registry, listing


def record(key: str = "k", offset: int = 0) -> Record:
    return Record(key, "/logs/a.log", 1, 2, offset, Mark.of(b"head"), Mark.of(b"tail"))


class TestRegistry:
    def test_keeps_records(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        registry.put(record(offset=7))
        registry.close()
        again = Registry(tmp_path / "registry.sqlite")
        assert again.records() == [record(offset=7)]
        assert again.by_inode(1, 2) == record(offset=7)
        assert again.by_head(Mark.of(b"head")) == [record(offset=7)]
        assert again.by_inode(1, 3) is None
        again.close()

    def test_a_name_need_not_be_utf_8(self, tmp_path: Path) -> None:
        odd = record()
        odd.path = os.fsdecode(b"/logs/caf\xe9.log")
        registry = Registry(tmp_path / "registry.sqlite")
        registry.put(odd)
        assert registry.by_inode(1, 2) == odd
        registry.close()
        assert listing(tmp_path / "registry.sqlite") == [odd]

    def test_a_retired_record_has_no_inode_any_more(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        old = record()
        old.retired = True
        registry.put(old)
        assert registry.by_inode(1, 2) is None
        assert registry.generations(1, 2) == 1
        registry.close()

    def test_a_vacated_record_leaves_its_inode_to_the_next_file(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        registry.put(record())
        for old in registry.records():
            registry.vacate(old)
        assert registry.by_inode(1, 2) is None
        assert registry.generations(1, 2) == 1
        assert [(old.device, old.inode) for old in registry.records()] == [(0, 0)]
        registry.close()

    def test_cuts_are_forgotten_once_they_are_passed(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        for offset in (10, 20, 30):
            registry.cut("k", offset)
        registry.put(record(offset=20))
        assert registry.cuts("k") == [30]
        registry.close()

    def test_a_forgotten_file_still_counts_as_one_that_had_the_inode(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        registry.put(one := record())
        registry.cut("k", 10)
        registry.forget(one)
        assert registry.records() == []
        assert registry.cuts("k") == []
        assert registry.generations(1, 2) == 1
        registry.put(record("later"))
        assert registry.generations(1, 2) == 2
        registry.close()

    def test_a_moved_record_still_counts_as_one_that_had_the_inode(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        registry.put(one := record())
        registry.move(one, 1, 3)
        assert registry.by_inode(1, 3) == one
        assert (registry.generations(1, 2), registry.generations(1, 3)) == (1, 1)
        registry.close()

    def test_what_a_full_disk_refuses_is_written_later(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        registry = Registry(path := tmp_path / "registry.sqlite")
        registry.put(record("a", 1))
        pages = registry._database.execute("PRAGMA page_count").fetchone()[0]
        registry._database.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(200):
            registry.put(record(f"new {number}", number))
        assert "cannot be written (database or disk is full)" in caplog.text
        assert registry.problem == "database or disk is full"
        assert not registry.flush()
        # Meanwhile it answers as if it were written.
        assert len(registry.records()) == 201
        assert len(registry.by_head(Mark.of(b"head"))) > 100
        assert registry.generations(1, 2) == 201
        assert registry.by_inode(1, 2) is not None
        registry._database.execute("PRAGMA max_page_count = 100000")
        assert registry.flush()
        assert registry.problem is None
        registry.close()
        assert len(listing(path)) == 201

    def test_an_early_end_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        registry._database.execute("PRAGMA query_only = 1")
        assert not registry.cut("k", 10)
        registry._database.execute("PRAGMA query_only = 0")
        assert registry.cut("k", 10)
        registry.close()

    def test_a_listing_beside_the_process_that_has_it(self, tmp_path: Path) -> None:
        registry = Registry(path := tmp_path / "registry.sqlite")
        registry.put(record(offset=7))
        assert listing(path) == [record(offset=7)]
        registry.close()
        assert listing(path) == [record(offset=7)]
        with pytest.raises(InputError, match="there is no registry"):
            listing(tmp_path / "other.sqlite")
        (tmp_path / "other.sqlite").write_bytes(b"no database at all" * 100)
        with pytest.raises(InputError, match="cannot be read"):
            listing(tmp_path / "other.sqlite")

    def test_only_one_process_has_it(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        with pytest.raises(InputError, match="in use by another sawlog"):
            Registry(tmp_path / "registry.sqlite")
        registry.close()
        Registry(tmp_path / "registry.sqlite").close()

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be written"):
            Registry(tmp_path / "none" / "registry.sqlite")
