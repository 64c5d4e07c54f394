"""The embedded store: the conformance suite, and what only it promises."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sawlog.errors import QueryError, StoreError, StoreUnavailableError
from sawlog.event import Event
from sawlog.store.base import Bulk
from sawlog.store.embedded import shelf
from sawlog.store.embedded import writer as writer_module
from sawlog.store.embedded.files import segments_in
from sawlog.store.embedded.segment import Segment
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.embedded.upkeep import due, neighbours
from sawlog.store.embedded.words import may_hold
from sawlog.store.retention import Retention
from tests.faults import fill_up
from tests.sawlog.store.conformance import DOCUMENTS, StoreConformance, event, fill, ids
from tests.sawlog.store.embedded.writing import bulk, writer


class TestEmbeddedStore(StoreConformance):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
        async with EmbeddedStore(tmp_path / "data") as store:
            assert isinstance(store, EmbeddedStore)
            yield store


class TestManySegments(StoreConformance):
    """The same with a new segment after every bulk."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
        async with EmbeddedStore(tmp_path / "data", segment_rows=1) as store:
            assert isinstance(store, EmbeddedStore)
            yield store


async def all_ids(store: EmbeddedStore) -> list[str]:
    found: list[str] = []
    for start in range(0, 100_000, 5_000):
        limits = {"range": {"log.offset": {"gte": start, "lt": start + 5_000}}}
        found += ids(await store.search({"query": limits, "size": 10_000}))
    return found


async def test_killed_at_random_moments_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    data, answered, random = tmp_path / "data", 0, Random(7)
    for _ in range(6):
        with writer(data, answered, segment_rows=700, step=50) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            await asyncio.sleep(random.uniform(0.0, 0.7))
            process.kill()
            numbers = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
            answered = int(numbers[-1]) if numbers else answered
        async with EmbeddedStore(data, read_only=True) as reader:
            found = await all_ids(reader)
        assert len(found) == len(set(found))
        assert {f"s:{n}" for n in range(answered)} <= set(found)
    assert answered > 0
    async with EmbeddedStore(data) as store:
        await asyncio.gather(*(store.bulk(bulk(n, n + 100)) for n in range(0, answered + 200, 100)))
        found = await all_ids(store)
    assert len(found) == len(set(found))
    assert set(found) >= {f"s:{n}" for n in range(answered)}


async def test_a_second_writer_is_told_who_has_the_directory_and_a_reader_sees_what_comes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with writer(data, 0, segment_rows=700, step=50) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line == "1500\n":
                    break
            with pytest.raises(StoreError, match=f"in use by process {process.pid}"):
                await EmbeddedStore(data).open()
            async with EmbeddedStore(data, read_only=True) as reader:
                before = await reader.count({"match_all": {}})
                assert before >= 1500
                for line in process.stdout:
                    if int(line) >= before + 1000:
                        break
                assert await reader.count({"match_all": {}}) >= before + 1000
                with pytest.raises(StoreError, match="read-only"):
                    await reader.bulk(bulk(0, 1))
        finally:
            process.kill()


async def test_a_reader_of_no_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing was indexed"):
        await EmbeddedStore(tmp_path / "none", read_only=True).open()


async def test_a_damaged_segment_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with EmbeddedStore(tmp_path, segment_rows=10) as store:
        await store.bulk(bulk(0, 10))
        await store.bulk(bulk(10, 20))
    first = min(tmp_path.glob("seg-*.parquet"))
    first.write_bytes(first.read_bytes()[:-1])
    async with EmbeddedStore(tmp_path, read_only=True) as store:
        assert await store.count({"match_all": {}}) == 10
        assert "is left out" in caplog.text
    async with EmbeddedStore(tmp_path) as store:
        assert await store.count({"match_all": {}}) == 10
        assert (await store.bulk(bulk(0, 20))).created == 10
        assert list(store.set_aside) == [f"damaged-{first.name}"]
    assert (tmp_path / f"damaged-{first.name}").is_file()
    assert "is damaged" in caplog.text


