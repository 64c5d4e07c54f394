"""s3: events in objects of a bucket, which are named and turned over as Logstash does.

A batch is acknowledged when its bytes are on the disk, in `temporary_directory`. From there they are uploaded, after a
crash at the next start: nothing is lost, and an object that was uploaded twice is the same one. Only a batch whose
acknowledgement was lost in a crash may stand in two objects.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import re
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from isal import igzip

from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from ingest.output.s3_spool import SUFFIX, DamagedSpoolError, SpooledObject, SpoolFile
from ingest.output.s3_uploads import Uploads
from ingest.s3_connection import OPTIONS, S3Connection
from ingest.settings import is_dynamic, template
from sawlog.errors import StoreError, StoreUnavailableError
from sawlog.event import Event
from sawlog.paths import default_data
from sawlog.private import make_folder
from sawlog.store.base import Refusal
from sawlog.wire import s3_client

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 20.0
"""How long the end of the output waits for uploads; the rest is uploaded at the next start."""
TURN_SECONDS: Final = 0.5
"""Between looks at which files are old enough."""
MOST_OPEN: Final = 256
"""With more prefixes than that, the file that was begun first is uploaded early."""
_LONGEST_KEY: Final = 1024
_FORBIDDEN: Final = re.compile(r"[\^`><]")
_PROCESSORS: Final = os.cpu_count() or 1
_ACLS: Final = (
    "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
    "bucket-owner-full-control", "log-delivery-write",
)  # fmt: skip
_CLASSES: Final = (
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE",
    "GLACIER_IR", "OUTPOSTS",
)  # fmt: skip


class S3(Output):
    """Of each prefix one file at a time is written to."""

    name = "s3"
    default_codec = "line"
    options: ClassVar[dict[str, Option]] = {
        "bucket": Option(Kind.STRING, "The bucket.", required=True),
        "prefix": Option(Kind.STRING, "What keys begin with, as a folder; takes sprintf.", ""),
        "rotation_strategy": Option(
            Kind.STRING, "What ends a file.", "size_and_time", one_of=("size_and_time", "size", "time")
        ),
        "size_file": Option(Kind.NUMBER, "A file of so many bytes is uploaded.", 5 << 20),
        "time_file": Option(Kind.NUMBER, "A file that was begun so many minutes ago is uploaded.", 15),
        "encoding": Option(Kind.STRING, "Whether objects are compressed.", "none", one_of=("none", "gzip")),
        "tags": Option(Kind.ARRAY, "Words in the keys.", []),
        "canned_acl": Option(Kind.STRING, "Who may do what with the objects.", "private", one_of=_ACLS),
        "storage_class": Option(Kind.STRING, "How S3 keeps them.", "STANDARD", one_of=_CLASSES),
        "server_side_encryption": Option(Kind.BOOLEAN, "Whether S3 is told to encrypt them.", False),
        "server_side_encryption_algorithm": Option(
            Kind.STRING, "How.", "AES256", one_of=("AES256", "aws:kms")
        ),
        "ssekms_key_id": Option(Kind.STRING, "The id of the key with aws:kms."),
        "temporary_directory": Option(Kind.PATH, "Where files wait until they are uploaded."),
        "restore": Option(Kind.BOOLEAN, "Whether what an earlier process has left there is uploaded.", True),
        "validate_credentials_on_root_bucket": Option(
            Kind.BOOLEAN, "Whether an object is written to the bucket, and deleted, at the start.", True
        ),
        "upload_workers_count": Option(
            Kind.NUMBER, "How many files are uploaded at a time; half as many as processors if not given."
        ),
        "upload_queue_size": Option(
            Kind.NUMBER, "With more files that wait, no events are taken; half as many as processors if not given."
        ),
        "upload_multipart_threshold": Option(Kind.NUMBER, "An object of more bytes comes in parts.", 15 << 20),
        "retry_delay": Option(Kind.NUMBER, "Seconds before the next try; they grow while it fails.", 1),
        "retry_count": Option(Kind.NUMBER, "", noted="a file is tried until it is uploaded"),
        "signature_version": Option(Kind.STRING, "", one_of=("v2", "v4"), noted="requests are signed by version 4"),
        **OPTIONS,
    }  # fmt: skip

    def __init__(self, options: Options) -> None:
        self._connection = S3Connection(options, "the s3 output")
        super().__init__(options)
        self._bucket: str = options["bucket"]
        self._prefix = template(options, "prefix")
        if not is_dynamic(options["prefix"]) and _FORBIDDEN.search(options["prefix"]):
            raise options.error("a prefix has none of the characters ^ ` > <", "prefix")
        self._most_bytes, self._most_seconds = _limits(options)
        self._gzip: bool = options["encoding"] == "gzip"
        self._tags = [str(tag) for tag in options["tags"]]
        self._arguments = _arguments(options)
        self._folder: str | None = options["temporary_directory"]
        self._restores: bool = options["restore"]
        self._validates: bool = options["validate_credentials_on_root_bucket"]
        self._workers = _whole(options, "upload_workers_count", 1, math.ceil(_PROCESSORS / 2))
        self._most_waiting = _whole(options, "upload_queue_size", 0, 2 * math.ceil(_PROCESSORS / 4))
        self._threshold = _whole(options, "upload_multipart_threshold", 5 << 20)
        self._first_wait = float(options["retry_delay"])
        self._files: dict[str, _Open] = {}
        self._parts: dict[str, int] = {}
        self._turn = asyncio.Lock()
        self._closing = AsyncExitStack()
        self._uploads: Uploads | None = None
        self._turning: asyncio.Task[None] | None = None

    async def open(self) -> None:  # noqa: D102 - Output.open
        folder = self._own_folder()
        await asyncio.to_thread(make_folder, folder)
        async with AsyncExitStack() as closing:
            try:
                client = await closing.enter_async_context(s3_client.connection(self._connection.access()))
                if self._validates:
                    await self._validate(client)
            except s3_client.errors() as error:
                words = f"{self.id}: the bucket {self._bucket}: {s3_client.words_of(error)}"
                raise (StoreUnavailableError if s3_client.is_passing(error) else StoreError)(words) from None
            self._uploads = Uploads(self.id, client, self._arguments, self._threshold, self._first_wait)
            await asyncio.to_thread(self._take_up, folder, self._uploads)
            self._uploads.start(self._workers)
            self._closing = closing.pop_all()
        if self._most_seconds is not None:
            self._turning = asyncio.create_task(self._turn_by_time(self._most_seconds))

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        assert self._uploads is not None, "it is open"
        groups: dict[str, list[Event]] = {}
        for event in events:
            groups.setdefault(self._prefix_of(event), []).append(event)
        await self._uploads.room(self._most_waiting)
        async with self._turn:
            for prefix, group in groups.items():
                await asyncio.to_thread(self._write, prefix, group)
                self._turn_over([prefix], self._is_full)
            self._turn_over(list(self._files)[: max(0, len(self._files) - MOST_OPEN)], lambda _file: True)
        self.problem = self._uploads.problem
        return ()

    async def close(self) -> None:  # noqa: D102 - Output.close
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
        if self._uploads is not None:
            async with self._turn:
                self._turn_over(list(self._files), lambda _file: True)
            if left := await self._uploads.stop(GRACE_SECONDS):
                where = "uploaded at the next start" if self._restores else "not uploaded (restore => false)"
                log.warning("%s: %d files in %s are %s", self.id, left, self._own_folder(), where)
        await self._closing.aclose()

    def _own_folder(self) -> Path:
        if self._folder:
            return Path(self._folder)
        return (self.data or default_data()) / "s3-outputs"

    async def _validate(self, client: Any) -> None:
        """Write an object and delete it. That it cannot be deleted is no obstacle."""
        place = {"Bucket": self._bucket, "Key": f"sawlog-access-test-{uuid.uuid4()}"}
        await client.put_object(**place, **self._arguments, Body=b"sawlog may write here\n")
        try:
            await client.delete_object(**place)
        except s3_client.errors() as error:
            log.warning("%s: %s stays in the bucket: %s", self.id, place["Key"], s3_client.words_of(error))

    def _take_up(self, folder: Path, uploads: Uploads) -> None:
        """Take what an earlier process has left for this bucket."""
        left = 0
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                file = SpoolFile.left_over(path)
            except (OSError, DamagedSpoolError) as error:
                log.error("%s: %s", self.id, error)
                continue
            if file is None:
                continue
            if not self._restores or (file.about.bucket, file.about.endpoint) != self._place:
                file.leave()
                continue
            left += 1
            uploads.add(file)
        if left:
            log.info("the s3 output uploads %d files that were left in %s", left, folder)

    @property
    def _place(self) -> tuple[str, str | None]:
        return self._bucket, self._connection.endpoint

    def _prefix_of(self, event: Event) -> str:
        prefix = _FORBIDDEN.sub("_", self._prefix(event)).strip("/")
        # A key that is too long would never be taken.
        return prefix.encode(errors="replace")[: _LONGEST_KEY // 2].decode(errors="ignore")

    def _write(self, prefix: str, events: list[Event]) -> None:
        data = self.codec().encode(events)
        if not data:
            return
        if prefix not in self._files:
            self._files[prefix] = _Open(self._create(prefix), time.monotonic())
        self._files[prefix].file.append(igzip.compress(data) if self._gzip else data)

    def _create(self, prefix: str) -> SpoolFile:
        part = self._parts.get(prefix, 0)
        self._parts.pop(prefix, None)
        self._parts[prefix] = part + 1
        if len(self._parts) > 2 * MOST_OPEN:
            del self._parts[next(iter(self._parts))]
        unique = str(uuid.uuid4())
        words = [f"ls.s3.{unique}", f"{datetime.now(UTC):%Y-%m-%dT%H.%M}"]
        if self._tags:
            words.append(f"tag_{'.'.join(self._tags)}")
        name = ".".join([*words, f"part{part}", "txt.gz" if self._gzip else "txt"])
        about = SpooledObject(self._bucket, f"{prefix}/{name}" if prefix else name, self._connection.endpoint)
        return SpoolFile.create(self._own_folder(), unique, about)

    def _is_full(self, one: _Open) -> bool:
        return self._most_bytes is not None and one.file.size >= self._most_bytes

    def _turn_over(self, prefixes: Sequence[str], is_due: Callable[[_Open], bool]) -> None:
        """Upload the files of these prefixes that are due; the next event begins another."""
        assert self._uploads is not None, "it is open"
        for prefix in prefixes:
            if prefix in self._files and is_due(self._files[prefix]):
                self._uploads.add(self._files.pop(prefix).file)

    async def _turn_by_time(self, seconds: float) -> None:
        assert self._uploads is not None, "it is open"
        while True:
            await asyncio.sleep(min(seconds, TURN_SECONDS))
            async with self._turn:
                self._turn_over(list(self._files), lambda one: one.begun <= time.monotonic() - seconds)
            self.problem = self._uploads.problem


@dataclass(frozen=True, slots=True)
class _Open:
    """A file that is written to, and since when."""

    file: SpoolFile
    begun: float


def _limits(options: Options) -> tuple[int | None, float | None]:
    """Return after how many bytes and seconds a file is uploaded."""
    strategy: str = options["rotation_strategy"]
    size, minutes = options["size_file"], options["time_file"]
    for name, value in (("size_file", size), ("time_file", minutes)):
        if value < 0 or (value == 0 and strategy in (name.split("_")[0], "size_and_time")):
            raise options.error(f"'{name}' is more than 0 with rotation_strategy => {strategy}", name)
    return (int(size) if "size" in strategy else None), (float(minutes) * 60 if "time" in strategy else None)


def _arguments(options: Options) -> dict[str, Any]:
    """Return what is said of each object. What S3 does anyway is not: buckets without ACLs refuse any word of one."""
    made: dict[str, Any] = {}
    if options["canned_acl"] != "private":
        made["ACL"] = options["canned_acl"]
    if options["storage_class"] != "STANDARD":
        made["StorageClass"] = options["storage_class"]
    if options["encoding"] == "gzip":
        made["ContentEncoding"] = "gzip"
    algorithm = options["server_side_encryption_algorithm"]
    if options["server_side_encryption"]:
        made["ServerSideEncryption"] = algorithm
    if options["ssekms_key_id"] is not None:
        if not options["server_side_encryption"] or algorithm != "aws:kms":
            raise options.error(
                "a key needs server_side_encryption => true and server_side_encryption_algorithm => 'aws:kms'",
                "ssekms_key_id",
            )
        made["SSEKMSKeyId"] = options["ssekms_key_id"]
    return made


def _whole(options: Options, name: str, least: int, default: int = 0) -> int:
    value = default if options[name] is None else options[name]
    if value != int(value) or value < least:
        raise options.error(f"'{name}' is a whole number, {least} at least, and got {value}", name)
    return int(value)
