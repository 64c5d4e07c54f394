"""What the inputs that listen share: where they listen, how many peers they take, and what a peer is called.

The house rule: an input listens on loopback unless its option `host` names another address; then every host that
can reach the port can write events, and the input says so at start unless it asks for credentials.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ingest.options import Kind, Option, Options
from sawlog.errors import InputError

log = logging.getLogger(__name__)

HOST: Final = Option(Kind.STRING, "The address to listen on; loopback unless given.", "127.0.0.1")
MAX_CONNECTIONS: Final = 1024
READ_BYTES: Final = 1 << 18

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Address = tuple[str, int]


def port_of(options: Options, name: str = "port") -> int:
    """Read a port; 0 takes a free one.

    Raises:
        ConfigError: it is none.
    """
    port = options[name]
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise options.error(f"'{name}' is a number from 0 to 65535, and got {port!r}", name)
    return port


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def warn_if_open(name: str, host: str, port: int, *, asks: bool, how: str) -> None:
    """Say once, at start, that an input is open to the network; `how` is what would close it."""
    if not asks and not is_loopback(host):
        log.warning(
            "the %s input listens on %s:%d without asking for credentials: whoever reaches the port can write"
            " events (%s)", name, host, port, how,
        )  # fmt: skip


def peer_of(writer: asyncio.StreamWriter) -> Address:
    """Return the peer's IP address and port."""
    return address_of(writer.get_extra_info("peername"))


def address_of(name: Any) -> Address:
    """Read what a socket calls an address; what has none, as a socket that is gone, is ``("", 0)``."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("", 0)


class Server:
    """A TCP server that runs until it is cancelled; each connection is a task of its own.

    When cancelled, it closes the listening socket and cancels the connections' tasks; a task that still waits for
    the end of something may do so with its writer, which is its own to close.
    """

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.address: Address | None = None
        """Where it listens, once it does."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, handle: Handle, tls: ssl.SSLContext | None = None, handshake: float = 10.0) -> None:
        """Serve; `handle` raises nothing but `CancelledError` and `OSError`. `handshake` is in seconds.

        Raises:
            InputError: the address cannot be listened on.
        """

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._tasks) >= MAX_CONNECTIONS:
                log.warning("%s: %s is turned away: %d are connected", self.name, peer_of(writer)[0], len(self._tasks))
                writer.transport.abort()
                return
            task = asyncio.get_running_loop().create_task(self._handle(handle, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        try:
            server = await asyncio.start_server(
                connected, self.host, self.port, ssl=tls, limit=READ_BYTES,
                **({"ssl_handshake_timeout": handshake} if tls else {}),
            )  # fmt: skip
        except OSError as error:
            raise cannot_listen(self.name, self.host, self.port, error) from None
        self.address = address_of(server.sockets[0].getsockname())
        log.info("the %s input listens on %s:%d%s", self.name, *self.address, " with TLS" if tls else "")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            self.address = None
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, handle: Handle, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except OSError as error:
            log.info("%s: the connection of %s ended: %s", self.name, peer_of(writer)[0], error)
            writer.close()
        except Exception:
            log.exception("%s: the connection of %s failed", self.name, peer_of(writer)[0])
            writer.close()


def cannot_listen(name: str, host: str, port: int, error: OSError) -> InputError:
    """Make the error that says why an address cannot be listened on."""
    words = error.strerror or str(error)
    return InputError(f"the {name} input cannot listen on {host}:{port}: {words}")


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait for its end, whatever becomes of it."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
