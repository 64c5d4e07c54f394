"""What inputs of streams and messages share: the codec's events with what the input knows of their sender."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from ingest.codec.base import Codec
from ingest.failure import fail
from ingest.options import Block, Options
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, get
from sawlog.times.instant import normalise

Decorate = Callable[[Event], None] | None


def codec_name(options: Options, default: str) -> str:
    """Return the name of the codec that an input uses."""
    given = options["codec"]
    return given.name if isinstance(given, Block) else given or default


def settle_timestamp(event: Event, who: str) -> None:
    """Bring ``@timestamp`` into the form of `sawlog.event`; what is no time is set aside, with the reason."""
    given = event.get(TIMESTAMP, MISSING)
    if given is MISSING:
        return
    if isinstance(given, str):
        if _is_normal(given):
            return
        instant = normalise(given)
        if instant is not None:
            event[TIMESTAMP] = instant
            return
    del event[TIMESTAMP]
    event["_@timestamp"] = given
    fail(event, ["_timestampparsefailure"], f"{who}: @timestamp is no ISO 8601 time: {given!r:.80}")


def line_id(event: Event) -> str | None:
    """Make the ``_id`` of a line of a file of where a Beat found it; None when it does not say.

    Filebeat's filestream has done so since 8.10: ``log.file`` has ``device_id`` and ``inode``, on Windows ``vol``,
    ``idxhi`` and ``idxlo``, and a ``fingerprint`` where files are told apart by that. Its older input `log` does not.
    An inode is used again once its file is gone, so that the line itself is part of the id.
    """
    log = event.get("log")
    agent = get(event, ("agent", "id"))
    if agent is None or not isinstance(log, dict):
        return None
    file, offset = log.get("file"), log.get("offset")
    if not isinstance(file, dict) or offset is None:
        return None
    place = file.get("fingerprint")
    if not place and file.get("inode"):
        place = f"{file.get('device_id')}-{file['inode']}"
    if not place and "idxlo" in file:
        place = f"{file.get('vol')}-{file.get('idxhi')}-{file['idxlo']}"
    if not place:
        return None
    text = str(event.get("message", "")).encode(errors="surrogatepass")
    return f"{agent}:{place}:{offset}:{hashlib.blake2b(text, digest_size=6).hexdigest()}"


_NORMAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z", re.ASCII)


def _is_normal(text: str) -> bool:
    """Whether a time is as Beats write it, which is also our form; ten times as fast as to read and write it."""
    if _NORMAL.fullmatch(text) is None or text < "1000":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


class Stamp:
    """Puts the same fields on each event, unless the event has them, and decorates it.

    `metadata` goes under ``@metadata``; the values are shared by all events.
    """

    def __init__(self, fields: dict[str, Any], metadata: dict[str, Any], decorate: Decorate) -> None:
        self._fields = fields
        self._metadata = metadata
        self._decorate = decorate

    def __call__(self, events: Iterable[Event]) -> list[Event]:
        """Return the events, with all that belongs to them."""
        stamped = list(events)
        for event in stamped:
            for key, value in self._fields.items():
                old = event.setdefault(key, value)
                if old is not value and isinstance(old, dict) and isinstance(value, dict):
                    event[key] = {**value, **old}
            event[METADATA] = {**event.get(METADATA, {}), **self._metadata}
            if self._decorate is not None:
                self._decorate(event)
        return stamped


class Stream:
    """The events of one stream of bytes."""

    def __init__(self, codec: Codec, stamp: Stamp, *, whole: bool) -> None:
        """`whole`: each chunk is an event of its own, as the plain codec has it."""
        self._codec = codec
        self._stamp = stamp
        self._whole = whole
        self.idle_seconds = codec.auto_flush_interval
        """After so long without a byte, `flush` completes what is unfinished; None: it never does."""

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        events = self._stamp(self._codec.decode(data))
        return events + self.flush() if self._whole else events

    def flush(self) -> list[Event]:
        """Return what is unfinished."""
        return self._stamp(self._codec.flush())
