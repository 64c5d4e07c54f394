"""embedded: events to the embedded store, in a directory of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from sawlog.columns import Columns
from sawlog.errors import StoreError
from sawlog.event import Event
from sawlog.paths import default_data, index_directory
from sawlog.store.base import DEFAULT_INDEX, Bulk, Refusal, Store
from sawlog.store.delivery import Delivery
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.retention import Retention, retention_of


class Embedded(Output):
    """Not a plugin of Logstash's: creates each event under its `_id`, once; what is there already stays."""

    name = "embedded"
    options: ClassVar[dict[str, Option]] = {
        "path": Option(Kind.PATH, "The data directory, as of --data; the usual place if not given."),
        "retention": Option(Kind.STRING, "What is kept: 30d, 50GB, or both, 30d,50GB; not given: everything."),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._path = Path(options["path"]) if options["path"] else None
        self._retention = _retention(options)
        self._store: EmbeddedStore | None = None
        self._delivery: Delivery | None = None

    @property
    def set_aside(self) -> Sequence[str]:  # noqa: D102 - Output.set_aside
        return self._store.set_aside if self._store is not None else ()

    @property
    def store(self) -> Store | None:  # noqa: D102 - Output.store
        return self._store

    async def open(self) -> None:  # noqa: D102 - Output.open
        self._store = EmbeddedStore(index_directory(self._path or default_data()), retention=self._retention)
        await self._store.open()
        self._delivery = Delivery(self._store, tell=self._tell)

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        if self._delivery is None:
            raise StoreError("the store is not open")
        # Making a bulk takes the events' metadata off, which other outputs need.
        bulk = Bulk.of(events if isinstance(events, Columns) else [dict(event) for event in events])
        return (await self._delivery.deliver(bulk)).refused

    def _tell(self, problem: str | None) -> None:
        self.problem = problem

    def index_of(self, event: Event) -> str:  # noqa: D102 - Output.index_of
        return DEFAULT_INDEX

    async def close(self) -> None:  # noqa: D102 - Output.close
        store, self._store, self._delivery = self._store, None, None
        if store is not None:
            await store.close()


def _retention(options: Options) -> Retention | None:
    if options["retention"] is None:
        return None
    try:
        return retention_of(options["retention"])
    except ValueError as error:
        raise options.error(f"'retention' {error}", "retention") from None
