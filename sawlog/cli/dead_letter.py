"""``sawlog dead-letter``: look at the documents that were refused, send them again, or remove them."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections import deque
from pathlib import Path

import click
import msgspec

from sawlog.cli.lines import escape
from sawlog.dead_letter import DIRECTORY, DeadLetter, DeadLetters, dead_letters_of, read
from sawlog.errors import SawlogError
from sawlog.paths import default_data, index_directory
from sawlog.store.base import Bulk, Store
from sawlog.store.delivery import Delivery, DeliveryCounters

CHUNK = 1_000

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data,
    help="Data directory of sawlog.",
)


@click.group("dead-letter")
def dead_letter() -> None:
    """List, show, replay or purge the documents that the store refused."""


@dead_letter.command("list")
@data_option
@click.option("--size", default=50, show_default=True, help="How many of the newest to list; 0 lists all.")
def list_letters(data: Path, size: int) -> None:
    """List time, status, id and reason, one document a line, oldest first."""
    # The newest alone are kept: all together may be many times as large in memory as on disk.
    newest: deque[DeadLetter] = deque(maxlen=size or None)
    count = 0
    for letter in _letters(data):
        newest.append(letter)
        count += 1
    for letter in newest:
        click.echo(
            escape(f"{letter.time}  {letter.stage} {letter.status}  {letter.id}  {letter.reason}").replace("\n", r"\n")
        )
    click.echo(f"{count} dead letters", err=True)


@dead_letter.command()
@data_option
@click.argument("ids", nargs=-1)
def show(data: Path, ids: tuple[str, ...]) -> None:
    """Print the letters with these IDS, or all, whole, one JSON document a line."""
    for letter in _letters(data):
        if not ids or letter.id in ids:
            # All but ASCII is escaped, so that a hostile document cannot steer the terminal.
            click.echo(json.dumps(msgspec.to_builtins(letter)))


@dead_letter.command()
@data_option
@click.confirmation_option(prompt="Remove all dead letters?")
def purge(data: Path) -> None:
    """Remove all dead letters."""
    click.echo(f"{_letters(data).purge()} dead letters removed")


@dead_letter.command()
@data_option
@click.option(
    "--elasticsearch",
    "url",
    metavar="URL",
    envvar="SAWLOG_ELASTICSEARCH_URL",
    help="Send them to this Elasticsearch instead of the embedded store.",
)
def replay(data: Path, url: str | None) -> None:
    """Send all dead letters to the store again; those refused again stay."""
    letters = _letters(data)
    with letters.replaying():
        counters = asyncio.run(_replay(letters, _store(data, url)))
    click.echo(f"{counters.created} indexed, {counters.existing} were there, {counters.refused} refused again")


def _letters(data: Path) -> DeadLetters:
    return DeadLetters(data / DIRECTORY)


def _store(data: Path, url: str | None) -> Store:
    if url is not None:
        from sawlog.store.credentials import elasticsearch  # noqa: PLC0415 - slow to import

        return elasticsearch(url)
    from sawlog.store.embedded.store import EmbeddedStore  # noqa: PLC0415 - slow to import

    directory = index_directory(data)
    if not directory.is_dir():
        # An index that is made now is none that anybody looks at, and the letters would be gone.
        raise SawlogError(f"{data} has no embedded index to send them to; name the cluster with --elasticsearch")
    return EmbeddedStore(directory)


async def _replay(letters: DeadLetters, store: Store) -> DeliveryCounters:
    async with store:
        delivery = Delivery(store)
        for segment in letters.take():
            alike = itertools.groupby(read(segment), key=lambda letter: (letter.index, letter.action))
            for _, group in alike:
                while chunk := list(itertools.islice(group, CHUNK)):
                    bulk = _bulk(chunk)
                    delivered = await delivery.deliver(bulk)
                    await letters.keep(dead_letters_of(bulk, delivered.refused))
            # Only now: a crash before it replays the segment again, and what is there already is no harm.
            letters.drop(segment)
    return delivery.counters


def _bulk(letters: list[DeadLetter]) -> Bulk:
    """Make a bulk of letters of one index and action."""
    documents = [letter.document for letter in letters]
    return Bulk(
        [letter.id or _id(letter) for letter in letters],
        documents,
        letters[0].index,
        size=len(msgspec.json.encode(documents)),
        action=letters[0].action,
        metadata=[letter.metadata for letter in letters] if any(letter.metadata for letter in letters) else None,
    )


def _id(letter: DeadLetter) -> str:
    """Make an id for an event that had none, the same one when a replay was broken off and begins again."""
    return hashlib.blake2b(msgspec.json.encode(letter), digest_size=16).hexdigest()
