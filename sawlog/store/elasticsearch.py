"""Elasticsearch as a store: bulk requests made of ready bytes, a verdict per document, searches passed through.

The official client (major version 8) keeps the connections, the hosts and the credentials; its per-document
helpers are too slow, so bodies are encoded here and go through its low-level call.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import repeat
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

import msgspec
from elastic_transport import AiohttpHttpNode, ConnectionTimeout, SecurityWarning, TlsError, TransportError
from elastic_transport import ConnectionError as TransportConnectionError
from elasticsearch import ApiError, AsyncElasticsearch, UnsupportedProductError
from isal import igzip
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_exponential

from sawlog.columns import ColumnDocuments
from sawlog.errors import ConfigError, QueryError, StoreError, StoreFailedError, StoreUnavailableError
from sawlog.store import assets, mappings
from sawlog.store.base import DEFAULT_INDEX, Bulk, BulkResult, Clause, Hit, Refusal, Store, StoredField, order
from sawlog.store.bounds import DEEP_BYTES, SUSPICIOUS_BYTES, too_much
from sawlog.store.opensearch import node_for_opensearch
from sawlog.store.plain_words import plain
from sawlog.store.proxy import node_through
from sawlog.store.serializers import SERIALIZERS

UNAVAILABLE: Final = frozenset({408, 429})
"""Status of a whole request that may succeed later, besides all from 500 on."""

BLOCKED: Final = "cluster_block_exception"
"""An index that is read-only: mostly because a disk is full, which its operator mends. Worth another try."""

NOT_ALLOWED: Final = "security_exception"
"""The verdict on each document for an index that the account may not write to."""

SHARD_SECONDS: Final = 5.0
"""How long a search waits for the shards of an index to start."""

SCANNED: Final = 2_000
"""So many hits of a scan come at once."""
SCAN_ALIVE: Final = "5m"
"""So long may whoever reads a scan take for them."""

GZIP_LEVEL: Final = 1
_LENIENT: Final = "ignore_unavailable=true"
_WIDEST: Final = {
    **dict.fromkeys(("wildcard", "constant_keyword"), "keyword"),
    **dict.fromkeys(("integer", "short", "byte"), "long"),
    **dict.fromkeys(("float", "half_float", "scaled_float"), "double"),
    **{"match_only_text": "text", "date_nanos": "date"},
}
"""Types that say how something is kept, and what they keep."""
_WAYS: Final = {False: "asc", True: "desc"}
_NDJSON: Final = {"content-type": "application/x-ndjson", "accept": "application/json"}
_GZIP_NDJSON: Final = {**_NDJSON, "content-encoding": "gzip"}
_JSON: Final = {"content-type": "application/json", "accept": "application/json"}

# The client warns at each failed try; the delivery says once that the store is down and once that it is back.
logging.getLogger("elastic_transport").setLevel(logging.ERROR)
log = logging.getLogger(__name__)

_encoder = msgspec.json.Encoder()

_WILDCARDS: Final = frozenset("*,")

SNIFFED_RETRIES: Final = 3
"""So many other nodes are asked when one does not answer, of those that sniffing has found."""


class ElasticsearchStore(Store):
    """A cluster of Elasticsearch 8 or 9.

    `hosts` are URLs; a user and password in one are taken out of it and never shown. `compress` says whether
    bodies are gzipped; None means: unless every host is this machine. `index` is what searches without an index
    look at. `timeout` is in seconds, for one request. `headers` and `parameters` (of the query string) go with each
    request; `ssl_context` takes the place of `ca_certs` and `verify_certs`. `template` says whether `open` keeps
    sawlog's templates up to date; an account that may not is left to what is there.
    """

    def __init__(
        self,
        hosts: str | Sequence[str],
        *,
        username: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        ca_certs: str | None = None,
        verify_certs: bool = True,
        index: str = DEFAULT_INDEX,
        compress: bool | None = None,
        timeout: float = 60.0,
        sniff: bool = False,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        template: bool = True,
        product: str = "Elasticsearch",
    ) -> None:
        """Raises `ConfigError`: a host is no URL, or credentials contradict one another. `product`: or OpenSearch."""
        parsed = [_parse_host(host) for host in ([hosts] if isinstance(hosts, str) else hosts)]
        if not parsed:
            raise ConfigError("Elasticsearch needs at least one host")
        self.hosts = [url for url, _, _ in parsed]
        self.index = index
        self._compress = not all(_is_loopback(host) for host in self.hosts) if compress is None else compress
        if username is None:
            _, username, password = next((host for host in parsed if host[1] is not None), ("", None, password))
        if username is not None and api_key is not None:
            raise ConfigError("Elasticsearch: give a user name or an API key, not both")
        self._options: dict[str, Any] = {
            "request_timeout": timeout,
            # Retrying is the delivery's business, which knows each document's verdict.
            "max_retries": 0,
            "retry_on_timeout": False,
            "serializers": SERIALIZERS,
        }
        if len(self.hosts) > 1:
            # Another host may answer where one does not; a create that is sent twice creates once.
            self._options["max_retries"] = len(self.hosts) - 1
        if username is not None:
            self._options["basic_auth"] = (username, password or "")
        if api_key is not None:
            self._options["api_key"] = api_key
        if sniff:
            self._options |= {"sniff_on_start": True, "sniff_on_node_failure": True, "max_retries": SNIFFED_RETRIES}
        if headers:
            self._options["headers"] = dict(headers)
        if proxy is not None:
            self._options["node_class"] = node_through(proxy)
        if product == "OpenSearch":
            self._options["node_class"] = node_for_opensearch(self._options.get("node_class", AiohttpHttpNode))
        self._product = product
        self._parameters = urlencode(parameters or {})
        self._template = template
        if ssl_context is not None:
            self._options["ssl_context"] = ssl_context
        elif any(host.startswith("https:") for host in self.hosts):
            self._options["verify_certs"] = verify_certs
            if ca_certs is not None:
                self._options["ca_certs"] = ca_certs
            if not verify_certs:
                self._options["ssl_show_warn"] = False
        self._client: AsyncElasticsearch | None = None
        self._has_taken = False

    def __repr__(self) -> str:
        return f"ElasticsearchStore({self.name})"

    @property
    def name(self) -> str:
        """What messages call it: its addresses, without credentials."""
        return f"{self._product} at {', '.join(self.hosts)}"

    async def open(self) -> None:
        """Reach the cluster and bring the index template up to date, if that is wanted. Raises as `Store.open` does."""
        if self._client is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)
                try:
                    self._client = AsyncElasticsearch(self.hosts, **self._options)
                except (ValueError, OSError) as error:
                    raise StoreError(f"{self.name} cannot be used: {error}") from None
        try:
            if self._template:
                await self._install_templates()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def version(self) -> str:
        """Ask the node for its version; open the store first. Raises as `Store.bulk` does."""
        answer = await self._request("GET", "/_nodes/_local?filter_path=nodes.*.version")
        return str(next(iter(answer["nodes"].values()))["version"])

    async def bulk(self, bulk: Bulk) -> BulkResult:
        """Send the documents; a request that is refused as too large or as wrong is sent in halves.

        A store that has taken documents since it was opened is unavailable, never refusing for good: credentials
        that have run out, a role or a proxy that was changed, are mended where they were changed.
        """
        result = BulkResult()
        try:
            await self._bulk(bulk, 0, result)
            self._check_rights(bulk, result)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            if not self._has_taken:
                raise
            raise StoreUnavailableError(str(error)) from None
        self._has_taken = True
        return result

    async def put_template(
        self, name: str, template: Mapping[str, Any], *, overwrite: bool = False, legacy: bool = False
    ) -> None:
        """Install an index template of the user's; one of this name that is there stays unless `overwrite`.

        Raises:
            StoreUnavailableError: the cluster cannot be reached now.
            StoreError: the template is refused.
        """
        path = f"/{'_template' if legacy else '_index_template'}/{_quote(name)}"
        if not overwrite and await self._request("GET", path, missing={}):
            return
        await self._request("PUT", path, _encoder.encode(template), _JSON)

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, missing: dict[str, Any] | None = None
    ) -> Any:
        """Ask the cluster for something that a store has no word for; `missing` is what a 404 means.

        Raises:
            StoreUnavailableError: the cluster cannot be reached now.
            RefusedError: it refuses.
        """
        return await self._request(method, path, None if body is None else _encoder.encode(body), missing=missing)

    async def search(self, request: dict[str, Any], index: str | None = None) -> dict[str, Any]:
        """Pass the request to ``_search``; an index that does not exist has no documents."""
        return await self._ask(index, "_search", request)

    async def search_many(
        self, searches: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Pass searches to ``_msearch``, each with its header (``index``); an answer for each, or its ``error``.

        Raises:
            StoreUnavailableError: the cluster cannot be reached now.
            RefusedError: it refuses.
        """
        body = _encoder.encode_lines([part for search in searches for part in search])
        answer = await self._request("POST", "/_msearch", body, _NDJSON)
        answers: list[dict[str, Any]] = answer["responses"]
        return answers

    async def count(self, query: dict[str, Any], index: str | None = None) -> int:
        """Pass the query to ``_count``."""
        answer = await self._ask(index, "_count", {"query": query})
        return int(answer["count"])

    async def scan(
        self,
        query: Clause,
        *,
        descending: bool = False,
        source: bool | list[str] = True,
        limit: int | None = None,
        index: str | None = None,
    ) -> AsyncIterator[list[Hit]]:
        """Go through all hits at a point in time; see `Store.scan`. Keys that cannot be sorted by are left out."""
        request: dict[str, Any] = {
            "query": query,
            "sort": [*await self._sortable(order(descending=descending), index), {"_shard_doc": _WAYS[descending]}],
            "_source": source,
            "track_total_hits": False,
        }
        opened = await self._pass(f"/{self._target(index)}/_pit?{_LENIENT}&keep_alive={SCAN_ALIVE}")
        try:
            while limit is None or limit > 0:
                request["pit"] = {"id": opened.get("pit_id", opened.get("id")), "keep_alive": SCAN_ALIVE}
                request["size"] = SCANNED if limit is None else min(SCANNED, limit)
                opened = await self._pass("/_search", request)
                hits: list[Hit] = opened["hits"]["hits"]
                if hits:
                    request["search_after"] = list(hits[-1]["sort"])
                    for hit in hits:
                        hit["sort"].pop()  # its place in the point in time
                    yield hits
                if len(hits) < request["size"]:
                    return
                limit = None if limit is None else limit - len(hits)
        finally:
            with suppress(StoreError):
                await self._request("DELETE", "/_pit", _encoder.encode({"id": opened.get("pit_id", opened.get("id"))}))

    async def fields(self, index: str | None = None) -> list[StoredField]:
        """Ask for the mappings' fields; see `Store.fields`."""
        answer = await self._pass(f"/{self._target(index)}/_field_caps?{_LENIENT}&fields=*&filters=-metadata,-parent")
        return [_stored_field(name, list(kinds.values())) for name, kinds in sorted(answer["fields"].items())]

    async def refresh(self) -> None:
        """Make the documents of the index visible."""
        path = f"/{_quote(self.index)}/_refresh?ignore_unavailable=true&allow_no_indices=true"
        await self._request("POST", path)

    # Bulk

    async def _bulk(self, bulk: Bulk, start: int, result: BulkResult) -> None:
        if not bulk.ids:
            return
        headers: Mapping[str, str] = _NDJSON
        try:
            body = encode(bulk)
            if unfit := _unfit(bulk, body):
                await self._others(bulk, start, result, unfit)
                return
            if self._compress:
                body = igzip.compress(body, GZIP_LEVEL)
                headers = _GZIP_NDJSON
            # A filter keeps the answer small when nothing is wrong; `status` is all that a success says.
            path = f"/{_quote(bulk.index)}/_bulk?filter_path=errors,items.*.status,items.*.error"
            answer = await self._request("POST", path, body, headers)
        except (_TooLargeError, _BadRequestError, _NotJsonError) as error:
            # One id that is too long spoils a whole request (400), as one document that is too large does (413).
            await self._halves(bulk, start, result, error)
            return
        verdicts = _verdicts(answer, bulk.action, len(bulk.ids))
        if verdicts is None:
            raise StoreUnavailableError(f"{self.name} does not say what became of each document")
        _judge(verdicts, start, bulk, result)

    async def _others(self, bulk: Bulk, start: int, result: BulkResult, unfit: Mapping[int, str]) -> None:
        """Refuse some documents without asking, and send the others."""
        others = [position for position in range(len(bulk.ids)) if position not in unfit]
        result.refused += [
            Refusal(start + position, 400, "illegal_argument_exception", words) for position, words in unfit.items()
        ]
        rest = BulkResult()
        await self._bulk(bulk.part(others), 0, rest)
        result.created += rest.created
        result.existing += rest.existing
        result.refused += [replace(one, position=start + others[one.position]) for one in rest.refused]

    def _check_rights(self, bulk: Bulk, result: BulkResult) -> None:
        """Take it as one refusal when the account may not write to the index: that is no fault of the documents'."""
        refused = result.refused
        if refused and len(refused) == len(bulk.ids) and all(one.type == NOT_ALLOWED for one in refused):
            raise RefusedError(f"{self.name} does not allow this (HTTP 403): {refused[0].reason}", 403)

    async def _halves(self, bulk: Bulk, start: int, result: BulkResult, error: _SpoiledError) -> None:
        if len(bulk.ids) == 1:
            result.refused.append(Refusal(start, error.status, error.type, str(error)))
            return
        middle = len(bulk.ids) // 2
        await self._bulk(bulk.part(range(middle)), start, result)
        await self._bulk(bulk.part(range(middle, len(bulk.ids))), start + middle, result)

    # Search

    async def _sortable(self, keys: list[dict[str, Any]], index: str | None) -> list[dict[str, Any]]:
        """Return those of the keys by which all indexes can sort: the mappings of some have text there."""
        names = ",".join(name for key in keys for name in key)
        answer = await self._pass(f"/{self._target(index)}/_field_caps?{_LENIENT}&fields={names}")
        return [
            key
            for key in keys
            if all(kind["aggregatable"] for name in key for kind in answer["fields"].get(name, {}).values())
        ]

    def _target(self, index: str | None) -> str:
        return _quote(index or self.index)

    async def _ask(self, index: str | None, action: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._pass(f"/{self._target(index)}/{action}?{_LENIENT}&allow_no_indices=true", body)

    async def _pass(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask what is about a search; what is wrong with it is a QueryError."""
        retrying = AsyncRetrying(
            wait=wait_exponential(multiplier=0.1, max=1),
            stop=stop_after_delay(SHARD_SECONDS),
            retry=retry_if_exception_type(_NotReadyError),
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    answer = await self._request("POST", path, None if body is None else _encoder.encode(body), _JSON)
        except _BadRequestError as error:
            raise QueryError(plain(error.reason)) from None
        assert isinstance(answer, dict)
        return answer

    # Templates

    async def _install_templates(self) -> None:
        try:
            if not await assets.is_current(self.request):
                # The lifecycle is whoever's who has set it up.
                wanted = assets.templates(await assets.lifecycle(self.request))
                for asset in wanted:
                    await assets.install(self.request, asset)
            if not self.index.startswith(mappings.PREFIX) and not _WILDCARDS.intersection(self.index):
                problem = await assets.provide_for(self.request, self.index)
                if problem is not None:
                    log.warning("%s: %s", self.name, problem)
        except RefusedError as error:
            if error.status != 403:
                raise
            # An account that may only write: `sawlog setup` has been run, or is still to be.
            log.info("%s: this account may not look after index templates; run `sawlog setup` once", self.name)
            if not self.index.startswith(mappings.PREFIX):
                log.warning(
                    "%s: charts count levels in %s only if it has a template like sawlog's", self.name, self.index
                )

    # Requests

    async def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = _JSON,
        missing: dict[str, Any] | None = None,
    ) -> Any:
        """Send one request; `missing` is what a 404 means, if it is no error."""
        if self._client is None:
            raise StoreError(f"{self.name} is not open")
        if self._parameters:
            path += f"{'&' if '?' in path else '?'}{self._parameters}"
        try:
            response = await self._client.perform_request(method, path, headers=headers, body=body)
        except UnsupportedProductError:
            # A subclass of ApiError, hence first.
            raise StoreError(f"{self.hosts[0]} answers, but is not an Elasticsearch 8 or 9") from None
        except ApiError as error:
            if error.meta.status == 404 and missing is not None:
                return missing
            raise self._refused(error) from None
        except TransportError as error:
            raise self._unreachable(error) from None
        return response.body

    def _refused(self, error: ApiError) -> StoreError:
        status, reason = error.meta.status, _reason(error.body)
        if status in UNAVAILABLE or status >= 500:
            kind = {500: StoreFailedError, 503: _NotReadyError}.get(status, StoreUnavailableError)
            return kind(f"{self.name} is busy or not ready (HTTP {status}): {reason}")
        if status == 401:
            return RefusedError(
                f"{self.name} refuses the credentials (HTTP 401): check user name, password or API key", status
            )
        if status == 403:
            if BLOCKED in str(error.body):
                return StoreUnavailableError(f"{self.name} takes no writes now: {reason}")
            return RefusedError(f"{self.name} does not allow this (HTTP 403): {reason}", status)
        if status == 413:
            return _TooLargeError(f"{self.name} does not take a request of this size (HTTP 413)", 413)
        if status == 400 and _is_about_documents(error.body, reason):
            return _BadRequestError(f"{self.name} refuses the request (HTTP 400): {reason}", reason)
        return RefusedError(f"{self.name} refuses the request (HTTP {status}): {reason}", status)

    def _unreachable(self, error: TransportError) -> StoreError:
        words = str(error.message)
        if isinstance(error, TlsError) or "SSL" in words or "certificate" in words.lower():
            return StoreError(f"{self.name}: TLS fails: {_cause(error)}; is the CA's certificate given?")
        if isinstance(error, ConnectionTimeout):
            return StoreUnavailableError(f"{self.name} does not answer: no answer in time")
        if isinstance(error, TransportConnectionError):
            return StoreUnavailableError(f"{self.name} does not answer: {_cause(error)}")
        return StoreUnavailableError(f"{self.name} does not answer as Elasticsearch does: {_cause(error)}")


def _stored_field(name: str, kinds: Sequence[Mapping[str, Any]]) -> StoredField:
    found = {_WIDEST.get(kind["type"], kind["type"]) for kind in kinds}
    kind = "double" if found == {"long", "double"} else found.pop() if len(found) == 1 else "conflict"
    return StoredField(name, kind, kind != "conflict" and all(one["aggregatable"] for one in kinds))


class _NotReadyError(StoreUnavailableError):
    """HTTP 503: the cluster, or the shard of an index that has just been made, is starting."""


class RefusedError(StoreError):
    """The cluster answered, and refused; `status` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _SpoiledError(RefusedError):
    """One document spoils the whole request; the others can be taken without it."""

    type: str


class _NotJsonError(_SpoiledError):
    """A document is nothing that JSON can hold, such as half of a surrogate pair."""

    type = "not_json"

    def __init__(self, error: Exception) -> None:
        super().__init__(f"the document cannot be written as JSON: {error}", 400)


class _TooLargeError(_SpoiledError):
    """HTTP 413."""

    type = "content_too_long"


class _BadRequestError(_SpoiledError):
    """HTTP 400, with the server's reason alone."""

    type = "bad_request"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, 400)
        self.reason = reason


class _Name(msgspec.Struct, gc=False):
    _id: str


class _Create(msgspec.Struct, gc=False):
    """The line of an action. Structures take half the time of dictionaries."""

    create: _Name


def encode_bulk(ids: Sequence[str], documents: Sequence[Any]) -> bytes:
    """Encode the body of ``_bulk``: for each document an action line and the document, as NDJSON."""
    lines: list[Any] = [None] * (2 * len(ids))
    lines[0::2] = [_Create(_Name(name)) for name in ids]
    lines[1::2] = documents
    return _encoder.encode_lines(lines)


def encode(bulk: Bulk) -> bytes:
    """Return the body of a ``_bulk`` request, for any action.

    Raises:
        RefusedError: a document is nothing that JSON can hold.
    """
    try:
        if bulk.action == "create" and bulk.metadata is None:
            if isinstance(bulk.documents, ColumnDocuments):
                return bulk.documents.body()
            return encode_bulk(bulk.ids, bulk.documents)
        return _encode_any(bulk)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _NotJsonError(error) from None


def _encode_any(bulk: Bulk) -> bytes:
    lines: list[Any] = []
    for name, document, more in zip(bulk.ids, bulk.documents, bulk.metadata or repeat({}), strict=False):
        lines.append({bulk.action: {"_id": name, **more}})
        if bulk.action != "delete":
            lines.append(document)
    return _encoder.encode_lines(lines)


def _unfit(bulk: Bulk, body: bytes) -> dict[int, str]:
    """Return which documents hold too much, and what: the cluster would take them, and be held up for long, or end."""
    if bulk.action not in ("create", "index") or len(body) < DEEP_BYTES:
        return {}
    if isinstance(bulk.documents, ColumnDocuments):
        if bulk.documents.columns.longest < SUSPICIOUS_BYTES:
            return {}
    elif _are_short(body):
        return {}
    lines = body.split(b"\n")[1::2]
    return {
        position: words
        for position, line in enumerate(lines)
        if len(line) >= DEEP_BYTES and (words := too_much(bulk.documents[position], line)) is not None
    }


def _are_short(lines: bytes) -> bool:
    """Whether no line has `DEEP_BYTES`: then one ends in each half of that, and only so many are looked for."""
    step = DEEP_BYTES // 2
    return all(lines.find(b"\n", at, at + step) >= 0 for at in range(0, len(lines) - step, step))


def _verdicts(answer: Any, action: str, count: int) -> list[dict[str, Any]] | None:
    """Return the verdict on each document, an empty list when all were taken, None when the answer is no such thing."""
    try:
        if answer["errors"] is False:
            return []
        verdicts = [item[action] for item in answer["items"]]
        if len(verdicts) == count and all(type(verdict["status"]) is int for verdict in verdicts):
            return verdicts
    except (TypeError, KeyError):
        pass
    return None


def _judge(verdicts: Sequence[dict[str, Any]], start: int, bulk: Bulk, result: BulkResult) -> None:
    """Add the verdicts of one request to `result`."""
    if not verdicts:
        result.created += len(bulk.ids)
        return
    action = bulk.action
    for position, verdict in enumerate(verdicts, start):
        status = verdict["status"]
        if status < 300:
            result.created += 1
        elif (status == 409 and action != "update") or (status == 404 and action == "delete"):
            # Created before, or, of an index or delete with a version, a newer one is there; or deleted before.
            result.existing += 1
        elif status == 409:
            # Another update came between; the same one, again, finds the new state.
            result.refused.append(_refusal(position, 429, verdict.get("error") or {}))
        else:
            result.refused.append(_refusal(position, status, verdict.get("error") or {}))


def _refusal(position: int, status: int, error: dict[str, Any]) -> Refusal:
    kind = str(error.get("type", "unknown"))
    reason = str(error.get("reason", "no reason given"))
    cause = error.get("caused_by")
    while isinstance(cause, dict):
        words = cause.get("reason")
        if words and words not in reason:
            reason += f": {words}"
        cause = cause.get("caused_by")
    # A block is lifted when the disk has room again; to a document it is "later", not "never". So is a new index when
    # the cluster has as many shards as it may.
    later = kind == BLOCKED or (kind == "validation_exception" and "shards open" in reason)
    return Refusal(position, 503 if later else status, kind, reason)


def _is_about_documents(body: Any, reason: str) -> bool:
    """Whether HTTP 400 is Elasticsearch's word on what was sent, not a proxy's, or one on the query string."""
    error = body.get("error") if isinstance(body, dict) else None
    return isinstance(error, dict) and "unrecognized parameter" not in reason


def _reason(body: Any) -> str:
    """Return the server's innermost words for a request that failed."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return str(error or body or "no reason given")[:500]
    causes = [error, *(error.get("root_cause") or ())]
    failed = error.get("failed_shards") or ()
    causes += [shard.get("reason", {}) for shard in failed]
    cause = causes[-1]
    while isinstance(cause.get("caused_by"), dict) and cause["caused_by"].get("reason"):
        cause = cause["caused_by"]
    return str(cause.get("reason") or cause.get("type") or "no reason given")


def _cause(error: TransportError) -> str:
    """Return the innermost words of a failed connection, such as "Connection refused"."""
    words = str(error.message)
    # The transport raises `from None`, so the system's error is its context.
    inner: BaseException | None = error.errors[-1] if error.errors else error.__context__
    while inner is not None:
        if isinstance(inner, OSError) and inner.errno and inner.errno > 0:
            words = os.strerror(inner.errno)
        inner = inner.__cause__ or inner.__context__
    return words


def _parse_host(host: str) -> tuple[str, str | None, str | None]:
    """Split a URL into the URL without credentials, the user and the password."""
    if "://" not in host:
        host = f"http://{host}"
    try:
        parts = urlsplit(host)
        port, name = parts.port, parts.hostname
    except ValueError:
        raise ConfigError("Elasticsearch: a host is not a URL such as http://localhost:9200") from None
    if parts.scheme not in {"http", "https"} or not name:
        raise ConfigError("Elasticsearch: a host is not a URL such as http://localhost:9200")
    if port is None:
        # The port of the scheme is meant when a scheme is written, as a proxy in front of a cluster has it.
        port = 443 if parts.scheme == "https" else 9200
    location = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    url = urlunsplit((parts.scheme, location, parts.path.rstrip("/"), "", ""))
    user = unquote(parts.username) if parts.username is not None else None
    return url, user, unquote(parts.password) if parts.password is not None else None


def _is_loopback(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _quote(index: str) -> str:
    return quote(index, safe="*,-_.")
