"""What is told in the log of a client that does not speak HTTP: a line, and not the server's stack for each try."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError


def tell_in_a_line() -> None:
    """Have the servers of this process tell of requests that are none in a line each; again is no matter."""
    logging.getLogger("aiohttp.server").addFilter(_FILTER)


class _InALine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            told = f"{record.getMessage()}: {' '.join(error.message.split())}"
            record.msg, record.args = "%.300s", (told,)
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


_FILTER: Final = _InALine()
