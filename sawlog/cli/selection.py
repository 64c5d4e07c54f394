"""The options that `sawlog search`, `count` and `tail` share: which events, and of which store."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from sawlog.errors import QueryError, SawlogError
from sawlog.paths import default_data, index_directory
from sawlog.store import date_math
from sawlog.store.base import Store
from sawlog.times.instant import of_milliseconds

Command = TypeVar("Command", bound=Callable[..., Any])

_DURATION = re.compile(r"\d{1,9}(ms|s|m|h|d|w)")
_SPACED = re.compile(r"(\d{4}-\d\d-\d\d) (\d)")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events of which store."""

    query: str
    services: tuple[str, ...]
    levels: tuple[str, ...]
    since: int | None
    until: int | None
    data: Path
    elasticsearch: str | None
    index: str | None

    def clause(self) -> dict[str, Any]:
        """Return the Elasticsearch query clause."""
        filters: list[dict[str, Any]] = []
        if self.query.strip() not in {"", "*"}:
            filters.append({"query_string": {"query": self.query}})
        if self.services:
            filters.append({"terms": {"service.name": list(self.services)}})
        if self.levels:
            filters.append({"terms": {"log.level": [level.upper() for level in self.levels]}})
        limits = {side: _iso(at) for side, at in (("gte", self.since), ("lte", self.until)) if at is not None}
        if limits:
            filters.append({"range": {"@timestamp": limits}})
        return {"bool": {"filter": filters}} if filters else {"match_all": {}}

    def store(self) -> Store:
        """Return the store to ask, not open yet.

        Raises:
            SawlogError: nothing has been indexed in the data directory.
        """
        if self.elasticsearch is not None:
            from sawlog.store.credentials import elasticsearch  # noqa: PLC0415 - its client takes 0.3 s to load

            return elasticsearch(self.elasticsearch)
        from sawlog.store.embedded import EmbeddedStore  # noqa: PLC0415 - not needed for Elasticsearch

        directory = index_directory(self.data)
        if not directory.is_dir():
            raise SawlogError(f"nothing has been indexed in {self.data}; run `sawlog up`, or name another with --data")
        return EmbeddedStore(directory, read_only=True)


def selects(command: Command) -> Command:
    """Add the arguments to a command; `selection` makes the `Selection` of their values."""
    options = [
        click.argument("query", default="*"),
        click.option("--since", metavar="WHEN", help="15m, 2h or 7d ago; a time (ISO 8601, UTC); now-1h, now/d."),
        click.option("--until", metavar="WHEN", help="The same; both ends belong to the range."),
        click.option("--service", "services", multiple=True, metavar="NAME", help="Of this service; repeatable."),
        click.option("--level", "levels", multiple=True, metavar="LEVEL", help="Of this level; repeatable."),
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
    for option in reversed(options):
        command = option(command)
    return command


def selection(
    query: str,
    since: str | None,
    until: str | None,
    services: tuple[str, ...],
    levels: tuple[str, ...],
    data: Path | None,
    elasticsearch: str | None,
    index: str | None,
) -> Selection:
    """Make the selection of what the options of `selects` gave.

    Raises:
        SawlogError: a time cannot be understood.
    """
    now = int(time.time() * 1000)
    if data is not None:
        # Whoever names a directory does not mean the cluster that the environment names.
        source = click.get_current_context().get_parameter_source("elasticsearch")
        if source == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("give --data or --elasticsearch, not both")
        elasticsearch = None
    return Selection(
        query,
        services,
        levels,
        _instant("--since", since, now),
        _instant("--until", until, now, round_up=True),
        data or default_data(),
        elasticsearch,
        index,
    )


def _instant(option: str, text: str | None, now: int, *, round_up: bool = False) -> int | None:
    """Return the milliseconds that `text` means."""
    if text is None:
        return None
    words = text.strip()
    if _DURATION.fullmatch(words):
        words = f"now-{words}"
        if words.endswith("ms"):
            return now - int(words[4:-2])
    try:
        return date_math.resolve(_SPACED.sub(r"\1T\2", words), round_up=round_up, now=now)
    except QueryError:
        raise SawlogError(
            f"{option}: cannot understand {text!r}; write 15m, 2h, 7d, 2025-03-01T10:15:00Z or now-1h"
        ) from None


def _iso(milliseconds: int) -> str:
    try:
        return of_milliseconds(milliseconds)
    except ValueError as error:
        raise SawlogError(f"the time {error}") from None
