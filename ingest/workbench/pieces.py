"""A line cut into pieces: times, levels, numbers, addresses, classes, bracketed and quoted texts, words, and what is
between them.

The kind of a value says what it is; `PUNCTUATION`, `SPACE` and `KEY` are literal; `REST` is what is not cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

MAX_CUT: Final = 2_000
"""So many characters of a line are cut; what comes after them is text."""
MAX_PIECES: Final = 90

SPACE: Final = "space"
PUNCTUATION: Final = "punctuation"
KEY: Final = "key"
REST: Final = "rest"
BRACKETS: Final = {"[": "]", "(": ")", "<": ">", '"': '"'}
"""What opens a text of its own, and what closes it; the kind of such a piece is the character that opens it."""

LEVELS: Final = frozenset(
    [
        "TRACE",
        "DEBUG",
        "INFO",
        "NOTICE",
        "WARN",
        "WARNING",
        "ERROR",
        "ERR",
        "CRIT",
        "CRITICAL",
        "FATAL",
        "SEVERE",
        "ALERT",
        "EMERG",
        "EMERGENCY",
    ]
)


@dataclass(frozen=True, slots=True)
class LinePiece:
    """A part of a line; for a bracketed or quoted one, `text` has the brackets or quotes."""

    kind: str
    text: str

    @property
    def inner(self) -> str:
        """What stands between the brackets or quotes."""
        return self.text[1:-1]


_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"

TIMES: Final = {
    "TIMESTAMP_ISO8601": rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?",
    "HTTPDATE": rf"\d\d/{_MONTH}/\d{{4}}:\d\d:\d\d:\d\d [+-]\d{{4}}",
    "SLASHED": rf"\d{{4}}/\d\d/\d\d {_CLOCK}",
    "TOMCAT": rf"\d\d-{_MONTH}-\d{{4}} {_CLOCK}",
    "HTTPDERROR_DATE": rf"{_DAY} {_MONTH} \d\d {_CLOCK} \d{{4}}",
    "SYSLOGTIMESTAMP": rf"{_MONTH} [ 123]?\d {_CLOCK}",
    "EUROPEAN": rf"\d\d\.\d\d\.\d{{4}} {_CLOCK}",
    "AMERICAN": rf"\d\d/\d\d/\d{{4}} {_CLOCK}",
    "TIME": _CLOCK,
}
"""Kinds of times, each with its expression."""

_KINDS: Final = {
    **TIMES,
    "UUID": r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
    "URI": r"[A-Za-z][A-Za-z0-9+]{1,12}://[^\s\"'<>\[\])]+[^\s\"'<>\[\]).,;:]",
    "EMAILADDRESS": r"[A-Za-z][A-Za-z0-9_.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    "MAC": r"[A-Fa-f0-9]{2}(?:[:-][A-Fa-f0-9]{2}){5}",
    "IP": r"(?:\d{1,3}\.){3}\d{1,3}(?!\.\d)|(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{3,39}",
    "HTTP": r"HTTP/\d(?:\.\d)?",
    KEY: r"[A-Za-z_@][\w.@-]{0,60}=(?=\S)",
    "HEX": r"(?=[a-f]*\d)(?:[0-9a-f]{32}|[0-9a-f]{16}|0x[0-9a-f]+)",
    "NUMBER": r"[+-]?\d+\.\d+(?!\.)|[+-]?\d+(?=(?:ms|[nuµ]?s|m|h|[kKMG]?i?B|%)?(?![\w.]*\w|-\w))",
    "JAVACLASS": r"[A-Za-z_$][\w$]*(?:\.(?:[A-Za-z_$][\w$]*|\[[^\]\s]*\]))+",
    "PATH": r"(?<![\w.])/[^\s\"'<>\[\]()|;,]*",
    "WORD": r"[^\W\d_]\w*(?!\w|[-./@\\:$]\w)",
    "NAME": r"\w+(?:[-./@\\:$#]+\w+)*",
}
_ANY: Final = re.compile("|".join(f"(?P<k{at}>{text})" for at, text in enumerate(_KINDS.values())))
_NAMES: Final = tuple(_KINDS)
_SPACES: Final = re.compile(r"[ \t]+")
_WORD_BEFORE: Final = re.compile(r"\w")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETED: Final = {
    "[": re.compile(r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]"),
    "(": re.compile(r"\([^()]*\)"),
    "<": re.compile(r"<[^<>\s]*>"),
    '"': _QUOTED,
}

VALUES: Final = (frozenset(_KINDS) | {"INT", "LOGLEVEL"}) - TIMES.keys() - {KEY, "HTTP"}
"""Kinds that may stand for one another in one place of a line."""


@lru_cache(maxsize=12_000)
def cut(line: str) -> tuple[LinePiece, ...]:
    """Cut a line into pieces; their texts, joined, are the line."""
    pieces: list[LinePiece] = []
    at = 0
    end = min(len(line), MAX_CUT)
    while at < end and len(pieces) < MAX_PIECES:
        if line[at] in "\r\n":
            break
        piece = _piece(line, at, pieces[-1].kind if pieces else "")
        pieces.append(piece)
        at += len(piece.text)
    if at < len(line):
        pieces.append(LinePiece(REST, line[at:]))
    return tuple(pieces)


def _piece(line: str, at: int, before: str) -> LinePiece:
    char = line[at]
    if char in BRACKETS and (found := _BRACKETED[char].match(line, at)) and len(found[0]) <= MAX_CUT:
        return LinePiece(char, found[0])
    if found := _SPACES.match(line, at):
        return LinePiece(SPACE, found[0])
    found = None if at and _WORD_BEFORE.match(char) and _WORD_BEFORE.match(line, at - 1) else _ANY.match(line, at)
    if found is None or found.lastgroup is None:
        return LinePiece(PUNCTUATION, char)
    return LinePiece(
        _kind(_NAMES[int(found.lastgroup[1:])], found[0], before, line[found.end() : found.end() + 1]), found[0]
    )


def _kind(kind: str, text: str, before: str, after: str) -> str:
    """Say what a piece is, where its characters alone do not tell."""
    if kind == "IP":
        return "IP" if _is_address(text) else "NAME"
    if kind == "NUMBER":
        return "NUMBER" if "." in text else "INT"
    if kind == "JAVACLASS":
        last = text.rpartition(".")[2]
        return kind if last[:1].isupper() or "$" in text or "[" in text else "NAME"
    if kind == "WORD" and (text in LEVELS or (before == KEY and text.upper() in LEVELS)):
        return "LOGLEVEL"
    return kind


def _is_address(text: str) -> bool:
    if ":" not in text:
        return all(int(part) < 256 for part in text.split("."))
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def level_alone(text: str) -> bool:
    """Whether a text is a level and nothing else, in any case: ``error`` in brackets is, in a sentence it is not."""
    return text.upper() in LEVELS
