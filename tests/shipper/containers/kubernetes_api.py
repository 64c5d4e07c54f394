"""A stand-in for the API server of Kubernetes: lists and watches with versions, pages, bookmarks, and a short memory.

Made of the API's published shapes (core/v1, "Kubernetes API Concepts"): who asks with a version that is forgotten, or
whose watch meets one, hears 410; who asks without a good token, 401.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

KINDS = {"pods": "Pod", "nodes": "Node", "namespaces": "Namespace"}
Object = dict[str, Any]


class KubernetesApi:
    """Objects by kind and name, each change with a version of its own."""

    def __init__(self, token: str = "first-token") -> None:
        self.token = token
        self.url = ""
        self.asked: list[str] = []
        self.page = 2
        """Objects on a page, whatever limit is asked for, if that is greater."""
        self.forbidden: set[str] = set()
        self._version = 100
        self._oldest = 0
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind in KINDS}
        self._changes: list[tuple[int, str, str, Object]] = []
        self._changed = asyncio.Condition()
        self._watches: set[asyncio.Task[Any]] = set()

    async def put(self, kind: str, name: str, namespace: str = "", **parts: Any) -> None:
        """Add or change an object."""
        key = f"{namespace}/{name}"
        change = "MODIFIED" if key in self._objects[kind] else "ADDED"
        one = {"kind": KINDS[kind], "apiVersion": "v1", **copy.deepcopy(parts)}
        one["metadata"] = {"name": name, **({"namespace": namespace} if namespace else {}), **one.get("metadata", {})}
        await self._change(change, kind, key, one)

    async def delete(self, kind: str, name: str, namespace: str = "") -> None:
        await self._change("DELETED", kind, f"{namespace}/{name}", self._objects[kind][f"{namespace}/{name}"])

    async def bookmark(self) -> None:
        """Move the version on for all who watch."""
        for kind, name in KINDS.items():
            one = {"kind": name, "apiVersion": "v1", "metadata": {"creationTimestamp": None}}
            await self._change("BOOKMARK", kind, "", one)

    async def forget(self) -> None:
        """Forget all changes until now, and break off the watches: they are asked for anew with too old a version."""
        self._version += 1000
        self._oldest = self._version
        await self.break_off()

    async def break_off(self) -> None:
        for task in list(self._watches):
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def _change(self, change: str, kind: str, key: str, one: Object) -> None:
        async with self._changed:
            self._version += 1
            one["metadata"]["resourceVersion"] = str(self._version)
            if change == "DELETED":
                del self._objects[kind][key]
            elif change != "BOOKMARK":
                self._objects[kind][key] = one
            self._changes.append((self._version, kind, change, copy.deepcopy(one)))
            self._changed.notify_all()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[KubernetesApi]:
        app = web.Application()
        app.router.add_get("/api/v1/{kind}", self._answer)
        app.router.add_get("/api/v1/namespaces/{namespace}/{kind}", self._answer)
        app.router.add_get("/api/v1/namespaces/{namespace}/{kind}/{name}", self._one)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined] # aiohttp has no other way to tell the port
        try:
            yield self
        finally:
            await self.break_off()
            await runner.cleanup()

    async def _one(self, request: web.Request) -> web.StreamResponse:
        found = self._objects[request.match_info["kind"]]
        key = f"{request.match_info['namespace']}/{request.match_info['name']}"
        return web.json_response(found[key]) if key in found else _status(404, f"{key} not found")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        kind = request.match_info["kind"]
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        if kind in self.forbidden:
            return _status(403, f"{kind} is forbidden")
        query = request.query
        return await (self._watch(request, kind) if query.get("watch") in ("1", "true") else self._list(request, kind))

    async def _list(self, request: web.Request, kind: str) -> web.StreamResponse:
        chosen = [one for _, one in sorted(self._objects[kind].items()) if _selected(one, request)]
        start = int(request.query.get("continue", "0"))
        end = start + min(int(request.query.get("limit", "500")), self.page)
        meta = {"resourceVersion": str(self._version)} | ({"continue": str(end)} if end < len(chosen) else {})
        return web.json_response({"kind": f"{KINDS[kind]}List", "metadata": meta, "items": chosen[start:end] or None})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        version = int(request.query["resourceVersion"])
        if version < self._oldest:
            return _status(410, "too old resource version")
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._watches.add(task)
        try:
            while True:
                for number, changed, change, one in list(self._changes):
                    if number > version and changed == kind and (change == "BOOKMARK" or _selected(one, request)):
                        version = number
                        line = json.dumps({"type": change, "object": one}) + "\n"
                        # In pieces, as a network may bring it.
                        await answer.write(line[:20].encode())
                        await answer.write(line[20:].encode())
                async with self._changed:
                    await self._changed.wait()
        finally:
            self._watches.discard(task)


def _selected(one: Object, request: web.Request) -> bool:
    selector = request.query.get("fieldSelector", "")
    name, _, value = selector.partition("=")
    if not selector:
        return True
    found = {"spec.nodeName": one.get("spec", {}).get("nodeName"), "metadata.name": one["metadata"]["name"]}
    return bool(found[name] == value)


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "status": "Failure", "message": message, "code": code}, status=code)


def kubeconfig(folder: Path, url: str, token: str) -> Path:
    """Write a kubeconfig whose token is in a file beside it."""
    (folder / "token").write_text(token)
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": url}}],
                "users": [{"name": "u", "user": {"tokenFile": "token"}}],
            }
        )
    )
    return path
