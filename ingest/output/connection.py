"""A TCP connection that an output writes to, made when it is needed and anew when it broke."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence

from ingest.options import Options
from sawlog.errors import StoreUnavailableError
from sawlog.tls import VERSIONS, Identity, TlsError, client, server

CONNECT_SECONDS = 30.0


class Connection:
    """The protocol knows no acknowledgement: what the system has taken counts as delivered."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._turn = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def send(self, data: bytes) -> None:
        """Write, and wait until the system has taken all but little of it.

        Raises:
            StoreUnavailableError: it cannot be reached, or broke.
        """
        async with self._turn:
            try:
                if self._writer is None or self._writer.is_closing() or (self._reading and self._reading.done()):
                    await self._connect()
                assert self._writer is not None
                self._writer.write(data)
                await self._writer.drain()
            except (OSError, TimeoutError) as error:
                await self._drop()
                words = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "no answer"
                raise StoreUnavailableError(f"{self._host}:{self._port}: {words}") from None
            except asyncio.CancelledError:
                # Half a batch may have been written.
                await self._drop()
                raise

    async def close(self) -> None:
        """Write what is left, and close."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
                await self._writer.wait_closed()
        await self._drop()

    async def _connect(self) -> None:
        await self._drop()
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, self._writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        self._reading = asyncio.create_task(watch(reader))

    async def _drop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()
        self._reading = self._writer = None


async def watch(reader: asyncio.StreamReader) -> None:
    """Read, and forget, what the other end says, until it closes: only so does one hear of that in time."""
    with contextlib.suppress(OSError):
        while await reader.read(1 << 16):
            pass


def client_context(options: Options, *, verify: bool) -> ssl.SSLContext:
    """Make the context of who connects.

    Raises:
        ConfigError: a file cannot be read, or is no certificate or key.
    """
    try:
        return client(
            authorities=_authorities(options),
            identity=_identity(options),
            verify=verify,
            versions=[VERSIONS[version] for version in options["ssl_supported_protocols"]],
        )
    except TlsError as error:
        raise options.error(f"{error.name} cannot be used: {error.reason}", f"ssl_{error.part}") from None


def server_context(options: Options, asks: ssl.VerifyMode) -> ssl.SSLContext:
    """Make the context of who is connected to.

    Raises:
        ConfigError: as `client_context`, and where there is no certificate.
    """
    identity = _identity(options)
    if identity is None:
        raise options.error("a server needs 'ssl_certificate' and 'ssl_key'", "ssl_enabled")
    if asks is not ssl.CERT_NONE and not _authorities(options):
        raise options.error("peers' certificates need 'ssl_certificate_authorities' to be checked against")
    try:
        return server(
            identity,
            authorities=_authorities(options),
            asks=asks,
            versions=[VERSIONS[version] for version in options["ssl_supported_protocols"]],
        )
    except TlsError as error:
        raise options.error(f"{error.name} cannot be used: {error.reason}", f"ssl_{error.part}") from None


def _identity(options: Options) -> Identity | None:
    if not options["ssl_certificate"]:
        return None
    return Identity(options["ssl_certificate"], options["ssl_key"], options["ssl_key_passphrase"])


def _authorities(options: Options) -> Sequence[str]:
    return [str(file) for file in options["ssl_certificate_authorities"]]
