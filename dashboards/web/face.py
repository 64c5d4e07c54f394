"""The Elasticsearch face: what clients of Elasticsearch ask of the embedded index, on the page's port.

    GET  /                            name and version, for whoever does not want HTML
    GET|POST [/{index}]/_search       and _count, as `sawlog.store.base.Store` answers them
    POST     [/{index}]/_msearch      several searches, as Grafana sends them
    GET|POST [/{index}]/_field_caps   the fields and their types
    GET      [/{index}]/_mapping      the same as mappings
    GET      /_cat/indices[/{index}]  text, or ?format=json
    GET      /_cluster/health
    POST     [/{index}]/_bulk         create documents (`dashboards.web.face_bulk`)

Written for the official client (major version 8), Grafana's data source and curl. Facts: Elasticsearch's REST reference
8.x; Grafana's sources, `pkg/tsdb/elasticsearch`.
"""

from __future__ import annotations

import asyncio
import time
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
from aiohttp import web

from dashboards.web import answers, bodies, counting, face_bulk, face_request, security
from dashboards.web.keys import STORE
from dashboards.web.question_api import bounded
from sawlog import __version__
from sawlog.errors import QueryError, StoreBusyError, StoreError, StoreUnavailableError
from sawlog.search.marks import Marks
from sawlog.store.base import Store

VERSION: Final = "8.17.0"
"""The version of Elasticsearch whose requests are understood, in parts."""
HEADERS: Final = {"X-Elastic-Product": "Elasticsearch"}
"""Without it, the official client takes a server for none of Elasticsearch's."""
TYPES: Final = frozenset(
    f"application/{kind}" for kind in ("json", "x-ndjson", "vnd.elasticsearch+json", "vnd.elasticsearch+x-ndjson")
)
MAX_BYTES: Final = 1 << 20
MAX_BULK_BYTES: Final = 32 << 20
MOST_SEARCHES: Final = 100
AT_ONCE: Final = 4


def add(app: web.Application) -> None:
    """Add the face to an application whose store has none of its own."""
    for methods, path, handler in ROUTES:
        for method in methods:
            for whole in (path, f"/{{index}}{path}") if not path.startswith(("/_cat", "/_cluster")) else (path,):
                app.router.add_route(method, whole, _faced(handler))


