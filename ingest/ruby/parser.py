"""From the text of a program to its tree, or to what is wrong with it and where."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedToken

from ingest.ruby.errors import Unsupported
from ingest.ruby.lexer import RubyLexer, tokens_of


def parse_program(text: str) -> Tree[Token]:
    """Parse a program.

    Raises:
        Unsupported: it is no Ruby, or outside of the subset; with the place.
    """
    try:
        return parse_tokens(tokens_of(text))
    except Unsupported:
        raise
    except RecursionError:
        raise Unsupported("the program is nested too deeply", 1, 1) from None


def parse_tokens(tokens: list[Token]) -> Tree[Token]:
    """Parse the tokens of a program, or of what stands in ``#{…}``.

    Raises:
        Unsupported: see `parse_program`.
    """
    if not tokens:
        return Tree("start", [Tree("body", [])])
    try:
        return _lark().parse(cast("Any", tokens))
    except UnexpectedToken as error:
        raise _explain(error, tokens) from None


@cache
def _lark() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer=RubyLexer, propagate_positions=True, maybe_placeholders=False)


def _explain(error: UnexpectedToken, tokens: list[Token]) -> Unsupported:
    token = error.token
    if token.type == "$END":
        last = tokens[-1]
        where = (last.end_line or 1, last.end_column or 1)
        expected = "'end'" if "END" in error.accepts else "more"
        return Unsupported(f"the program ends where {expected} is expected", *where)
    word = (
        str(token) if isinstance(token.value, str) else token.value[0] if token.type == "STRING" else token.type.lower()
    )
    shown = "the end of a line" if token.type == "NL" else f"'{word if isinstance(word, str) else '…'}'"
    line, column = token.line or 1, token.column or 1
    if token.type == "IN":
        return Unsupported("'case … in' is outside of what the filter knows of Ruby", line, column, "in")
    return Unsupported(
        f"{shown} stands where Ruby's grammar, as far as the filter knows it, has something else",
        line,
        column,
        str(word),
    )
