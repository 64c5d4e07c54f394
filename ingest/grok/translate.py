"""Ruby's regular expressions (Oniguruma) in the words of Python's.

Grok expressions are written for Ruby, where ``.`` matches a newline too (Logstash compiles them so), ``^`` and ``$``
match at each line, ``\\d`` ``\\w`` ``\\s`` ``\\h`` know ASCII only while ``[[:alnum:]]`` and ``\\b`` know Unicode, and
plain groups do not capture once there is a named one. `translate` writes the same for `re` and, where only the
module `regex` can say it (nested negation, ``&&``, Unicode classes, recursion), says so.

Source of the rules: the document RE of Oniguruma and the one of Ruby's class Regexp.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ingest.grok.errors import GrokError

_MAX_DEPTH: Final = 100
_META: Final = frozenset(r"\.^$*+?{}[]|()")
_QUANTIFIER: Final = re.compile(r"[*+?][?+]?|\{(\d+)(,?)(\d*)\}\??|\{,(\d+)\}\??")
_OPTIONS: Final = re.compile(r"\?([imxadu]*)(?:-([imx]*))?([:)])")
_SPECIAL_GROUPS: Final = ("?:", "?=", "?!", "?<=", "?<!", "?>")
_POSIX: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
_HEX: Final = "0-9A-Fa-f"

# Each shorthand and its complement as the inside of a class; the complements are ranges because a class cannot
# hold a negated class.
_SETS: Final = {
    "d": "0-9",
    "D": r"\x00-/:-\U0010ffff",
    "w": "A-Za-z0-9_",
    "W": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "s": r"\t-\r ",
    "S": r"\x00-\x08\x0e-\x1f!-\U0010ffff",
    "h": _HEX,
    "H": r"\x00-/:-@G-`g-\U0010ffff",
}
_NEGATED: Final = {"D": "d", "W": "w", "S": "s", "H": "h"}
# POSIX classes that `re` can say; all the others are Unicode properties and go to `regex`.
_POSIX_SETS: Final = {
    "ascii": r"\x00-\x7f",
    "cntrl": r"\x00-\x1f\x7f-\x9f",
    "digit": r"\d",
    "space": r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    "blank": r"\t \xa0\u1680\u2000-\u200a\u202f\u205f\u3000",
    "xdigit": _HEX,
}
_POSIX_UNICODE: Final = frozenset({"alnum", "alpha", "graph", "lower", "print", "punct", "upper", "word"})
_ANCHORS: Final = {"A": r"\A", "z": r"\Z", "Z": r"(?=\n?\Z)", "b": r"\b", "B": r"\B", "G": r"\A", "K": ""}
_CONTROL_CHARS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_LINEBREAK: Final = r"(?>\r\n|[\n-\r\x85\u2028\u2029])"


@dataclass(frozen=True, slots=True)
class Translation:
    """A Python expression; `names` are those of its groups, in order, None for one without a name."""

    text: str
    names: tuple[str | None, ...]
    needs_regex: bool


def translate(ruby: str, *, plain_groups_capture: bool = False) -> Translation:
    """Translate a Ruby expression; it is to be compiled with MULTILINE, and grok's with DOTALL, too.

    With `plain_groups_capture`, groups without a name capture where none has one; else they do when a number refers to
    one of them, as nobody asks for what grok's capture.

    Raises:
        GrokError: the expression is none, or uses what neither Python module has; says what and at which character.
    """
    translator = _Translator(ruby)
    text = translator.run()
    if (translator.numbered or plain_groups_capture) and not any(translator.names):
        # ``(a)\1``: without named groups, plain ones count.
        translator = _Translator(ruby, plain_groups_capture=True)
        text = translator.run()
    elif translator.numbered:
        raise GrokError(
            f"'\\{translator.numbered}' refers to a group by number, and the groups have names; use \\k<name>"
        )
    return Translation(text, tuple(translator.names), translator.needs_regex)


@dataclass(slots=True)
class _Translator:
    ruby: str
    plain_groups_capture: bool = False
    names: list[str | None] = field(default_factory=list)
    needs_regex: bool = False
    numbered: str = ""
    at: int = 0
    depth: int = 0
    extended: bool = False
    unicode: bool = False
    later: list[str] = field(default_factory=list)

    def run(self) -> str:
        text = self.alternatives()
        if self.at < len(self.ruby):
            raise self.error("a closing parenthesis without an opening one")
        for position, name in enumerate(self.later):
            text = text.replace(f"\0{position}\0", self.reference(name))
        return text

    def error(self, what: str, at: int | None = None) -> GrokError:
        at = self.at if at is None else at
        near = self.ruby[max(0, at - 15) : at + 15]
        return GrokError(f"bad expression: {what}, at character {at + 1}, near '{near}'")

    def alternatives(self) -> str:
        """Read until the group that we are in closes; the closing parenthesis is left to the caller."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error("groups nested too deeply")
        parts: list[str] = []
        while self.at < len(self.ruby) and self.ruby[self.at] != ")":
            if self.ruby[self.at] == "|":
                self.at += 1
                parts.append("|")
                continue
            if _QUANTIFIER.match(self.ruby, self.at):
                raise self.error("nothing to repeat")
            captures = len(self.names)
            atom = self.atom()
            parts.append(self.quantified(atom, captures < len(self.names)) if atom else "")
        self.depth -= 1
        return "".join(parts)

    def quantified(self, atom: str, captures: bool) -> str:
        greedy = ""
        bare = atom
        while True:
            if self.extended:
                self.skip_blanks()
            found = _QUANTIFIER.match(self.ruby, self.at)
            if not found:
                return atom
            self.at = found.end()
            text = found.group()
            if greedy and text == "*":
                # ``.?*`` and the like: repeating a repetition is the star, without the cost of nesting.
                atom = f"{bare}*"
                greedy = "*"
                continue
            if greedy or atom is not bare:
                bare = atom = f"(?:{atom})"
            greedy = text if text in ("*", "+", "?") else ""
            if text.startswith("{,"):
                text = "{0" + text[1:]
            elif text.endswith("}?") and found.group(1) and not found.group(2):
                text = text[:-1]
                atom, text = f"(?:{atom}{text})", "?"
            if text.endswith("+") and len(text) == 2 and atom.startswith("("):
                # `re` forgets to give a group's ways back up before Python 3.11.5, unless the group is atomic.
                atom = f"(?>{atom}{text[0]})"
            elif text == "?" and atom.startswith("(?:") and not captures:
                # The same, and `re` takes half as long: it looks at the first character before it goes into a branch,
                # and sets up a loop for a repetition.
                atom = f"{atom[:-1]}|)"
            else:
                atom = f"{atom}{text}"

    def skip_blanks(self) -> None:
        while self.at < len(self.ruby):
            if self.ruby[self.at].isspace():
                self.at += 1
            elif self.ruby[self.at] == "#":
                end = self.ruby.find("\n", self.at)
                self.at = len(self.ruby) if end < 0 else end + 1
            else:
                return

    def atom(self) -> str:
        char = self.ruby[self.at]
        if self.extended and (char.isspace() or char == "#"):
            self.skip_blanks()
            return ""
        if char == "(":
            return self.group()
        if char == "[":
            return self.char_class()
        if char == "\\":
            return self.escape()
        self.at += 1
        if char in ".^$":
            return char
        return _literal(char)

    # Groups

    def group(self) -> str:
        start = self.at
        self.at += 1
        extended, unicode = self.extended, self.unicode
        text = self.group_inside(start)
        self.extended, self.unicode = extended, unicode
        return text

    def group_inside(self, start: int) -> str:
        rest = self.ruby
        for special in _SPECIAL_GROUPS:
            if rest.startswith(special, self.at):
                self.at += len(special)
                return f"({special}{self.close(start)})"
        if rest.startswith("?#", self.at):
            end = rest.find(")", self.at)
            if end < 0:
                raise self.error("a comment that does not end", start)
            self.at = end + 1
            return ""
        if rest.startswith(("?<", "?'"), self.at):
            end_mark = ">" if rest[self.at + 1] == "<" else "'"
            name = self.name(self.at + 2, end_mark, start)
            self.names.append(name)
            return f"({self.close(start)})"
        if rest.startswith("?(", self.at):
            return self.conditional(start)
        options = _OPTIONS.match(rest, self.at)
        if options:
            return self.options(options, start)
        if rest.startswith("?", self.at):
            raise self.error(f"'({rest[self.at : self.at + 2]}' opens no group that is known here", start)
        if self.plain_groups_capture:
            self.names.append(None)
            return f"({self.close(start)})"
        return f"(?:{self.close(start)})"

    def close(self, start: int) -> str:
        inside = self.alternatives()
        if self.at >= len(self.ruby):
            raise self.error("a parenthesis that is not closed", start)
        self.at += 1
        return inside

    def name(self, begin: int, end_mark: str, start: int) -> str:
        end = self.ruby.find(end_mark, begin)
        name = self.ruby[begin:end]
        if end < 0 or not name or "(" in name or ")" in name:
            raise self.error("a group's name that is empty or does not end", start)
        self.at = end + 1
        return name

    def options(self, found: re.Match[str], start: int) -> str:
        on, off, mark = found.group(1), found.group(2) or "", found.group(3)
        self.at = found.end()
        self.extended = ("x" in on or self.extended) and "x" not in off
        self.unicode = ("u" in on or self.unicode) and not {"a", "d"} & set(on)
        plus = "".join("s" if flag == "m" else flag for flag in on if flag in "im")
        minus = "".join("s" if flag == "m" else flag for flag in off if flag in "im")
        head = f"(?{plus}{'-' if minus else ''}{minus}:"
        if mark == ":":
            return f"{head}{self.close(start)})"
        # ``a(?i)b|c`` holds until the group around it ends: ``a(?i:b|c)``.
        return f"{head}{self.alternatives()})"

    def conditional(self, start: int) -> str:
        end = self.ruby.find(")", self.at)
        condition = self.ruby[self.at + 2 : end].strip("<>'")
        if end < 0 or not condition:
            raise self.error("a condition that does not end", start)
        self.at = end + 1
        if condition.isdigit():
            self.numbered = self.numbered or condition
            number = condition
        elif condition in self.names:
            number = str(self.names.index(condition) + 1)
        else:
            raise self.error(f"a condition on the unknown group '{condition}'", start)
        return f"(?({number}){self.close(start)})"

    # Escapes

    def escape(self) -> str:
        if self.at + 1 >= len(self.ruby):
            raise self.error("a backslash at the end")
        start = self.at
        char = self.ruby[self.at + 1]
        if char in _ANCHORS:
            self.at += 2
            return _ANCHORS[char]
        if char in _SETS:
            self.at += 2
            if self.unicode and char in "dDwWsS":
                return f"\\{char}"
            return f"[^{_SETS[_NEGATED[char]]}]" if char in _NEGATED else f"[{_SETS[char]}]"
        if char == "R":
            self.at += 2
            return _LINEBREAK
        if char == "X":
            self.at += 2
            self.needs_regex = True
            return r"\X"
        if char in "pP":
            return self.unicode_property()
        if char in "kg" and self.ruby[self.at + 2 : self.at + 3] in ("<", "'"):
            mark = ">" if self.ruby[self.at + 2] == "<" else "'"
            name = self.name(self.at + 3, mark, start)
            self.later.append(char + name)
            if name.isdigit():
                self.numbered = self.numbered or name
            if char == "g":
                self.needs_regex = True
            return f"\0{len(self.later) - 1}\0"
        if char in "123456789":
            digits = re.compile(r"\d{1,2}").match(self.ruby, self.at + 1)
            number = digits.group() if digits else char
            self.at += 1 + len(number)
            self.numbered = number
            self.later.append("k" + number)
            return f"\0{len(self.later) - 1}\0"
        return _literal(self.code_point())

    def reference(self, name: str) -> str:
        """Write a back reference (``k``) or a call (``g``) to a group, now that all groups are known."""
        kind, name = name[0], name[1:]
        if name.isdigit():
            numbers = [int(name)]
            if kind == "k" and int(name) > len(self.names) and self.plain_groups_capture:
                raise self.error(f"a reference to group {name}, which does not exist")
        else:
            # The latest of several groups with one name comes first.
            numbers = [at + 1 for at, known in reversed(list(enumerate(self.names))) if known == name]
        if not numbers:
            raise self.error(f"a reference to the unknown group '{name}'")
        if kind == "g":
            return f"(?{numbers[-1]})"
        return f"(?:{'|'.join(f'(?:{chr(92)}{number})' for number in numbers)})"

    def unicode_property(self) -> str:
        found = re.compile(r"\\([pP])\{(\^?)([\w ]+)\}").match(self.ruby, self.at)
        if not found:
            raise self.error("a property without its name in braces")
        self.at = found.end()
        self.needs_regex = True
        negated = (found.group(1) == "P") != bool(found.group(2))
        return f"\\{'P' if negated else 'p'}{{{found.group(3)}}}"

    def code_point(self) -> str:
        """Read an escape that stands for one character."""
        found = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|(0[0-7]{0,2}))").match(
            self.ruby, self.at
        )
        if found:
            self.at = found.end()
            hexadecimal = found.group(1) or found.group(2) or found.group(3)
            code = int(hexadecimal, 16) if hexadecimal else int(found.group(4), 8)
            if code > 0x10FFFF:
                raise self.error("a character beyond Unicode")
            return chr(code)
        control = re.compile(r"\\(?:c|C-)(.)", re.DOTALL).match(self.ruby, self.at)
        if control:
            self.at = control.end()
            return chr(ord(control.group(1)) & 0x1F)
        char = self.ruby[self.at + 1]
        if char in "xu" or (char == "M" and self.ruby.startswith("M-", self.at + 1)):
            raise self.error(f"the escape '\\{char}' without its digits")
        self.at += 2
        return _CONTROL_CHARS.get(char, char)

    # Classes

    def char_class(self) -> str:
        start = self.at
        negated, items = self.class_inside(start)
        return f"[{'^' if negated else ''}{items}]"

    def class_inside(self, start: int) -> tuple[bool, str]:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error("classes nested too deeply", start)
        self.at += 1
        negated = self.ruby.startswith("^", self.at)
        self.at += negated
        items: list[str] = []
        intersected: list[str] = []
        first = True
        while True:
            if self.at >= len(self.ruby):
                raise self.error("a character class that is not closed", start)
            char = self.ruby[self.at]
            if char == "]" and not (first and "]" in self.ruby[self.at + 1 :]):
                break
            first = False
            if self.ruby.startswith("&&", self.at):
                self.at += 2
                intersected.append("".join(items))
                items = []
            elif char == "[":
                items.append(self.nested())
            else:
                items.append(self.class_item(start))
        self.at += 1
        self.depth -= 1
        text = "".join(items)
        if intersected:
            self.needs_regex = True
            text = "&&".join(f"[{part}]" for part in (*intersected, text))
        return negated, text

    def nested(self) -> str:
        posix = _POSIX.match(self.ruby, self.at)
        if posix:
            return self.posix(posix)
        begin = self.at
        negated, inside = self.class_inside(begin)
        if not negated and "&&" not in inside:
            return inside
        self.needs_regex = True
        return f"[{'^' if negated else ''}{inside}]"

    def posix(self, found: re.Match[str]) -> str:
        negation, name = found.groups()
        if name not in _POSIX_SETS and name not in _POSIX_UNICODE:
            raise self.error(f"the unknown class [:{name}:]")
        self.at = found.end()
        if name in _POSIX_SETS and not negation:
            return _POSIX_SETS[name]
        self.needs_regex = True
        return f"[:{negation}{name}:]"

    def class_item(self, start: int) -> str:
        if self.ruby[self.at] == "\\":
            char = self.ruby[self.at + 1 : self.at + 2]
            if char in _SETS and char:
                self.at += 2
                return _SETS[char]
            if char in ("p", "P"):
                return self.unicode_property()
            if char == "R":
                self.at += 2
                return r"\n-\r\x85\u2028\u2029"
        low = self.class_char(start)
        if not re.compile(r"-[^\]]").match(self.ruby, self.at) or self.ruby.startswith("-[", self.at):
            return _in_class(low)
        if self.ruby[self.at + 1] == "\\" and self.ruby[self.at + 2 : self.at + 3] in _SETS:
            return _in_class(low)
        self.at += 1
        high = self.class_char(start)
        if high < low:
            raise self.error(f"the range '{low}-{high}' runs backwards")
        return f"{_in_class(low)}-{_in_class(high)}"

    def class_char(self, start: int) -> str:
        if self.at >= len(self.ruby):
            raise self.error("a character class that is not closed", start)
        if self.ruby[self.at] != "\\":
            self.at += 1
            return self.ruby[self.at - 1]
        if self.at + 1 >= len(self.ruby):
            raise self.error("a backslash at the end")
        if self.ruby[self.at + 1] == "b":
            self.at += 2
            return "\b"
        return self.code_point()


def _literal(char: str) -> str:
    if char in _META:
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def _in_class(char: str) -> str:
    if char.isalnum():
        return char
    return f"\\{char}" if char.isascii() and char.isprintable() and char != " " else f"\\U{ord(char):08x}"
