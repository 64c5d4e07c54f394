"""``sawlog store export`` and ``import``: documents of a store as a file, and of files into a store."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import IO, Any, Final, cast

import click

from sawlog.cli.lines import one_line
from sawlog.cli.selection import Selection, named_cluster, selection, selects
from sawlog.errors import SawlogError
from sawlog.paths import default_data, index_directory
from sawlog.store.base import DEFAULT_INDEX, Bulk, Hit, Store
from sawlog.store.delivery import Delivery
from sawlog.store.dump import Dumped, Unreadable, dumped, read_dump

DOCUMENTS: Final = 5_000
BYTES: Final = 8 << 20
"""So many documents, or about so many bytes of them, are imported at once."""
BLOCK: Final = 1 << 18


@click.command()
@selects
@click.option(
    "--bulk", "as_bulk", is_flag=True, help="As the body of a _bulk, which Elasticsearch or `sawlog ingest` takes."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Parquet if its name ends in .parquet, else JSON, compressed for .gz and .zst; not given: standard output.",
)
def export(as_bulk: bool, output: Path | None, **options: Any) -> None:
    """Write the documents that match QUERY, or all: JSON with _index, _id and _source, one a line, or Parquet.

    `sawlog store import` reads them. Another process may write to the index meanwhile: what comes later may be
    missing.
    """
    chosen = selection(**options)
    if as_bulk and output is not None and output.suffix == ".parquet":
        raise click.UsageError("--bulk is for JSON, not for Parquet")
    try:
        written = asyncio.run(_export(chosen, output, as_bulk=as_bulk))
    except OSError as error:
        raise SawlogError(f"{output or 'standard output'}: {error}") from error
    click.echo(f"{written} documents", err=True)


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Into the index of this data directory; default: $SAWLOG_DATA or the user's data directory.",
)
@click.option(
    "--elasticsearch",
    metavar="URL",
    envvar="SAWLOG_ELASTICSEARCH_URL",
    help="Into this cluster instead; credentials stand in $SAWLOG_ELASTICSEARCH_PASSWORD and its like.",
)
@click.option("--index", metavar="NAME", help="Into this data stream, whatever the files say.")
def import_(files: tuple[str, ...], data: Path | None, elasticsearch: str | None, index: str | None) -> None:
    """Index the documents of FILEs under the ids that they have: those that are there already stay as they are.

    Read are JSON and Parquet that `sawlog store export` has written, JSON of elasticdump, and bodies of a _bulk;
    compressed, too. - is standard input. What is no document, and what the store refuses, is told with its line; then
    the exit code is 1. After an interruption, import the same files again.
    """
    for path in files:
        if path != "-" and not Path(path).exists():
            raise click.UsageError(f"{one_line(path)} does not exist")
    imports = Imports(index)
    asyncio.run(_import(imports, files, _target(named_cluster(data, elasticsearch), data, index)))
    imports.tell_total()


class Imports:
    """Documents on their way from files into a store, and what became of them."""

    def __init__(self, index: str | None) -> None:
        self._index = index
        self._failed = 0
        self._created = 0
        self._existing = 0

    async def take(self, path: str, delivery: Delivery) -> None:
        """Bring the documents of one file into the store; what is wrong is told."""
        entries = _entries(path)
        reached, is_over = 0, False
        while not is_over:
            part: list[Dumped | Unreadable] = []
            try:
                await asyncio.to_thread(_read, entries, part)
                is_over = not part
            except (OSError, ValueError) as error:
                is_over = True
                reached = part[-1].place if part else reached
                words = (isinstance(error, OSError) and error.strerror) or str(error)
                part.append(Unreadable(reached + 1, f"from here on, nothing can be read: {words}"))
            wrong = [one for one in part if isinstance(one, Unreadable)]
            wrong += await self._deliver([one for one in part if isinstance(one, Dumped)], delivery)
            self._tell(path, wrong)
            reached = part[-1].place if part else reached

    def tell_total(self) -> None:
        """Say what became of all. Raises SawlogError if something was no document, or was refused."""
        click.echo(f"{self._created} documents indexed, {self._existing} were there", err=True)
        if self._failed:
            raise SawlogError(f"{self._failed} could not be imported")

    async def _deliver(self, part: list[Dumped], delivery: Delivery) -> list[Unreadable]:
        """Bring documents into the store; return what it does not take."""
        wrong: list[Unreadable] = []
        by_index: dict[str, list[Dumped]] = {}
        for one in part:
            index = self._index or one.index
            if index is None:
                wrong.append(Unreadable(one.place, "no _index is named; name one with --index"))
            else:
                by_index.setdefault(index, []).append(one)
        for index, some in by_index.items():
            size = sum(one.size for one in some)
            bulk = Bulk([one.id for one in some], [one.document for one in some], index, size=size)
            delivered = await delivery.deliver(bulk)
            self._created += delivered.created
            self._existing += delivered.existing
            wrong += [
                Unreadable(some[refusal.position].place, f"it is refused: {refusal.reason}")
                for refusal in delivered.refused
            ]
        return wrong

    def _tell(self, path: str, wrong: list[Unreadable]) -> None:
        self._failed += len(wrong)
        name = "standard input" if path == "-" else path
        for one in sorted(wrong, key=lambda one: one.place):
            click.echo(one_line(f"{name}:{one.place}: {one.reason}"), err=True)


async def _export(chosen: Selection, output: Path | None, *, as_bulk: bool) -> int:
    """Write what is chosen, and return how many documents it was."""
    async with chosen.store() as store, aclosing(_scan(chosen, store)) as parts:
        with ExitStack() as stack:
            if output is not None and output.suffix == ".parquet":
                from sawlog.store.embedded.table_file import write_table  # noqa: PLC0415 - slow to import

                told = _Told(parts, asyncio.get_running_loop())
                await asyncio.to_thread(write_table, stack.enter_context(output.open("wb")), told)
                return told.count
            file = _opened(output, stack)
            written = 0
            async for hits in parts:
                await asyncio.to_thread(file.write, dumped(hits, as_bulk=as_bulk))
                written += len(hits)
            return written


async def _scan(chosen: Selection, store: Store) -> AsyncGenerator[list[Hit], None]:
    async with aclosing(cast(Any, store.scan(chosen.clause(), index=chosen.index))) as found:
        async for hits in found:
            yield hits


class _Told:
    """Parts of hits that come from the event loop, for a thread."""

    def __init__(self, parts: AsyncIterator[list[Hit]], loop: asyncio.AbstractEventLoop) -> None:
        self._parts = parts
        self._loop = loop
        self.count = 0

    def __iter__(self) -> Iterator[list[Hit]]:
        while hits := asyncio.run_coroutine_threadsafe(self._next(), self._loop).result():
            self.count += len(hits)
            yield hits

    async def _next(self) -> list[Hit]:
        return await anext(self._parts, [])


def _opened(output: Path | None, stack: ExitStack) -> IO[bytes]:
    if output is None:
        return cast(IO[bytes], stack.enter_context(click.open_file("-", "wb")))
    plain = stack.enter_context(output.open("wb"))
    if output.suffix == ".gz":
        from isal import igzip  # noqa: PLC0415 - where it is needed

        # Its types are not told.
        opened: Any = igzip.open
        return cast(IO[bytes], stack.enter_context(opened(plain, "wb", compresslevel=1)))
    if output.suffix == ".zst":
        from shipper.archive import zstd  # noqa: PLC0415 - where it is needed

        return cast(IO[bytes], stack.enter_context(zstd().ZstdFile(plain, "w")))
    return plain


def _target(elasticsearch: str | None, data: Path | None, index: str | None) -> Store:
    """Return the store that takes the documents, not open yet; where there is no index, opening makes one."""
    if elasticsearch is not None:
        from sawlog.store.credentials import elasticsearch as cluster  # noqa: PLC0415 - its client takes 0.3 s to load

        return cluster(elasticsearch, index or DEFAULT_INDEX)
    from sawlog.store.embedded.store import EmbeddedStore  # noqa: PLC0415 - not needed for Elasticsearch
    from sawlog.store.embedded.upkeep import noted_retention  # noqa: PLC0415 - likewise

    directory = index_directory(data or default_data())
    return EmbeddedStore(directory, retention=noted_retention(directory))


async def _import(imports: Imports, files: tuple[str, ...], store: Store) -> None:
    async with store:
        delivery = Delivery(store)
        for path in files:
            await imports.take(path, delivery)


def _read(entries: Iterator[Dumped | Unreadable], part: list[Dumped | Unreadable]) -> None:
    """Read on, into `part`; nothing more is read when it stays empty. Raises OSError and ValueError."""
    size = 0
    for one in itertools.islice(entries, DOCUMENTS):
        part.append(one)
        size += one.size if isinstance(one, Dumped) else 0
        if size > BYTES:
            return


def _entries(path: str) -> Iterator[Dumped | Unreadable]:
    """Read what a file holds, whatever kind it is. Raises OSError and ValueError where it cannot be read."""
    from shipper.archive import Archive, ArchiveError, kind_of  # noqa: PLC0415 - only the command line knows the shipper

    with click.open_file(path, "rb") as opened:
        file = cast(IO[bytes], opened)
        seekable = file.seekable()
        head = os.pread(file.fileno(), 4, 0) if seekable else file.read(4)
        if head == b"PAR1":
            if not seekable:
                raise ValueError("Parquet is read from files alone")
            from sawlog.store.embedded.table_file import read_table  # noqa: PLC0415 - slow to import

            yield from itertools.chain.from_iterable(read_table(file))
            return
        kind = kind_of(head)
        if kind is None:
            blocks = iter(lambda: file.read(BLOCK), b"")
            yield from read_dump(blocks if seekable else itertools.chain([head], blocks), Path(path).name)
        elif seekable:
            yield from read_dump(iter(Archive(file.fileno(), kind).next, b""), Path(path).stem)
        else:
            raise ArchiveError("what is compressed is read from files alone")
