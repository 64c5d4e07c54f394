"""The options that say when a running pipeline's files are read anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_Command = TypeVar("_Command", bound=Callable[..., Any])


def reload_options(command: _Command) -> _Command:
    """Give a command ``-r`` and ``--config.reload.interval``, as `automatic` and `interval` (seconds)."""
    interval = click.option(
        "--config.reload.interval",
        "interval",
        callback=_seconds,
        default="3s",
        metavar="DURATION",
        show_default=True,
        help="How often to look whether they have changed.",
    )
    automatic = click.option(
        "-r", "--config.reload.automatic", "automatic", is_flag=True, help="Reload when the pipeline's files change."
    )
    return automatic(interval(command))


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Read ``3s``, ``500ms``, ``1m`` or a number of seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", value)
    if not found or float(found[1]) <= 0:
        raise click.BadParameter(f"{value!r} is no duration, such as 3s or 500ms")
    return float(found[1]) * _UNITS[found[2]]
