"""The protocol of a store: create documents in bulk with a verdict for each, and search them.

Requests and answers of `Store.search` have the shape of Elasticsearch's ``_search`` (the subset that each store
documents), so that the page, the command line and Kibana ask alike.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from sawlog.columns import ColumnDocuments, Columns, Names, joined
from sawlog.event import METADATA, Event, mark_ingested
from sawlog.times.instant import now

DEFAULT_INDEX = "logs-spring-default"
"""The data stream that events go to when nobody says otherwise."""

Clause = dict[str, Any]
"""One clause of a query, as Elasticsearch has it: ``{"term": {"log.level": "ERROR"}}``."""

Hit = dict[str, Any]
"""One hit as a ``_search`` answers it: ``_id``, ``_index``, ``_source`` (if wanted) and ``sort``."""

DOCUMENT_BYTES = 400
"""About how many bytes a document has besides its message."""


def order(*, descending: bool = False) -> list[dict[str, Any]]:
    """Return the ``sort`` of events as they were written: by time, then by file, then by the place in it.

    Descending is the same order from its other end: what has no file or no offset is the first of its time going up,
    and the last going down.
    """
    types = {"@timestamp": "date", "log.file.path": "keyword", "log.offset": "long"}
    way = {"order": "desc", "missing": "_last"} if descending else {"order": "asc", "missing": "_first"}
    return [{name: {**way, "unmapped_type": kind}} for name, kind in types.items()]


@dataclass(slots=True)
class Bulk:
    """Documents to create in one request; `ids` and `documents` run side by side.

    Elasticsearch knows other actions too (``index``, ``update``, ``delete``), and what stands beside the id in an
    action line (`metadata`, side by side with the ids: ``routing``, ``pipeline``, ``version``). The body of an update
    stands in `documents` as it is sent; a document that is deleted is not sent.

    `documents` are events without ``@metadata``; they may be columns still (`sawlog.columns.ColumnDocuments`), of which
    dictionaries are made when one asks. `source` is the key of the one source that all of them come
    from, in offset order, or None when they do not; stores use it to skip look-ups, never for correctness of
    documents without it.
    """

    ids: Sequence[str]
    documents: Sequence[Event]
    index: str = DEFAULT_INDEX
    source: str | None = None
    size: int = 0
    """About how many bytes the documents have."""
    action: str = "create"
    metadata: Sequence[Mapping[str, Any]] | None = None

    @staticmethod
    def of(events: Sequence[Event], index: str = DEFAULT_INDEX, *, source: str | None = None, size: int = 0) -> Bulk:
        """Make the bulk that creates these events, which are used up: their ``@metadata`` is taken off.

        Columns stay columns. Adds ``event.ingested`` (ECS). An event without an `_id` gets a random one: it can then be
        delivered twice.
        """
        if isinstance(events, Columns):
            return Bulk.of_columns(events, index, source=source, ingested=now())
        events = list(events)
        ids: list[str] = []
        for event in events:
            metadata = event.pop(METADATA, None)
            ids.append((metadata and metadata.get("_id")) or uuid.uuid4().hex)
        mark_ingested(events)
        return Bulk(ids, events, index, source, size)

    @staticmethod
    def of_columns(
        columns: Columns,
        index: str,
        *,
        source: str | None = None,
        ingested: str | None = None,
        added: Event | None = None,
    ) -> Bulk:
        """Make the bulk that creates what columns hold, as `ColumnDocuments` says."""
        size = columns.size + DOCUMENT_BYTES * len(columns)
        return Bulk(Names(columns), ColumnDocuments(columns, ingested, added), index, source, size)

    def part(self, positions: Sequence[int]) -> Bulk:
        """Return the bulk of the documents at these positions, in their order."""
        ids: Sequence[str]
        documents: Sequence[Event]
        if isinstance(self.documents, ColumnDocuments):
            columns = self.documents.columns.take(positions)
            ids, documents = Names(columns), self.documents.of(columns)
        else:
            ids = [self.ids[position] for position in positions]
            documents = [self.documents[position] for position in positions]
        return replace(
            self,
            ids=ids,
            documents=documents,
            metadata=None if self.metadata is None else [self.metadata[position] for position in positions],
            size=self.size * len(positions) // max(1, len(self.ids)),
        )

    @staticmethod
    def merged(bulks: Sequence[Bulk]) -> Bulk:
        """Put bulks for one index and action together, in order."""
        first = bulks[0]
        if len(bulks) == 1:
            return first
        ids: Sequence[str]
        documents: Sequence[Event]
        columns = [bulk.documents for bulk in bulks if isinstance(bulk.documents, ColumnDocuments)]
        if len(columns) == len(bulks) and all(one.added == columns[-1].added for one in columns):
            whole = joined([one.columns for one in columns])
            ids, documents = Names(whole), columns[-1].of(whole)
        else:
            ids = [name for bulk in bulks for name in bulk.ids]
            documents = [document for bulk in bulks for document in bulk.documents]
        beside = any(bulk.metadata is not None for bulk in bulks)
        return replace(
            first,
            ids=ids,
            documents=documents,
            metadata=[one for bulk in bulks for one in bulk.metadata or [{}] * len(bulk.ids)] if beside else None,
            source=first.source if len({bulk.source for bulk in bulks}) == 1 else None,
            size=sum(bulk.size for bulk in bulks),
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """The store's verdict on one document that it did not take. `position` counts from 0 in the bulk.

    `status` is as in Elasticsearch's bulk answer: 429 and 5xx are worth another try, other 4xx are final.
    """

    position: int
    status: int
    type: str
    reason: str

    @property
    def temporary(self) -> bool:
        """Whether the same document may be taken later."""
        return self.status == 429 or self.status >= 500


@dataclass(slots=True)
class BulkResult:
    """`created` documents are new, `existing` were there already under their id; both are durable."""

    created: int = 0
    existing: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoredField:
    """A field that documents have; `type` is Elasticsearch's, the widest of a kind: text, keyword, long, double, date…

    Where documents differ, it is keyword or, in Elasticsearch, "conflict".
    """

    name: str
    type: str
    is_aggregatable: bool
    """Whether hits can be put into buckets by it."""


class Store(ABC):
    """Where documents live. Open it, use it from one event loop, close it; `async with` does both ends."""

    @property
    def set_aside(self) -> Sequence[str]:
        """What the store has on this machine's disk that was damaged, and that no search finds any more."""
        return ()

    @abstractmethod
    async def open(self) -> None:
        """Make the store ready to take documents.

        Raises:
            StoreUnavailableError: it cannot be reached now.
            StoreError: it can be reached but not be used (credentials, version, a damaged directory).
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything; documents of a bulk that was answered stay."""

    @abstractmethod
    async def bulk(self, bulk: Bulk) -> BulkResult:
        """Create the documents and return when those taken are durable; several calls may be under way.

        A document whose id exists counts as `existing` and is not changed.

        Raises:
            StoreUnavailableError: no verdict was given; send the same bulk again.
            StoreError: the request as a whole is refused for good.
        """

    @abstractmethod
    async def search(self, request: dict[str, Any], index: str | None = None) -> dict[str, Any]:
        """Answer an Elasticsearch ``_search`` body with a body of the same shape as Elasticsearch's.

        Clauses that every store knows: ``bool`` (must, filter, should, must_not), ``query_string``,
        ``match_all``, ``match``, ``match_phrase``, ``term``, ``terms``, ``range``, ``exists``, ``prefix``,
        ``wildcard``, ``ids``; ``size``, ``from``, ``sort``, ``track_total_hits``, ``_source``; aggregations
        ``terms``, ``date_histogram`` (``fixed_interval``, ``min_doc_count``, ``extended_bounds``), ``filter``,
        ``filters``, ``min``, ``max``, ``avg``, ``sum``, ``value_count``, ``cardinality``, ``percentiles``, and their
        nesting; ``runtime_mappings`` of `sawlog.store.differences`, where the store can compute them.

        Raises:
            QueryError: the request is malformed, or holds a clause that this store does not offer.
            StoreUnavailableError: try again later.
        """

    @abstractmethod
    async def count(self, query: dict[str, Any], index: str | None = None) -> int:
        """Count the documents that match one query clause, exactly. Raises as `search` does."""

    @abstractmethod
    def scan(
        self,
        query: Clause,
        *,
        descending: bool = False,
        source: bool | list[str] = True,
        limit: int | None = None,
        index: str | None = None,
    ) -> AsyncIterator[list[Hit]]:
        """Go through all hits of a query, each once, in the `order` of events; those of one place by the store's own.

        Yields lists of some thousand hits. However many there are, what was passed is not read again, and no more than
        a few lists are in memory. What is indexed meanwhile may be found, or not. `source` and `limit` are as
        ``_source`` and ``size`` of `search`, of which all limits do not hold here. Raises as `search` does.
        """

    @abstractmethod
    async def fields(self, index: str | None = None) -> list[StoredField]:
        """Return the fields that documents may have, by their names; objects are none. Raises as `search` does."""

    @abstractmethod
    async def refresh(self) -> None:
        """Make all documents of answered bulks visible to `search`."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()
