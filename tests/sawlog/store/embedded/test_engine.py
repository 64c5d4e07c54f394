"""What a search may take: work that is given up stops, others are told to wait, and nothing but the folder is read."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from arro3.core import Array, DataType, Table

from sawlog.errors import QueryError, StoreBusyError, StoreUnavailableError
from sawlog.store.embedded import engine as embedded_engine
from sawlog.store.embedded.engine import Engine, Session, connection

ENDLESS = "SELECT count(*) FROM range(1000000000000) a(i) WHERE hash(i) % 7 = 3"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(tmp_path, memory="64MB", threads=2, running=2, waiting=1)
    engine.open()
    yield engine
    await asyncio.to_thread(engine.close)


def asking(sql: str, values: dict[str, Any] | None = None) -> Callable[[Session], list[tuple[Any, ...]]]:
    return lambda session: session.rows(sql, values)


def asking_for_a_table(sql: str, values: dict[str, Any] | None = None) -> Callable[[Session], Any]:
    return lambda session: session.table(sql, values or {})


def asking_beside(sql: str) -> Callable[[Session], Any]:
    return lambda session: session.together(["SELECT 1::BIGINT AS count", sql], {})


def asking_before(sql: str) -> Callable[[Session], Any]:
    return lambda session: session.together([sql, "SELECT 1::BIGINT AS count"], {})


@pytest.mark.parametrize(
    "way", [asking, asking_for_a_table, asking_beside, asking_before], ids=lambda way: way.__name__
)
async def test_a_search_that_is_given_up_stops(engine: Engine, way: Callable[[str], Callable[[Session], Any]]) -> None:
    for _ in range(5):
        # On a busy machine, those before may not have heard yet that they are given up.
        with pytest.raises((TimeoutError, StoreBusyError)):
            async with asyncio.timeout(0.05):
                await engine.ask(way(ENDLESS))
    # All threads are free again, else this would never be answered.
    async with asyncio.timeout(60):
        while True:
            try:
                assert await engine.ask(asking("SELECT 1")) == [(1,)]
                break
            except StoreBusyError:
                await asyncio.sleep(0.01)


async def test_several_queries_at_once_are_one_table_as_long_as_the_search_lasts(engine: Engine) -> None:
    in_memory = Table.from_arrays([Array([1_000], DataType.int64())], names=["i"])
    queries = ["SELECT i FROM range(3) a(i)", "SELECT i FROM range(10, 40) a(i) WHERE i > $p0", "SELECT i FROM live"]

    def question(session: Session) -> tuple[int, list[tuple[Any, ...]]]:
        session.add("live", in_memory)
        found = session.together(queries, {"p0": 19, "p1": "of no query"})
        session.add("all_of_them", found)
        return found.num_rows, session.rows("SELECT count(*), sum(i) FROM all_of_them")

    tables = "SELECT count(*) FROM duckdb_tables()"
    for _ in range(2):
        found = await asyncio.gather(engine.ask(question), engine.ask(question))
        assert list(found) == [(24, [(24, 3 + sum(range(20, 40)) + 1000)])] * 2
    assert await engine.ask(asking(tables)) == [(0,)]
    for way in (asking_beside, asking_before):
        with pytest.raises(QueryError, match="nowhere"):
            await engine.ask(way("SELECT * FROM nowhere"))
    assert await engine.ask(asking(tables)) == [(0,)]


async def test_what_is_too_large_for_one_thread_has_the_memory_of_all(engine: Engine) -> None:
    large = "SELECT repeat('x', 1_000_000) || i AS text FROM range(20) a(i)"
    small = "SELECT 'y' AS text"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(embedded_engine, "MEMORY_ALONE", "8MB")
        found = await engine.ask(lambda session: session.together([large, small], {}))
    assert found.num_rows == 21


async def test_what_is_too_much_at_once_is_refused_at_once(engine: Engine) -> None:
    asked = [asyncio.create_task(engine.ask(asking(ENDLESS))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreBusyError, match="3 searches"):
        await engine.ask(asking("SELECT 1"))
    for task in asked:
        task.cancel()
    assert all(isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*asked, return_exceptions=True))


async def test_a_quick_one_does_not_wait_for_slow_ones(engine: Engine) -> None:
    slow = [asyncio.create_task(engine.ask(asking(ENDLESS))) for _ in range(2)]
    async with asyncio.timeout(60):
        assert await engine.ask(asking("SELECT 1"), is_quick=True) == [(1,)]
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


@pytest.mark.parametrize(
    "way", [asking, asking_for_a_table, asking_beside, asking_before], ids=lambda way: way.__name__
)
async def test_closing_ends_what_runs(tmp_path: Path, way: Callable[[str], Callable[[Session], Any]]) -> None:
    engine = Engine(tmp_path)
    engine.open()
    task = asyncio.create_task(engine.ask(way(ENDLESS)))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(engine.close)
    with pytest.raises(StoreUnavailableError):
        await task


@pytest.mark.parametrize("way", [asking, asking_for_a_table])
async def test_too_little_memory_is_an_answer(engine: Engine, way: Callable[[str], Callable[[Session], Any]]) -> None:
    with pytest.raises(QueryError, match="memory"):
        await engine.ask(way("SELECT list(hash(i)) FROM range(100000000) a(i)"))
    assert await engine.ask(asking("SELECT 1")) == [(1,)]


async def test_an_expression_that_is_none_is_explained(engine: Engine) -> None:
    with pytest.raises(QueryError, match=r"'\(a' is not understood"):
        await engine.ask(lambda session: session.check_expression("(a"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/made-by-sql.csv'",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "ATTACH '/tmp/made-by-sql.db'",
    ],
)
def test_nothing_else_is_read_and_nothing_is_set(tmp_path: Path, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        connection(tmp_path).execute(sql)


def test_objects_of_python_are_no_tables(tmp_path: Path) -> None:
    secret = [time.time()]
    assert secret
    with pytest.raises(duckdb.Error):
        connection(tmp_path).execute("SELECT * FROM secret")


def test_a_search_has_the_settings_of_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for a connection alone does not hold for the cursors, of which each search has one."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        made = connection(tmp_path)
        asked = "SELECT current_setting($1)"
        for name, value in (
            ("TimeZone", "UTC"),
            ("parquet_metadata_cache", True),
            ("disable_parquet_prefetching", True),
            ("python_enable_replacements", False),
            ("preserve_insertion_order", False),
            ("enable_external_access", False),
            ("lock_configuration", True),
        ):
            assert made.cursor().execute(asked, [name]).fetchall() == [(value,)], name
        assert made.cursor().execute("SELECT '2025-03-01 12:00'::TIMESTAMPTZ::VARCHAR").fetchall() == [
            ("2025-03-01 12:00:00+00",)
        ]
        made.close()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_interruption_while_rows_become_a_table_is_one(tmp_path: Path) -> None:
    with connection(tmp_path) as database:
        cursor = database.cursor()
        over = threading.Event()

        def interrupt() -> None:
            while not over.wait(0.02):
                cursor.interrupt()

        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        try:
            with pytest.raises(duckdb.InterruptException):
                embedded_engine._table_of(cursor.sql("SELECT range FROM range(100000000000)"))
        finally:
            over.set()
            interrupting.join()
