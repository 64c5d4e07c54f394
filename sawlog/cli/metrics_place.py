"""Options for where a command offers its metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sawlog.access import Tls

_Command = TypeVar("_Command", bound=Callable[..., Any])


def metrics_options(prefix: str, host: str) -> Callable[[_Command], _Command]:
    """Add the options of the host and of TLS: ``--http.host``, ``--http.ssl.certificate``, ``--http.ssl.key``."""

    def add(command: _Command) -> _Command:
        path = click.Path(path_type=Path)
        options = (
            click.option(
                host,
                "host",
                help="Their address; beyond this machine with SAWLOG_METRICS_PASSWORD. 127.0.0.1 if not given.",
            ),
            click.option(
                f"--{prefix}.ssl.certificate",
                "certificate",
                type=path,
                metavar="FILE",
                help="Their certificate (PEM): HTTPS.",
            ),
            click.option(f"--{prefix}.ssl.key", "key", type=path, metavar="FILE", help="The certificate's key (PEM)."),
        )
        for option in reversed(options):
            command = option(command)
        return command

    return add


def metrics_tls(prefix: str, certificate: Path | None, key: Path | None) -> Tls | None:
    """Return what the options name. Raises click.UsageError: one is there without the other."""
    names = (f"--{prefix}.ssl.certificate", f"--{prefix}.ssl.key")
    if (certificate is None) != (key is None):
        raise click.UsageError(f"{names[0]} and {names[1]} need each other")
    if certificate is None or key is None:
        return None
    from sawlog.access import Tls  # noqa: PLC0415 - only where it is asked for

    return Tls(certificate, key, names)
