"""What the inputs that listen share: where they listen, how many peers they take, and what a peer is called.

An input without `host` listens where Logstash's would, on all addresses, so that a pipeline that comes from there
serves the same machines; ``--listen`` of ``sawlog ingest`` sets another address for all of them. Every host that can
reach the port can write events: an input that asks nobody for credentials says so at start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from ingest.options import Kind, Option, Options
from sawlog.errors import InputError
from sawlog.loopback import is_loopback
from sawlog.paths import LISTEN_VARIABLE

log = logging.getLogger(__name__)

HOST: Final = Option(
    Kind.STRING,
    "The address to listen on; all unless given, or what --listen says.",
    "0.0.0.0",  # noqa: S104 - Logstash's
)
MAX_CONNECTIONS: Final = 1024
READ_BYTES: Final = 1 << 18
PROXY_SECONDS: Final = 10.0
DATAGRAMS: Final = 1000
"""How many datagrams are read at once."""

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


def whole(options: Options, name: str, least: int, most: int) -> int:
    """Read a whole number.

    Raises:
        ConfigError: it is none, or not between the two.
    """
    value: Any = options[name]
    if not isinstance(value, int) or not least <= value <= most:
        raise options.error(f"'{name}' is a whole number from {least} to {most}, and got {value!r}", name)
    return value


def host_of(options: Options) -> str:
    """Read `HOST`; where the file does not give it, ``--listen`` does."""
    host: str = options["host"]
    return host if options.given("host") else os.environ.get(LISTEN_VARIABLE) or host


def warn_if_open(name: str, host: str, port: int, *, asks: bool, how: str) -> None:
    """Say once, at start, that an input is open to the network; `how` is what would close it."""
    if not asks and not is_loopback(host):
        log.warning(
            "the %s input listens on %s:%d without asking for credentials: whoever reaches the port can write"
            " events; what closes it: %s, a host of its own, or --listen 127.0.0.1", name, host, port, how,
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
        self.listening = asyncio.Event()
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
        self.listening.set()
        log.info("the %s input listens on %s:%d%s", self.name, *self.address, " with TLS" if tls else "")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            self.address = None
            self.listening.clear()
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


@dataclass(frozen=True, slots=True)
class Proxied:
    """What a proxy says of the connection that it passes on."""

    client: Address
    proxy: Address


async def read_proxy_header(reader: asyncio.StreamReader) -> Proxied | None:
    """Read the line of the PROXY protocol, version 1 (HAProxy); None when the proxy does not know the client.

    Raises:
        OSError: the connection does not begin with such a line.
    """
    try:
        async with asyncio.timeout(PROXY_SECONDS):
            line = bytearray()
            # The longest line has 107 bytes; what is beyond it is not ours to take.
            while not line.endswith(b"\r\n") and len(line) < 107:
                line += await reader.readexactly(1)
    except (asyncio.IncompleteReadError, TimeoutError):
        raise OSError("no line of the PROXY protocol came") from None
    words = line.decode("latin-1").split()
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return None
    if len(words) != 6 or words[0] != "PROXY" or not (words[4] + words[5]).isdecimal():
        raise OSError("the connection does not begin with a line of the PROXY protocol, version 1")
    return Proxied((words[2], int(words[4])), (words[3], int(words[5])))


class Datagrams:
    """Reads datagrams from a socket for as long as there is room for more; else the kernel keeps or drops them."""

    def __init__(self, name: str, host: str, port: int, *, size: int = 65536, buffer: int | None = None) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.address: Address | None = None
        """Where it listens, once it does."""
        self._size = size
        self._buffer = buffer

    async def run(self, take: Callable[[list[tuple[bytes, Address]]], Awaitable[None]]) -> None:
        """Read until cancelled; `take` returns when there is room for more.

        Raises:
            InputError: the address cannot be listened on.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        loop = asyncio.get_running_loop()
        with socket.socket(family, socket.SOCK_DGRAM) as listening:
            try:
                listening.setblocking(False)
                if self._buffer is not None:
                    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
                listening.bind((self.host.strip("[]"), self.port))
            except OSError as error:
                raise cannot_listen(self.name, self.host, self.port, error) from None
            self.address = address_of(listening.getsockname())
            log.info("the %s input listens on %s:%d (UDP)", self.name, *self.address)
            ready = asyncio.Event()
            try:
                while True:
                    ready.clear()
                    loop.add_reader(listening, ready.set)
                    await ready.wait()
                    loop.remove_reader(listening)
                    await take(self._read(listening))
            finally:
                loop.remove_reader(listening)
                self.address = None

    def _read(self, listening: socket.socket) -> list[tuple[bytes, Address]]:
        found: list[tuple[bytes, Address]] = []
        with contextlib.suppress(BlockingIOError):
            while len(found) < DATAGRAMS:
                data, sender = listening.recvfrom(self._size)
                found.append((data, address_of(sender)))
        return found
