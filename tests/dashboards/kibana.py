"""A stand-in for Kibana's HTTP, as its sources say that it behaves: Kibana itself cannot run in the tests.

It is strict where Kibana is: headers, the file's name, versions, the attributes of searches, references to data views
and searches; and it answers a failed import with status 200.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from aiohttp import web

MOST_BYTES = 26_214_400
MOST_OBJECTS = 10_000
LATEST = {"index-pattern": "10.1.0", "search": "10.5.0", "lens": "10.1.0", "dashboard": "10.3.0"}
"""Of a Kibana of 2025; what is later than it knows is refused, and what is earlier is brought up to date."""
OLDEST = {"index-pattern": "8.0.0", "search": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}
"""Of Kibana 8.9."""
CHECKED_REFERENCES = {"index-pattern", "search"}
SEARCH_ATTRIBUTES = {
    *("title", "description", "columns", "sort", "grid", "hideChart", "isTextBasedQuery", "kibanaSavedObjectMeta"),
    *("usesAdHocDataView", "timeRestore", "timeRange", "refreshInterval", "rowHeight", "viewMode", "rowsPerPage"),
}
Key = tuple[str, str]


class FakeKibana:
    """Answers on loopback. `spaces` holds what was imported; `starting` so many requests are answered 503."""

    USER = "elastic"
    PASSWORD = "kibana secret/ü"
    API_KEY = "aWQ6a2V5"

    def __init__(
        self,
        *,
        base: str = "",
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        user: str = USER,
        password: str = PASSWORD,
        knows: Mapping[str, str] = LATEST,
    ) -> None:
        """`knows` are the latest versions of each type that it knows; the default is that of a Kibana of today."""
        self.base = base
        self._knows = knows
        self._host = host
        self._port = port
        self._account = f"{user}:{password}"
        self.starting = 0
        self.conflicts = 0
        self.imports = 0
        self.default_sticks = False
        self.made_spaces = {"default", "team-a"}
        self.spaces: dict[str, dict[Key, dict[str, Any]]] = {name: {} for name in self.made_spaces}
        self.defaults: dict[str, str] = {}
        self.asked: list[str] = []
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> FakeKibana:
        app = web.Application(client_max_size=MOST_BYTES * 2)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls)
        await site.start()
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}{self.base}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        if self.starting > 0:
            self.starting -= 1
            return web.Response(
                status=503,
                text="Kibana server is not ready yet",
                headers={"Retry-After": "0"},
                content_type="text/plain",
            )
        if not request.path.startswith(self.base):
            return self._error(404, "Not Found")
        path = request.path.removeprefix(self.base)
        if path == "/api/status":
            return web.json_response({"status": {"overall": {"level": "available"}}})
        if not self._known(request):
            return self._error(401, "Unauthorized")
        if request.method != "GET" and "kbn-xsrf" not in request.headers:
            return self._error(400, "Request must contain a kbn-xsrf header.")
        space = "default"
        if found := re.match(r"/s/([a-z0-9_-]+)(/.*)", path):
            # Only pages look whether there is such a space; what is imported goes into one that nobody has made.
            space, path = found[1], found[2]
            self.spaces.setdefault(space, {})
        if asked := re.fullmatch(r"/api/spaces/space/([^/]+)", path):
            if asked[1] in self.made_spaces:
                return web.json_response({"id": asked[1], "name": asked[1], "disabledFeatures": []})
            return self._error(404, "Not Found")
        if (request.method, path) == ("POST", "/api/saved_objects/_import"):
            return await self._import(request, space)
        if path == "/api/data_views/default":
            return await self._default(request, space)
        return self._error(404, "Not Found")

    def _known(self, request: web.Request) -> bool:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind == "ApiKey":
            return secret == self.API_KEY
        return kind == "Basic" and base64.b64decode(secret).decode() == self._account

    async def _import(self, request: web.Request, space: str) -> web.Response:
        self.imports += 1
        query = request.query
        if query.get("overwrite") == "true" and query.get("createNewCopies") == "true":
            return self._error(400, "cannot use [overwrite] with [createNewCopies]")
        field = await (await request.multipart()).next()
        if field is None or getattr(field, "name", None) != "file" or not getattr(field, "filename", None):
            return self._error(400, "[request body.file]: expected value of type [Stream] but got [undefined]")
        if not str(field.filename).endswith(".ndjson"):  # type: ignore[union-attr] # looked at above
            return self._error(400, "Invalid file extension")
        data = await field.read()  # type: ignore[union-attr] # likewise
        if len(data) > MOST_BYTES:
            return self._error(413, "Payload content length greater than maximum allowed")
        objects = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
        objects = [one for one in objects if "exportedCount" not in one]
        if len(objects) > MOST_OBJECTS:
            return self._error(400, f"Can't import more than {MOST_OBJECTS} objects")
        for one in objects:
            given, known = one.get("typeMigrationVersion", "0"), self._knows[one["type"]]
            if _version(given) > _version(known):
                return self._error(
                    422,
                    f"Document \"{one['id']}\" of type '{one['type']}' belongs to a more recent version of Kibana "
                    f"[{given}] when the last known version is [{known}].",
                )
            if one["type"] == "lens" and "typeMigrationVersion" not in one:
                return self._error(500, "An internal server error occurred")
        return web.json_response(self._store(objects, self.spaces[space], overwrite=query.get("overwrite") == "true"))

    def _store(self, objects: list[dict[str, Any]], there: dict[Key, Any], *, overwrite: bool) -> dict[str, Any]:
        names = {(one["type"], one["id"]) for one in objects}
        errors: list[dict[str, Any]] = []
        for one in objects:
            key = (one["type"], one["id"])
            error: dict[str, Any] | None = None
            missing = [
                {"type": ref["type"], "id": ref["id"]}
                for ref in one["references"]
                if ref["type"] in CHECKED_REFERENCES and (ref["type"], ref["id"]) not in names | set(there)
            ]
            if missing:
                error = {"type": "missing_references", "references": missing}
            elif one["type"] == "search" and not set(one["attributes"]) <= SEARCH_ATTRIBUTES:
                error = {"type": "unknown", "message": "Additional properties are not allowed", "statusCode": 400}
            elif self.conflicts > 0 or (key in there and not overwrite):
                error = {"type": "conflict"}
            if error is not None:
                errors.append({"type": one["type"], "id": one["id"], "error": error})
        self.conflicts = max(0, self.conflicts - 1)
        answer: dict[str, Any] = {"success": not errors, "successCount": len(objects) - len(errors), "warnings": []}
        if errors:
            return {**answer, "errors": errors}
        results = []
        for one in objects:
            key = (one["type"], one["id"])
            result = {"type": one["type"], "id": one["id"], "meta": {"title": one["attributes"].get("title")}}
            results.append({**result, "overwrite": True} if key in there else result)
            there[key] = one
        return {**answer, "successResults": results}

    async def _default(self, request: web.Request, space: str) -> web.Response:
        if request.method == "GET":
            return web.json_response({"data_view_id": self.defaults.get(space, "")})
        asked = await request.json()
        if not self.default_sticks and (asked.get("force") or not self.defaults.get(space)):
            self.defaults[space] = asked["data_view_id"]
        return web.json_response({"acknowledged": True})

    @staticmethod
    def _error(status: int, message: str) -> web.Response:
        body = {"statusCode": status, "error": message, "message": message}
        return web.json_response(body, status=status)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
