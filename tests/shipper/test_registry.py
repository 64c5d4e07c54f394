from __future__ import annotations

from pathlib import Path

import pytest

from sawlog.errors import InputError
from shipper.identity import Mark, Record, agent_id, looks_binary
from shipper.registry import Registry


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

    def test_a_retired_record_has_no_inode_any_more(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        old = record()
        old.retired = True
        registry.put(old)
        assert registry.by_inode(1, 2) is None
        assert registry.generations(1, 2) == 1
        registry.close()

    def test_cuts_are_forgotten_once_they_are_passed(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        for offset in (10, 20, 30):
            registry.cut("k", offset)
        registry.put(record(offset=20))
        assert registry.cuts("k") == [30]
        registry.close()

    def test_only_one_process_has_it(self, tmp_path: Path) -> None:
        registry = Registry(tmp_path / "registry.sqlite")
        with pytest.raises(InputError, match="in use by another sawlog"):
            Registry(tmp_path / "registry.sqlite")
        registry.close()
        Registry(tmp_path / "registry.sqlite").close()

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be written"):
            Registry(tmp_path / "none" / "registry.sqlite")


class TestIdentity:
    def test_the_agent_keeps_its_id(self, tmp_path: Path) -> None:
        assert agent_id(tmp_path) == agent_id(tmp_path)

    def test_a_damaged_id_is_set_aside(self, tmp_path: Path) -> None:
        (tmp_path / "agent.json").write_text("{")
        agent_id(tmp_path)
        assert (tmp_path / "agent.damaged").read_text() == "{"

    @pytest.mark.parametrize(
        "head", [b"", b"2025-01-01 text\n", "été\n".encode(), b"\0" * 500 + b"text", b"\x1b[31mred"]
    )
    def test_text(self, head: bytes) -> None:
        assert looks_binary(head) is None

    @pytest.mark.parametrize("head", [b"\x1f\x8b\x08", b"PK\x03\x04", b"\x7fELF", bytes(range(32)) * 4])
    def test_binary(self, head: bytes) -> None:
        assert looks_binary(head)
