"""The page's own files: under a name that changes with them, so that a browser may keep them for good, and packed."""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Final

from aiohttp import web

FOLDER: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".html": "text/html",
}
"""What is served; all else in the folder (licences, types) is for those who read the sources."""
KEPT: Final = "public, max-age=31536000, immutable"
_IMPORT: Final = re.compile(r"""^(?:import|export)\s[^;]*?from\s+"\./([\w./-]+)";""", re.MULTILINE)


class StaticFiles:
    """The files of a folder, read once. Modules import one another relatively, so one name for all of them will do."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    @cached_property
    def _files(self) -> dict[str, bytes]:
        paths = sorted(path for path in self._folder.rglob("*") if path.suffix in TYPES)
        return {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in paths}

    @cached_property
    def name(self) -> str:
        """What stands for the files as they are now."""
        digest = hashlib.sha256()
        for path, content in self._files.items():
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    @cached_property
    def _packed(self) -> dict[str, bytes]:
        return {path: gzip.compress(content, 9, mtime=0) for path, content in self._files.items()}

    def respond(self, request: web.Request) -> web.Response:
        """Answer ``/static/{name}/{path}``, or ``/static/{path}`` for those that do not know the name.

        Raises:
            HTTPNotFound: there is no such file.
        """
        path = request.match_info["path"]
        head, _, rest = path.partition("/")
        if head == self.name:
            return self._answer(request, rest, KEPT)
        return self._answer(request, path, "no-cache")

    def page(self, request: web.Request, path: str) -> web.Response:
        """Answer with a page of which all files have their name, and the modules are asked for at once."""
        return self._answer(request, path, "no-cache")

    @cached_property
    def _pages(self) -> dict[str, bytes]:
        return {path: self._filled(content) for path, content in self._files.items() if path.endswith(".html")}

    def _filled(self, page: bytes) -> bytes:
        text = page.decode()
        entries = re.findall(r'<script src="/static/([\w./-]+)" type="module">', text)
        modules = list(dict.fromkeys(name for entry in entries for name in self._imported(entry)))
        links = "".join(f'  <link rel="modulepreload" href="/static/{name}">\n' for name in modules)
        return text.replace("</head>", f"{links}</head>").replace('"/static/', f'"/static/{self.name}/').encode()

    def _imported(self, module: str) -> list[str]:
        """Return the modules that one imports, and those that they import."""
        found: list[str] = []
        waiting = [module]
        while waiting:
            here = waiting.pop(0)
            for name in _IMPORT.findall(self._files.get(here, b"").decode()):
                if name not in found and name in self._files:
                    found.append(name)
                    waiting.append(name)
        return found

    def _answer(self, request: web.Request, path: str, keep: str) -> web.Response:
        if path not in self._files:
            raise web.HTTPNotFound
        plain = self._pages.get(path) or self._files[path]
        headers = {"Cache-Control": keep, "Vary": "Accept-Encoding"}
        body = plain
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = self._packed[path] if path not in self._pages else gzip.compress(plain, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers, content_type=TYPES[Path(path).suffix], charset="utf-8")
