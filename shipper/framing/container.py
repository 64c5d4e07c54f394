"""The lines that container engines write: Docker's JSON, and the text of the Container Runtime Interface (CRI).

Docker's driver ``json-file`` writes ``{"log":"text\\n","stream":"stdout","time":"…"}``; a text without a line feed at
its end goes on in the next line. The CRI has ``2016-10-06T00:17:09.669794202Z stdout P text``, where the tag ``P``
(partial) says that the text goes on and ``F`` that it is whole.
Sources: Docker's documentation of the driver; the Kubernetes design proposal "CRI: Log management".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from sawlog.times.go import Layout
from shipper.settings import ContainerFormat

_TIME: Final = Layout("2006-01-02T15:04:05Z07:00")
_USUAL: Final = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,9}Z", re.ASCII
)
"""How engines write a time, which is how an event has it; the general way takes ten times as long."""
_STREAMS: Final = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class ContainerLine:
    """What one line holds; `time` is in the event's form."""

    text: str
    stream: str
    time: str
    partial: bool
    attrs: dict[str, str] | None = None
    """Labels and variables of the container that Docker's options ``labels`` and ``env`` ask for."""


class _Docker(msgspec.Struct):
    log: str
    time: str
    stream: str = ""
    attrs: dict[str, str] | None = None


_DOCKER: Final = msgspec.json.Decoder(_Docker)


def read_line(line: str, settings: ContainerFormat) -> ContainerLine:
    """Read one line.

    Raises:
        ValueError: the line is not in the format, in words for the event's ``error.message``.
    """
    if settings.format == "docker" or (settings.format == "auto" and line.startswith("{")):
        return _docker(line)
    return _cri(line)


def seconds_between(earlier: str, later: str) -> float:
    """Return how far two times in the event's form are apart; not a number when one of them is on no calendar."""
    fraction = float(f"0{later[19:-1]}") - float(f"0{earlier[19:-1]}")
    return _seconds(later[:19]) - _seconds(earlier[:19]) + fraction


@lru_cache(256)
def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(f"{text}+00:00").timestamp()
    except ValueError:
        return math.nan


def _docker(line: str) -> ContainerLine:
    try:
        found = _DOCKER.decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"no line of Docker's: {error}") from None
    partial = not found.log.endswith("\n")
    return ContainerLine(found.log, found.stream, _moment(found.time), partial, found.attrs or None)


def _cri(line: str) -> ContainerLine:
    time, _, rest = line.partition(" ")
    stream, _, rest = rest.partition(" ")
    tags, _, text = rest.partition(" ")
    if stream not in _STREAMS or not tags:
        raise ValueError("no line of the CRI's: a time, stdout or stderr, and a tag begin one")
    partial = "P" in tags.split(":")
    return ContainerLine(text if partial else text + "\n", stream, _moment(time), partial)


def _moment(text: str) -> str:
    if _USUAL.fullmatch(text):
        return text
    moment = _TIME.parse(text, None)
    if moment is None:
        raise ValueError(f"'{text[:40]}' is no time of RFC 3339")
    return moment