async def test_a_catalogue_that_is_lost_is_made_anew(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path, segment_rows=10) as store:
        await store.bulk(bulk(0, 10))
    next(tmp_path.glob("seg-*.cat")).unlink()
    async with EmbeddedStore(tmp_path) as store:
        assert (await store.bulk(bulk(0, 11))).created == 1
        assert await store.count({"match_all": {}}) == 11


async def test_a_segment_whose_making_was_interrupted_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "seg-000000000001-000000000010.parquet.tmp").write_text("PAR1")
    (tmp_path / "seg-000000000001-000000000010.cat").write_text("half")
    async with EmbeddedStore(tmp_path) as store:
        assert (await store.bulk(bulk(0, 3))).created == 3
    assert list(tmp_path.glob("seg-*")) == []


async def test_an_index_of_the_old_kind_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (old := tmp_path / "20250301T101530Z-0000").mkdir()
    (old / "partition.json").write_text("{}")
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"index of an older sawlog .* move the folder away"):
            await EmbeddedStore(tmp_path, read_only=read_only).open()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "lock") == [old.name]


async def test_when_the_disk_is_full_the_bulk_is_unanswered_and_later_taken(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        await store.bulk(bulk(0, 100))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
        try:
            with pytest.raises(StoreUnavailableError):
                await store.bulk(bulk(50, 5_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert await store.count({"match_all": {}}) == 100
        result = await store.bulk(bulk(50, 5_000))
        assert (result.created, result.existing) == (4_900, 50)
    async with EmbeddedStore(tmp_path) as store:
        assert sorted(await all_ids(store)) == sorted(f"s:{n}" for n in range(5_000))


async def test_that_the_disk_is_full_is_said(small_disk: Path) -> None:
    async with EmbeddedStore(small_disk) as store:
        filler = fill_up(small_disk)
        with pytest.raises(StoreUnavailableError, match="disk full: the index in"):
            await store.bulk(bulk(0, 5_000))
        filler.unlink()
        assert (await store.bulk(bulk(0, 10))).created == 10


async def test_ids_are_known_after_opening_again_and_across_segments(tmp_path: Path) -> None:
    for _ in range(2):
        async with EmbeddedStore(tmp_path, segment_rows=100) as store:
            results = [await store.bulk(bulk(start, start + 60)) for start in range(0, 600, 60)]
            odd = await store.bulk(Bulk(["no offset"], bulk(0, 1).documents))
    assert [result.existing for result in results] == [60] * 10
    assert odd.existing == 1
    assert list(tmp_path.glob("seg-*.parquet"))


async def test_retention_drops_what_was_written_long_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(shelf, "time", SimpleNamespace(time=lambda: time.time() - 7200))
        async with EmbeddedStore(tmp_path, segment_rows=10) as store:
            await store.bulk(bulk(0, 10))
    async with EmbeddedStore(tmp_path, segment_rows=5) as store:
        await store.bulk(bulk(10, 15))
    async with EmbeddedStore(tmp_path, retention=Retention(timedelta(hours=1))) as store:
        assert sorted(await all_ids(store)) == [f"s:{n}" for n in range(10, 15)]
        assert (await store.bulk(bulk(0, 15))).created == 10
    assert not (tmp_path / "seg-000000000001-000000000010.parquet").exists()


async def test_retention_by_size_drops_the_oldest_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with EmbeddedStore(tmp_path, segment_rows=10) as store:
        for at in range(0, 50, 10):
            await store.bulk(bulk(at, at + 10))
    size = max(path.stat().st_size for path in tmp_path.glob("seg-*.parquet"))
    size += max(path.stat().st_size for path in tmp_path.glob("seg-*.cat"))
    async with EmbeddedStore(tmp_path, retention=Retention(size=5 * size)) as store:
        assert len(await all_ids(store)) == 50
    async with EmbeddedStore(tmp_path, retention=Retention(size=3 * size)) as store:
        assert sorted(await all_ids(store)) == [f"s:{n}" for n in range(20, 50)]
    async with EmbeddedStore(tmp_path, segment_rows=10, retention=Retention(size=3 * size)) as store:
        await store.bulk(bulk(50, 60))
    assert not list(tmp_path.glob("seg-000000000021-*"))
    assert sum(path.stat().st_size for path in tmp_path.glob("seg-*")) <= 3 * size


async def test_segments_are_not_merged_beyond_a_part_of_what_is_kept(tmp_path: Path) -> None:
    for at in range(0, 70, 10):
        async with EmbeddedStore(tmp_path, segment_rows=10) as store:
            await store.bulk(bulk(at, at + 10))
    segments = [Segment(path, span) for span, path in segments_in(tmp_path).items()]
    assert len(segments) == 7
    size = max(one.size for one in segments)
    assert size == max(sum(path.stat().st_size for path in tmp_path.glob(f"{one.path.stem}.*")) for one in segments)
    assert due(segments, 7) == neighbours(segments) == segments
    assert due(segments, 3, 3 * size) == neighbours(segments, 3 * size) == segments[:3]
    assert due(segments, 4, 3 * size) == neighbours(segments, size) == []


@pytest.mark.parametrize("minutes", [range(7), [0] * 7], ids=["one behind the other", "side by side"])
async def test_words_are_found_in_merged_segments(tmp_path: Path, minutes: Sequence[int]) -> None:
    numbers = range(90)
    for part, minute in enumerate(minutes):
        async with EmbeddedStore(tmp_path, segment_rows=10) as store:
            documents = [event(n, f"10:{minute:02}:{n % 60:02}.000", "INFO", "conta", f"n{part}x{n}") for n in numbers]
            await store.bulk(Bulk([f"{part}:{n}" for n in numbers], documents))
    async with EmbeddedStore(tmp_path) as store:
        await store.compact()
        [whole] = store.view().segments
        [bits] = whole.words
        assert all(may_hold(bits, f"n{part}x{n}") for part in range(7) for n in numbers)
        assert await store.count({"query_string": {"query": "message:n1x77"}}) == 1
        assert await store.count({"query_string": {"query": "message:n1x90"}}) == 0


async def test_hits_come_newest_first_and_ties_by_offset_and_id(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path, segment_rows=150) as store:
        for source in ("q", "p"):
            await store.bulk(bulk(0, 240, source))
        expected = sorted(
            ((source, n) for source in "pq" for n in range(240)), key=lambda key: (-(key[1] % 60), key[1], key[0])
        )
        for size in (1, 7, 9, 480):
            hits = ids(await store.search({"size": size}))
            assert hits == [f"{source}:{n}" for source, n in expected[:size]]


async def test_other_indexes_are_told_apart(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        await store.bulk(bulk(0, 3))
        await store.bulk(Bulk(["o:1"], bulk(0, 1).documents, index="logs-other-prod"))
        counts = {name: await store.count({"match_all": {}}, name) for name in (None, "logs-spring-*", "logs-other-*")}
        assert counts == {None: 4, "logs-spring-*": 3, "logs-other-*": 1}
        [hit] = (await store.search({}, "logs-other-prod"))["hits"]["hits"]
        assert (hit["_index"], hit["_id"]) == ("logs-other-prod", "o:1")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"message": "lone \ud800 surrogate"}, "encode"),
        ({"process": {"pid": 2**63}}, "process.pid"),
        ({"@timestamp": True}, "@timestamp"),
    ],
    ids=["surrogate", "long", "bool as date"],
)
async def test_hostile_documents_are_refused_with_a_reason(tmp_path: Path, document: Event, reason: str) -> None:
    good = bulk(0, 1).documents[0]
    async with EmbeddedStore(tmp_path) as store:
        result = await store.bulk(Bulk(["x:1", "x:2"], [{**good, **document}, good]))
    assert result.created == 1
    assert [refusal.position for refusal in result.refused] == [0]
    assert reason in result.refused[0].reason


