"""Libraries that only some installations have: the extras of pyproject.toml, imported where they are first needed."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final

from sawlog.errors import SawlogError
from sawlog.installation import bringing

MODULES: Final[dict[str, tuple[str, ...]]] = {
    "elasticsearch": ("elasticsearch", "elastic_transport"),
    "ingest": ("elasticsearch", "cronsim", "dns", "lark", "maxminddb", "mmh3", "pygrok", "regex", "ua_parser"),
    "search": ("elasticsearch", "arro3", "duckdb", "lark", "luqum", "mmh3", "ply", "regex", "textual"),
}
"""What the extras that bring whole commands bring, as it is imported. Where one module needs another library, it asks
for it by `library`; what a whole package stands on is imported on top, and who imports that package by its name says by
`needing` what it needs."""


class ExtraMissingError(SawlogError):
    """What `what` needs is not installed; the message says which extras bring it, and how these come here."""

    def __init__(self, extras: str | tuple[str, ...], what: str) -> None:
        names = (extras,) if isinstance(extras, str) else extras
        told = " and ".join(f"'{name}'" for name in names)
        words = "the extra" if len(names) == 1 else "the extras"
        super().__init__(f"{what} needs {words} {told}: {bringing(names)}")


def library(module: str, extra: str, what: str) -> Any:
    """Import `module`, which the extra `extra` brings; `what` is who asks for it, as the error is to begin.

    Raises:
        ExtraMissingError: it is not installed, or not whole.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ExtraMissingError(extra, what) from None


@contextlib.contextmanager
def needing(what: str, *extras: str) -> Iterator[None]:
    """Say which of `extras` are missing if a module of an extra is not there when it is imported within.

    Raises:
        ExtraMissingError: the module is of one of `extras`; or else of another one, which is named then.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        bringing = [extra for extra, modules in MODULES.items() if module in modules]
        if not bringing:
            raise
        missing = tuple(extra for extra in extras if not _installed(extra))
        raise ExtraMissingError(missing or bringing[0], what) from None


def _installed(extra: str) -> bool:
    return all(find_spec(module) is not None for module in MODULES[extra])
