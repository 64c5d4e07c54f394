"""What the s3 input does with an object that is delivered: a copy in a bucket or a folder, and its deletion."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ingest.input.s3_position import BucketObject
from ingest.options import Kind, Option, Options
from sawlog.durable import sync_folder

OPTIONS: Final[dict[str, Option]] = {
    "delete": Option(Kind.BOOLEAN, "Whether an object that is delivered is deleted.", False),
    "backup_to_bucket": Option(Kind.STRING, "The bucket to which it is copied first."),
    "backup_add_prefix": Option(Kind.STRING, "What the key of the copy begins with, before its own."),
    "backup_to_dir": Option(Kind.PATH, "The folder to which it is copied first."),
}
_PIECE: Final = 1 << 20


class Disposal:
    """Copies first, and deletes when the copies are safe."""

    def __init__(self, options: Options) -> None:
        self._bucket: str = options["bucket"]
        self._delete: bool = options["delete"]
        self._to_bucket: str | None = options["backup_to_bucket"]
        self._prefix: str = options["backup_add_prefix"] or ""
        self._to_folder = Path(options["backup_to_dir"]) if options["backup_to_dir"] else None
        if self._to_bucket == self._bucket and not self._prefix:
            raise options.error(
                "the copy would be the object itself", "backup_to_bucket", "name a backup_add_prefix or another bucket"
            )
        if self._prefix and not self._to_bucket:
            raise options.error("'backup_add_prefix' needs 'backup_to_bucket'", "backup_add_prefix")

    @property
    def disposes(self) -> bool:
        """Whether there is anything to do."""
        return self._delete or self._to_bucket is not None or self._to_folder is not None

    def is_backup(self, key: str) -> bool:
        """Whether an object of the bucket is a copy that was made here."""
        return self._to_bucket == self._bucket and key.startswith(self._prefix)

    async def dispose(self, client: Any, found: BucketObject) -> None:
        """Do it; a second time is no harm. Raises what `sawlog.wire.s3_client.errors` names."""
        if self._to_bucket is not None:
            source = {"Bucket": self._bucket, "Key": found.key}
            await client.copy_object(
                CopySource=source, CopySourceIfMatch=found.tag, Bucket=self._to_bucket, Key=self._prefix + found.key
            )
        if self._to_folder is not None:
            await self._copy_to(self._to_folder / _name(found.key), client, found)
        if self._delete:
            await client.delete_object(Bucket=self._bucket, Key=found.key)

    async def _copy_to(self, file: Path, client: Any, found: BucketObject) -> None:
        answer = await client.get_object(Bucket=self._bucket, Key=found.key, IfMatch=found.tag)
        await asyncio.to_thread(file.parent.mkdir, 0o700, parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        async with answer["Body"] as body:
            with part.open("wb") as out:
                while data := await body.read(_PIECE):
                    await asyncio.to_thread(out.write, data)
                out.flush()
                await asyncio.to_thread(os.fsync, out.fileno())
        part.replace(file)
        await asyncio.to_thread(sync_folder, file.parent)


def _name(key: str) -> PurePosixPath:
    """Return where in the folder the copy of an object lies: under its key, whose parts lead nowhere else."""
    parts = [part.replace("\0", "_") for part in key.split("/") if part not in ("", ".", "..")]
    return PurePosixPath(*parts) if parts else PurePosixPath("_")
