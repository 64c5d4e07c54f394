"""Kafka, both ends: how a client connects, what it says when that fails, and the header that carries an event's id.

A record may come twice: its producer sends again what was not confirmed, and a consumer reads again what it had not
committed. So who writes an event puts its ``_id`` into the header `ID_HEADER`, which other consumers pass over.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from sawlog.extras import library

ID_HEADER: Final = "sawlog-id"
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
QUIET_SECONDS: Final = 60.0
"""A client that had no problem for so long has a new one."""
LASTING_SECONDS: Final = 2.0
"""A problem that is gone sooner is none: a coordinator that is just being chosen."""

_FOR_GOOD: Final = frozenset({
    "AuthenticationFailedError", "AuthenticationMethodNotSupported", "IllegalSaslStateError",
    "SaslAuthenticationFailed", "UnsupportedSaslMechanismError", "SSLCertVerificationError",
})  # fmt: skip
"""The classes of errors for which the same connection would be refused again."""


@dataclass(frozen=True, slots=True)
class Login:
    """How one logs in, by SASL."""

    mechanism: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where brokers are, and how one speaks to them."""

    hosts: Sequence[str]
    """``host:port`` each; the brokers that answer name all others."""
    client_id: str
    login: Login | None = None
    tls: Callable[[], ssl.SSLContext] | None = None
    """Makes the context, of files that are read then."""
    request_ms: int = 40_000
    metadata_ms: int = 300_000
    retry_ms: int = 100
    idle_ms: int = 540_000

    def __str__(self) -> str:
        return ", ".join(self.hosts)

    def arguments(self) -> dict[str, Any]:
        """Return what aiokafka's clients are made with.

        Raises:
            ConfigError: a certificate cannot be used.
        """
        protocol = "SSL" if self.tls else "PLAINTEXT"
        arguments: dict[str, Any] = {
            "bootstrap_servers": list(self.hosts),
            "client_id": self.client_id,
            "security_protocol": f"SASL_{protocol}" if self.login else protocol,
            "ssl_context": self.tls() if self.tls else None,
            "request_timeout_ms": self.request_ms,
            "metadata_max_age_ms": self.metadata_ms,
            "retry_backoff_ms": self.retry_ms,
            "connections_max_idle_ms": self.idle_ms,
        }
        if self.login is not None:
            arguments["sasl_mechanism"] = self.login.mechanism
            arguments["sasl_plain_username"] = self.login.username
            arguments["sasl_plain_password"] = self.login.password
        return arguments


def client_library(what: str) -> Any:
    """Import aiokafka; what its clients say goes to whoever listens (`Troubles`), and nowhere else.

    Raises:
        ExtraMissingError: it is not installed.
    """
    found = library("aiokafka", "kafka", what)
    logger = logging.getLogger("aiokafka")
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        logger.addHandler(_Handler(logging.WARNING))
        logger.propagate = False
    return found


class Troubles:
    """What one client says of its troubles; it tries again by itself, and tells nobody but its log.

    Whoever starts a client says `listen` before, in the same task: the tasks that the client starts speak to this one.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` hears of problems that last, once."""
        self.final: str | None = None
        """Why the brokers will never let it in, if they said so."""
        self.last: str | None = None
        """The last problem, as the library says it."""
        self._tell = tell
        self._began = self._latest = -QUIET_SECONDS
        self._told = False

    def listen(self) -> None:
        """Hear what clients say that this task and those of its making start."""
        _listening.set(self)

    def hear(self, record: logging.LogRecord) -> None:
        """Take a line of the library's log."""
        for one in record.args if isinstance(record.args, tuple) else ():
            if isinstance(one, BaseException) and type(one).__name__ in _FOR_GOOD:
                self.final = words_of(one)
        if record.levelno < logging.ERROR:
            # It warns of each rebalance, and of each request that it sends again.
            return
        self.last = record.getMessage()
        now = time.monotonic()
        if now - self._latest >= QUIET_SECONDS:
            self._began, self._told = now, False
        self._latest = now
        if now - self._began >= LASTING_SECONDS and not self._told:
            self._told = True
            self._tell(self.last)


def words_of(error: BaseException) -> str:
    """Say an error of the library in words: its classes often have no more than a name."""
    text = str(error)
    name = type(error).__name__
    return text if text and text != name else f"Kafka says {name}"


_listening: ContextVar[Troubles | None] = ContextVar("kafka troubles", default=None)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        troubles = _listening.get()
        if troubles is not None:
            troubles.hear(record)
