"""What the outputs kafka and redis have in common: one way that is free or not, and letters for what is refused."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sawlog.dead_letter import DIRECTORY, DeadLetter, DeadLetters, dead_letter_of
from sawlog.event import Event
from sawlog.store.base import Refusal
from shipper.output.base import About
from shipper.output.side_by_side import SideBySide

log = logging.getLogger(__name__)

WINDOW_BYTES = 16 << 20
"""So much waits or is under way before the next batch waits."""


class QueueSender(SideBySide):
    """Sends to a broker or a server of queues."""

    def __init__(self, name: str, about: About) -> None:
        super().__init__(name, WINDOW_BYTES)
        self._letters = DeadLetters(about.data / DIRECTORY)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Bring what is refused for good into safety."""
        if letters:
            log.warning("%s: %d events go to the dead letters: %s", self._name, len(letters), letters[0].reason)
            await self._letters.keep(letters, lambda: self.tell(self._letters.problem))
            self.counters.dead += len(letters)

    def tell(self, problem: str | None) -> None:
        """Say once that nothing gets through, and once that it does again."""
        if problem is not None and self.counters.problem is None:
            log.warning("%s; retrying", problem)
        elif problem is None and self.counters.problem is not None:
            log.warning("%s: the way is free again", self._name)
        self.counters.problem = problem


def letter(event: Event, place: str, kind: str, reason: str) -> DeadLetter:
    """Make the letter of an event that was refused on its way to a topic, list or channel."""
    return dead_letter_of(event, place, Refusal(0, 400, kind, reason), "output")
