"""What a service says of itself: lines on standard error, in files or to syslog, with control characters escaped."""

from __future__ import annotations

import logging
import logging.handlers
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler

from sawlog.cli.lines import escape
from sawlog.errors import ConfigError
from sawlog.secrets import hidden

if TYPE_CHECKING:
    from shipper.settings import Logging

FORMAT = "%(asctime)s %(levelname)s %(message)s"


class Escaped(logging.Formatter):
    """Writes control characters as escapes: what a store says of a document may quote the document."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = super().format(record)
        return escape(hidden(text) if record.levelno >= logging.WARNING else text)


def log_to_stderr(level: int = logging.INFO, console: Console | None = None) -> None:
    """Write to standard error: with colours on a terminal, where `console` may be drawing; else with the time."""
    console = console or Console(stderr=True)
    if console.is_terminal:
        handler: logging.Handler = RichHandler(console=console, show_path=False)
        handler.setFormatter(Escaped("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(Escaped(FORMAT))
    _use(handler, level)


def log_as(settings: Logging, folder: Path, *, stderr: bool = False) -> None:
    """Write as ``logging.*`` says; `stderr` (``-e``) goes before it.

    Raises:
        ConfigError: the log's folder cannot be written to, or there is no syslog.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    if stderr or settings.to_stderr or not (settings.to_files or settings.to_syslog):
        log_to_stderr(level)
        return
    try:
        handler = _syslog() if settings.to_syslog else _files(settings, folder)
    except OSError as error:
        where = "syslog" if settings.to_syslog else str(settings.path or folder)
        raise ConfigError(f"logging: {where} cannot be written to: {error.strerror or error}") from None
    handler.setFormatter(Escaped("sawlog: %(levelname)s %(message)s" if settings.to_syslog else FORMAT))
    _use(handler, level)


def _syslog() -> logging.Handler:
    if not Path("/dev/log").exists():
        raise OSError("there is no /dev/log")
    return logging.handlers.SysLogHandler("/dev/log")


def _files(settings: Logging, folder: Path) -> logging.Handler:
    directory = Path(settings.path) if settings.path else folder
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / settings.name
    there = path.exists()
    os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, settings.permissions))
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=settings.rotate_every_bytes, backupCount=settings.keep_files, encoding="utf-8"
    )
    if there and settings.rotate_on_startup:
        handler.doRollover()
    return handler


def _use(handler: logging.Handler, level: int) -> None:
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