@pytest.fixture(scope="module")
def searchable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, Any]], object]]:
    """A function that searches a small store."""
    with asyncio.Runner() as runner:
        store = EmbeddedStore(tmp_path_factory.mktemp("data"))
        runner.run(store.open())
        runner.run(fill(store, DOCUMENTS))
        yield lambda request: runner.run(store.search(request))
        runner.run(store.close())


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["log.level", "@timestamp", "message", "http.status", "log.offset", ":", "(", ")", "[", "]", "{", "}"]
    ),
    st.sampled_from(
        [" AND ", " OR ", " NOT ", " TO ", "&&", "||", "!", "+", "-", '"', "/", "\\", "*", "?", "~", "^", ">="]
    ),
    st.sampled_from(["_exists_", "now-1d", "2025-03-01", "5", "1.5", "~2", "^0", " ", "(?i)", "\x00", "東京"]),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_text_is_a_query_or_a_query_error(searchable: Callable[[dict[str, Any]], object], text: str) -> None:
    with contextlib.suppress(QueryError):
        searchable({"query": {"query_string": {"query": text}}})


@pytest.mark.parametrize(
    "text", ["(" * 5_000, "(" * 200 + "a" + ")" * 200, "NOT " * 5_000 + "a", "a " * 20_000, "-" * 9_000]
)
def test_deep_and_long_queries_are_refused(searchable: Callable[[dict[str, Any]], object], text: str) -> None:
    with pytest.raises(QueryError):
        searchable({"query": {"query_string": {"query": text}}})