async def about(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /`` as a node of Elasticsearch."""
    version = {
        "number": VERSION,
        "build_flavor": "default",
        "build_type": "sawlog",
        "build_hash": __version__,
        "build_snapshot": False,
        "lucene_version": "9.12.0",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    }
    told = {"name": "sawlog", "cluster_name": "sawlog", "cluster_uuid": "sawlog", "version": version}
    return _told(request, told | {"tagline": f"sawlog {__version__}, answering as Elasticsearch"})


async def _search(request: web.Request) -> web.StreamResponse:
    body = face_request.of_query(request.query, await _body(request))
    return _told(request, await _found(request.app[STORE], body, _index(request)))


async def _msearch(request: web.Request) -> web.StreamResponse:
    lines = [line for line in (await _text(request)).splitlines() if line.strip()]
    if len(lines) % 2 or len(lines) > 2 * MOST_SEARCHES:
        raise QueryError(f"_msearch has a line of header and one of a search each, of at most {MOST_SEARCHES} searches")
    began, gate = time.perf_counter(), asyncio.Semaphore(AT_ONCE)

    async def one(header: bytes, search: bytes) -> dict[str, Any]:
        async with gate:
            try:
                index = face_request.named(bodies.decode(header).get("index")) or _index(request)
                found = await _found(request.app[STORE], bodies.decode(search), index)
            except Exception as error:
                status, told = _failure(error)
                return {**told, "status": status}
            return {**found, "status": 200}

    pairs = zip(lines[::2], lines[1::2], strict=True)
    responses = await asyncio.gather(*(one(header, search) for header, search in pairs))
    return _told(request, {"took": _milliseconds(began), "responses": responses})


async def _count(request: web.Request) -> web.StreamResponse:
    body = face_request.of_query(request.query, await _body(request))
    count = await bounded(request.app[STORE].count(body.get("query") or {"match_all": {}}, _index(request)))
    return _told(request, {"count": count, "_shards": _shards()})


async def _field_caps(request: web.Request) -> web.StreamResponse:
    body = await _body(request)
    wanted = request.query.get("fields") or body.get("fields") or "*"
    patterns = wanted.split(",") if isinstance(wanted, str) else [str(one) for one in wanted]
    fields = {
        one.name: {
            one.type: {
                "type": one.type,
                "metadata_field": False,
                "searchable": True,
                "aggregatable": one.is_aggregatable,
            }
        }
        for one in await bounded(request.app[STORE].fields(_index(request)))
        if any(fnmatchcase(one.name, pattern) for pattern in patterns)
    }
    return _told(request, {"indices": list(await _indices(request)), "fields": fields})


async def _mapping(request: web.Request) -> web.StreamResponse:
    properties: dict[str, Any] = {}
    for one in await bounded(request.app[STORE].fields(_index(request))):
        *parents, last = one.name.split(".")
        node = properties
        for parent in parents:
            node = node.setdefault(parent, {}).setdefault("properties", {})
        node.setdefault(last, {})["type"] = one.type
    mapping = {"mappings": {"properties": properties}}
    return _told(request, dict.fromkeys(await _indices(request), mapping))


async def _cat_indices(request: web.Request) -> web.StreamResponse:
    rows = [
        {
            "health": "green",
            "status": "open",
            "index": name,
            "uuid": name,
            "pri": "1",
            "rep": "0",
            "docs.count": str(count),
            "docs.deleted": "0",
        }
        for name, count in sorted((await _indices(request)).items())
    ]
    if request.query.get("format") == "json" or "json" in request.headers.get("Accept", ""):
        return _told(request, rows)
    titled = [list(rows[0])] if rows and "v" in request.query else []
    table = [*titled, *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    text = "".join(" ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in table)
    return web.Response(text=text)


async def _health(request: web.Request) -> web.StreamResponse:
    return _told(
        request,
        {"cluster_name": "sawlog", "status": "green", "timed_out": False, "number_of_nodes": 1, "active_shards": 1},
    )


async def _bulk(request: web.Request) -> web.StreamResponse:
    began = time.perf_counter()
    items = await face_bulk.take(
        request.app[STORE], await _text(request, MAX_BULK_BYTES), request.match_info.get("index")
    )
    failed = any("error" in item for one in items for item in one.values())
    return _told(request, {"took": _milliseconds(began), "errors": failed, "items": items})


ROUTES: Final = (
    (("GET", "POST"), "/_search", _search),
    (("GET", "POST"), "/_count", _count),
    (("GET", "POST"), "/_msearch", _msearch),
    (("GET", "POST"), "/_field_caps", _field_caps),
    (("GET",), "/_mapping", _mapping),
    (("GET",), "/_cat/indices", _cat_indices),
    (("GET",), "/_cat/indices/{index}", _cat_indices),
    (("GET",), "/_cluster/health", _health),
    (("POST", "PUT"), "/_bulk", _bulk),
)


async def _found(store: Store, body: dict[str, Any], index: str | None) -> dict[str, Any]:
    body, highlight = face_request.fitted(body)
    answer = await bounded(store.search(body, index))
    if highlight is not None:
        marks = Marks(body.get("query") or {"match_all": {}})
        for hit in answer["hits"]["hits"]:
            if found := highlight(hit.get("_source") or {}, marks):
                hit["highlight"] = found
    return {"took": 0, "timed_out": False, "_shards": _shards(), **answer}


async def _indices(request: web.Request) -> dict[str, int]:
    """Return the indexes that a request is about, and how many documents each has."""
    return await bounded(counting.indices(request.app[STORE], _index(request)))


def _index(request: web.Request) -> str | None:
    return face_request.named(request.match_info.get("index"))


async def _body(request: web.Request) -> dict[str, Any]:
    text = await _text(request)
    return bodies.decode(text) if text.strip() else {}


async def _text(request: web.Request, most: int = MAX_BYTES) -> bytes:
    """Return the body, of at most so many bytes; a type that a form of another site's page could send is refused."""
    if request.method != "GET" and request.body_exists and request.content_type not in TYPES:
        raise web.HTTPUnsupportedMediaType
    text = bytearray()
    async for piece in request.content.iter_any():
        text += piece
        if len(text) > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(text))
    return bytes(text)


def _faced(handler: security.Handler) -> security.Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            if error.status not in {413, 415}:
                raise
            response = _told(request, _error(error.status, "illegal_argument_exception", error.reason), error.status)
        except Exception as error:
            status, told = _failure(error)
            response = _told(request, told, status)
        response.headers.update(HEADERS)
        return response

    return answer


def _failure(error: Exception) -> tuple[int, dict[str, Any]]:
    """Say what went wrong as Elasticsearch does. Raises what nobody has expected."""
    if isinstance(error, QueryError):
        return 400, _error(400, "illegal_argument_exception", str(error))
    if isinstance(error, StoreBusyError):
        return 429, _error(429, "es_rejected_execution_exception", str(error))
    if isinstance(error, StoreUnavailableError | TimeoutError):
        return 503, _error(503, "unavailable", str(error) or "the search took too long; narrow the time range")
    if isinstance(error, StoreError):
        return 500, _error(500, "store", str(error))
    raise error


def _error(status: int, kind: str, reason: str) -> dict[str, Any]:
    cause = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [cause], **cause}, "status": status}


def _told(request: web.Request, told: Any, status: int = 200) -> web.Response:
    if "pretty" in request.query and request.query["pretty"] != "false":
        text = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
        response = web.Response(body=text, content_type="application/json")
    else:
        response = answers.json(told)
    # The client takes no other type than the one that it has asked for.
    if "vnd.elasticsearch+json" in request.headers.get("Accept", ""):
        response.headers["Content-Type"] = "application/vnd.elasticsearch+json;compatible-with=8"
    response.headers.update(HEADERS)
    response.set_status(status)
    return response


def _shards() -> dict[str, int]:
    return {"total": 1, "successful": 1, "skipped": 0, "failed": 0}


def _milliseconds(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
