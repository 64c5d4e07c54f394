"""What can go wrong, as one tree of exceptions; each message is written for the user who reads it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sawlog.secrets import hidden


class SawlogError(Exception):
    """Base of all errors that sawlog explains to its user; shown without a traceback, and without secrets."""

    def __init__(self, *words: object) -> None:
        super().__init__(*(hidden(word) if isinstance(word, str) else word for word in words))

    @property
    def each(self) -> Sequence[SawlogError]:
        """The errors to be told one by one: itself, or those that it holds."""
        return (self,)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a configuration file; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ConfigError(SawlogError):
    """A setting cannot be honoured; names the place, the option, and the nearest known name if one is near."""

    def __init__(self, message: str, position: Position | None = None, hint: str | None = None) -> None:
        self.message = hidden(message)
        self.position = position
        self.hint = hint
        where = f"{position}: " if position else ""
        super().__init__(f"{where}{message}{f' ({hint})' if hint else ''}")


class ConfigErrors(SawlogError):  # noqa: N818 - the plural says that it holds several
    """Several settings of one configuration cannot be honoured; `errors` has each, in the order of the file."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    @property
    def each(self) -> Sequence[SawlogError]:  # noqa: D102 - SawlogError.each
        return self.errors


class InputError(SawlogError):
    """Something that was named as an input cannot be read."""


class PortTakenError(SawlogError):
    """Another program listens on the port."""


class QueryError(SawlogError):
    """A search query is malformed, or uses a clause that the store does not offer.

    `at` is the place within the query's text, from one character to before another, where one is known.
    """

    def __init__(self, message: str, at: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.at = at


class StoreError(SawlogError):
    """The store refused a request as a whole, for good: asking again would not help."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached or is overloaded; the same request may succeed later."""


class StoreBusyError(StoreUnavailableError):
    """The store has as many searches under way as it takes; the same one may be answered in a moment."""


class StoreFailedError(StoreUnavailableError):
    """The store failed at a request, and not because it is overloaded: perhaps at one document of it."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return a hint "did you mean 'x'?" with the known name nearest to `name`, or None if none is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else None
