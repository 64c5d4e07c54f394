"""A figure, how much there is to do for one, and the services that some need."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from tests.services import ElasticsearchServer, MissingServiceError

NOISE = "too few lines: less than the noise of a start"
SHORT = 10
"""The short file, whose time is taken off, has one line of so many."""


@dataclass(frozen=True)
class Size:
    """How much is done: lines of the file that all roads read, and how often each figure is taken."""

    lines: int = 150_000
    rounds: int = 3

    @property
    def million(self) -> int:
        """What stands for a million lines where the growth with them is shown: a million if there are enough."""
        return max(1, min(1_000_000, self.lines // 2))


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, its value in each round (none: it is missing), and a word beside it."""

    group: str
    what: str
    values: Sequence[float]
    unit: str = ""
    beside: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds; there must be one."""
        return statistics.median(self.values)

    @property
    def is_known(self) -> bool:
        """Whether there is a figure: one that a start was taken off, and nothing is left of, is noise."""
        return bool(self.values) and self.median > 0


def failed(group: str, what: str, error: Exception) -> Row:
    """Return the row of a figure that could not be taken, and say why to whoever measures."""
    print(f"{group}, {what}: {error}", file=sys.stderr)
    return Row(group, what, (), beside=f"failed: {next(iter(str(error).splitlines()), type(error).__name__)}")


class Services:
    """Started when the first asks for them; ended at the end."""

    def __init__(self, elasticsearch: ElasticsearchServer | None = None) -> None:
        """`elasticsearch` runs already, and is ended by others."""
        self._stack = ExitStack()
        self._elasticsearch = elasticsearch

    def __enter__(self) -> Services:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def elasticsearch(self) -> ElasticsearchServer:
        """Return a node that runs.

        Raises:
            MissingServiceError: this machine has none; says what is missing.
        """
        if self._elasticsearch is None:
            server = ElasticsearchServer()
            self._stack.callback(server.close)
            server.start()
            self._elasticsearch = server
        return self._elasticsearch


__all__ = ["NOISE", "SHORT", "MissingServiceError", "Row", "Services", "Size", "failed"]
