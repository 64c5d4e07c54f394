"""From slots to an expression: literal text is escaped, values become patterns, what differs freely is skipped."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from ingest.grok.compiler import Expression, Search
from ingest.grok.library import builtin
from ingest.workbench.names import FieldNames, name_of
from ingest.workbench.pieces import BRACKETS, KEY, PUNCTUATION, REST, SPACE, TIMES, level_alone
from ingest.workbench.slots import LineLayout, LineSlot, lay

_TIME_PATTERNS: Final = {
    "SLASHED": "%{YEAR}/%{MONTHNUM}/%{MONTHDAY} %{TIME}",
    "TOMCAT": "%{MONTHDAY}-%{MONTH}-%{YEAR} %{TIME}",
    "EUROPEAN": r"%{MONTHDAY}\.%{MONTHNUM}\.%{YEAR} %{TIME}",
    "AMERICAN": "%{MONTHNUM}/%{MONTHDAY}/%{YEAR} %{TIME}",
}
"""Times that the library has no pattern for."""
_PATTERNS: Final = {
    "INT": ("INT", "NUMBER", "WORD", "NOTSPACE"),
    "NUMBER": ("NUMBER", "NOTSPACE"),
    "HEX": ("WORD", "NOTSPACE"),
    "JAVACLASS": ("JAVACLASS", "NOTSPACE"),
    "PATH": ("URIPATHPARAM", "NOTSPACE"),
    "WORD": ("WORD", "NOTSPACE"),
    "NAME": ("INT", "NUMBER", "WORD", "NOTSPACE"),
    "URI": ("URI", "NOTSPACE"),
}
_SPECIAL: Final = re.compile(r"[\\.*+?()\[\]{}|^$]")
_MAX_OPTIONAL: Final = 8


@dataclass(frozen=True, slots=True)
class Written:
    """The text of an expression, and whether text is left that it does not take apart."""

    grok: str
    loose: int
    captures: int


def escape_literal(text: str) -> str:
    """Write a text so that an expression matches it and nothing else; tabs are written as ``\\t``."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", text).replace("\t", r"\t").replace("\n", r"\n")


