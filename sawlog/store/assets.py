"""What sawlog keeps in a cluster, and how it is brought there: templates, and a role that may only write logs.

Each asset says whose it is and which version, and carries a fingerprint of what was written. What the server has
is compared with that fingerprint, so that something that a user has changed is found and left alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol
from urllib.parse import quote

from sawlog.errors import StoreError
from sawlog.store import mappings

AssetKind = Literal["component template", "index template", "role"]
AssetAction = Literal["created", "updated", "unchanged", "kept"]

ROLE: Final = "sawlog_ingest"

_PATHS: Final[dict[AssetKind, str]] = {
    "component template": "/_component_template",
    "index template": "/_index_template",
    "role": "/_security/role",
}
LEVEL: Final = "log.level"
"""The field by whose type one sees whether a template of ours holds: charts count its values."""
_TEXT: Final = (
    "{index} has the levels as text, by which no chart counts: it was made without sawlog's template. "
    "Index into another one, or delete it, and one is made that can"
)
_COMPARED: Final = ("template", "index_patterns", "priority", "composed_of", "cluster", "indices")
"""What of a body counts as its content; the server adds defaults of its own to the rest."""


class Request(Protocol):
    """Sends a request to the cluster; `missing` is what a 404 means. Raises `StoreError`."""

    def __call__(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, missing: dict[str, Any] | None = None
    ) -> Awaitable[Any]:
        """Return the answer's body."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One thing to keep in the cluster; `body` is without the marks of ours, `older` the one for older servers."""

    kind: AssetKind
    name: str
    body: Mapping[str, Any]
    older: Mapping[str, Any] | None = None

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{_PATHS[self.kind]}/{quote(self.name, safe='@')}"

    @property
    def fingerprints(self) -> set[str]:
        """Those of the bodies."""
        return {fingerprint(body) for body in (self.body, self.older) if body is not None}

    def document(self, *, older: bool = False) -> dict[str, Any]:
        """Return a body as it is sent: with whose it is, its version, and the fingerprint of its content."""
        body = self.older if older and self.older is not None else self.body
        marks = {"managed_by": mappings.MANAGED_BY, "version": mappings.VERSION, "fingerprint": fingerprint(body)}
        if self.kind == "role":
            return {**body, "metadata": marks}
        return {**body, "version": mappings.VERSION, "_meta": marks}


@dataclass(frozen=True, slots=True)
class AssetOutcome:
    """What came of one asset, and why it was kept as it is, if it was."""

    kind: str
    name: str
    action: AssetAction
    note: str = ""


def templates(lifecycle: mappings.Lifecycle | None = None) -> list[Asset]:
    """Return the templates, in the order in which the server takes them."""
    components = mappings.component_templates(lifecycle)
    older = mappings.component_templates(lifecycle, leave_out_beyond=False)
    found = [
        Asset("component template", name, body, older[name] if older[name] != body else None)
        for name, body in components.items()
    ]
    return [*found, Asset("index template", mappings.TEMPLATE_NAME, mappings.index_template())]


def role(patterns: Iterable[str] = (mappings.PATTERN,)) -> Asset:
    """Return the role that may create documents in data streams of these patterns, and nothing else."""
    return Asset("role", ROLE, role_descriptor(patterns))


def role_descriptor(patterns: Iterable[str]) -> dict[str, Any]:
    """Return what the role may: learn the server's version, make data streams, and create documents in them."""
    return {
        "cluster": ["monitor"],
        "indices": [{"names": sorted(set(patterns)), "privileges": ["auto_configure", "create_doc"]}],
    }


async def install(request: Request, asset: Asset, *, force: bool = False) -> AssetOutcome:
    """Bring one asset up to date; what a user made or changed stays unless `force`.

    Raises:
        StoreError: the server refuses.
    """
    there = _content(asset, await request("GET", asset.path, missing={}))
    if there is None:
        await _put(request, asset)
        return AssetOutcome(asset.kind, asset.name, "created")
    marks = there.get("metadata" if asset.kind == "role" else "_meta") or {}
    reason = _why_not(marks, there)
    if reason and not force:
        return AssetOutcome(asset.kind, asset.name, "kept", f"{reason}; --force replaces it")
    if not reason and marks.get("fingerprint") in asset.fingerprints and marks["version"] == mappings.VERSION:
        return AssetOutcome(asset.kind, asset.name, "unchanged")
    await _put(request, asset)
    return AssetOutcome(asset.kind, asset.name, "updated", reason)


