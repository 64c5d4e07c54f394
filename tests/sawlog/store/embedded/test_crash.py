"""Nothing that was acknowledged is lost, and nothing is doubled, whenever the process is killed or the power fails."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import threading
from pathlib import Path
from random import Random

import arro3.io
import pytest

from sawlog.store.embedded.maker import LARGE
from sawlog.store.embedded.segment import names_of
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.embedded.verify import problems
from tests.sawlog.store.embedded.writing import bulk, writer


def all_ids(store: EmbeddedStore) -> list[str]:
    view = store.view()
    found = [name for one in view.segments for batch in arro3.io.read_parquet(one.path) for name in names_of(batch)]
    return found + [name for part in view.live for batch in part.table.to_batches() for name in names_of(batch)]


@pytest.mark.parametrize("times", [6, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("large", [LARGE, 1], ids=["in a thread", "in a process"])
async def test_killed_while_it_indexes_and_merges(tmp_path: Path, times: int, large: int) -> None:
    answered, random = 0, Random(7)
    for _ in range(times):
        with writer(tmp_path, max(0, answered - 420), segment_rows=400, step=70, large=large) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            await asyncio.sleep(random.uniform(0.0, 0.7))
            process.kill()
            lines = process.stdout.read().splitlines(keepends=True)
        answered = max([answered, *(int(line) for line in lines if line.endswith("\n"))])
        async with EmbeddedStore(tmp_path, read_only=True) as reader:
            found = all_ids(reader)
        assert len(found) == len(set(found))
        assert {f"s:{n}" for n in range(answered)} <= set(found)
        assert list(problems(tmp_path)) == []
    assert answered > 0
    async with EmbeddedStore(tmp_path) as store:
        again = [await store.bulk(bulk(n, n + 210)) for n in range(0, answered, 210)]
        assert sum(one.created for one in again) == 0
        found = all_ids(store)
    assert len(found) == len(set(found))


class Disk:
    """Remembers what of a folder is on the disk for sure: what was synced."""

    def __init__(self, folder: Path, shadow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._shadow = shadow
        self._sizes: dict[int, int] = {}
        self._entries: dict[str, int] = {}
        self._guard = threading.RLock()
        monkeypatch.setattr(os, "fsync", self.sync)
        monkeypatch.setattr(os, "fdatasync", self.sync)

    def sync(self, descriptor: int) -> None:
        about = os.fstat(descriptor)
        with self._guard:
            if stat.S_ISDIR(about.st_mode):
                self._entries = self.entries()
            else:
                self._sizes[about.st_ino] = about.st_size

    def entries(self) -> dict[str, int]:
        found = {}
        for path in list(self._folder.iterdir()):
            try:
                number = path.stat().st_ino
                kept = self._shadow / str(number)
                if not kept.exists():
                    os.link(path, kept)
                found[path.name] = number
            except FileNotFoundError:
                pass
        return found

    def cut(self, target: Path, *, all_entries: bool) -> None:
        """Make the folder as it is found after the power failed: with the names that were synced, or with all."""
        target.mkdir()
        with self._guard:
            for name, number in (self.entries() if all_entries else self._entries).items():
                data = (self._shadow / str(number)).read_bytes()
                (target / name).write_bytes(data[: self._sizes.get(number, 0)])


@pytest.mark.parametrize("all_entries", [False, True], ids=["synced names", "all names"])
async def test_the_power_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_entries: bool) -> None:
    (shadow := tmp_path / "shadow").mkdir()
    (data := tmp_path / "data").mkdir()
    with monkeypatch.context() as patched:
        disk = Disk(data, shadow, patched)
        async with EmbeddedStore(data, segment_rows=150) as store:
            for number in range(40):
                await asyncio.gather(*(store.bulk(bulk(n, n + 20)) for n in range(number * 60, number * 60 + 60, 20)))
                disk.cut(tmp_path / f"cut-{number}", all_entries=all_entries)
    for number in range(40):
        cut = tmp_path / f"cut-{number}"
        async with EmbeddedStore(cut) as store:
            found = all_ids(store)
            assert sorted(found) == sorted(f"s:{n}" for n in range(number * 60 + 60))
            assert (await store.bulk(bulk(0, number * 60 + 61))).created == 1
        assert list(problems(cut)) == []
        shutil.rmtree(cut)


@pytest.mark.parametrize("times", [20, pytest.param(60, marks=pytest.mark.slow)])
async def test_a_flipped_bit_is_found(tmp_path: Path, times: int) -> None:
    random = Random(5)
    async with EmbeddedStore(tmp_path / "good", segment_rows=1_000) as store:
        for n in range(0, 12_000, 500):
            await store.bulk(bulk(n, n + 500))
        await store.bulk(bulk(12_000, 12_010))
    everything = {f"s:{n}" for n in range(12_010)}
    assert list(problems(tmp_path / "good")) == []
    for number in range(times):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(tmp_path / "good", copy)
        path = random.choice(sorted(path for path in copy.iterdir() if path.name != "lock"))
        content = bytearray(path.read_bytes())
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.write_bytes(content)
        assert list(problems(copy)), path.name
        async with EmbeddedStore(copy, read_only=True) as store:
            assert set(all_ids(store)) <= everything
        async with EmbeddedStore(copy) as store:
            kept = set(all_ids(store))
            assert kept <= everything
            assert kept == everything or store.set_aside
            # What is lost is taken again.
            for n in range(0, 12_000, 500):
                await store.bulk(bulk(n, n + 500))
            await store.bulk(bulk(12_000, 12_010))
            found = all_ids(store)
            assert len(found) == len(everything)
            assert set(found) == everything
        shutil.rmtree(copy)
