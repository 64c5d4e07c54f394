"""What is wrong with a program before it runs."""

from __future__ import annotations


class Unsupported(Exception):  # noqa: N818 - it is outside of the language, which is no fault of the program
    """A program is not in the language; `line` and `column` count from 1 in its text, `word` is what stands there."""

    def __init__(self, message: str, line: int, column: int, word: str = "", hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.word, self.hint = message, line, column, word, hint
