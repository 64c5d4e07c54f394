"""Compressed files: their text as a stream, whole, torn, damaged, and in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import os
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper import archive
from shipper.archive import Archive, ArchiveError, Survey, kind_of, survey
from shipper.identity import MARK_BYTES, Mark

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd.compress}
kinds = pytest.mark.parametrize("kind", sorted(PACK))


async def looked_through(path: Path, kind: str, *offsets: int) -> Survey:
    descriptor = os.open(path, os.O_RDONLY)
    with ThreadPoolExecutor(1) as executor:
        try:
            return await survey(descriptor, kind, executor, lambda head: offsets)
        finally:
            os.close(descriptor)


def opened(path: Path, kind: str) -> Archive:
    return Archive(os.open(path, os.O_RDONLY), kind)


@kinds
@given(
    parts=st.lists(st.binary(max_size=3_000), min_size=1, max_size=4),
    at=st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 5_000)), max_size=8),
    padding=st.sampled_from([b"", b"\0" * 100, b"something else"]),
)
def test_any_stretch_of_any_number_of_streams(
    tmp_path_factory: pytest.TempPathFactory, kind: str, parts: list[bytes], at: list[tuple[int, int]], padding: bytes
) -> None:
    path = tmp_path_factory.mktemp("archive") / "a"
    path.write_bytes(b"".join(map(PACK[kind], parts)) + padding)
    assert kind_of(path.read_bytes()[:100]) == kind
    text = b"".join(parts)
    descriptor = os.open(path, os.O_RDONLY)
    archive = Archive(descriptor, kind)
    for offset, length in at:
        assert archive.read(length, offset) == text[offset : offset + length]
    os.close(descriptor)


@kinds
async def test_what_a_survey_finds(tmp_path: Path, kind: str) -> None:
    text = b"".join(b"%d line\n" % number for number in range(100_000))
    (path := tmp_path / "a").write_bytes(PACK[kind](text[:500_000]) + PACK[kind](text[500_000:]))
    offsets = [0, 7, MARK_BYTES, 500_000, len(text)]
    found = await looked_through(path, kind, *offsets)
    assert (found.facts.length, found.facts.damage, found.head) == (len(text), None, text[:MARK_BYTES])
    assert found.tails == {offset: Mark.of(text[max(0, offset - MARK_BYTES) : offset]) for offset in offsets}
    assert found.facts.fits(path.stat())


@kinds
async def test_a_torn_one_is_read_up_to_there(tmp_path: Path, kind: str) -> None:
    text = os.urandom(3_000_000)
    packed = PACK[kind](text)
    (path := tmp_path / "a").write_bytes(packed[: len(packed) // 2])
    found = await looked_through(path, kind, 0)
    assert found.facts.damage == f"the {kind} data ends in the middle"
    assert 500_000 < found.facts.length < 2_000_000
    archive = opened(path, kind)
    assert archive.read(1_000, found.facts.length - 1_000) == text[found.facts.length - 1_000 : found.facts.length]
    with pytest.raises(ArchiveError, match="ends in the middle"):
        archive.read(1, found.facts.length)


@kinds
@given(at=st.floats(0.0, 1.0), damage=st.binary(min_size=1, max_size=20), length=st.floats(0.0, 1.0))
def test_whatever_is_damaged_it_ends_with_an_error_or_with_text(
    tmp_path_factory: pytest.TempPathFactory, kind: str, at: float, damage: bytes, length: float
) -> None:
    packed = bytearray(PACK[kind](b"some text\n" * 2_000))
    place = int(at * len(packed))
    packed[place : place + len(damage)] = damage
    path = tmp_path_factory.mktemp("archive") / "a"
    path.write_bytes(packed[: int(len(packed) * length)])
    descriptor = os.open(path, os.O_RDONLY)
    with suppress(ArchiveError):
        archive = Archive(descriptor, kind)
        while archive.next():
            pass
    os.close(descriptor)


async def test_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"some text\n" * 100_000))
    packed[-6] ^= 1
    (path := tmp_path / "a").write_bytes(packed)
    found = await looked_through(path, "gzip")
    assert found.facts.damage is not None
    assert "damaged: " in found.facts.damage


@kinds
async def test_memory_is_bounded_however_much_it_holds(tmp_path: Path, kind: str) -> None:
    (path := tmp_path / "a").write_bytes(PACK[kind](b"x" * 200_000_000))
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    found = await looked_through(path, kind)
    opened(path, kind).read(1_000, 150_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.facts.length == 200_000_000
    assert peak < 30_000_000


@pytest.mark.parametrize(
    ("version", "module"), [((3, 11), "backports.zstd"), ((3, 13), "backports.zstd"), ((3, 14), "compression.zstd")]
)
def test_zstd_is_the_library_s_own_where_it_has_it(
    version: tuple[int, int], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def library(name: str, *_: str) -> SimpleNamespace:
        asked.append(name)
        return SimpleNamespace(ZstdDecompressor=object)

    monkeypatch.setattr(archive, "library", library)
    monkeypatch.setattr(archive, "sys", SimpleNamespace(version_info=version))
    archive._decompressor("zstd")
    assert asked == [module]
