"""From the text of a Ruby program to tokens, with what Ruby's grammar leaves to its lexer decided here.

Whether a slash begins an expression, a brace a block and a bracket an index, whether an ``if`` stands behind a
statement, where a line ends one, and whether a name is followed by arguments without parentheses depends on what stands
before and on the spaces around. Each gets a terminal of its own, so that ``grammar.lark`` is plain LALR.

Source of the rules: the document "doc/syntax" of Ruby.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from lark import Token
from lark.lexer import Lexer

from ingest.ruby.errors import Unsupported

_SPACE: Final = re.compile(r"(?:[ \t\f\v\r]|\\\r?\n)+")
_COMMENT: Final = re.compile(r"#[^\n]*")
_NAME: Final = re.compile(r"[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff]*(?:[?!](?!=(?![=~>])))?", re.ASCII)
_NUMBER: Final = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+(?![\d.])"
    r"|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?"
)
_VARIABLE: Final = re.compile(
    r"@[A-Za-z_]\w*|@@[A-Za-z_]\w*|\$(?:[A-Za-z_]\w*|[~&`'+!@/\\,;.<>_0*$?:\"]|\d+)", re.ASCII
)
_SYMBOL: Final = re.compile(
    r":([A-Za-z_]\w*[?!=]?(?![=~>])|[A-Za-z_]\w*[?!]?|\[\]=?|\*\*|<=>|===?|=~|![=~]?|<<|>>|<=|>=|[-+*/%<>&|^~])",
    re.ASCII,
)
_LABEL: Final = re.compile(r"[A-Za-z_]\w*[?!]?:(?!:)", re.ASCII)
_OPERATOR: Final = re.compile(
    r"\*\*=|<=>|===|\.\.\.|<<=|>>=|&&=|\|\|=|&\.|\*\*|==|!=|>=|<=|=~|!~|&&|\|\||<<|>>|\+=|-=|\*=|/=|%=|\|=|&=|\^="
    r"|=>|->|::|\.\.|[-+*/%=<>!&|^~?:,.()\[\]{};]"
)
_OUTSIDE: Final = frozenset(
    [
        "redo",
        "yield",
        "class",
        "module",
        "super",
        "undef",
        "alias",
        "BEGIN",
        "END",
        "__FILE__",
        "__LINE__",
        "__method__",
    ]
)
_KEYWORDS: Final = _OUTSIDE | frozenset(
    [
        "if",
        "elsif",
        "else",
        "unless",
        "while",
        "until",
        "for",
        "in",
        "do",
        "end",
        "case",
        "when",
        "then",
        "begin",
        "rescue",
        "ensure",
        "return",
        "next",
        "break",
        "retry",
        "and",
        "or",
        "not",
        "nil",
        "true",
        "false",
        "self",
        "def",
        "defined?",
    ]
)
_ENDS_VALUE: Final = frozenset(["end", "nil", "true", "false", "self"])
_MODIFIERS: Final = frozenset(["if", "unless", "while", "until", "rescue"])
_OPENERS: Final = frozenset(["if", "unless", "while", "until", "case", "begin", "def", "for", "do"])
_CLOSING: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "e": "\x1b", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SILENT_BEFORE_ARGUMENTS: Final = frozenset(
    [
        "if",
        "unless",
        "while",
        "until",
        "and",
        "or",
        "do",
        "then",
        "end",
        "rescue",
        "in",
        "ensure",
        "else",
        "elsif",
        "when",
    ]
)
_NAMES: Final = {
    "**=": "OPASSIGN", "<<=": "OPASSIGN", ">>=": "OPASSIGN", "&&=": "OPASSIGN", "||=": "OPASSIGN", "+=": "OPASSIGN",
    "-=": "OPASSIGN", "*=": "OPASSIGN", "/=": "OPASSIGN", "%=": "OPASSIGN", "|=": "OPASSIGN", "&=": "OPASSIGN",
    "^=": "OPASSIGN", "<=>": "EQUALITY", "===": "EQUALITY", "==": "EQUALITY", "!=": "EQUALITY", "=~": "EQUALITY",
    "!~": "EQUALITY", ">=": "RELATION", "<=": "RELATION", "<": "RELATION", ">": "RELATION", "<<": "SHIFT",
    ">>": "SHIFT", "&&": "ANDAND", "||": "OROR", "=>": "ROCKET", "->": "ARROW", "::": "COLON2", "..": "RANGE",
    "...": "RANGE", "&.": "SAFE", "**": "POWER", "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "%": "PERCENT",
    "=": "ASSIGN", "!": "BANG", "&": "AMPERSAND", "|": "PIPE", "^": "CARET", "~": "TILDE", "?": "QUESTION",
    ":": "COLON", ",": "COMMA", ".": "DOT", ")": "RPAR", "]": "RSQB", "}": "RCURLY",
}  # fmt: skip

TextPart = str | list[Token]
"""Of a text with interpolation: characters, or the tokens of what stands in ``#{…}``."""


