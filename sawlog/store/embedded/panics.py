"""Panics of the Arrow library over damaged bytes: they are no `Exception`, and must not end what can go on without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def contained() -> Iterator[None]:
    """Raise whatever goes wrong inside as ValueError, panics too; not what ends the program or a generator."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise ValueError(str(error)) from error
