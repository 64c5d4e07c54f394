"""Which lines are one event: the one question that everything answers that joins lines.

Filebeat's multiline asks it (`shipper.framing.multiline`), the multiline codec of Logstash (`ingest.codec.multiline`),
and what knows Spring Boot's logs (`shipper.framing.spring_boot`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise


class JoinRule(ABC):
    """Says where events begin, of lines that begin with an event's first one. Holds no state."""

    @abstractmethod
    def begins(self, lines: Sequence[str]) -> tuple[list[int], bool]:
        """Return the positions at which events begin, and whether the last event is known to be whole.

        There is at least one line, and the first position is 0.
        """


class Neighbours(JoinRule):
    """Lines of which a test says that they belong to a neighbour: the one above, or the one below."""

    def __init__(
        self, belongs: Callable[[str], object], *, above: bool, ends: Callable[[str], object] | None = None
    ) -> None:
        """A line that `ends` is true of is the last of its event, whatever follows."""
        self.belongs = belongs
        self.above = above
        self.ends = ends

    def begins(self, lines: Sequence[str]) -> tuple[list[int], bool]:  # noqa: D102 - JoinRule.begins
        marks = list(map(self.belongs, lines))
        ends = list(map(self.ends, lines)) if self.ends else []
        shift = 0 if self.above else 1
        begins = [0]
        begins += [at for at in range(1, len(lines)) if not marks[at - shift] or (ends and ends[at - 1])]
        return begins, (not self.above and not marks[-1]) or bool(ends and ends[-1])


class BoundedRule(JoinRule):
    """Another rule, where an event ends before it has more than `max_bytes` bytes, the line feeds in it included.

    What is left of it is parted as if the lines began there. A line that is too long by itself is an event's only one.
    """

    def __init__(self, rule: JoinRule, max_bytes: int) -> None:
        self.rule = rule
        self.max_bytes = max_bytes

    def begins(self, lines: Sequence[str]) -> tuple[list[int], bool]:  # noqa: D102 - JoinRule.begins
        begins, whole = self.rule.begins(lines)
        if sum(map(len, lines)) * 4 + len(lines) <= self.max_bytes:
            return begins, whole
        sizes = [len(line.encode(errors="surrogatepass")) + 1 for line in lines]
        found: list[int] = []
        left = list(pairwise([*begins, len(lines)]))[::-1]
        while left:
            begin, end = left.pop()
            found.append(begin)
            limit, size = begin + 1, sizes[begin]
            while limit < end and size + sizes[limit] <= self.max_bytes + 1:
                size += sizes[limit]
                limit += 1
            if limit < end:
                rest = [limit + at for at in self.rule.begins(lines[limit:end])[0]]
                left += reversed(list(pairwise([*rest, end])))
        return found, whole


@dataclass(slots=True)
class Open:
    """What of an event there is until now; `size` is in bytes of UTF-8."""

    lines: int = 0
    size: int = 0
    goes_on: bool = False
    """Whether the next line belongs to it, whatever that is."""


class BoundedNeighbours(Neighbours):
    """The same, where an event ends when it has more than `max_lines` lines, or as many as `max_bytes` bytes."""

    def __init__(self, belongs: Callable[[str], object], *, above: bool, max_lines: int, max_bytes: int) -> None:
        super().__init__(belongs, above=above)
        self.max_lines = max_lines
        self.max_bytes = max_bytes

    def begins(self, lines: Sequence[str]) -> tuple[list[int], bool]:  # noqa: D102 - JoinRule.begins
        event = Open()
        begins: list[int] = []
        for at, (line, mark) in enumerate(zip(lines, map(self.belongs, lines), strict=True)):
            if self.parts(event, mark):
                begins.append(at)
                event = Open()
            self.add(event, line, mark)
        return begins, self.is_whole(event)

    def parts(self, event: Open, mark: object) -> bool:
        """Whether a line of which `belongs` says `mark` begins another event."""
        return not event.lines or self.is_full(event) or not (mark if self.above else event.goes_on)

    def add(self, event: Open, line: str, mark: object) -> None:
        """Add a line to an event. This and `parts` are for whoever gets lines one by one, and tests none twice."""
        event.lines += 1
        event.size += len(line.encode(errors="surrogatepass"))
        event.goes_on = bool(mark) and not self.above

    def is_full(self, event: Open) -> bool:
        """Whether the event has come to a limit."""
        return event.lines > self.max_lines or event.size >= self.max_bytes

    def is_whole(self, event: Open) -> bool:
        """Whether nothing can follow in the event."""
        return self.is_full(event) or (not self.above and not event.goes_on)
