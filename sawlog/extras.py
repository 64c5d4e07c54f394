"""Libraries that only some installations have: the extras of pyproject.toml, imported where they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from sawlog.errors import SawlogError


class ExtraMissingError(SawlogError):
    """What `what` names needs a library that is not installed; the message says which extra brings it."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'sawlog[{extra}]'")


def library(module: str, extra: str, what: str) -> Any:
    """Import `module`, which the extra `extra` brings; `what` is who asks for it, as the error is to begin.

    Raises:
        ExtraMissingError: it is not installed, or not whole.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ExtraMissingError(extra, what) from None