class ExpressionWriter:
    """Writes the expression of one layout."""

    def __init__(self, layout: LineLayout) -> None:
        self._layout = layout
        self._slots = layout.slots
        self._alone = sum(len(slot.texts) > 1 for slot in layout.slots) == 0
        """Whether there is nothing to compare: what is literal cannot be told from what happens to stand there."""
        self._names = FieldNames()
        self._parts: list[str] = []
        self._loose = 0

    def head(self, end: int) -> Written:
        """Write the first slots, and all that follows as ``message``."""
        self._write(0, end)
        if end < len(self._slots):
            self._parts.append("%{GREEDYDATA:" + self._names.give("message") + "}")
        return self._written(closed=end < len(self._slots))

    def whole(self) -> Written:
        """Write all slots."""
        self._write(0, len(self._slots))
        return self._written(closed=self._parts[-1:] == ["%{GREEDYDATA:message}"])

    def _written(self, *, closed: bool) -> Written:
        text = "^" + "".join(self._parts) + ("" if closed else "$")
        return Written(text, self._loose, len(self._names.taken))

    def _write(self, at: int, end: int) -> None:
        while at < end:
            slot = self._slots[at]
            if self._layout.everywhere(slot) and not self._is_free(at):
                self._slot(at)
                at += 1
            elif (stop := self._optional(at, end)) is not None:
                inner = ExpressionWriter(LineLayout(self._slots[at:stop], len(slot.shapes), self._layout.lines))
                inner._names, inner._alone = self._names, False
                inner._parts = ["".join(self._parts)]
                inner._write(0, stop - at)
                self._parts.append("(?:" + "".join(inner._parts[1:]) + ")?")
                at = stop
            else:
                at = self._skip(at, end)

    def _is_free(self, at: int) -> bool:
        return self._slots[at].kinds == {REST}

    def _optional(self, at: int, end: int) -> int | None:
        """Return where a run of slots ends that lines have all or none of, if it is worth a group of its own."""
        shapes = self._slots[at].shapes
        stop = at
        while stop < end and self._slots[stop].shapes == shapes:
            stop += 1
        kinds = {kind for slot in self._slots[at:stop] for kind in slot.kinds}
        telling = kinds & (BRACKETS.keys() | {KEY, "UUID", "IP"})
        if self._layout.everywhere(self._slots[at]) or not telling or stop - at > _MAX_OPTIONAL:
            return None
        return stop if stop < len(self._slots) and self._layout.everywhere(self._slots[stop]) else None

    def _skip(self, at: int, end: int) -> int:
        """Write what differs freely, up to the next slot that all lines have and that is easily seen."""
        self._loose += 1
        stop = at + 1
        while stop < end and not (self._layout.everywhere(self._slots[stop]) and self._is_anchor(self._slots[stop])):
            stop += 1
        # What stands before it may be free, too.
        while self._parts and self._parts[-1].strip() in ("", "%{DATA}"):
            self._parts.pop()
        before = self._parts[-1] if self._parts else ""
        lead = (
            " *" if before and not before.endswith(" *") and any(SPACE in s.kinds for s in self._slots[at:stop]) else ""
        )
        if stop >= len(self._slots):
            self._parts += [lead, "%{GREEDYDATA:message}"] if not self._names.has("message") else ["%{GREEDYDATA}"]
            self._names.taken.setdefault("message", None)
        else:
            self._parts += [lead, "%{DATA:" + self._names.give("text") + "}"]
        return stop

    @staticmethod
    def _is_anchor(slot: LineSlot) -> bool:
        constant = slot.constant
        return constant is not None and (slot.kinds <= {KEY} or (PUNCTUATION in slot.kinds and constant not in "-."))

    def _slot(self, at: int) -> None:
        slot = self._slots[at]
        constant = slot.constant
        if slot.kinds == {SPACE}:
            self._parts.append(_spaces(slot.texts, self._layout.lines))
        elif slot.kind == "HTTP":
            self._parts.append("HTTP/%{NUMBER:" + self._names.give("[http][version]", "version") + "}")
        elif slot.kind in BRACKETS:
            self._bracketed(slot)
        elif constant is not None and (slot.kind in (PUNCTUATION, KEY) or self._is_literal(at)):
            self._parts.append(escape_literal(constant))
        else:
            self._parts.append(self._value(slot.kinds, slot.texts, self._after(at), self._key(at)))

    def _is_literal(self, at: int) -> bool:
        """Whether a word that all lines have is part of the format, as ``took`` in ``took 12 ms``."""
        slot = self._slots[at]
        if slot.kind not in ("WORD", "NAME"):
            return False
        before = self._slots[at - 2].kinds if at > 1 else set()
        if at == 0 or not before.isdisjoint(TIMES) or self._key(at):
            return False
        following = self._slots[at + 1] if at + 1 < len(self._slots) else None
        if following is not None and following.kind == "[":
            return False
        # Between two separators there is a column, whose value happens to be the same.
        return not (self._separates(range(at - 1, -1, -1)) and self._separates(range(at + 1, len(self._slots))))

    def _separates(self, places: Iterable[int]) -> bool:
        """Whether the first slot that is no blank is a separator of columns."""
        slot = next((self._slots[at] for at in places if self._slots[at].kinds != {SPACE}), None)
        return slot is not None and slot.kind == PUNCTUATION and slot.constant in ("|", ";", ",")

    def _bracketed(self, slot: LineSlot) -> None:
        opening, closing = slot.kind, BRACKETS[slot.kind]
        texts = [text[1:-1] for text in slot.texts]
        escaped = escape_literal(opening), escape_literal(closing)
        stripped = [text.strip(" ") for text in texts]
        self._parts.append(escaped[0] + (r"\s*" if any(text[:1] == " " and text.strip() for text in texts) else ""))
        trail = r"\s*" if any(text[-1:] == " " and text.strip() for text in texts) else ""
        inner = lay(stripped)
        one = inner.slots[0] if len(inner.slots) == 1 and inner.everywhere(inner.slots[0]) else None
        if one is not None and not one.kinds.isdisjoint({*TIMES, "INT", "NUMBER", "IP", "UUID", "HEX", "URI"}):
            self._parts.append(self._value(one.kinds, one.texts, escaped[1], ""))
        elif all(map(level_alone, stripped)):
            self._parts.append("%{LOGLEVEL:" + self._names.give("[log][level]", "level") + "}")
        elif _is_structured(inner, opening):
            deeper = ExpressionWriter(inner)
            deeper._names = self._names
            deeper._parts = ["".join(self._parts)]
            deeper._write(0, len(inner.slots))
            self._parts += deeper._parts[1:]
        else:
            self._parts.append("%{DATA:" + name_of("text", stripped, "".join(self._parts), "", "", self._names) + "}")
        self._parts.append(trail + escaped[1])

    def _value(self, kinds: set[str], texts: Collection[str], after: str, key: str) -> str:
        before = "".join(self._parts)
        some = [text for text in texts if text != "-"]
        values = kinds if len(some) == len(texts) else kinds - {PUNCTUATION}
        kind = next(iter(values)) if len(values) == 1 else "NAME"
        if kind in TIMES:
            name = name_of("time", some, before, after, "", self._names)
            written = _time(kind, name)
        else:
            pattern = pattern_for(kind, some)
            shown = pattern if pattern in ("INT", "NUMBER") else kind
            name = name_of("text" if pattern == "DATA" else shown, some, before, after, key, self._names)
            number = {"INT": ":int", "NUMBER": ":float"}.get(pattern, "")
            written = "%{" + f"{pattern}:{name}{number}" + "}"
        return written if len(some) == len(texts) else f"(?:-|{written})"

    def _after(self, at: int) -> str:
        """Return the literal text that follows a slot, as far as it is the same in all lines."""
        text = ""
        for slot in self._slots[at + 1 : at + 4]:
            if slot.kind == "[":
                return text + r"\["
            constant = slot.constant
            if constant is None or not self._layout.everywhere(slot):
                break
            text += constant
        return text

    def _key(self, at: int) -> str:
        """Return the key before a value: ``user=`` or ``"user":``."""
        before = self._slots[at - 1] if at else None
        return (before.constant or "") if before is not None and before.kind == KEY else ""


