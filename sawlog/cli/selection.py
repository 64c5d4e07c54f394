"""The options that `sawlog search`, `count`, `top` and their like share: which events, and of which store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, TypeVar

import click

from sawlog.cli.lines import escape
from sawlog.errors import QueryError, SawlogError
from sawlog.paths import default_data, index_directory
from sawlog.search import times
from sawlog.search.filters import FieldFilter
from sawlog.search.hints import hints
from sawlog.search.language import marked
from sawlog.search.question import Question
from sawlog.store.base import Clause, Store

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events of which store; `zone` is the clock that is read and shown, `zone_named` if somebody said so."""

    question: Question
    data: Path
    elasticsearch: str | None
    zone: tzinfo
    zone_named: bool = False

    @property
    def index(self) -> str | None:
        """The data stream or index that is asked, None for all."""
        return self.question.index

    def clause(self) -> Clause:
        """Return the Elasticsearch query clause."""
        return self.question.clause()

    def store(self) -> Store:
        """Return the store to ask, not open yet.

        Raises:
            SawlogError: nothing has been indexed in the data directory.
        """
        if self.elasticsearch is not None:
            from sawlog.store.credentials import elasticsearch  # noqa: PLC0415 - its client takes 0.3 s to load

            return elasticsearch(self.elasticsearch)
        from sawlog.store.embedded.store import EmbeddedStore  # noqa: PLC0415 - not needed for Elasticsearch

        directory = index_directory(self.data)
        if not directory.is_dir():
            raise SawlogError(f"nothing has been indexed in {self.data}; run `sawlog up`, or name another with --data")
        return EmbeddedStore(directory, read_only=True)

    async def reasons(self, store: Store) -> list[str]:
        """Return lines that say why nothing matches."""
        return [f"  {escape(hint.text)}" for hint in await hints(store, self.question)]


def selects(command: Command) -> Command:
    """Add the arguments to a command; `selection` makes the `Selection` of their values."""
    options = [click.argument("query", default="*"), *_options()]
    for option in reversed(options):
        command = option(command)
    return command


def asks_store(command: Command) -> Command:
    """Add the options that say which store is asked, and the zone."""
    for option in reversed(_store_options()):
        command = option(command)
    return command


def _options() -> list[Callable[[Any], Any]]:
    return [
        click.option("--kql", "language", flag_value="kql", help="QUERY is KQL, whatever it looks like."),
        click.option("--lucene", "language", flag_value="lucene", help="QUERY has Lucene's syntax."),
        click.option(
            "--since", metavar="WHEN", help="15m, 2h or 7d ago; 'yesterday 14:00'; 10:15; a time (ISO 8601); now-1h/h."
        ),
        click.option("--until", metavar="WHEN", help="The same; both ends belong to the range."),
        click.option("--service", "services", multiple=True, metavar="NAME", help="Of this service; repeatable."),
        click.option("--level", "levels", multiple=True, metavar="LEVEL", help="Of this level; repeatable."),
        *_store_options(),
    ]


def _store_options() -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--zone",
            metavar="NAME",
            help="The clock of times that name no zone, and of those shown on a terminal: Europe/Lisbon, UTC;"
            " default: this machine's.",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            help="Where `sawlog up` keeps the index; default: $SAWLOG_DATA or the user's data directory.",
        ),
        click.option(
            "--elasticsearch",
            metavar="URL",
            envvar="SAWLOG_ELASTICSEARCH_URL",
            help="Ask this cluster instead; credentials stand in $SAWLOG_ELASTICSEARCH_PASSWORD and its like.",
        ),
        click.option("--index", metavar="NAME", help="Only this data stream or index; * is a wildcard."),
    ]


def selection(
    query: str = "*",
    language: str | None = None,
    since: str | None = None,
    until: str | None = None,
    services: tuple[str, ...] = (),
    levels: tuple[str, ...] = (),
    zone: str | None = None,
    data: Path | None = None,
    elasticsearch: str | None = None,
    index: str | None = None,
) -> Selection:
    """Make the selection of what the options of `selects` gave.

    Raises:
        QueryError: the query is malformed, which is shown in its place, or a time or zone is not understood.
    """
    elasticsearch = named_cluster(data, elasticsearch)
    clock = times.zone_of(zone or "local")
    start, end = _range(since, until, clock)
    filters = []
    if services:
        filters.append(FieldFilter("service.name", "is", services))
    if levels:
        filters.append(FieldFilter("log.level", "is", tuple(level.upper() for level in levels)))
    question = Question(query, language or "auto", tuple(filters), start, end, zone or "local", index)
    _check(question)
    return Selection(question, data or default_data(), elasticsearch, clock, zone is not None)


def named_cluster(data: Path | None, elasticsearch: str | None) -> str | None:
    """Return the cluster that the options `--data` and `--elasticsearch` mean, None for the embedded index.

    Raises:
        UsageError: both were given.
    """
    if data is None:
        return elasticsearch
    # Whoever names a directory does not mean the cluster that the environment names.
    source = click.get_current_context().get_parameter_source("elasticsearch")
    if source == click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("give --data or --elasticsearch, not both")
    return None


def _check(question: Question) -> None:
    try:
        question.reading()
    except QueryError as error:
        raise QueryError(escape(marked(question.query, error))) from None


def _range(since: str | None, until: str | None, zone: tzinfo) -> tuple[int | None, int | None]:
    for option, text in (("--since", since), ("--until", until)):
        if text is not None:
            try:
                times.read(text, zone)
            except QueryError as error:
                raise QueryError(f"{option}: {escape(str(error))}") from None
    return times.read_range(since, until, zone)
