"""s3: events from the objects of a bucket, which is looked at again and again; what was read may be moved or deleted.

Objects are read in the order in which they were changed, in pieces. A batch may be of many small ones, the next is read
while it is under way, and only when it is delivered, the position moves (`ingest.input.s3_position`). An event's id is
made of its object and its place there: what is read twice is there already.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from ingest.input.base import Input
from ingest.input.delivering import delivered
from ingest.input.s3_disposal import OPTIONS as DISPOSAL
from ingest.input.s3_disposal import Disposal
from ingest.input.s3_object import DamagedObjectError, ObjectReader, cutting
from ingest.input.s3_position import BucketObject, BucketPosition, ReadObject
from ingest.options import Kind, Option, Options
from ingest.s3_connection import OPTIONS, S3Connection
from ingest.settings import regex
from ingest.tailer import NOWHERE
from sawlog.backoff import FIRST_WAIT, LONGEST_WAIT, wait
from sawlog.batch import Deliver, Source
from sawlog.errors import InputError
from sawlog.event import METADATA, Event
from sawlog.paths import default_data
from sawlog.times.instant import normalise
from sawlog.wire import s3_client

log = logging.getLogger(__name__)

ObjectPiece = tuple[list[Event], int]
"""Events, and of how many bytes they are."""
RETRY_SECONDS: Final = (FIRST_WAIT, LONGEST_WAIT)
"""The first pause before something is tried again that failed for now, and the longest."""
BATCH_BYTES: Final = 1 << 20
READ_BYTES: Final = 1 << 18
_FROZEN: Final = ("GLACIER", "DEEP_ARCHIVE")
_GONE: Final = frozenset({"NoSuchKey", "404", "PreconditionFailed", "412"})
"""What S3 says of an object that was deleted or replaced since the look at the bucket."""
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class S3(Input):
    """Whether an object is packed, its first bytes say."""

    name = "s3"
    default_codec = "plain"
    options: ClassVar[dict[str, Option]] = {
        "bucket": Option(Kind.STRING, "The bucket.", required=True),
        "prefix": Option(Kind.STRING, "What the keys of the objects begin with."),
        "exclude_pattern": Option(Kind.STRING, "Keys in which this expression is found are left out."),
        "interval": Option(Kind.NUMBER, "Seconds between looks at the bucket.", 60),
        "watch_for_new_files": Option(Kind.BOOLEAN, "Whether there is more than one look.", True),
        "sincedb_path": Option(Kind.PATH, "The file for the position; /dev/null: none."),
        "include_object_properties": Option(
            Kind.BOOLEAN, "Whether [@metadata][s3] has more than the key: what S3 says of the object.", False
        ),
        "gzip_pattern": Option(
            Kind.STRING, "", r"\.gz(ip)?$", noted="an object's first bytes say whether it is packed"
        ),
        "temporary_directory": Option(Kind.STRING, "", noted="objects are read in pieces, and never lie on a disk"),
        **DISPOSAL,
        **OPTIONS,
    }

    def __init__(self, options: Options) -> None:
        self._connection = S3Connection(options, "the s3 input")
        super().__init__(options)
        self._bucket: str = options["bucket"]
        self._prefix: str = options["prefix"] or ""
        excluded = options["exclude_pattern"]
        self._excluded = regex(options, "exclude_pattern", excluded) if excluded else None
        self._interval = float(options["interval"])
        if self._interval <= 0:
            raise options.error("an interval is more than 0 seconds", "interval")
        self._watch: bool = options["watch_for_new_files"]
        self._memory: str | None = options["sincedb_path"]
        self._disposal = Disposal(options)
        self._codec = cutting(options, self.codec)
        self._properties: bool = options["include_object_properties"]
        self._frozen_told = False

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        position = await asyncio.to_thread(BucketPosition, self._file())
        access = self._connection.access()
        try:
            async with s3_client.connection(access) as client:
                await self._look(client, position, deliver, first=True)
                while self._watch:
                    await asyncio.sleep(self._interval)
                    await self._look(client, position, deliver, first=False)
        except s3_client.errors() as error:
            raise InputError(f"{self.id}: {s3_client.words_of(error)}") from None

    def _file(self) -> Path | None:
        if self._memory in NOWHERE:
            return None
        if self._memory:
            return Path(self._memory)
        about = f"{self._connection.endpoint or ''}\0{self._bucket}\0{self._prefix}".encode()
        name = hashlib.blake2b(about, digest_size=8).hexdigest()
        return (self.data or default_data()) / "s3-inputs" / name

    async def _look(self, client: Any, position: BucketPosition, deliver: Deliver, *, first: bool) -> None:
        """Read what is new.

        Raises:
            BotoCoreError, ClientError: the first time, the bucket cannot be looked at.
        """
        try:
            found = await self._patient(lambda: self._listed(client, position))
        except s3_client.errors() as error:
            if first:
                raise
            log.error("%s: the bucket %s: %s; looking again", self.id, self._bucket, s3_client.words_of(error))
            return
        reading = _Look(self, client, position, deliver)
        try:
            for one in found:
                await reading.read(one)
            await reading.finish()
        finally:
            await reading.close()
        try:
            await asyncio.to_thread(position.forget, reading.failed)
        except OSError as error:
            log.warning("%s: sincedb_path cannot be written: %s", self.id, error)

    async def _listed(self, client: Any, position: BucketPosition) -> list[BucketObject]:
        new: list[BucketObject] = []
        frozen = 0
        async for page in client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
            for one in page.get("Contents", ()):
                found = BucketObject(one["Key"], one["ETag"].strip('"'), one["LastModified"].timestamp())
                if not one["Size"] or not self._is_wanted(found.key) or not position.is_new(found):
                    continue
                if one.get("StorageClass") in _FROZEN:
                    frozen += 1
                else:
                    new.append(found)
        if frozen and not self._frozen_told:
            self._frozen_told = True
            log.warning("%s: %d objects are in an archive of S3, and are not read", self.id, frozen)
        return sorted(new, key=lambda found: (found.modified, found.key))

    def _is_wanted(self, key: str) -> bool:
        if key.endswith("/") or self._disposal.is_backup(key):
            return False
        return self._excluded is None or self._excluded.search(key) is None

    async def events(self, client: Any, found: BucketObject, skip: int) -> AsyncGenerator[ObjectPiece, None]:
        """Yield the events of an object beyond the first ones, and of how many bytes they are.

        Raises:
            DamagedObjectError: it is not what it seems to be.
            BotoCoreError, ClientError: it cannot be read, and it is of no use to try again at once.
        """
        failures = 0
        while True:
            try:
                async with aclosing(self._once(client, found, skip)) as pieces:
                    async for events, size in pieces:
                        skip += len(events)
                        failures = 0
                        yield events, size
                return
            except s3_client.errors() as error:
                failures += 1
                await self._pause(failures, error)

    async def _once(self, client: Any, found: BucketObject, skip: int) -> AsyncGenerator[ObjectPiece, None]:
        answer = await client.get_object(Bucket=self._bucket, Key=found.key, IfMatch=found.tag)
        about = {"s3": _about(found.key, answer) if self._properties else {"key": found.key}}
        mark = hashlib.blake2b(f"{self._bucket}\0{found.key}\0{found.tag}".encode(), digest_size=16).hexdigest()
        reader = ObjectReader(self._codec())
        number = 0
        async with answer["Body"] as body:
            more = True
            while more:
                data = await body.read(READ_BYTES)
                more = bool(data)
                for events, size in reader.feed(data) if more else reader.end():
                    for place, event in enumerate(events, number):
                        event[METADATA] = {**event.get(METADATA, {}), **about, "_id": f"{mark}:{place}"}
                        if self.decorate is not None:
                            self.decorate(event)
                    known = max(0, skip - number)
                    number += len(events)
                    if len(events) > known:
                        yield events[known:], size

    async def dispose(self, client: Any, found: BucketObject) -> None:
        """Move or delete an object that is delivered; why that is not possible, is told."""
        try:
            await self._patient(lambda: self._disposal.dispose(client, found))
        except s3_client.errors() as error:
            if s3_client.code_of(error) not in _GONE:
                words = s3_client.words_of(error)
                log.error("%s: %s is delivered, and stays where it is: %s", self.id, found.key, words)

    @property
    def disposes(self) -> bool:
        """Whether something is done with what was delivered."""
        return self._disposal.disposes

    async def _patient(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask until S3 answers. Raises what `s3_client.errors` names when it refuses."""
        failures = 0
        while True:
            try:
                return await ask()
            except s3_client.errors() as error:
                failures += 1
                await self._pause(failures, error)

    async def _pause(self, failures: int, error: BaseException) -> None:
        """Wait before the next try, and say so the first time. Raises the error if another try is of no use."""
        if not s3_client.is_passing(error):
            raise error
        if failures == 1:
            log.warning("%s: the bucket %s: %s; trying again", self.id, self._bucket, s3_client.words_of(error))
        await asyncio.sleep(wait(failures, *RETRY_SECONDS))


