"""The drawing library: Vega and Vega-Lite as one script, made offline by vl-convert.

Making it takes seconds, so it is kept in memory, and on disk in the user's cache under a name that says what it
was made of.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import tempfile
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

import vl_convert
from aiohttp import ETag, web

from sawlog.paths import cache_directory

SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
"""Vega-Embed carries Vega and Vega-Lite; under their own names the bundle has only null."""


class Bundle:
    """The script, made at the first request for it."""

    def __init__(self, cache: Path | None = None) -> None:
        """`cache` is the folder to keep it in; by default that of the user."""
        self._cache = cache or cache_directory()
        self._lock = asyncio.Lock()
        self._packed: bytes | None = None
        self._tag = ""

    async def respond(self, request: web.Request) -> web.Response:
        """Answer with the script, or 304 if the browser has it."""
        async with self._lock:
            if self._packed is None:
                self._packed = await asyncio.to_thread(self._load)
                self._tag = hashlib.sha256(self._packed).hexdigest()[:32]
        if any(tag.value == self._tag for tag in request.if_none_match or ()):
            response = web.Response(status=304)
        elif "gzip" in request.headers.get("Accept-Encoding", ""):
            response = web.Response(body=self._packed, headers={"Content-Encoding": "gzip"})
        else:
            response = web.Response(body=gzip.decompress(self._packed))
        response.content_type = "text/javascript"
        response.headers["Vary"] = "Accept-Encoding"
        response.etag = ETag(self._tag)
        return response

    def _load(self) -> bytes:
        """Read the packed script from the cache, or make it and put it there if that is possible."""
        made_of = hashlib.sha256(SNIPPET.encode()).hexdigest()[:12]
        file = self._cache / f"vega-{version('vl-convert-python')}-{made_of}.js.gz"
        with suppress(OSError, EOFError, gzip.BadGzipFile, zlib.error):
            packed = file.read_bytes()
            gzip.decompress(packed)
            return packed
        packed = gzip.compress(vl_convert.javascript_bundle(SNIPPET).encode(), mtime=0)
        with suppress(OSError):  # a read-only home: the script is made again by the next process
            _write(file, packed)
        return packed


def _write(file: Path, content: bytes) -> None:
    """Write `file` so that no reader ever sees a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as temporary:
            temporary.write(content)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
