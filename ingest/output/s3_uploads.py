"""The files that the s3 output uploads: several at a time, each until it is there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Final

from ingest.output.s3_spool import DamagedSpoolError, SpoolFile
from sawlog.backoff import LONGEST_WAIT, wait
from sawlog.wire import s3_client

log = logging.getLogger(__name__)

PART_BYTES: Final = 8 << 20
"""Of an object that comes in parts: each but the last has so much at least. Memory holds one for each worker."""


class Uploads:
    """A queue with workers; `most` files wait in it before `room` does."""

    def __init__(self, name: str, client: Any, arguments: dict[str, Any], threshold: int, first_wait: float) -> None:
        """`arguments` are for each object; one of more bytes than `threshold` comes in parts."""
        self._name = name
        self._client = client
        self._arguments = arguments
        self._threshold = threshold
        self._first_wait = first_wait
        self._queue: asyncio.Queue[SpoolFile] = asyncio.Queue()
        self._taken = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._under_way: set[SpoolFile] = set()
        self.problem: str | None = None
        """Why the last try failed."""

    def start(self, workers: int) -> None:
        """Begin to upload."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(workers)]

    def add(self, file: SpoolFile) -> None:
        """Upload a file to which nothing is written any more, and delete it."""
        self._queue.put_nowait(file)

    async def room(self, most: int) -> None:
        """Return when no more than `most` files wait."""
        while self._queue.qsize() > most:
            self._taken.clear()
            await self._taken.wait()

    async def stop(self, seconds: float) -> int:
        """Upload what waits, for as long as `seconds`; return how many files were left for the next start."""
        joining = asyncio.create_task(self._queue.join())
        await asyncio.wait([joining], timeout=seconds)
        for task in (joining, *self._workers):
            task.cancel()
        await asyncio.gather(joining, *self._workers, return_exceptions=True)
        left = [*self._under_way]
        while not self._queue.empty():
            left.append(self._queue.get_nowait())
        for file in left:
            file.leave()
        return len(left)

    async def _work(self) -> None:
        while True:
            file = await self._queue.get()
            self._taken.set()
            self._under_way.add(file)
            await self._until_there(file)
            self._under_way.discard(file)
            self._queue.task_done()

    async def _until_there(self, file: SpoolFile) -> None:
        failures = 0
        while True:
            try:
                await self._upload(file)
                self.problem = None
                await asyncio.to_thread(file.remove)
                return
            except DamagedSpoolError as error:
                with contextlib.suppress(OSError):
                    log.error("%s: %s; it is kept as %s", self._name, error, file.set_aside())
                file.leave()
                return
            except FileNotFoundError:
                log.error("%s: %s was deleted before it was uploaded", self._name, file.path)
                file.leave()
                return
            except s3_client.errors() as error:
                failures += 1
                self.problem = f"{file.about.bucket}: {s3_client.words_of(error)}"
                if failures == 1:
                    tell = log.warning if s3_client.is_passing(error) else log.error
                    tell("%s: %s is not uploaded: %s; trying again", self._name, file.about.key, self.problem)
                await asyncio.sleep(wait(failures, self._first_wait, LONGEST_WAIT))

    async def _upload(self, file: SpoolFile) -> None:
        parts = _parts(file, max(PART_BYTES, self._threshold))
        first = await asyncio.to_thread(_next, parts)
        second = await asyncio.to_thread(_next, parts)
        place = {"Bucket": file.about.bucket, "Key": file.about.key}
        if first is not None and second is not None:
            await self._in_parts(place, first, second, parts)
        elif first is not None:
            await self._client.put_object(**place, **self._arguments, Body=first)

    async def _in_parts(self, place: dict[str, str], first: bytes, second: bytes, rest: Iterator[bytes]) -> None:
        begun = await self._client.create_multipart_upload(**place, **self._arguments)
        upload = {**place, "UploadId": begun["UploadId"]}
        done: list[dict[str, Any]] = []
        try:
            for part in (first, second):
                done.append(await self._part(upload, len(done) + 1, part))
            while (more := await asyncio.to_thread(_next, rest)) is not None:
                done.append(await self._part(upload, len(done) + 1, more))
            await self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
        except BaseException:
            with contextlib.suppress(*s3_client.errors()):
                await self._client.abort_multipart_upload(**upload)
            raise

    async def _part(self, upload: dict[str, str], number: int, data: bytes) -> dict[str, Any]:
        answer = await self._client.upload_part(**upload, PartNumber=number, Body=data)
        return {"PartNumber": number, "ETag": answer["ETag"]}


def _next(parts: Iterator[bytes]) -> bytes | None:
    return next(parts, None)


def _parts(file: SpoolFile, least: int) -> Iterator[bytes]:
    """Yield what a file has in pieces of `least` bytes or more, but for the last."""
    held: list[bytes] = []
    size = 0
    for data in file.content():
        held.append(data)
        size += len(data)
        if size >= least:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
