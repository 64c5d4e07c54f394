"""The collector of everything there is to say about a configuration, so that a check says all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sawlog.errors import ConfigError, ConfigErrors, Position


@dataclass(slots=True)
class Problems:
    """Errors, notes and warnings, in the order in which they were met; each text once."""

    strict: bool = False
    errors: list[ConfigError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set)

    def error(self, message: str, position: Position | None, hint: str | None = None) -> None:
        """Record what keeps the configuration from being used."""
        found = ConfigError(message, position, hint)
        if str(found) not in {str(error) for error in self.errors}:
            self.errors.append(found)

    def note(self, message: str, position: Position | None, option: str | None = None) -> None:
        """Record what has no effect here; once for each `option`."""
        key = option or message
        if key not in self._noted:
            self._noted.add(key)
            self.notes.append(str(ConfigError(message, position)))

    def warn(self, message: str, position: Position | None, hint: str | None = None) -> None:
        """Record what is probably a mistake; an error when strict."""
        if self.strict:
            self.error(message, position, hint)
        else:
            text = str(ConfigError(message, position, hint))
            if text not in self.warnings:
                self.warnings.append(text)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Record a `ConfigError` that is raised inside instead of passing it on."""
        try:
            yield
        except ConfigError as error:
            self.error(error.message, error.position, error.hint)

    def check(self) -> None:
        """Raise what was recorded.

        Raises:
            ConfigError: the one error.
            ConfigErrors: the errors, in the order of the file.
        """
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ConfigErrors(sorted(self.errors, key=_place))


def _place(error: ConfigError) -> tuple[str, int, int]:
    at = error.position
    return (at.file, at.line, at.column) if at else ("", 0, 0)