async def _put(request: Request, asset: Asset) -> None:
    try:
        await request("PUT", asset.path, asset.document())
    except StoreError as error:
        if asset.older is None or mappings.BEYOND not in str(error):
            raise
        await request("PUT", asset.path, asset.document(older=True))


async def provide_for(request: Request, index: str) -> str | None:
    """Have levels counted in a data stream of a name that our template is not for.

    Where neither the data stream nor a template for it is there, a template of its own is brought. What users have
    made stays.

    Returns:
        What is wrong with what is there; None if nothing is.

    Raises:
        StoreError: the server refuses.
    """
    name = quote(index, safe="")
    found = await request("GET", f"/{name}/_mapping/field/{LEVEL}", missing={})
    types = {
        one["type"]
        for here in found.values()
        for field in here["mappings"].values()
        for one in field["mapping"].values()
    }
    if found:
        return _TEXT.format(index=index) if "text" in types else None
    simulated = await request("POST", f"/_index_template/_simulate_index/{name}")
    if simulated.get("overlapping") or any(
        simulated.get("template", {}).get(part) for part in ("settings", "mappings")
    ):
        return None
    await install(request, Asset("index template", f"sawlog-{index}", mappings.index_template(index)))
    return None


async def is_current(request: Request) -> bool:
    """Whether the index template there is left alone: of this version, of a later one, or not ours."""
    asset = templates()[-1]
    there = _content(asset, await request("GET", asset.path, missing={}))
    if there is None:
        return False
    marks = there.get("_meta") or {}
    return marks.get("managed_by") != mappings.MANAGED_BY or _version(marks) >= mappings.VERSION


async def lifecycle(request: Request) -> mappings.Lifecycle:
    """Return what the cluster's component template of the lifecycle, if there is one of ours, says."""
    asset = next(one for one in templates() if one.name == mappings.LIFECYCLE)
    there = _content(asset, await request("GET", asset.path, missing={})) or {}
    return mappings.Lifecycle.read(there.get("template", {}))


def fingerprint(body: Mapping[str, Any]) -> str:
    """Return a hash of the content that is the same for what was sent and for what the server makes of it.

    The server writes numbers and truth values of settings as text, and orders and nests them as it likes.
    """
    flat = dict(_flat("", {name: body[name] for name in _COMPARED if name in body}))
    flat = {name: value for name, value in flat.items() if not name.endswith(".allow_restricted_indices")}
    return hashlib.sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()[:16]


def _flat(prefix: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, inner in enumerate(value):
            yield from _flat(f"{prefix}.{number}", inner)
    else:
        yield prefix, str(value).lower() if isinstance(value, bool) else str(value)


def _content(asset: Asset, answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the answer to a GET says of the asset; None if it is not there."""
    if asset.kind == "role":
        found: dict[str, Any] | None = answer.get(asset.name)
        return found
    key = asset.kind.replace(" ", "_")
    listed = [one[key] for one in answer.get(f"{key}s", ()) if one["name"] == asset.name]
    return listed[0] if listed else None


def _why_not(marks: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """Say why what is there is not replaced; nothing if it may be."""
    if marks.get("managed_by") != mappings.MANAGED_BY:
        return "it is not sawlog's"
    if _version(marks) > mappings.VERSION:
        return "it is a newer sawlog's"
    # Version 1 had no fingerprint.
    if marks.get("fingerprint") not in (None, fingerprint(there)):
        return "it was changed here"
    return ""


def _version(marks: Mapping[str, Any]) -> int:
    version = marks.get("version")
    return version if isinstance(version, int) else 0
