"""What a processor and a condition are; both compare by value, so that a reload knows what has changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from sawlog.event import Event, Path, get, put

FAILURE: Final[Path] = ("sawlog", "failure")
"""Where a document says why a step failed; ingest's filters say it there, too."""


class Processor(ABC):
    """One step of the shipper's ``processors``, over a list of events at a time."""

    __slots__ = ()

    @abstractmethod
    def apply(self, events: list[Event]) -> list[Event]:
        """Work on the events and return those that go on, in order.

        Events may be changed in place at their top level (see `sawlog.event` for what is below). An event that
        the processor could not handle goes on, with the reason (`fail`). What raises is contained by the shaping.
        """


class Condition(ABC):
    """What stands under ``when``, ``if``, and in the rules of ``indices`` and ``pipelines``."""

    __slots__ = ()

    @abstractmethod
    def __call__(self, event: Event) -> bool:
        """Whether the condition holds for the event; a missing field makes it false, nothing raises."""


def fail(event: Event, reason: str) -> None:
    """Say on the event what went wrong with it: where Filebeat does, unless the line has an ``error`` of its own."""
    if "error" in event:
        keep_reason(event, reason)
    else:
        put(event, ("error", "message"), reason)


def keep_reason(event: Event, reason: str) -> None:
    """Keep why a step failed under a name that no application uses, behind earlier reasons."""
    if isinstance(event.get(FAILURE[0]), dict | None):
        earlier = get(event, FAILURE)
        put(event, FAILURE, f"{earlier}; {reason}" if isinstance(earlier, str) else reason)


def add_flag(event: Event, flag: str) -> None:
    """Add to ``log.flags``; what a line calls so, and is no list, becomes the first of them."""
    log = event.get("log")
    if isinstance(log, dict | None):
        flags = get(event, ("log", "flags"))
        put(event, ("log", "flags"), [*(flags if isinstance(flags, list) else [] if flags is None else [flags]), flag])
