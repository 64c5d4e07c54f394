"""From the text of a pipeline file to its tree, or to an error that says where and what was expected."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Final, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from ingest.lang.ast import (
    Arm,
    Branch,
    Compare,
    ConditionTree,
    Constant,
    Field,
    Logic,
    Matches,
    Membership,
    Negation,
    Section,
    SectionKind,
    Statement,
)
from ingest.lang.dialect import PLAIN, Dialect
from ingest.lang.field import parse_field
from ingest.lang.variables import substitute
from ingest.options import Block, Setting
from sawlog import quotes
from sawlog.errors import ConfigError, Position, nearest


def parse(text: str, file: str, *, syntax_only: bool = False, dialect: Dialect = PLAIN) -> list[Section]:
    """Parse a pipeline file's text; `file` names it in positions.

    Strings keep their backslashes unless the dialect says otherwise. ``${VAR}`` is filled in from the environment;
    with `syntax_only`, a variable that is not set is let pass.

    Raises:
        ConfigError: the text is not in the language, with the place and what was expected there.
    """
    text = text.removeprefix("\N{BYTE ORDER MARK}")
    try:
        tree = _lark().parse(text)
        return cast("list[Section]", _Builder(file, syntax_only, dialect).transform(tree))
    except UnexpectedInput as error:
        raise _explain(error, text, file) from None
    except VisitError as error:
        if isinstance(error.orig_exc, ConfigError):
            raise error.orig_exc from None
        if isinstance(error.orig_exc, RecursionError):
            raise _too_deep(file) from None
        raise
    except RecursionError:
        raise _too_deep(file) from None


def _too_deep(file: str) -> ConfigError:
    return ConfigError("the file is nested too deeply, or a condition is too long", Position(file, 1, 1))


@cache
def _lark() -> Lark:
    grammar = FilePath(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


_BAREWORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Builder(Transformer[Token, Any]):
    """Makes our tree of lark's, bottom up; one method per rule of the grammar."""

    def __init__(self, file: str, syntax_only: bool, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect
        self._file = file
        self._syntax_only = syntax_only
        self._text_at: Position | None = None

    def _at(self, place: Any) -> Position:
        return Position(self._file, place.line, place.column)

    def _filled(self, value: Any, place: Any) -> Any:
        return substitute(value, self._at(place), syntax_only=self._syntax_only)

    def start(self, sections: list[Section]) -> list[Section]:
        return sections

    def section(self, children: list[Any]) -> Section:
        kind, *body = children
        return Section(cast("SectionKind", str(kind)), body, self._at(kind))

    @v_args(meta=True)
    def plugin(self, meta: Any, children: list[Any]) -> Block:
        name, *settings = children
        return Block(str(name), settings, self._at(meta))

    @v_args(meta=True)
    def setting(self, meta: Any, children: list[Any]) -> Setting:
        # Bottom up and from left to right: the last text before a setting with a text is its own.
        text_at = self._text_at if isinstance(children[1], str) else None
        return Setting(str(children[0]), children[1], self._at(meta), text_at)

    def name(self, children: list[Token]) -> Token:
        (token,) = children
        return token.update(value=token[1:-1]) if token.type == "STRING" else token

    def string(self, children: list[Token]) -> Any:
        (token,) = children
        self._text_at = self._at(token)
        return self._filled(self._dialect.text(token[1:-1]), token)

    def number(self, children: list[Token]) -> int | float:
        (token,) = children
        try:
            return float(token) if "." in token else int(token)
        except ValueError:  # Python reads no number of more than 4,300 digits
            raise ConfigError("this number is too long", self._at(token)) from None

    def bareword(self, children: list[Token]) -> Any:
        (token,) = children
        if not _BAREWORD.fullmatch(token):
            raise ConfigError(f"'{token}' stands without quotes", self._at(token), f'write "{token}"')
        self._text_at = None
        return {"true": True, "false": False}.get(token, str(token))

    def variable(self, children: list[Token]) -> Any:
        (token,) = children
        return self._filled(str(token), token)

    def array(self, children: list[Any]) -> list[Any]:
        return children

    @v_args(meta=True)
    def entry(self, meta: Any, children: list[Any]) -> tuple[Token, Any]:
        return children[0], children[1]

    def hash(self, entries: list[tuple[Token, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in entries:
            if str(key) in values:
                raise ConfigError(f"the key '{key}' stands twice in one hash", self._at(key))
            values[str(key)] = value
        return values

    def body(self, statements: list[Statement]) -> list[Statement]:
        return statements

    @v_args(meta=True)
    def branch(self, meta: Any, children: list[Any]) -> Branch:
        _, condition, body, *rest = children
        arms = [Arm(condition, body)] + [arm for arm in rest if isinstance(arm, Arm)]
        otherwise = rest[-1] if rest and isinstance(rest[-1], list) else []
        return Branch(arms, otherwise, self._at(meta))

    def else_if(self, children: list[Any]) -> Arm:
        return Arm(children[2], children[3])

    def otherwise(self, children: list[Any]) -> list[Statement]:
        return cast("list[Statement]", children[1])

    def logic(self, children: list[Any]) -> Logic:
        left, operator, right = children
        return Logic(str(operator), _condition(left), _condition(right))

    def negation(self, children: list[Any]) -> Negation:
        return Negation(_condition(children[0]))

    def compare(self, children: list[Any]) -> Compare:
        left, operator, right = children
        return Compare(str(operator), _operand(left), _operand(right))

    def contains(self, children: list[Any]) -> Membership:
        return Membership(_operand(children[0]), _operand(children[1]))

    def contains_not(self, children: list[Any]) -> Negation:
        return Negation(self.contains(children))

    def matches(self, children: list[Any]) -> ConditionTree:
        left, operator, (pattern, position) = children
        found = Matches(_operand(left), pattern, position)
        return found if operator == "=~" else Negation(found)

    def pattern(self, children: list[Token]) -> tuple[str, Position]:
        (token,) = children
        pattern = token[1:-1]
        if token.type == "REGEX":
            return pattern.replace(r"\/", "/"), self._at(token)
        return str(self._filled(pattern, token)), self._at(token)

    def selector(self, children: list[Token]) -> Field:
        return Field(parse_field(str(children[0])))

    def condition(self, children: list[Any]) -> ConditionTree:
        return _condition(children[0])


def _operand(value: Any) -> Field | Constant:
    return value if isinstance(value, Field | Constant) else Constant(value)


def _condition(value: Any) -> ConditionTree:
    if isinstance(value, Field | Compare | Membership | Matches | Negation | Logic):
        return value
    return Constant(value)


_WORDS: Final = {
    "SECTION": "'input', 'filter' or 'output'",
    "WORD": "a name",
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "VARIABLE": "a value",
    "SELECTOR": "a [field]",
    "REGEX": "a /regular expression/",
    "COMPARE": "a comparison (== != < > <= >=)",
    "MATCH": "=~ or !~",
    "IF": "'if'",
    "ELSE": "'else'",
    "AND": "'and'",
    "OR": "'or'",
    "XOR": "'xor'",
    "NAND": "'nand'",
    "IN": "'in'",
    "NOT": "'not in'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "LSQB": "'['",
    "RSQB": "']'",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "BANG": "'!'",
    "__ANON_0": "'=>'",
    "$END": "the end of the file",
}
_VALUE: Final = {"WORD", "STRING", "NUMBER", "VARIABLE", "LSQB", "LBRACE"}
_OPERAND: Final = {"STRING", "NUMBER", "SELECTOR", "LSQB"}
_NAME: Final = {"WORD", "STRING", "NUMBER"}
_STATEMENT: Final = _NAME | {"IF"}


def _explain(error: UnexpectedInput, text: str, file: str) -> ConfigError:
    """Say in a user's words what stands where something else was expected."""
    wanted = _wanted(error)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        line = text.count("\n") + 1
        end = Position(file, line, len(text) - (text.rfind("\n") + 1) + 1)
        return ConfigError(f"the file ends where {_words(wanted)} is expected", end, _open_brace(error))
    position = Position(file, error.line, error.column)
    if isinstance(error, UnexpectedToken):
        found = str(error.token)
    else:
        assert isinstance(error, UnexpectedCharacters)
        offset = error.pos_in_stream or 0
        word = _BAREWORD.match(text, offset)
        found = word[0] if word else text[offset : offset + 1]
        if found in ('"', "'") and "STRING" in wanted:
            return ConfigError(f"the text that {found} begins here has no end", position)
    shown = found if found.isprintable() else found.encode("unicode_escape").decode()
    shown = shown if len(shown) <= 40 else shown[:37] + "…"
    return ConfigError(f"'{shown}' stands where {_words(wanted)} is expected", position, _hint(error, found, wanted))


def _wanted(error: UnexpectedInput) -> set[str]:
    if isinstance(error, UnexpectedToken):
        return set(error.accepts or error.expected)
    assert isinstance(error, UnexpectedCharacters)
    return set(error.allowed or ()) - {"COMMENT", "SPACE"}


def _words(wanted: set[str]) -> str:
    """Name what is wanted, with the usual groups of terminals as one word."""
    rest = set(wanted)
    words: list[str] = []
    for group, word in (
        (_VALUE, "a value"),
        (_OPERAND | {"LPAR", "BANG"}, "a condition"),
        (_OPERAND, "a [field], a text in quotes or a number"),
        (_STATEMENT, "a plugin or 'if'"),
        (_NAME, "a name"),
        ({"STRING", "REGEX"}, "a /regular expression/"),
        ({"COMPARE", "MATCH", "IN", "NOT"}, "an operator"),
        ({"AND", "OR", "XOR", "NAND"}, "and, or, xor, nand"),
    ):
        if group <= rest:
            words.append(word)
            rest -= group
    words += sorted(_WORDS.get(terminal, terminal) for terminal in rest)
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words) or "nothing more"


def _hint(error: UnexpectedInput, found: str, wanted: set[str]) -> str | None:
    """Guess what was meant, from what was found and what was wanted."""
    if found[:1] in quotes.TYPOGRAPHIC:
        return quotes.ADVICE
    if "SELECTOR" in wanted and _BAREWORD.fullmatch(found):
        return f'write [{found}] for a field, "{found}" for a text'
    if "SECTION" in wanted:
        if found == "}":
            return "one '}' too many"
        if _BAREWORD.fullmatch(found):
            return nearest(found, ("input", "filter", "output")) or "plugins stand inside a section"
    if found == "," and "RBRACE" in wanted:
        return "options and the entries of a hash stand without commas between them"
    if "__ANON_0" in wanted:
        return "write =>" if found == "=" else _open_brace(error)
    return None


def _open_brace(error: UnexpectedInput) -> str | None:
    """Name the innermost brace or bracket that is still open."""
    parser = error.interactive_parser if isinstance(error, UnexpectedToken) else None
    stack = parser.parser_state.value_stack if parser is not None else []
    for value in reversed(stack):
        if isinstance(value, Token) and value.type in ("LBRACE", "LSQB", "LPAR"):
            return f"the '{value}' in line {value.line}, column {value.column}, is still open"
    return None
