"""Go's regular expressions (RE2 syntax), in which Filebeat's are written, as Python's.

The two differ in: POSIX classes; ``\\pL``; ``\\z``, ``\\Q…\\E``, ``\\x{…}``;
``\\d``, ``\\w``, ``\\s``, ``\\b`` are ASCII;
``$`` without ``(?m)`` is the very end; flags in the middle; ``(?U)``. Go has no look-around and no backreferences.
Source: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import Final

_POSIX: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_LAST: Final = r"\U0010ffff"
_PERL: Final = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": r"\t\n\f\r ",
    "D": rf"\x00-/:-{_LAST}",
    "W": rf"\x00-/:-@\[-\^`{{-{_LAST}",
    "S": rf"\x00-\x08\x0b\x0e-\x1f!-{_LAST}",
}
_OCTAL: Final = re.compile(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})")
_ANCHORS: Final = frozenset({"^", "$", r"\A", r"\Z"})
_MOST: Final = 1000
"""How often Go lets something be repeated."""
_SIMPLE: Final = frozenset("afnrtv")


def to_python(pattern: str) -> str:
    """Translate a pattern and check that it compiles.

    Raises:
        ValueError: it is no pattern of Go's, or uses what Python cannot do; in words for the user.
    """
    translated = _Translator(pattern).pattern()
    try:
        re.compile(translated)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return translated


class _Translator:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._out: list[str] = []
        # For each open group: the flag groups opened inside it, and whether ^ and $ are those of lines.
        self._flags: list[list[str]] = [[]]
        self._multiline: list[bool] = [False]
        self._lazy: list[bool] = [False]

    def pattern(self) -> str:
        while self._at < len(self._text):
            self._one(self._text[self._at])
        self._close_flags(0)
        return "".join(self._out)

    def _one(self, character: str) -> None:
        if character == "\\":
            self._escape()
        elif character == "[":
            self._class()
        elif character == "(":
            self._group()
        elif character == ")":
            self._close_flags(len(self._flags) - 1)
            self._emit(")")
            if len(self._flags) == 1:
                raise self._error("a ')' without '('")
            self._flags.pop()
            self._multiline.pop()
            self._lazy.pop()
        elif character == "|":
            opened = self._flags[-1]
            self._out.append(")" * len(opened))
            self._emit("|")
            self._out.extend(opened)
        elif character == "$":
            self._emit("$" if self._multiline[-1] else r"\Z")
        elif character in "*+?" or (character == "{" and self._counted()):
            self._quantifier(character)
        elif character == "{":
            self._emit(r"\{")
        else:
            self._emit(character)

    def _emit(self, text: str, read: int = 1) -> None:
        self._out.append(text)
        self._at += read

    def _error(self, words: str) -> ValueError:
        return ValueError(f"{self._text!r} is no regular expression of Go's: {words}")

    def _close_flags(self, level: int) -> None:
        self._out.append(")" * len(self._flags[level]))
        self._flags[level] = []

    def _counted(self) -> bool:
        return re.match(r"\{\d+(,\d*)?\}", self._text[self._at :]) is not None

    def _quantifier(self, character: str) -> None:
        end = self._text.index("}", self._at) + 1 if character == "{" else self._at + 1
        quantifier = self._text[self._at : end]
        lazy = self._text.startswith("?", end)
        if any(int(count) > _MOST for count in re.findall(r"\d+", quantifier)):
            raise self._error(f"'{quantifier}' repeats more than {_MOST} times")
        if self._text.startswith("+", end):
            raise self._error(f"'{quantifier}+' is possessive, which Go does not know")
        if self._out and self._out[-1] in _ANCHORS:
            # Python repeats no bare anchor.
            self._out[-1] = f"(?:{self._out[-1]})"
        self._at = end + lazy
        self._out.append(quantifier + ("?" if lazy != self._lazy[-1] else ""))

    def _escape(self) -> None:
        letter = self._text[self._at + 1 : self._at + 2]
        if not letter:
            raise self._error("it ends in a lone backslash")
        if letter in _PERL:
            self._emit(f"[{_PERL[letter]}]", 2)
        elif letter in "bB":
            self._emit(rf"(?a:\{letter})", 2)
        elif letter == "A":
            self._emit(r"\A", 2)
        elif letter == "z":
            self._emit(r"\Z", 2)
        elif letter == "Q":
            end = self._text.find("\\E", self._at)
            quoted = self._text[self._at + 2 : end if end >= 0 else None]
            self._emit(re.escape(quoted), len(quoted) + (4 if end >= 0 else 2))
        elif letter in "pP":
            self._emit(f"[{self._property()}]", 0)
        elif letter == "C":
            self._emit(".", 2)
        else:
            self._emit(self._literal(), 0)

    def _literal(self) -> str:
        """Read an escape that stands for one character; the position moves behind it."""
        letter = self._text[self._at + 1]
        if letter == "x":
            found = re.compile(r"\\x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))").match(self._text, self._at)
            code = int(found[1] or found[2], 16) if found else -1
            if found is None or code > sys.maxunicode:
                raise self._error("'\\x' takes two digits, or digits in braces")
            self._at = found.end()
            return f"\\U{code:08x}"
        octal = _OCTAL.match(self._text, self._at)
        if octal is not None:
            self._at = octal.end()
            return f"\\U{int(octal[1], 8):08x}"
        if letter.isdecimal():
            raise self._error("Go knows no backreferences")
        if letter in _SIMPLE:
            self._at += 2
            return "\\" + letter
        if letter.isalnum():
            raise self._error(f"'\\{letter}' means nothing in Go")
        self._at += 2
        return re.escape(letter)

    def _property(self) -> str:
        found = re.compile(r"\\([pP])(?:([A-Z])|\{(\^?)([A-Za-z_]+)\})").match(self._text, self._at)
        if found is None:
            raise self._error("'\\p' takes a category, as in '\\pL' or '\\p{Lu}'")
        self._at = found.end()
        name = found[2] or found[4]
        ranges = _category(name)
        if not ranges:
            raise self._error(f"the Unicode class '{name}' is not offered; a category such as L, Lu or Nd is")
        inverse = (found[1] == "P") != bool(found[3])
        return _written(_inverted(ranges) if inverse else ranges)

    def _class(self) -> None:
        text = self._text
        self._emit("[")
        if text.startswith("^", self._at):
            self._emit("^")
        first = True
        while True:
            if self._at >= len(text):
                raise self._error("a '[' has no ']'")
            character = text[self._at]
            if character == "]" and not first:
                self._emit("]")
                return
            first = False
            posix = re.compile(r"\[:(\^?)(\w+):\]").match(text, self._at)
            if posix is not None:
                self._posix(posix)
            elif character == "\\":
                self._class_escape()
            elif character in "[]&~|^":
                self._emit("\\" + character)
            else:
                self._emit(character)

    def _posix(self, found: re.Match[str]) -> None:
        if found[2] not in _POSIX:
            raise self._error(f"there is no class '[:{found[2]}:]'")
        inside = _POSIX[found[2]]
        if found[1]:
            member = re.compile(f"[{inside}]")
            codes = [code for code in range(128) if member.match(chr(code))]
            inside = _written(_inverted(_ranges(codes)))
        self._emit(inside, len(found[0]))

    def _class_escape(self) -> None:
        letter = self._text[self._at + 1 : self._at + 2]
        if letter in _PERL and letter:
            self._emit(_PERL[letter], 2)
        elif letter in ("p", "P"):
            self._emit(self._property(), 0)
        elif letter in ("b", "B", "A", "z", ""):
            raise self._error(f"'\\{letter}' means nothing inside of '[]'")
        else:
            self._emit(self._literal(), 0)

    def _group(self) -> None:
        text = self._text
        flags = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])").match(text, self._at)
        named = re.compile(r"\(\?P?<([A-Za-z_]\w*)>").match(text, self._at)
        if named is not None:
            self._open(f"(?P<{named[1]}>", len(named[0]))
        elif flags is not None:
            self._flag_group(flags)
        elif text.startswith("(?", self._at):
            raise self._error("Go knows no look-around, no comments and no conditions")
        else:
            self._open("(", 1)

    def _open(self, opening: str, read: int) -> None:
        self._emit(opening, read)
        self._flags.append([])
        self._multiline.append(self._multiline[-1])
        self._lazy.append(self._lazy[-1])

    def _flag_group(self, found: re.Match[str]) -> None:
        on, off = found[1], found[2] or ""
        if found[3] == ":":
            self._open("", 0)
            target = len(self._flags) - 1
        else:
            target = len(self._flags) - 1
        if "m" in on + off:
            self._multiline[target] = "m" in on
        if "U" in on + off:
            self._lazy[target] = "U" in on
        kept_on = on.replace("U", "")
        kept_off = "".join(letter for letter in off if letter not in "U" and letter not in on)
        opening = f"(?{kept_on}{'-' + kept_off if kept_off else ''}:"
        self._emit(opening, len(found[0]))
        if found[3] == ")":
            self._flags[target].append(opening)


def _ranges(codes: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = ranges[-1][0], code
        else:
            ranges.append((code, code))
    return ranges


def _inverted(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    gaps: list[tuple[int, int]] = []
    start = 0
    for first, last in ranges:
        if first > start:
            gaps.append((start, first - 1))
        start = last + 1
    if start <= sys.maxunicode:
        gaps.append((start, sys.maxunicode))
    return gaps


def _written(ranges: list[tuple[int, int]]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


@cache
def _category(name: str) -> list[tuple[int, int]]:
    return _ranges([code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith(name)])