class _Look:
    """One look at a bucket: fills batches, while the one before is delivered."""

    def __init__(self, owner: S3, client: Any, position: BucketPosition, deliver: Deliver) -> None:
        self._owner = owner
        self._client = client
        self._position = position
        self._deliver = deliver
        self._source = Source(owner.id, owner.id)
        self._under_way: asyncio.Task[None] | None = None
        self._events: list[Event] = []
        self._size = 0
        self._reads: dict[str, ReadObject] = {}
        self._disposable: list[BucketObject] = []
        self.failed: list[BucketObject] = []
        """What could not be read, and is tried at the next look."""

    async def read(self, found: BucketObject) -> None:
        """Take the events of one object."""
        count = self._position.events(found)
        try:
            async with aclosing(self._owner.events(self._client, found, count)) as pieces:
                async for events, size in pieces:
                    count += len(events)
                    self._events += events
                    self._size += size
                    self._reads[found.key] = ReadObject(found, count)
                    if self._size >= BATCH_BYTES:
                        await self._hand_on()
        except DamagedObjectError as error:
            log.error("%s: %s is damaged: %s; what could be read of it is delivered", self._owner.id, found.key, error)
            self._reads[found.key] = ReadObject(found, count, done=True)
            return
        except s3_client.errors() as error:
            if s3_client.code_of(error) in _GONE:
                return
            self.failed.append(found)
            words = s3_client.words_of(error)
            log.error("%s: %s cannot be read: %s; trying at the next look", self._owner.id, found.key, words)
            return
        self._reads[found.key] = ReadObject(found, count, done=not self._owner.disposes)
        if self._owner.disposes:
            self._disposable.append(found)

    async def finish(self) -> None:
        """Deliver the rest, and return when all is."""
        await self._hand_on()
        if self._under_way is not None:
            await self._under_way

    async def close(self) -> None:
        """Let go of what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _hand_on(self) -> None:
        if self._under_way is not None:
            await self._under_way
        work = self._settle(self._events, self._size, list(self._reads.values()), self._disposable)
        self._events, self._size, self._reads, self._disposable = [], 0, {}, []
        self._under_way = asyncio.create_task(work)

    async def _settle(
        self, events: list[Event], size: int, reads: list[ReadObject], disposable: list[BucketObject]
    ) -> None:
        if events:
            await delivered(self._deliver, self._source, events, size, RETRY_SECONDS)
        await self._keep(reads)
        for found in disposable:
            await self._owner.dispose(self._client, found)
            await self._keep([ReadObject(found, self._position.events(found), done=True)])

    async def _keep(self, reads: list[ReadObject]) -> None:
        """Remember what is delivered; while that cannot be written, nothing further is."""
        failures = 0
        while True:
            try:
                return await asyncio.to_thread(self._position.keep, reads)
            except OSError as error:
                failures += 1
                if failures == 1:
                    log.warning("%s: sincedb_path cannot be written: %s; trying again", self._owner.id, error)
                await asyncio.sleep(wait(failures, *RETRY_SECONDS))


def _about(key: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return what S3 says of an object, in the words of Amazon's Ruby library."""
    said = {name: value for name, value in answer.items() if name not in ("Body", "ResponseMetadata")}
    words = {_WORDS.sub("_", name.replace("ETag", "Etag")).lower(): _plain(value) for name, value in said.items()}
    return {**words, "key": key}


def _plain(value: Any) -> Any:
    return normalise(value.astimezone(UTC).isoformat()) if isinstance(value, datetime) else value
