"""Files that wait to be uploaded: what the s3 output has on the disk between a batch's arrival and the bucket.

A file is a series of frames: the length and the checksum of what follows, eight bytes, then the bytes. The first frame
says in JSON what the object is called; each further one has a batch's bytes, and is on the disk when the batch is
acknowledged. A frame at the end that is not whole is what a crash has left of a batch that was not. Whoever has a file
open holds its lock, so that another process does not take it for left over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sawlog.durable import append, sync_folder
from sawlog.errors import SawlogError

SUFFIX: Final = ".s3"
_FRAME: Final = struct.Struct(">II")


class DamagedSpoolError(SawlogError):
    """A file in the middle of which bytes have changed."""


class SpooledObject(msgspec.Struct, frozen=True):
    """The object that a file becomes; `endpoint` None: Amazon's."""

    bucket: str
    key: str
    endpoint: str | None = None


class SpoolFile:
    """One file, whose lock this process has."""

    def __init__(self, path: Path, descriptor: int, about: SpooledObject) -> None:
        self.path = path
        self.about = about
        self.size = 0
        """Of what the object will have, in bytes; what was there before this process does not count."""
        self._descriptor = descriptor
        self._open = True
        self._guard = threading.Lock()

    @classmethod
    def create(cls, folder: Path, name: str, about: SpooledObject) -> SpoolFile:
        """Make a file; its name is on the disk when this returns. Raises OSError."""
        path = folder / f"{name}{SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        made = cls(path, descriptor, about)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            made._write(msgspec.json.encode(about))
            sync_folder(folder)
        except BaseException:
            made.remove()
            raise
        return made

    @classmethod
    def left_over(cls, path: Path) -> SpoolFile | None:
        """Open a file that a process has left; None: one that lives has it, or nothing was written to it.

        Raises:
            OSError: it cannot be read.
            DamagedSpoolError: it does not say what it is.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return None
            raise
        try:
            head = next(_frames(path), None)
            if head is None:
                os.close(descriptor)
                return None
            return cls(path, descriptor, msgspec.json.decode(head, type=SpooledObject))
        except msgspec.DecodeError:
            os.close(descriptor)
            raise DamagedSpoolError(f"{path} does not say which object it is") from None

    def append(self, data: bytes) -> None:
        """Add bytes, which are on the disk when this returns, or not there at all. Raises OSError."""
        self._write(data)
        self.size += len(data)

    def content(self) -> Iterator[bytes]:
        """Yield what the object has. Raises OSError, DamagedSpoolError."""
        frames = _frames(self.path)
        next(frames, None)
        yield from frames

    def remove(self) -> None:
        """Delete the file: the object is there."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self.leave()

    def leave(self) -> None:
        """Let go of the file, for whoever starts next."""
        with self._guard:
            if self._open:
                self._open = False
                os.close(self._descriptor)

    def set_aside(self) -> Path:
        """Rename a file that is damaged, and return its new name. Raises OSError."""
        return self.path.rename(self.path.with_suffix(".damaged"))

    def _write(self, data: bytes) -> None:
        # A thread may be writing still when its task was cancelled and the output closes; the number of a descriptor
        # that was closed may be another file's.
        with self._guard:
            if not self._open:
                raise OSError(errno.EBADF, "the file is closed")
            append(self._descriptor, _FRAME.pack(len(data), zlib.crc32(data)) + data)


def _frames(path: Path) -> Iterator[bytes]:
    """Yield the bytes of the frames that are whole; what is not, at the end, is passed over."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            length, checksum = _FRAME.unpack(head)
            if not length or file.tell() + length > end:
                return
            data = file.read(length)
            if zlib.crc32(data) != checksum:
                if file.tell() == end:
                    return
                raise DamagedSpoolError(f"{path} is damaged before byte {file.tell()}")
            yield data
