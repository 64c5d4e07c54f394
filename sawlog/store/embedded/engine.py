"""DuckDB, kept within bounds: so much memory, so many threads, so many searches at once, and files of one folder alone.

SQL comes from our own builders only, and values of users go in as parameters. Nothing is fetched from anywhere, and no
setting can be changed after opening. It is begun with the first search: 70 MB that who only writes does not need.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from arro3.core import Table

from sawlog.errors import QueryError, SawlogError, StoreBusyError, StoreError, StoreUnavailableError

if TYPE_CHECKING:
    import duckdb

MEMORY: Final = "512MB"
THREADS: Final = 2
MEMORY_ALONE: Final = "64MB"
"""What each of the databases has that answer with one thread; see `Session.together`."""
SHARED: Final = -1
"""The number of the database that all threads share."""
RUNNING: Final = 2
"""How many searches run at once, besides a quick one."""
WAITING: Final = 8
"""How many more wait for their turn; beyond, searches are refused."""
_NAME = re.compile(r"\$(p\d+)")
_ERRORS: Final = {"INTERRUPT": "InterruptException", "Out of Memory": "OutOfMemoryException", "IO Error": "IOException"}
"""What texts of DuckDB's errors have, and the errors that they are."""
_Answer = TypeVar("_Answer")


class Engine:
    """One DuckDB for the files in `directory`. Open it, ask it from one event loop, close it."""

    def __init__(
        self,
        directory: Path,
        *,
        memory: str = MEMORY,
        threads: int = THREADS,
        running: int = RUNNING,
        waiting: int = WAITING,
    ) -> None:
        self._directory = directory
        self._memory = memory
        self._threads = threads
        self._running = running
        self._most = running + waiting
        self._sessions: set[Session] = set()
        self._guard = threading.Lock()
        self._databases: dict[int, duckdb.DuckDBPyConnection] = {}
        """That of all threads is number `SHARED`; the others have one thread each."""
        self._pool: ThreadPoolExecutor | None = None
        self._quick: ThreadPoolExecutor | None = None
        """One thread for searches that end soon, which do not wait for long ones."""
        self._beside: ThreadPoolExecutor | None = None
        """Threads that take part of a search's work; those begun for it often got the core that it works on already."""

    def open(self) -> None:
        """Take searches."""
        self._pool = ThreadPoolExecutor(self._running, thread_name_prefix="sawlog-search")
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="sawlog-quick")
        self._beside = ThreadPoolExecutor(self._running + 1, thread_name_prefix="sawlog-beside")

    def close(self) -> None:
        """End the searches under way and let go of everything."""
        searching = [pool for pool in (self._pool, self._quick) if pool is not None]
        # What is under way may still need these.
        beside = [] if self._beside is None else [self._beside]
        self._pool = self._quick = self._beside = None
        sessions = list(self._sessions)
        for pool in searching:
            pool.shutdown(wait=False)
        while any(session.give_up() for session in sessions):
            time.sleep(0.01)
        for pool in searching + beside:
            pool.shutdown()
        for database in self._databases.values():
            database.close()
        self._databases = {}

    async def ask(self, question: Callable[[Session], _Answer], *, is_quick: bool = False) -> _Answer:
        """Answer a question in a thread; if the caller gives up, the work stops.

        One that `is_quick` has its turn beside the others.

        Raises:
            StoreBusyError: too many others wait already.
            QueryError: the question cannot be answered, or only with more memory than there is.
            StoreUnavailableError: a file cannot be read.
        """
        pool, beside = self._quick if is_quick else self._pool, self._beside
        if pool is None or beside is None:
            raise StoreError("the store is not open")
        if len(self._sessions) >= self._most:
            raise StoreBusyError(f"{len(self._sessions)} searches are under way or wait already: ask again in a moment")
        session = Session(self._cursor, beside)
        self._sessions.add(session)
        job = asyncio.get_running_loop().run_in_executor(pool, session.answer, question)
        job.add_done_callback(lambda _: self._sessions.discard(session))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            job.add_done_callback(_forgotten)
            _stop(session, job)
            raise

    def _cursor(self, number: int) -> duckdb.DuckDBPyConnection:
        with self._guard:
            if number not in self._databases:
                memory, threads = (self._memory, self._threads) if number == SHARED else (MEMORY_ALONE, 1)
                self._databases[number] = connection(self._directory, memory=memory, threads=threads)
            return self._databases[number].cursor()