def prose_at(layout: LineLayout) -> int:
    """Return the slot at which a text begins that is written for people, or the number of slots."""
    slots = layout.slots
    run = 0
    start = 0
    for at, slot in enumerate(slots):
        if not layout.everywhere(slot) or REST in slot.kinds:
            before = ExpressionWriter(layout)
            stop = before._optional(at, len(slots))
            if stop is None and not any(
                before._optional(begin, len(slots)) is not None and begin < at < begin + _MAX_OPTIONAL
                for begin in range(max(at - _MAX_OPTIONAL, 0), at)
            ):
                return start if run else at
            run = 0
        elif slot.kinds & {"WORD"} and not (at and slots[at - 1].kind == KEY):
            start = start if run else at
            run += 1
            # A short word may be a name: of a host, of a program.
            if run >= 3 or (at + 1 == len(slots) and (run > 1 or (at and slots[at - 1].kind == SPACE))):
                return start
        elif slot.kind != SPACE:
            run = 0
    return len(slots)


def pattern_for(kind: str, texts: Iterable[str]) -> str:
    """Return the first pattern for a kind of value that matches all of these texts, each as a whole."""
    every = list(texts)
    candidates = _PATTERNS.get(kind, (kind, "NOTSPACE"))
    return next((name for name in candidates if all(_whole(name)(text) for text in every)), "DATA")


@cache
def _whole(name: str) -> Search:
    return Expression(rf"\A%{{{name}}}\z", builtin()).search()


def _time(kind: str, name: str) -> str:
    composed = _TIME_PATTERNS.get(kind)
    return f"(?<{name}>{composed})" if composed else "%{" + f"{kind}:{name}" + "}"


def _spaces(texts: Collection[str], lines: int) -> str:
    """Write blanks: as many as there are if they are always one, or any number of them."""
    if any("\t" in text for text in texts):
        return r"\t" if set(texts) == {"\t"} else r"\s+"
    return " " if set(texts) == {" "} else " +"


def _is_structured(inner: LineLayout, opening: str) -> bool:
    """Whether a text in brackets or quotes has parts of its own: a request line, ids with a comma between them."""
    slots = inner.slots
    if len(slots) < 3 or not all(map(inner.everywhere, slots)) or any(slot.kind == REST for slot in slots):
        return False
    kinds = {slot.kind for slot in slots}
    if opening == '"':
        return "HTTP" in kinds
    return opening == "[" and SPACE not in kinds and bool(kinds & {"HEX", "INT", "UUID", "IP", KEY})
