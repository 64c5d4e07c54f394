"""``_bulk``: documents are created; what is there stays as it is, as in a data stream."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from dashboards.web import bodies
from sawlog.errors import QueryError
from sawlog.event import Event, mark_ingested
from sawlog.store.base import DEFAULT_INDEX, Bulk, Store

MOST: Final = 10_000
"""Documents of one request."""

BulkItem = dict[str, dict[str, Any]]
"""What became of one action: ``{"create": {"_index", "_id", "status", …}}``."""


@dataclass(slots=True)
class _Action:
    verb: str
    index: str
    name: str
    document: Event


async def take(store: Store, text: bytes, index: str | None) -> list[BulkItem]:
    """Create the documents of a bulk body, and say what became of each, in order.

    Raises:
        QueryError: the body is none, has too many documents, or would change some.
        StoreError: the store takes nothing.
    """
    actions = _read(text, index or DEFAULT_INDEX)
    items: list[BulkItem | None] = [None] * len(actions)
    for name in dict.fromkeys(action.index for action in actions):
        places = [place for place, action in enumerate(actions) if action.index == name]
        there = await _there(store, [actions[place].name for place in places], name)
        fresh = []
        for place in places:
            action = actions[place]
            if action.name in there:
                reason = f"[{action.name}]: version conflict, document already exists"
                items[place] = _refused(action, 409, "version_conflict_engine_exception", reason)
            else:
                there.add(action.name)
                fresh.append(place)
        mark_ingested([actions[place].document for place in fresh])
        bulk = Bulk([actions[place].name for place in fresh], [actions[place].document for place in fresh], name)
        refusals = {one.position: one for one in (await store.bulk(bulk)).refused} if fresh else {}
        for position, place in enumerate(fresh):
            action, refusal = actions[place], refusals.get(position)
            items[place] = (
                _created(action) if refusal is None else _refused(action, refusal.status, refusal.type, refusal.reason)
            )
    return [item for item in items if item is not None]


def _read(text: bytes, index: str) -> list[_Action]:
    actions: list[_Action] = []
    lines = [line for line in text.splitlines() if line.strip()]
    at = 0
    while at < len(lines):
        action = bodies.decode(lines[at])
        verb = next(iter(action), "")
        about = action.get(verb)
        if len(action) != 1 or verb not in {"create", "index"} or not isinstance(about, dict):
            raise QueryError(f'line {at + 1}: expected {{"create": {{…}}}}; documents are neither changed nor deleted')
        if at + 1 == len(lines):
            raise QueryError(f"line {at + 1}: the document is missing after it")
        name = about.get("_id")
        if name is not None and (not isinstance(name, str) or not name):
            raise QueryError(f"line {at + 1}: '_id' is not a text")
        where = str(about.get("_index") or index)
        actions.append(_Action(verb, where, name or uuid.uuid4().hex, bodies.decode(lines[at + 1])))
        if len(actions) > MOST:
            raise QueryError(f"the bulk has more than {MOST} documents")
        at += 2
    if not actions:
        raise QueryError("the bulk is empty")
    return actions


async def _there(store: Store, names: list[str], index: str) -> set[str]:
    """Return which of these documents there are already."""
    found: set[str] = set()
    body = {"query": {"ids": {"values": names}}, "size": len(names), "_source": False, "track_total_hits": False}
    for hit in (await store.search(body, index))["hits"]["hits"]:
        found.add(hit["_id"])
    return found


def _created(action: _Action) -> BulkItem:
    told = {"_index": action.index, "_id": action.name, "_version": 1, "result": "created", "status": 201}
    return {action.verb: told}


def _refused(action: _Action, status: int, kind: str, reason: str) -> BulkItem:
    error = {"type": kind, "reason": reason}
    return {action.verb: {"_index": action.index, "_id": action.name, "status": status, "error": error}}