class Session:
    """What one search works with: a cursor of its own, and the tables it has named."""

    def __init__(self, make: Callable[[int], duckdb.DuckDBPyConnection], beside: ThreadPoolExecutor) -> None:
        """`make` returns a cursor of the database with a number; queries run in the threads `beside`, too."""
        self._make = make
        self._beside = beside
        self._guard = threading.Lock()
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._helpers: list[duckdb.DuckDBPyConnection] = []
        """Cursors of queries that run beside this one's own."""
        self._named: dict[str, Table] = {}
        """The tables in memory."""
        self._is_given_up = False

    def answer(self, question: Callable[[Session], _Answer]) -> _Answer:
        """Answer a question here and now; see `Engine.ask`."""
        import duckdb  # noqa: PLC0415 - see the top

        try:
            with self._guard:
                if self._is_given_up:
                    raise StoreUnavailableError("the search was given up")
                self._cursor = self._make(SHARED)
            return question(self)
        except SawlogError:
            raise
        except duckdb.OutOfMemoryException as error:
            raise QueryError("the search needs more memory than it may have: narrow the time range") from error
        except duckdb.InterruptException as error:
            raise StoreUnavailableError("the search was given up") from error
        except (duckdb.IOException, OSError) as error:
            raise StoreUnavailableError(f"the index cannot be read: {error}") from error
        except (duckdb.Error, UnicodeError, OverflowError, RecursionError, ValueError) as error:
            raise QueryError(f"the index cannot answer this request: {error}") from error
        finally:
            self._end()

    def give_up(self) -> bool:
        """Stop; from any thread. Return whether work is going on still."""
        with self._guard:
            self._is_given_up = True
            for cursor in (self._cursor, *self._helpers):
                if cursor is not None:
                    cursor.interrupt()
            return self._cursor is not None

    def add(self, name: str, table: Table) -> None:
        """Name a table in memory."""
        self._named[name] = table
        self._ready().register(name, table)

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query; of `values` those are used that it names, as ``$p1``."""
        return self._run(sql, values).fetchall()

    def table(self, sql: str, values: Mapping[str, Any]) -> Table:
        """Return the rows of a query as a table; see `rows`."""
        used = {name: values[name] for name in _NAME.findall(sql)}
        return _table_of(self._ready().sql(sql, params=used))

    def together(self, queries: Sequence[str], values: Mapping[str, Any]) -> Table:
        """Return the rows of several queries, which have the same columns and run at the same time.

        Each has a database with one thread of its own. One database with two would divide each query's rows between
        these, and plan and open files in one of them: for some rows of each of a dozen files that takes half as
        long again, of the CPU too.
        """
        import duckdb  # noqa: PLC0415 - see the top

        if len(queries) == 1:
            return _copied(self._ready(), queries[0], values)
        try:
            parts = self._alone(queries, values)
        except duckdb.OutOfMemoryException:
            parts = [_copied(self._ready(), query, values) for query in queries]
        return Table.from_batches([batch for part in parts for batch in part.to_batches()], schema=parts[0].schema)

    def check_expression(self, pattern: str) -> None:
        """Raise QueryError where the database does not understand a regular expression."""
        import duckdb  # noqa: PLC0415 - see the top

        try:
            self._run("SELECT regexp_full_match('', $p0)", {"p0": pattern}).fetchall()
        except (duckdb.Error, UnicodeError) as error:
            shown = pattern if len(pattern) <= 100 else f"{pattern[:100]}…"
            reason = str(error).removeprefix("Invalid Input Error: ").replace("\n", " ")
            raise QueryError(f"the expression {shown!r} is not understood: {reason}") from error

    def _run(self, sql: str, values: Mapping[str, Any] | None) -> duckdb.DuckDBPyConnection:
        used = {name: values[name] for name in _NAME.findall(sql)} if values else {}
        return self._ready().execute(sql, used or None)

    def _alone(self, queries: Sequence[str], values: Mapping[str, Any]) -> list[Table]:
        others: list[Future[Table]] = []
        try:
            for number, query in enumerate(queries[1:], 1):
                others.append(self._beside.submit(self._run_alone, number, query, values))
            first = self._run_alone(0, queries[0], values)
        except BaseException:
            for job in others:
                job.cancel()
            with self._guard:
                for cursor in self._helpers:
                    cursor.interrupt()
            raise
        finally:
            wait(others)
        return [first, *(job.result() for job in others)]

    def _run_alone(self, number: int, sql: str, values: Mapping[str, Any]) -> Table:
        """Run a query on a cursor of its own, of the database with this number."""
        with self._guard:
            if self._is_given_up:
                raise StoreUnavailableError("the search was given up")
            cursor = self._make(number)
            self._helpers.append(cursor)
        try:
            for name, table in self._named.items():
                cursor.register(name, table)
            return _copied(cursor, sql, values)
        finally:
            with self._guard:
                self._helpers.remove(cursor)
                cursor.close()

    def _end(self) -> None:
        """Let go of the cursor."""
        with self._guard:
            cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()

    def _ready(self) -> duckdb.DuckDBPyConnection:
        if self._is_given_up or self._cursor is None:
            raise StoreUnavailableError("the search was given up")
        return self._cursor


def connection(directory: Path, *, memory: str = MEMORY, threads: int = THREADS) -> duckdb.DuckDBPyConnection:
    """Open a database that reads the files in `directory` and nothing else."""
    import duckdb  # noqa: PLC0415 - see the top

    made = duckdb.connect(":memory:", config={"threads": threads, "memory_limit": memory})
    folder = str(directory.resolve()).rstrip("/") + "/"
    quoted = folder.replace("'", "''")
    for setting in (
        f"allowed_directories = ['{quoted}']",
        *("temp_directory = ''", "TimeZone = 'UTC'", "preserve_insertion_order = false"),
        *("autoinstall_known_extensions = false", "autoload_known_extensions = false"),
        *("python_enable_replacements = false", "parquet_metadata_cache = true"),
        # The system has the files in memory. To read ahead, and to keep a second copy, took a fifth of what it takes to
        # fetch some rows here and there.
        *("disable_parquet_prefetching = true", "enable_external_file_cache = false"),
        *("enable_external_access = false", "lock_configuration = true"),
    ):
        # Each search has a cursor, and what is not set globally is not set there.
        made.execute(f"SET GLOBAL {setting}")
    return made


def _copied(cursor: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> Table:
    # To make an Arrow table of a query plans it twice; of a table, that costs nothing.
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE copied AS {sql}", {name: values[name] for name in _NAME.findall(sql)})
    try:
        return _table_of(cursor.sql("FROM copied"))
    finally:
        cursor.execute("DROP TABLE copied")


def _table_of(relation: duckdb.DuckDBPyRelation) -> Table:
    """Return the rows of a query. Raises what DuckDB raises, which Arrow's interface makes text alone of."""
    import duckdb  # noqa: PLC0415 - see the top

    try:
        return Table.from_arrow(relation)
    except duckdb.Error:
        raise
    except Exception as error:
        for beginning, kind in _ERRORS.items():
            if beginning in str(error):
                raise getattr(duckdb, kind)(str(error)) from error
        raise


def literals(numbers: Sequence[int]) -> str:
    """Write numbers as a list of SQL."""
    return ", ".join(map(str, numbers))


def _stop(session: Session, job: asyncio.Future[Any]) -> None:
    """Have a search stop, and say so again: an interruption that comes just before a query begins is not heard."""
    if not job.done():
        session.give_up()
        asyncio.get_running_loop().call_later(0.05, _stop, session, job)


def _forgotten(job: asyncio.Future[Any]) -> None:
    if not job.cancelled():
        job.exception()