def test_deep_clauses_are_refused(searchable: Callable[[dict[str, Any]], object]) -> None:
    clause: dict[str, Any] = {"match_all": {}}
    for _ in range(500):
        clause = {"bool": {"must": [clause]}}
    with pytest.raises(QueryError, match="nested"):
        searchable({"query": clause})


def test_a_malformed_query_names_the_place(searchable: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(QueryError, match="at character 11: "):
        searchable({"query": {"query_string": {"query": "a && b || ) c"}}})


def test_an_unknown_clause_names_the_nearest(searchable: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(QueryError, match=r"'matsch'.*did you mean 'match'"):
        searchable({"query": {"matsch": {"message": "x"}}})


class _PanicError(BaseException):
    """As a library in Rust raises it."""


async def test_a_panic_of_the_library_costs_one_bulk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with EmbeddedStore(tmp_path) as store:
        with monkeypatch.context() as patched:

            def fail(*_: object) -> bytes:
                raise _PanicError("called `Option::unwrap()` on a `None` value")

            patched.setattr(writer_module, "arrow_frame", fail)
            patched.setattr(writer_module, "json_frame", fail)
            with pytest.raises(StoreUnavailableError, match="unwrap"):
                await store.bulk(bulk(0, 10))
        assert (await store.bulk(bulk(0, 10))).created == 10


async def test_an_id_that_only_looks_like_a_source_and_an_offset_is_found_again(tmp_path: Path) -> None:
    offsets: list[Any] = [None, -5, 2**63 - 1, 10**18, 0, 7]
    names = [f"a:{offset}" for offset in offsets]
    bulk = Bulk(names, [{"@timestamp": "2025-03-01T10:00:00.000Z", "log": {"offset": offset}} for offset in offsets])
    async with EmbeddedStore(tmp_path, segment_rows=1) as store:
        assert (await store.bulk(bulk)).created == len(names)
    assert [*tmp_path.glob("seg-*.parquet")]
    async with EmbeddedStore(tmp_path) as store:
        assert (await store.bulk(bulk)).existing == len(names)
