"""Passwords that servers of sawlog's own get from the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sawlog.errors import SawlogError

METRICS: Final = "SAWLOG_METRICS_PASSWORD"
"""The variable of metrics and health."""


def is_given(variable: str) -> bool:
    """Whether the environment has a password, or names a file with one."""
    return bool(os.environ.get(variable) or os.environ.get(f"{variable}_FILE"))


def given(variable: str) -> str | None:
    """Return the password in the environment, or in the file that `variable` with ``_FILE`` behind it names.

    Raises:
        SawlogError: the file cannot be used.
    """
    password = os.environ.get(variable)
    file = os.environ.get(f"{variable}_FILE")
    if not password and file:
        try:
            password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SawlogError(f"{variable}_FILE: cannot read {file}: {error}") from error
        if not password:
            raise SawlogError(f"{variable}_FILE: {file} is empty")
    return password or None
