"""Folders and files that only their owner may read, and locks that are not written through a symbolic link."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO

from sawlog.errors import StoreError


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for the owner alone; what is there is left as it is."""
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def opener(path: str, flags: int) -> int:
    """Open a file as `open` wants it; one that is made can be read by its owner alone."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def open_lock(path: Path) -> IO[str]:
    """Open a file that is locked, and make it if it is not there; what it holds stays.

    Raises:
        StoreError: it is a symbolic link: somebody would have us write to another file.
        OSError: it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StoreError(f"{path} is a symbolic link, and a lock is not written through one: remove it") from None
        raise
    return os.fdopen(descriptor, "r+", encoding="ascii")
