"""What a processor and a condition are; both compare by value, so that a reload knows what has changed."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sawlog.event import Event, put


class Processor(ABC):
    """One step of the shipper's ``processors``, over a list of events at a time."""

    __slots__ = ()

    @abstractmethod
    def apply(self, events: list[Event]) -> list[Event]:
        """Work on the events and return those that go on, in order.

        Events may be changed in place at their top level (see `sawlog.event` for what is below). An event that
        the processor could not handle goes on, with the reason in ``error.message``; nothing raises.
        """


class Condition(ABC):
    """What stands under ``when``, ``if``, and in the rules of ``indices`` and ``pipelines``."""

    __slots__ = ()

    @abstractmethod
    def __call__(self, event: Event) -> bool:
        """Whether the condition holds for the event; a missing field makes it false, nothing raises."""


def fail(event: Event, reason: str) -> None:
    """Say on the event what went wrong with it."""
    put(event, ("error", "message"), reason)