class RubyLexer(Lexer):
    """What lark calls: it is given tokens that were made before."""

    def __init__(self, lexer_conf: Any) -> None: ...

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override] # lark wraps lexers of one's own
        """Yield the tokens."""
        yield from data


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a program.

    Raises:
        Unsupported: a character or word that is outside of the subset; a text or expression without end.
    """
    scan = _Scan(text)
    scan.run()
    return scan.tokens


@dataclass(slots=True)
class _Scan:
    text: str
    at: int = 0
    tokens: list[Token] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    """What is open around: brackets, and words that an ``end`` closes; ``while`` where its ``do`` is to come."""
    names: set[str] = field(default_factory=set)
    """Local variables so far."""
    ended: bool = False
    """Whether the last token ended a value."""
    in_parameters: bool = False
    line: int = 1
    line_start: int = 0

    def run(self, *, until_brace: bool = False) -> None:
        """Scan to the end, or behind the brace that closes what the caller opened."""
        base = len(self.open)
        while True:
            spaced = self._skip()
            if self.at >= len(self.text):
                if until_brace:
                    raise self.error("the #{ that begins here has no end")
                self._drop_newline()
                return
            if until_brace and self.text[self.at] == "}" and len(self.open) == base:
                self.at += 1
                self._drop_newline()
                return
            self._token(spaced)

    def error(self, message: str, word: str = "", at: int | None = None) -> Unsupported:
        """Make the error at a place of the program."""
        at = self.at if at is None else at
        line = self.text.count("\n", 0, at) + 1
        return Unsupported(message, line, at - (self.text.rfind("\n", 0, at) + 1) + 1, word)

    def _skip(self) -> bool:
        """Skip spaces and comments, and say whether there were any; ends of lines become tokens."""
        before = self.at
        while self.at < len(self.text):
            if match := _SPACE.match(self.text, self.at) or _COMMENT.match(self.text, self.at):
                self.at = match.end()
            elif self.text[self.at] in "\n;":
                if self.text.startswith("\n=begin", self.at) or (self.at == 0 and self.text.startswith("=begin")):
                    raise self.error("'=begin' is outside of what the filter knows of Ruby", "=begin")
                self._newline()
                self.at += 1
            else:
                break
        return self.at > before

    def _newline(self) -> None:
        last = self.tokens[-1].type if self.tokens else "NL"
        ends = self.ended or last in ("RETURN", "NEXT", "BREAK", "RESCUE", "CMD_END")
        if not ends or last == "NL" or (self.open and self.open[-1] in ("[", "call(", "hash{")):
            return
        rest = self.text[self.at + 1 :].lstrip(" \t\r\n;")
        while rest.startswith("#"):
            rest = rest.partition("\n")[2].lstrip(" \t\r\n;")
        if self.text[self.at] == "\n" and (
            (rest.startswith(".") and not rest.startswith("..")) or rest.startswith("&.")
        ):
            return
        if re.match(r"(?:then\b|\))", rest):
            return
        self._add("NL", "\n", self.at, ended=False)

    def _drop_newline(self) -> None:
        if self.tokens and self.tokens[-1].type == "NL":
            self.tokens.pop()

    def _add(self, kind: str, value: Any, at: int, *, ended: bool) -> None:
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        token = Token(kind, value if isinstance(value, str) else self.text[at : self.at], at, line, column)
        token.end_line, token.end_column, token.end_pos = line, column + len(token), at + len(token)
        if not isinstance(value, str):
            token.value = value
        self.tokens.append(token)
        self.ended = ended

    def _token(self, spaced: bool) -> None:
        text, at = self.text, self.at
        character = text[at]
        last = self.tokens[-1] if self.tokens else None
        after_dot = last is not None and last.type in ("DOT", "SAFE")
        if character in "\"'`" and not after_dot:
            self._quoted(character)
        elif (match := _VARIABLE.match(text, at)) and not after_dot:
            self._variable(match[0])
        elif (match := _NUMBER.match(text, at)) and character.isdigit():
            self.at = match.end()
            self._add("NUMBER", match[0], at, ended=True)
        elif match := _NAME.match(text, at):
            self._name(match[0], after_dot)
        elif (
            character == ":"
            and text[at : at + 2] != "::"
            and not (self.ended and spaced and text[at + 1 : at + 2] == " ")
        ):
            self._colon(spaced)
        elif character == "/" and (not self.ended):
            self._regexp("/", "/")
        elif character == "%" and not self.ended and self._percent():
            pass
        elif character == "<" and re.match(r"<<[~-]?[\"'A-Z]", text[at:]) and not self.ended:
            raise self.error("a text that begins with << is outside of what the filter knows of Ruby", "<<")
        elif character == "?" and not self.ended and re.match(r"\?\w(?!\w)", text[at:]):
            self.at += 2
            self._add("STRING", [text[at + 1]], at, ended=True)
        elif match := _OPERATOR.match(text, at):
            self._operator(match[0], spaced, after_dot)
        else:
            raise self.error(f"'{character}' is no part of Ruby", character)

    def _variable(self, name: str) -> None:
        at = self.at
        if name.startswith("@@"):
            raise self.error(
                f"class variables such as {name} are outside of what the filter knows of Ruby: use @", name
            )
        if name[0] == "$" and name not in ("$~", "$&") and not re.fullmatch(r"\$[1-9]\d?|\$[A-Za-z_]\w*", name):
            raise self.error(f"'{name}' is outside of what the filter knows of Ruby", name)
        self.at += len(name)
        self._add("IVAR" if name[0] == "@" else "GVAR", name, at, ended=True)

    def _name(self, name: str, after_dot: bool) -> None:
        at = self.at
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.type == "DEF":
            self.at += len(name)
            self._add("DEFNAME", name, at, ended=True)
            self.in_parameters = self.text[self.at : self.at + 1] in (" ", "(")
            return
        label = _LABEL.match(self.text, at)
        if (
            label
            and not after_dot
            and last is not None
            and (
                last.type in ("COMMA", "CALL_LPAR", "LHASH", "CMD_END", "BAR")
                or (last.type == "NL" and self.open and self.open[-1] == "hash{")
            )
            and self.text[label.end() : label.end() + 1] != ":"
        ):
            self.at = label.end()
            self._add("LABEL", label[0][:-1], at, ended=False)
            return
        if name in _KEYWORDS and not after_dot:
            self._keyword(name)
            return
        self.at += len(name)
        rest = self.text[self.at :]
        if self.in_parameters and last is not None and last.type != "ASSIGN":
            self.names.add(name)
            self._add("PARAM", name, at, ended=True)
            if self.open and self.open[-1] == "def" and rest[:1] in "\n;":
                self.in_parameters = False
            return
        follows = rest.lstrip(" \t")
        if not after_dot:
            if re.match(r"(?:\*\*|&&|\|\||<<|>>|[-+*/%|&^])?=(?![=~>])", follows) or re.match(
                r",[^=\n]*=(?![=~>])", follows
            ):
                self.names.add(name)
            if (last is not None and last.type in ("ROCKET", "FOR")) or (
                last is not None and last.type == "COMMA" and "for" in self.open[-1:]
            ):
                self.names.add(name)
        constant = name[0].isupper() and not after_dot
        local = name in self.names and not after_dot
        colons = last is not None and last.type == "COLON2"
        kind = "CONST" if name[0].isupper() and (not after_dot) else "METHOD" if after_dot else "IDENT"
        if colons and not name[0].isupper():
            kind = "METHOD"
        if rest.startswith("(") and not local:
            self._add({"CONST": "CONST_CALL"}.get(kind, kind), name, at, ended=True)
            return
        self._add(kind, name, at, ended=True)
        if not local and not constant and rest[:1] in (" ", "\t") and self._begins_argument(follows):
            self._add("CMD_END", "", self.at, ended=False)

    def _begins_argument(self, rest: str) -> bool:
        """Whether what stands behind a name and a space begins an argument, as Ruby guesses."""
        if not rest or rest[0] in "\n;#{=,.)]}|<>?^~":
            return False
        if word := _NAME.match(rest):
            return word[0] not in _SILENT_BEFORE_ARGUMENTS
        first, second = rest[0], rest[1:2]
        if first in "\"'@$(`" or first.isdigit():
            return True
        if first == ":":
            return second not in (" ", ":", "\n", "")
        if first == "[":
            return True
        if first == "!":
            return second not in ("=", "~")
        if first == "-" and second == ">":
            return True
        if first in "-*&/%:":
            return second not in (" ", "=", "\n", "") and rest[:2] not in ("&&", "&.", "**")
        return False

    def _keyword(self, word: str) -> None:
        at = self.at
        last = self.tokens[-1].type if self.tokens else "NL"
        if word in _OUTSIDE:
            raise self.error(f"'{word}' is outside of what the filter knows of Ruby", word)
        self.at += len(word)
        kind = {"defined?": "DEFINED"}.get(word, word.upper())
        if word in _MODIFIERS and (self.ended or last in ("RETURN", "NEXT", "BREAK", "RETRY")):
            self._add(f"{kind}_MOD", word, at, ended=False)
            return
        if word == "do" and self.open and self.open[-1] == "while":
            self.open[-1] = "loop"
            self._add("DO_LOOP", word, at, ended=False)
            return
        if word in _OPENERS:
            self.open.append("while" if word in ("while", "until", "for") else word)
        if word == "end":
            while self.open and self.open[-1] in ("call(", "[", "(", "hash{", "block{"):
                raise self.error(f"'end' stands where the '{self.open[-1][-1]}' is still open", "end", at)
            if not self.open:
                raise self.error("one 'end' too many", "end", at)
            self.open.pop()
        self._add(kind, word, at, ended=word in _ENDS_VALUE)
        if word == "do":
            self._parameters()

    def _parameters(self) -> None:
        """Behind what opens a block: its parameters, if any."""
        match = re.compile(r"\s*\|").match(self.text, self.at)
        if not match or self.text[match.end() : match.end() + 1] == "|":
            if match:
                self.at = match.end() + 1
            return
        self.at = match.end()
        self._add("BAR", "|", self.at - 1, ended=False)
        self.in_parameters = True

    def _colon(self, spaced: bool) -> None:
        at, text = self.at, self.text
        if not self.ended or spaced:
            if match := _SYMBOL.match(text, at):
                if not self.ended or not self._in_ternary():
                    self.at = match.end()
                    self._add("SYMBOL", match[1], at, ended=True)
                    return
            elif text[at + 1 : at + 2] in ('"', "'") and not self.ended:
                self.at += 1
                quote = text[self.at]
                parts = self._parts(quote, quote, raw=quote == "'")
                self._add("DSYMBOL", parts, at, ended=True)
                return
        self.at += 1
        self._add("COLON", ":", at, ended=False)

    def _in_ternary(self) -> bool:
        return any(token.type == "QUESTION" for token in self.tokens)

    def _quoted(self, quote: str) -> None:
        at = self.at
        if quote == "`":
            raise self.error("commands in backquotes are not run", "`")
        last = self.tokens[-1].type if self.tokens else "NL"
        parts = self._parts(quote, quote, raw=quote == "'")
        if (
            self.text[self.at : self.at + 1] == ":"
            and self.text[self.at + 1 : self.at + 2] != ":"
            and last in ("COMMA", "CALL_LPAR", "LHASH", "CMD_END")
        ):
            self.at += 1
            self._add("DLABEL", parts, at, ended=False)
            return
        self._add("STRING", parts, at, ended=True)

    def _parts(self, opening: str, closing: str, *, raw: bool = False, pattern: bool = False) -> list[TextPart]:
        """Read to the closing character: characters and interpolations."""
        start = self.at
        self.at += 1
        parts: list[TextPart] = []
        characters: list[str] = []
        depth = 0
        text = self.text
        while True:
            if self.at >= len(text):
                raise self.error(f"what {opening} begins here has no end", opening, start)
            character = text[self.at]
            if character == closing and depth == 0:
                self.at += 1
                break
            if opening != closing and character in (opening, closing):
                depth += 1 if character == opening else -1
            if character == "\\":
                characters.append(self._escape(raw, pattern, closing))
            elif character == "#" and not raw and text[self.at + 1 : self.at + 2] == "{":
                if characters:
                    parts.append("".join(characters))
                    characters = []
                self.at += 2
                inner = _Scan(text, self.at, names=self.names)
                inner.run(until_brace=True)
                self.at = inner.at
                parts.append(inner.tokens)
            else:
                characters.append(character)
                self.at += 1
        if characters or not parts:
            parts.append("".join(characters))
        return parts

    def _escape(self, raw: bool, pattern: bool, closing: str) -> str:
        text = self.text
        following = text[self.at + 1 : self.at + 2]
        if raw:
            self.at += 2 if following in (closing, "\\") else 1
            return following if following in (closing, "\\") else "\\"
        if pattern:
            self.at += 2
            return "/" if following == "/" else "\\" + following
        if match := re.compile(r"\\(?:u\{([0-9a-fA-F ]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{1,2})|([0-7]{1,3}))").match(
            text, self.at
        ):
            start = self.at
            self.at = match.end()
            if match[1]:
                return "".join(chr(int(one, 16)) for one in match[1].split())
            code = int(match[2] or match[3] or match[4], 8 if match[4] else 16)
            if code > 127 and not match[2]:
                raise self.error(f"'{match[0]}' makes a byte that is no UTF-8; write \\u{code:04x}", match[0], start)
            return chr(code)
        if following in ("c", "C", "M"):
            raise self.error(f"'\\{following}' is outside of what the filter knows of Ruby", f"\\{following}")
        self.at += 2
        return "" if following == "\n" else _ESCAPES.get(following, following)

    def _regexp(self, opening: str, closing: str) -> None:
        at = self.at
        if opening != "/":
            self.at += 2
        parts = self._parts(opening, closing, pattern=True)
        flags = re.compile(r"[a-z]*").match(self.text, self.at)
        assert flags is not None
        if set(flags[0]) - set("imxu"):
            raise self.error(f"an expression has no option '{flags[0]}'", flags[0])
        self.at = flags.end()
        self._add("REGEXP", [*parts, flags[0]], at, ended=True)

    def _percent(self) -> bool:
        at = self.at
        match = re.compile(r"%([wWiIqQr]?)([\[({<|/!])").match(self.text, at)
        if match is None:
            return False
        kind, opening = match.groups()
        closing = _CLOSING.get(opening, opening)
        if kind == "r":
            self._regexp(opening, closing)
            return True
        self.at = match.end() - 1
        parts = self._parts(opening, closing, raw=kind in ("w", "i", "q"))
        if kind in ("w", "W", "i", "I"):
            if len(parts) != 1 or not isinstance(parts[0], str):
                raise self.error(f"'%{kind}' with #{{ is outside of what the filter knows of Ruby", f"%{kind}", at)
            self._add("WORDS" if kind in "wW" else "SYMBOLS", [*parts[0].split()], at, ended=True)
            return True
        self._add("STRING", parts, at, ended=True)
        return True

    def _operator(self, operator: str, spaced: bool, after_dot: bool) -> None:
        at = self.at
        self.at += len(operator)
        last = self.tokens[-1].type if self.tokens else "NL"
        make: Callable[[], None] | None = {
            "(": lambda: self._parenthesis(at, spaced, last),
            "[": lambda: self._bracket(at, spaced, last),
            "{": lambda: self._brace(at, last),
        }.get(operator)
        if make:
            make()
            return
        if operator in (")", "]", "}"):
            self._close(operator, at)
            return
        if operator == "|" and self.in_parameters:
            self.in_parameters = False
            self._add("BAR", "|", at, ended=False)
            return
        following = self.text[self.at : self.at + 1]
        if not self.ended and operator in ("-", "+", "*", "&", "**"):
            number = _NUMBER.match(self.text, self.at) if operator == "-" and following.isdigit() else None
            if number and not re.match(r"\s*\*\*", self.text[number.end() :]):
                self.at = number.end()
                self._add("NUMBER", "-" + number[0], at, ended=True)
                return
            kinds = {"-": "UMINUS", "+": "UPLUS", "*": "SPLAT", "&": "BLOCKPASS", "**": "DSPLAT"}
            self._add(kinds[operator], operator, at, ended=False)
            return
        if operator in {":", "?"}:
            self._add(_NAMES[operator], operator, at, ended=False)
            return
        self._add(_NAMES[operator], operator, at, ended=False)

    def _parenthesis(self, at: int, spaced: bool, last: str) -> None:
        calls = not spaced and last in ("IDENT", "METHOD", "CONST_CALL", "DOT", "SAFE", "DEFINED", "DEFNAME", "ARROW")
        if last in {"ARROW", "DEFNAME"}:
            self.in_parameters = True
        kind = "CALL_LPAR" if calls or last in ("DEFNAME", "ARROW") else "LPAR"
        self.open.append("call(" if kind == "CALL_LPAR" else "(")
        self._add(kind, "(", at, ended=False)

    def _bracket(self, at: int, spaced: bool, last: str) -> None:
        index = self.ended and last != "CMD_END"
        self.open.append("[")
        self._add("INDEX" if index else "LSQB", "[", at, ended=False)

    def _brace(self, at: int, last: str) -> None:
        block = self.ended or last == "ARROW"
        self.open.append("block{" if block else "hash{")
        self._add("LCURLY" if block else "LHASH", "{", at, ended=False)
        if block:
            self._parameters()

    def _close(self, operator: str, at: int) -> None:
        opening = self.open.pop() if self.open else ""
        if not opening or _CLOSING.get(opening[-1]) != operator:
            told = f" while '{opening}' is still open" if opening else ""
            raise self.error(f"'{operator}' closes nothing here{told}", operator, at)
        if self.in_parameters and operator == ")" and opening == "call(":
            self.in_parameters = False
        self._add(_NAMES[operator], operator, at, ended=True)
