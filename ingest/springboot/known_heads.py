"""The heads that were read in a source's lines, each remembered by its text.

Between the time and the message of a line stands its head, and heads repeat: of thousands of lines, all but a few have
one that is known. A head is remembered together with the divider behind it, so that finding it also says where the
message begins; the ids of a trace, which never repeat, are taken out of it first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

from ingest.springboot.clock import Seconds
from ingest.springboot.head import LONGEST_HEAD, divider, ids_in, ids_of
from sawlog.columns import Common

REMEMBERED: Final = 4096
"""KnownHeads kept in memory for each source."""
LOOKED_AT: Final = 50
"""Lines of a batch by which one sees where their messages begin."""
TIME_ENDS: Final = 23
"""Where ``2017-07-04 11:11:37.921`` ends, and the head begins."""
DIVIDER: Final = " : "

Known = tuple[Common, Seconds, int]
"""A head that was read, its zone's seconds, and where the message behind it begins."""


class _Place(NamedTuple):
    """Where ids stand in brackets, a blank before them included, and where the message of such a line begins."""

    begin: int
    end: int
    message: int


class KnownHeads:
    """The heads of one source."""

    def __init__(self, read: Callable[[str], tuple[Common, Seconds] | None], unknown: Known) -> None:
        """`read` reads a head, and returns None if it is none; `unknown` stands for the heads of such lines."""
        self._read = read
        self._unknown = unknown
        self._plain: dict[str, Known] = {}
        self._traced: dict[str, Known] = {}
        """By what is left when the ids are taken out."""
        self._place: _Place | None = None
        """That of the last line which had ids in brackets."""

    def of(self, texts: Sequence[str]) -> tuple[list[Known], dict[int, str]]:
        """Return the head of each line, and by position the ids of traces: trace, hyphen, span."""
        begins = _begins(texts)
        place = self._place if self._place is not None and self._place.message in begins else None
        if place is not None:
            begins.remove(place.message)
        found = self._found(texts, begins, alone=place is None)
        if None not in found:
            return cast("list[Known]", found), {}
        missing = [at for at, one in enumerate(found) if one is None]
        ids: dict[int, str] = {}
        if place is not None:
            ids = self._fill_in(texts, missing, found, place)
            missing = [at for at in missing if found[at] is None] if None in found else []
        for at in missing:
            found[at], own = self._one(texts[at])
            if own:
                ids[at] = own
        return cast("list[Known]", found), ids

    def _found(self, texts: Sequence[str], begins: Sequence[int], *, alone: bool) -> list[Known | None]:
        """Find the heads of lines whose messages begin in one of three places, or `alone` in the only one."""
        find = self._plain.get
        if not begins:
            return [None] * len(texts)
        one, two, three = begins[0], begins[len(begins) // 2], begins[-1]
        if alone and one == three:
            return [find(text[TIME_ENDS:one]) for text in texts]
        return [
            find(text[TIME_ENDS:one])
            if text[one - 3 : one] == " : "
            else find(text[TIME_ENDS:two])
            if text[two - 3 : two] == " : "
            else find(text[TIME_ENDS:three])
            if text[three - 3 : three] == " : "
            else None
            for text in texts
        ]

    def _fill_in(
        self, texts: Sequence[str], missing: Sequence[int], found: list[Known | None], place: _Place
    ) -> dict[int, str]:
        """Find the heads of lines that have ids, or blanks instead, in a place; return the ids by position."""
        begin, end, message = place
        pieces = [texts[at][begin:end] for at in missing]
        blank = f" [{' ' * (end - begin - 3)}]"
        traced = missing
        if blank in pieces:
            traced = [at for at, piece in zip(missing, pieces, strict=True) if piece != blank]
            pieces = [piece for piece in pieces if piece != blank]
        ids = ids_of(pieces)
        if ids is None:
            # Among them are others yet, which are left to who looks at each.
            blanks = set(missing).difference(traced)
            traced = [at for at, piece in zip(traced, pieces, strict=True) if piece[:2] == " [" and piece[-1:] == "]"]
            ids = ids_of([texts[at][begin:end] for at in traced]) or []
            missing = sorted({*traced[: len(ids)], *blanks})
        made = dict(zip(traced, ids, strict=False))
        find = self._traced.get
        heads = [find(texts[at][TIME_ENDS:begin] + texts[at][end:message]) for at in missing]
        for at, head in zip(missing, heads, strict=True):
            if head is not None and head[2] == message:
                found[at] = head
            else:
                made.pop(at, None)
        return made

    def _one(self, text: str) -> tuple[Known, str]:
        """Return the head of a line whose message begins elsewhere, or whose head is new, and its ids."""
        message = text.find(DIVIDER, TIME_ENDS) + len(DIVIDER)
        known = self._plain.get(text[TIME_ENDS:message])
        return (known, "") if known is not None else self._learn(text)

    def _learn(self, text: str) -> tuple[Known, str]:
        """Read a head that is not remembered, and remember it without the ids, which are returned, too."""
        colon = divider(text, TIME_ENDS, text.find(DIVIDER, TIME_ENDS))
        if not TIME_ENDS <= colon <= LONGEST_HEAD or not text.startswith(DIVIDER, colon):
            return self._unknown, ""
        message = colon + len(DIVIDER)
        ids = ids_in(text, TIME_ENDS, colon)
        if ids is None:
            return self._remembered(self._plain, text[TIME_ENDS:message], message), ""
        known = self._remembered(self._traced, text[TIME_ENDS : ids.begin] + text[ids.end : message], message)
        if known is self._unknown:
            return known, ""
        if text.startswith(" [", ids.begin):
            self._place = _Place(ids.begin, ids.end, message)
        return known, f"{ids.trace}-{ids.span}"

    def _remembered(self, heads: dict[str, Known], key: str, message: int) -> Known:
        known = heads.get(key)
        if known is None:
            read = self._read(key.removesuffix(DIVIDER))
            if read is None:
                return self._unknown
            if len(heads) >= REMEMBERED:
                heads.clear()
            heads[key] = known = (*read, message)
        # Ids may have another length, and then the message begins elsewhere.
        return known if known[2] == message else (known[0], known[1], message)


def _begins(texts: Sequence[str]) -> list[int]:
    """Return where messages begin in most lines, the most usual place first."""
    usual = Counter(text.find(DIVIDER, TIME_ENDS) for text in texts[:LOOKED_AT]).most_common(3)
    return [colon + len(DIVIDER) for colon, _ in usual]
