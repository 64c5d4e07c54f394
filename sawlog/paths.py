"""Where sawlog keeps its data and its caches on this machine, and paths as text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

DATA_VARIABLE: Final = "SAWLOG_DATA"
"""Environment variable that names the data directory instead of the platform's usual place."""

LISTEN_VARIABLE: Final = "SAWLOG_LISTEN"
"""Environment variable that names the address of inputs without one, as ``--listen`` does; plugins find it there."""


def default_data() -> Path:
    """Return the data directory when ``--data`` does not name one; it need not exist."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_data_path("sawlog")


def index_directory(data: Path) -> Path:
    """Return where the embedded store lives inside the data directory."""
    return data / "index"


def readable(path: str) -> str:
    r"""Return a path as text of any encoding: bytes of a name that are no UTF-8 are written as escapes, ``\xe9``."""
    return os.fsencode(path).decode(errors="backslashreplace")


def cache_directory() -> Path:
    """Return the folder for what can be made again at any time; it need not exist."""
    return platformdirs.user_cache_path("sawlog")
