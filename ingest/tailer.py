"""What follows files for inputs that read them.

Following files (rotation, truncation, offsets, identity) is the shipper's work, and ingest does not know the shipper.
Whoever runs inputs therefore gives them what makes tailers (`sawlog.running.tailing.tailer`). A `Tailer` is made of a
`TailRequest` for each input, delivers `LineBatch`es and moves its offsets when these are acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ingest.codec.multiline import Joining
from sawlog.batch import Deliver

NOWHERE: Final = ("/dev/null", "NUL")
"""What `memory` is when nothing is to be remembered."""


@dataclass(frozen=True, slots=True)
class TailRequest:
    """Which files to follow and how; times are in seconds."""

    name: str
    """The input's id."""
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    """Shell patterns of file names, without folders."""
    encoding: str
    """A codec of Python's."""
    joining: Joining | None
    """Which lines are one event; None: each."""
    from_end: bool
    """Whether files that are there at the start and are not known are begun at their end."""
    reading: bool
    """Files are complete: each is read to its end, a last line without line end too."""
    exit_after_read: bool
    memory: str | None
    """The file for the offsets; None: one of the tailer's choice; of `NOWHERE`: none."""
    scan_seconds: float
    close_after: float
    ignore_older: float | None
    delete: bool
    """Whether a file that was read and delivered is deleted."""
    completed: str | None
    """The file to which the paths of files that were read and delivered are appended."""


class Tailer(Protocol):
    """Something that tails."""

    async def run(self, deliver: Deliver) -> None:
        """Follow the files, as `Input.run` says; return when they are read, if they are to be read once.

        A batch is a `LineBatch` whose source's fields have ``host.name`` and ``log.file.path``.
        """


MakeTailer = Callable[[TailRequest], Tailer]
