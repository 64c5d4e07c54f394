"""Several lines, one event: lines joined by a rule, and the rules of Filebeat's ``multiline`` settings.

Source of the rules: the Filebeat reference, "Manage multiline messages".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from sawlog.joining import JoinRule, Neighbours
from shipper.expression import Expressions
from shipper.framing.base import Frames, Framing, cut
from shipper.framing.lines import LineFraming
from shipper.settings import MultilineSettings

LineTest = Callable[[str], object]


class JoinedFraming(Framing):
    """Joins the lines that a rule says are one event, with line feeds between."""

    def __init__(self, lines: LineFraming, rule: JoinRule, timeout: float | None) -> None:
        self.lines = lines
        self.max_bytes = lines.max_bytes
        self.timeout = timeout
        self._rule = rule

    def frame(self, buffer: bytes, offset: int, final: bool) -> Frames:
        """Cut `buffer` into events; a last event that may go on is held back unless `final`."""
        lines, starts, consumed = self.lines.split(buffer, offset, final)
        texts, cut = self.lines.texts(lines)
        if not texts:
            return Frames((), (), consumed)
        begins, complete = self._rule.begins(texts)
        if not final and not complete:
            held = begins.pop()
            if not begins:
                return Frames((), (), 0)
            consumed = starts[held] - offset
            texts = texts[:held]
        joined: list[str] = []
        truncated: set[int] = set()
        for begin, end in zip(begins, [*begins[1:], len(texts)], strict=True):
            text, lost = self.join(texts[begin:end])
            if lost or (cut and not cut.isdisjoint(range(begin, end))):
                truncated.add(len(joined))
            joined.append(text)
        return Frames(joined, [starts[begin] for begin in begins], consumed, frozenset(truncated))

    def whole(self, buffer: bytes, offset: int) -> int:  # noqa: D102 - Framing.whole
        return self.lines.whole(buffer, offset)

    def first(self, buffer: bytes, offset: int) -> int:  # noqa: D102 - Framing.first
        return self.lines.first(buffer, offset)

    def join(self, texts: Sequence[str]) -> tuple[str, bool]:
        """Join the lines of one event; say whether something was lost."""
        return "\n".join(texts), False


class MultilineFraming(JoinedFraming):
    """Filebeat's: what goes beyond the limits is dropped, and flagged.

    Without line feeds between (``skip_newline``), parsers join them: only they tell then what was joined.
    """

    def __init__(self, lines: LineFraming, settings: MultilineSettings) -> None:
        super().__init__(lines, rule_for(settings), settings.timeout or None)
        self.max_lines = settings.max_lines or sys.maxsize

    def join(self, texts: Sequence[str]) -> tuple[str, bool]:
        """Join the lines of one event within the limits; say whether something was lost."""
        # Filebeat's reader puts a line feed only behind what is there, so that none stands for empty lines at the top.
        text = "\n".join(texts[: self.max_lines]).lstrip("\n")
        text, shortened = cut(text, self.max_bytes)
        return text, shortened or len(texts) > self.max_lines


class _WhileRule(JoinRule):
    def __init__(self, settings: MultilineSettings) -> None:
        self.joins = _matcher(settings.pattern or "", settings.negate)

    def begins(self, lines: Sequence[str]) -> tuple[list[int], bool]:
        marks = list(map(self.joins, lines))
        begins = [0, *(at for at in range(1, len(lines)) if not (marks[at] and marks[at - 1]))]
        return begins, not marks[-1]


class _CountRule(JoinRule):
    def __init__(self, settings: MultilineSettings) -> None:
        self.count = settings.count_lines

    def begins(self, lines: Sequence[str]) -> tuple[list[int], bool]:
        return list(range(0, len(lines), self.count)), len(lines) % self.count == 0


def rule_for(settings: MultilineSettings) -> JoinRule:
    """Return the rule that the settings ask for."""
    if settings.type == "count":
        return _CountRule(settings)
    if settings.type == "while_pattern":
        return _WhileRule(settings)
    ends = _matcher(settings.flush_pattern) if settings.flush_pattern else None
    belongs = _matcher(settings.pattern or "", settings.negate)
    return Neighbours(belongs, above=settings.match != "before", ends=ends)


def _matcher(pattern: str, negate: bool = False) -> LineTest:
    search = Expressions([pattern]).search
    return (lambda line: not search(line)) if negate else search
