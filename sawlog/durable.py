"""What makes bytes of a file, and names in a folder, durable."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Return when files that were made, renamed or removed in the folder are so on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append(descriptor: int, data: bytes) -> None:
    """Write all of it to the disk, or nothing. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        written = 0
        while written < len(data):
            written += os.write(descriptor, data[written:])
        _synchronise(descriptor)
    except BaseException:
        os.ftruncate(descriptor, size)
        raise


def _synchronise(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        # A pipe or a terminal has no disk.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
