"""The part of Elasticsearch's interface that senders use: ``_bulk``, single documents, and what they ask before.

Source: Elasticsearch's reference, "Bulk API", "Index API" and "Cluster APIs", and what Filebeat, Fluent Bit, rsyslog
and Elasticsearch's own clients ask for.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ingest.input.decoding import line_id, settle_timestamp
from ingest.input.memory_queue import draw
from sawlog.event import METADATA, TIMESTAMP, Event
from sawlog.json_text import decode
from sawlog.times.instant import of_milliseconds

VERSION: Final = "8.19.0"
"""What senders are told; they refuse a server that is older than they are."""
_BULK: Final = re.compile(r"/(?:([^/_][^/]*)/)?(?:_doc/)?_bulk/?")
_DOCUMENT: Final = re.compile(r"/([^/_][^/]*)/_(?:doc|(create))(?:/(.*))?")
_SETUP: Final = re.compile(
    r"/(?:_index_template|_component_template|_template|_ilm/policy|_data_stream|_ingest/pipeline|_alias)(?:/.*)?"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered to a question that is no event."""

    status: int
    body: Any


def bulk_index(path: str) -> str | None:
    """Return the index that a ``_bulk`` path names, empty if none; None for any other path."""
    match = _BULK.fullmatch(path)
    return (match[1] or "") if match else None


@dataclass(frozen=True, slots=True)
class DocumentTarget:
    """Where a single document goes."""

    index: str
    action: str
    identity: str | None


def document_target(path: str) -> DocumentTarget | None:
    """Return what ``/INDEX/_doc``, ``/INDEX/_doc/ID`` and ``/INDEX/_create/ID`` name; None for any other path."""
    match = _DOCUMENT.fullmatch(path)
    return DocumentTarget(match[1], match[2] or "index", match[3] or None) if match else None


def answer(method: str, path: str) -> Reply | None:
    """Answer what senders ask before they begin; None when the request brings events."""
    if bulk_index(path) is not None or document_target(path) is not None:
        allowed = method in ("POST", "PUT")
        return None if allowed else Reply(405, error_body(405, "method_not_allowed", f"{method} is not allowed"))
    if path == "/" and method in ("GET", "HEAD"):
        return Reply(200, _ABOUT)
    if not path.startswith("/_"):
        return None
    if path in ("/_license", "/_xpack"):
        return Reply(200, {"license": {"uid": "sawlog", "type": "basic", "mode": "basic", "status": "active"}})
    if path == "/_cluster/health":
        return Reply(200, {"cluster_name": "sawlog", "status": "green", "timed_out": False})
    if _SETUP.fullmatch(path) and method in ("GET", "HEAD", "PUT", "POST"):
        # There is nothing to set up: the store of the pipeline's output is not the sender's to configure.
        return Reply(200, {"acknowledged": True} if method in ("PUT", "POST") else {})
    return Reply(404, error_body(404, "resource_not_found_exception", f"{path} is not offered by this input"))


class BulkRequest:
    """The body of a bulk request: the events of its items, and the answer to each of them."""

    def __init__(self, data: bytes, index: str) -> None:
        """Read a body; `index` is that of the path.

        Raises:
            ValueError: the body is no sequence of actions and documents; the message says in which line.
        """
        self.events: list[Event] = []
        self._items: list[dict[str, Any]] = []
        lines = data.split(b"\n")
        if lines and not lines[-1].strip():
            lines.pop()
        at = 0
        while at < len(lines):
            if not lines[at].strip():
                at += 1
                continue
            action, about = _action(lines[at], at + 1)
            at += 1
            target = str(about.get("_index") or index)
            if action == "delete":
                self._refuse(action, about, target, "only create and index are offered")
                continue
            if at >= len(lines):
                raise ValueError(f"line {at}: the action '{action}' has no document")
            if action == "update":
                self._refuse(action, about, target, "only create and index are offered")
            else:
                self._document(action, about, target, lines[at])
            at += 1

    @classmethod
    def of_document(cls, data: bytes, target: DocumentTarget) -> BulkRequest:
        """Read the body of a request that brings one document."""
        bulk = cls(b"", "")
        bulk._document(target.action, {"_id": target.identity}, target.index, data)
        return bulk

    def document_response(self) -> Reply:
        """Return the answer to a request that brought one document, once the event is delivered."""
        ((item,),) = (one.values() for one in self._items)
        if "error" in item:
            return Reply(item["status"], error_body(item["status"], item["error"]["type"], item["error"]["reason"]))
        # A status in the body is an error's: rsyslog looks for it.
        status = item.pop("status")
        shards = {"total": 1, "successful": 1, "failed": 0}
        return Reply(status, {**item, "_shards": shards, "_seq_no": 0, "_primary_term": 1})

    def response(self, milliseconds: int) -> dict[str, Any]:
        """Return the answer, once the events are delivered."""
        failed = any("error" in item for one in self._items for item in one.values())
        return {"took": milliseconds, "errors": failed, "items": self._items}

    def _document(self, action: str, about: dict[str, Any], target: str, line: bytes) -> None:
        try:
            event = decode(line)
            if not isinstance(event, dict):
                raise ValueError("it is no object")
        except (ValueError, RecursionError) as error:
            self._refuse(action, about, target, f"failed to parse: {error}")
            return
        identity = str(about.get("_id") or line_id(event) or draw())
        _read_milliseconds(event)
        settle_timestamp(event, "http")
        event[METADATA] = {"_id": identity, "_index": target, "action": action}
        if about.get("pipeline"):
            event[METADATA]["pipeline"] = str(about["pipeline"])
        self.events.append(event)
        item = {"_index": target, "_id": identity, "_version": 1, "result": "created", "status": 201}
        self._items.append({action: item})

    def _refuse(self, action: str, about: dict[str, Any], target: str, reason: str) -> None:
        error = {"type": "document_parsing_exception", "reason": reason}
        self._items.append({action: {"_index": target, "_id": about.get("_id"), "status": 400, "error": error}})


def error_body(status: int, kind: str, reason: str) -> dict[str, Any]:
    """Write an error as Elasticsearch does."""
    cause = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [cause], **cause}, "status": status}


def _read_milliseconds(event: Event) -> None:
    """Take a time as Elasticsearch also does: in milliseconds since 1970."""
    given = event.get(TIMESTAMP)
    if isinstance(given, str) and given.isdecimal() and len(given) > 9:
        given = int(given)
    if isinstance(given, int | float) and not isinstance(given, bool):
        with suppress(ValueError):
            event[TIMESTAMP] = of_milliseconds(given)


def _action(line: bytes, number: int) -> tuple[str, dict[str, Any]]:
    try:
        value = decode(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number}: the action is no JSON: {error}") from None
    if isinstance(value, dict) and len(value) == 1:
        ((action, about),) = value.items()
        if action in ("create", "index", "update", "delete") and isinstance(about, dict):
            return action, about
    raise ValueError(f"line {number}: expected an action such as {{'create': {{}}}}")


_ABOUT: Final = {
    "name": "sawlog",
    "cluster_name": "sawlog",
    "cluster_uuid": "sawlog",
    "version": {
        "number": VERSION,
        "build_flavor": "default",
        "build_type": "tar",
        "build_hash": "sawlog",
        "build_date": "2025-01-01T00:00:00.000Z",
        "build_snapshot": False,
        "lucene_version": "9.12.0",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    },
    "tagline": "You Know, for Search",
}
