"""Who may read what sawlog writes, and locks that are links."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sawlog.dead_letter import DeadLetter, DeadLetters
from sawlog.errors import StoreError
from sawlog.store.embedded.store import EmbeddedStore
from shipper.registry import Registry
from tests.ingesting import ingesting, until

LETTER = DeadLetter(index="i", id="1", status=400, type="t", reason="r", document={"message": "a secret"})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def embedded(folder: Path) -> None:
    async def use() -> None:
        async with EmbeddedStore(folder):
            pass

    asyncio.run(use())


LOCKS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "dead letters": ("lock", lambda folder: DeadLetters(folder).append([LETTER])),
    "purge": ("lock", lambda folder: DeadLetters(folder).purge()),
    "replay": ("replay.lock", lambda folder: DeadLetters(folder).replaying().__enter__()),
    "embedded": ("lock", embedded),
    "registry": ("registry.sqlite.lock", lambda folder: Registry(folder / "registry.sqlite")),
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_not_written_through_a_link(name: str, tmp_path: Path) -> None:
    file, use = LOCKS[name]
    (other := tmp_path / "precious").write_text("kept")
    (folder := tmp_path / "data").mkdir()
    (folder / file).symlink_to(other)
    with pytest.raises(StoreError, match="is a symbolic link"):
        use(folder)
    assert other.read_text() == "kept"


def test_what_ingest_writes_is_for_its_owner(tmp_path: Path) -> None:
    (log := tmp_path / "app.log").write_text('{"a":\n')
    (pipeline := tmp_path / "a.conf").write_text(
        f'input {{ file {{ path => "{log}" start_position => "beginning" }} }}'
        f' output {{ embedded {{ path => "{tmp_path}/store" }} }}'
    )
    old = os.umask(0o022)
    try:
        with ingesting(tmp_path, "-f", pipeline):
            until(lambda: any((tmp_path / "store/index").glob("wal-*.log")))
        DeadLetters(tmp_path / "data" / "dead-letters").append([LETTER])
    finally:
        os.umask(old)
    for folder in ("data", "data/dead-letters", "data/file-inputs", "store", "store/index"):
        assert mode(tmp_path / folder) == 0o700, folder
    ours = [*(tmp_path / "data").rglob("*"), *(tmp_path / "store/index").iterdir()]
    assert len(ours) > 5
    for file in filter(Path.is_file, ours):
        assert mode(file) == 0o600, file
