"""What outlasts a restart: how far each rule has come, what fires, who was told when, and the messages still to send.

One file, written whole beside the old one and put in its place, so that there is always one that is whole.
"""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from sawlog import durable
from sawlog.errors import SawlogError
from sawlog.private import make_folder, open_lock, opener
from sawlog.watch.counting import Seen
from sawlog.watch.rules import AlertRule

NAME: Final = "alerts-state.json"
VERSION: Final = 1

log = logging.getLogger(__name__)


class GroupState(msgspec.Struct):
    """A group that fires, or of which somebody was told so lately that nobody is told again."""

    count: int
    """Events in the last window."""
    peak: int
    """The most (of `fewer_than`: the fewest) in a window since it fires."""
    since: int | None = None
    """The end of the first window by which it fires; None: it does not fire."""
    told: int | None = None
    """The end of the window by which somebody was last told that it fires."""
    is_announced: bool = False
    """Whether somebody was told of this time that it fires."""
    value: Any = None
    """The field's value, as filters take it."""


class RuleMemory(msgspec.Struct):
    """What is known of one rule."""

    fingerprint: str
    evaluated: int
    """The end of the last window that was looked at."""
    groups: dict[str, GroupState] = {}
    known: dict[str, Seen] = {}
    """Of rules that need it: what there was, and when first and last."""


class AlertMessage(msgspec.Struct):
    """A message, to those who have not got it yet (`targets`); `made` is the time of the clock on the wall."""

    rule: str
    kind: str
    title: str
    text: str
    made: int
    targets: list[str]


class AlertMemory(msgspec.Struct):
    """All that is kept."""

    version: int = VERSION
    rules: dict[str, RuleMemory] = {}
    outbox: list[AlertMessage] = []

    def of(self, rule: AlertRule) -> RuleMemory | None:
        """Return what is known of a rule, if it still asks the same."""
        known = self.rules.get(rule.name)
        return known if known is not None and known.fingerprint == rule.fingerprint else None


class MemoryFile:
    """The file, of one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def open(self) -> AlertMemory:
        """Lock the file and read it; one that is damaged is set aside.

        Raises:
            SawlogError: another process has it, or it cannot be read.
        """
        try:
            make_folder(self.path.parent)
            self._lock = open_lock(self.path.with_suffix(".lock"))
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SawlogError(f"another sawlog watches with {self.path}; name another file with --state") from None
        except OSError as error:
            raise SawlogError(f"{self.path}: {error.strerror}") from None
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=AlertMemory)
        except FileNotFoundError:
            return AlertMemory()
        except OSError as error:
            raise SawlogError(f"{self.path}: {error.strerror}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            aside = self.path.with_suffix(".damaged")
            self.path.replace(aside)
            log.error("%s is damaged (%s) and set aside as %s: what fires begins anew", self.path, error, aside.name)
            return AlertMemory()
        if found.version != VERSION:
            raise SawlogError(f"{self.path} was written by another version of sawlog; move it away to begin anew")
        return found

    def write(self, encoded: bytes) -> None:
        """Put another content in place, durably. Raises OSError."""
        draft = self.path.with_suffix(".new")
        with open(draft, "wb", opener=opener) as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        durable.sync_folder(self.path.parent)

    def close(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
