"""Connections to Redis, as the inputs and outputs of that name make them; the library is the extra ``redis``.

Nothing is tried again by the library itself: a push whose answer was lost would be there twice, and nobody would know.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sawlog.extras import library

DEFAULT_PORT: Final = 6379
_CANCEL_SECONDS: Final = 0.2
_PASSING: Final = frozenset(
    {
        "BUSY",
        "CLUSTERDOWN",
        "EXECABORT",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
    }
)
"""What a server answers while it cannot, and will again."""
_PASSING_CLASSES: Final = (
    "BusyLoadingError",
    "ClusterDownError",
    "ExecAbortError",
    "MasterDownError",
    "OutOfMemoryError",
    "ReadOnlyError",
    "TryAgainError",
)
"""The same, of answers of which the library takes the first word away."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a server is and how one logs in; `path`, a Unix socket, goes before `host`; `timeout` is in seconds."""

    host: str
    port: int = DEFAULT_PORT
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    timeout: float = 5.0

    def __str__(self) -> str:
        return self.path or f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def need(what: str) -> None:
    """Raise `ExtraMissingError` unless the library is there; `what` is who asks for it."""
    library("redis.asyncio", "redis", what)


def connection(address: RedisAddress) -> Any:
    """Return a ``redis.asyncio.Redis`` that has one connection; it connects when it is used."""
    asynchronous = library("redis.asyncio", "redis", "Redis")
    backoff, retry = library("redis.backoff", "redis", "Redis"), library("redis.asyncio.retry", "redis", "Redis")
    given: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "socket_timeout": address.timeout,
        "retry": retry.Retry(backoff.NoBackoff(), 0),
    }
    module = library("redis.asyncio.connection", "redis", "Redis")
    if address.path:
        given |= {"path": address.path, "connection_class": module.UnixDomainSocketConnection}
    else:
        given |= {"host": address.host, "port": address.port, "socket_connect_timeout": address.timeout}
        if address.tls is not None:
            given["connection_class"] = _with_context(module.SSLConnection, address.tls)
    pool = module.BlockingConnectionPool(max_connections=1, timeout=None, **given)
    return asynchronous.Redis.from_pool(pool)


async def transact(
    client: Any, commands: Sequence[tuple[str, Sequence[bytes]]], *, publish: bool
) -> list[Exception | None]:
    """Push values to lists, or publish one each, in one transaction; return why each command was refused, or None.

    Raises:
        RedisError, OSError: nothing of it was done, or nobody knows.
    """
    async with client.pipeline(transaction=True) as pipeline:
        for key, values in commands:
            pipeline.publish(key, values[0]) if publish else pipeline.rpush(key, *values)
        answers = await pipeline.execute(raise_on_error=False)
    refused = [answer if isinstance(answer, Exception) else None for answer in answers]
    for answer in refused:
        if answer is not None and is_passing(answer):
            raise answer
    return refused


def errors() -> tuple[type[BaseException], ...]:
    """Return the classes of all that a connection raises."""
    return (library("redis.exceptions", "redis", "Redis").RedisError, OSError)


def is_passing(error: BaseException) -> bool:
    """Whether what failed may work when it is tried again: not for wrong passwords, missing rights and wrong types."""
    exceptions = library("redis.exceptions", "redis", "Redis")
    if isinstance(error, exceptions.AuthenticationError):
        return False
    if isinstance(error, OSError | exceptions.ConnectionError | exceptions.TimeoutError):
        return True
    if any(isinstance(error, getattr(exceptions, name, ())) for name in _PASSING_CLASSES):
        return True
    return str(error).partition(" ")[0] in _PASSING


def words_of(error: BaseException) -> str:
    """Say what went wrong."""
    text = str(error) or type(error).__name__
    if isinstance(error, library("redis.exceptions", "redis", "Redis").AuthenticationError):
        return f"{text} (see username and password)"
    return text


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks that use a connection, until they have ended: the library may swallow one `CancelledError`."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_CANCEL_SECONDS)


def _with_context(base: Any, context: ssl.SSLContext) -> Any:
    """Return a class of connections that speak TLS by a context of ours."""

    class Connection(base):  # type: ignore[misc] # of a library that need not be there
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.ssl_context.context = context

    return Connection
