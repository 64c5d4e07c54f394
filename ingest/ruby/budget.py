"""How much one run of a program may do: steps, and characters and elements that it makes."""

from __future__ import annotations

from typing import Final

STEPS: Final = 1_000_000
"""Calls and turns of loops that a program may take for one event."""
ROOM: Final = 64 * 1024 * 1024
"""Characters, elements of lists and hashes, and bytes of numbers that it may make for one event."""


class Exhausted(Exception):  # noqa: N818 - no error of the program's own, and no `rescue` sees it
    """A program has done all that it may for one event."""


class Budget:
    """What is left of a run; one run at a time."""

    __slots__ = ("room", "steps")

    def __init__(self) -> None:
        self.fill()

    def fill(self) -> None:
        """Begin a run."""
        self.steps = STEPS
        self.room = ROOM

    def step(self) -> None:
        """Count one step."""
        self.steps -= 1
        if self.steps < 0:
            raise Exhausted(f"the program took more than {STEPS} steps for this event")

    def make(self, size: int) -> None:
        """Count what is about to be made: characters, elements or bytes."""
        self.room -= size
        if self.room < 0:
            raise Exhausted(f"the program made more than {ROOM} characters and elements for this event")


BUDGET: Final = Budget()
"""That of the run under way; programs run one after another."""
