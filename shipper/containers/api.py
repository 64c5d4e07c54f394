"""Lists of Kubernetes' API, kept up to date by watching them over HTTP.

A list names the version of the whole that it is of, and a watch tells what has changed since; bookmarks in it move the
version on while nothing does. When the server no longer remembers a version (410), the list is asked for anew.
Source: the Kubernetes documentation, "Kubernetes API Concepts: Efficient detection of changes".
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from shipper.containers.access import ApiAccess
from shipper.containers.pods import ClusterNode, Namespace, Pod

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

PAGE: Final = 500
"""Objects that a list is asked for at a time."""
WATCH_SECONDS: Final = 290
"""A watch is asked for anew after so long, with the token of that time."""
ANSWER_SECONDS: Final = 30.0
_MOST_SECONDS: Final = 30.0
_LONGEST: Final = 32 << 20
"""Bytes of an answer to a list, or of a line of a watch."""

_Kind = TypeVar("_Kind", Pod, ClusterNode, Namespace)


class _ListMeta(msgspec.Struct, rename={"version": "resourceVersion", "rest": "continue"}):
    version: str = ""
    rest: str = ""


class _Listed(msgspec.Struct):
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: tuple[msgspec.Raw, ...] | None = None


class _Change(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct):
    metadata: _Version = msgspec.field(default_factory=_Version)


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _GoneError(Exception):
    """The server does not remember the version any more."""


class ApiRefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class WatchedList(Generic[_Kind]):
    """The objects of one list."""

    def __init__(self, path: str, selector: str, kind: type[_Kind], changed: Callable[[_Kind | None], None]) -> None:
        self.path = path
        self.selector = selector
        self.objects: dict[str, _Kind] = {}
        self.listed = False
        """Whether it was read once."""
        self._decoder: msgspec.json.Decoder[_Kind] = msgspec.json.Decoder(kind)
        self._changed: Callable[[_Kind | None], None] = changed

    def replace(self, listed: list[msgspec.Raw]) -> None:
        """Take in the whole list."""
        fresh = dict(self._decoded(listed))
        for key in self.objects.keys() - fresh.keys():
            self._drop(key)
        for key, one in fresh.items():
            self._put(key, one)
        if not self.listed:
            self.listed = True
            self._changed(None)

    def change(self, change: str, raw: msgspec.Raw) -> None:
        """Take in what a watch tells: ADDED, MODIFIED or DELETED, and the object."""
        for key, one in self._decoded([raw]):
            if change == "DELETED":
                self._drop(key)
            else:
                self._put(key, one)

    def _decoded(self, raw: list[msgspec.Raw]) -> Iterator[tuple[str, _Kind]]:
        for one in raw:
            try:
                found = self._decoder.decode(one)
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                log.warning("Kubernetes' %s has an object that is left out: %s", self.path, error)
                continue
            yield f"{found.metadata.namespace}/{found.metadata.name}", found

    def _put(self, key: str, one: _Kind) -> None:
        if self.objects.get(key) != one:
            self.objects[key] = one
            self._changed(one)

    def _drop(self, key: str) -> None:
        if self.objects.pop(key, None) is not None:
            self._changed(None)


class Api:
    """Asks one server."""

    def __init__(self, access: ApiAccess, session: aiohttp.ClientSession) -> None:
        self._access = access
        self._session = session
        self._told: dict[str, str] = {}

    async def get(self, path: str, query: dict[str, str] | None = None) -> bytes:
        """Ask for one answer.

        Raises:
            ApiRefusedError: it is no success.
            Exception: of aiohttp's, the server cannot be reached.
        """
        async with asyncio.timeout(ANSWER_SECONDS), self._asked(path, query or {}) as answer:
            await _check(answer)
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > _LONGEST:
                    raise ValueError(f"an answer is longer than {_LONGEST >> 20} MiB")
            return bytes(body)

    async def keep(self, kept: WatchedList[Any], *, extra: bool) -> None:
        """Keep a list up to date until cancelled; one that is `extra` and forbidden is done without."""
        import aiohttp  # noqa: PLC0415 - it takes long to load, and most configurations ask no API

        seconds, version = 1.0, ""
        while True:
            try:
                version = version or await self._list(kept)
                self._tell(kept.path, "")
                while True:
                    version = await self._watch(kept, version)
                    seconds = 1.0
            except _GoneError:
                log.debug("Kubernetes' %s is listed anew", kept.path)
                version = ""
            except ApiRefusedError as error:
                self._tell(kept.path, str(error))
                if error.status == 403 and extra:
                    return
                version = ""
            except (aiohttp.ClientError, OSError, ValueError, msgspec.MsgspecError) as error:
                self._tell(kept.path, str(error) or type(error).__name__)
            await asyncio.sleep(seconds * random.uniform(0.5, 1.0))  # noqa: S311 - to spread requests
            seconds = min(_MOST_SECONDS, seconds * 2)

    async def _list(self, kept: WatchedList[Any]) -> str:
        """Ask for the whole list, page by page; return its version."""
        items: list[msgspec.Raw] = []
        rest = version = ""
        while True:
            query = {"limit": str(PAGE)} | ({"continue": rest} if rest else {})
            listed = msgspec.json.decode(await self.get(kept.path, query | _selected(kept.selector)), type=_Listed)
            items += listed.items or ()
            version, rest = listed.metadata.version, listed.metadata.rest
            if not rest:
                break
        kept.replace(items)
        return version

    async def _watch(self, kept: WatchedList[Any], version: str) -> str:
        """Take in changes until the server ends the watch; return the version that was reached."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        began = time.monotonic()
        async with self._asked(kept.path, query | _selected(kept.selector)) as answer:
            await _check(answer)
            async for line in _lines(answer.content):
                change = msgspec.json.decode(line, type=_Change)
                if change.type == "ERROR":
                    status = msgspec.json.decode(change.object, type=_Status)
                    if status.code == 410:
                        raise _GoneError
                    raise ApiRefusedError(status.code, status.message)
                if change.type in ("ADDED", "MODIFIED", "DELETED"):
                    kept.change(change.type, change.object)
                version = msgspec.json.decode(change.object, type=_Versioned).metadata.resource_version or version
        if time.monotonic() - began < 1.0:
            # A server that ends each watch at once is not asked a thousand times a second.
            await asyncio.sleep(1.0)
        return version

    def _asked(self, path: str, query: dict[str, str]) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.get(f"{self._access.url}{path}", params=query, headers=self._access.headers())

    def _tell(self, path: str, why: str) -> None:
        """Say once why something is not known, and when it is again."""
        if self._told.get(path, "") != why:
            if why:
                log.warning("Kubernetes' %s cannot be read: %s", path, why)
            else:
                log.info("Kubernetes' %s can be read again", path)
            self._told[path] = why


def _selected(selector: str) -> dict[str, str]:
    return {"fieldSelector": selector} if selector else {}


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status == 410:
        raise _GoneError
    if answer.status >= 300:
        text = (await answer.content.read(4096)).decode(errors="replace")
        try:
            text = msgspec.json.decode(text, type=_Status).message or text
        except (msgspec.DecodeError, msgspec.ValidationError):
            text = text.partition("\n")[0]
        raise ApiRefusedError(answer.status, f"{answer.status} {answer.reason}: {text[:300]}")


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield the lines of an answer, however long each is, within reason."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > _LONGEST:
            raise ValueError(f"a line of a watch is longer than {_LONGEST >> 20} MiB")
