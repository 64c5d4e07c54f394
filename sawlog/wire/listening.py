"""What listens, for `sawlog ingest` and `sawlog ship`: servers of TCP and of Unix sockets, and readers of datagrams."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import logging
import os
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sawlog.errors import InputError

log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 1024
READ_BYTES: Final = 1 << 18
DATAGRAMS: Final = 1000
"""How many datagrams are read at once."""

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Address = tuple[str, int]
Take = Callable[[list[tuple[bytes, Address]]], Awaitable[None]]
_Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


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

    def __init__(
        self, name: str, host: str, port: int, *, most: int = MAX_CONNECTIONS, family: int = socket.AF_UNSPEC
    ) -> None:
        """`most`: so many connections at once."""
        self.name = name
        self.host = host
        self.port = port
        self.address: Address | None = None
        """Where it listens, once it does."""
        self.listening = asyncio.Event()
        self._most = most
        self._family = family
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, handle: Handle, tls: ssl.SSLContext | None = None, handshake: float = 10.0) -> None:
        """Serve; `handle` raises nothing but `CancelledError` and `OSError`. `handshake` is in seconds.

        Raises:
            InputError: the address cannot be listened on.
        """

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._tasks) >= self._most:
                log.warning("%s: %s is turned away: %d are connected", self.name, peer_of(writer)[0], len(self._tasks))
                writer.transport.abort()
                return
            task = asyncio.get_running_loop().create_task(self._handle(handle, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await self._serve(connected, tls, handshake)
        self.address = address_of(server.sockets[0].getsockname())
        self.listening.set()
        log.info("the %s input listens on %s%s", self.name, self._words(), " with TLS" if tls else "")
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

    async def _serve(self, connected: _Connected, tls: ssl.SSLContext | None, handshake: float) -> asyncio.Server:
        try:
            return await asyncio.start_server(
                connected, self.host, self.port, family=self._family, ssl=tls, limit=READ_BYTES,
                **({"ssl_handshake_timeout": handshake} if tls else {}),
            )  # fmt: skip
        except OSError as error:
            raise cannot_listen(self.name, self.host, self.port, error) from None

    def _words(self) -> str:
        return "{}:{}".format(*self.address) if self.address else self.host

    async def _handle(self, handle: Handle, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except OSError as error:
            log.info("%s: the connection of %s ended: %s", self.name, peer_of(writer)[0], error)
            writer.close()
        except Exception:
            log.exception("%s: the connection of %s failed", self.name, peer_of(writer)[0])
            writer.close()


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A Unix socket in the file system: who may use it. `group` and `mode` None: what the system gives."""

    path: str
    group: str | None = None
    mode: int | None = None

    def bind(self, name: str, kind: socket.SocketKind) -> socket.socket:
        """Return a socket that is bound to the path; one that was left behind there is replaced.

        Raises:
            InputError: something else is there, or it cannot be made.
        """
        found = socket.socket(socket.AF_UNIX, kind)
        try:
            found.setblocking(False)
            self._make_room()
            found.bind(self.path)
            # Before it listens: nobody connects who may not.
            if self.mode is not None:
                Path(self.path).chmod(self.mode)
            if self.group is not None:
                os.chown(self.path, -1, grp.getgrnam(self.group).gr_gid)
        except (OSError, KeyError) as error:
            found.close()
            why = f"there is no group {self.group!r}" if isinstance(error, KeyError) else error.strerror or str(error)
            raise InputError(f"the {name} input cannot listen on {self.path}: {why}") from None
        return found

    def remove(self) -> None:
        """Remove the socket's file."""
        with contextlib.suppress(OSError):
            self._make_room()

    def _make_room(self) -> None:
        try:
            mode = Path(self.path).lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise OSError("there is a file of this name that is no socket")
        Path(self.path).unlink()


class UnixServer(Server):
    """The same over a Unix socket."""

    def __init__(self, name: str, file: SocketFile, *, most: int = MAX_CONNECTIONS) -> None:
        super().__init__(name, file.path, 0, most=most)
        self._file = file

    async def run(self, handle: Handle, tls: ssl.SSLContext | None = None, handshake: float = 10.0) -> None:
        """Serve, and remove the socket's file at the end."""
        with contextlib.ExitStack() as at_end:
            self._at_end = at_end
            await super().run(handle, tls, handshake)

    async def _serve(self, connected: _Connected, tls: ssl.SSLContext | None, handshake: float) -> asyncio.Server:
        bound = self._file.bind(self.name, socket.SOCK_STREAM)
        self._at_end.callback(self._file.remove)
        return await asyncio.start_unix_server(connected, sock=bound, ssl=tls, limit=READ_BYTES)

    def _words(self) -> str:
        return self._file.path


def cannot_listen(name: str, host: str, port: int, error: OSError) -> InputError:
    """Make the error that says why an address cannot be listened on."""
    words = error.strerror or str(error)
    return InputError(f"the {name} input cannot listen on {host}:{port}: {words}")


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait for its end, whatever becomes of it."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class Datagrams:
    """Reads datagrams from a socket for as long as there is room for more; else the kernel keeps or drops them."""

    def __init__(
        self, name: str, host: str, port: int, *, size: int = 65536, buffer: int | None = None,
        family: int = socket.AF_UNSPEC,
    ) -> None:  # fmt: skip
        """`size`: what is longer is cut there; `buffer`: the kernel's, in bytes."""
        self.name = name
        self.host = host
        self.port = port
        self.address: Address | None = None
        """Where it listens, once it does."""
        self._size = size
        self._buffer = buffer
        self._family = family

    async def run(self, take: Take) -> None:
        """Read until cancelled; `take` returns when there is room for more.

        Raises:
            InputError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        with await self._bind() as listening:
            self.address = address_of(listening.getsockname())
            log.info("the %s input listens on %s", self.name, self._words())
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

    async def _bind(self) -> socket.socket:
        host = self.host.strip("[]")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, self.port, family=self._family, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
            )
            # A name with addresses of both kinds, as localhost has, is that of IPv4.
            family, _, _, _, place = min(found, key=lambda one: one[0] is not socket.AF_INET)
            listening = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise cannot_listen(self.name, self.host, self.port, error) from None
        try:
            listening.setblocking(False)
            if self._buffer is not None:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
            listening.bind(place)
        except OSError as error:
            listening.close()
            raise cannot_listen(self.name, self.host, self.port, error) from None
        return listening

    def _words(self) -> str:
        return "{}:{} (UDP)".format(*self.address) if self.address else self.host

    def _read(self, listening: socket.socket) -> list[tuple[bytes, Address]]:
        found: list[tuple[bytes, Address]] = []
        with contextlib.suppress(BlockingIOError):
            while len(found) < DATAGRAMS:
                data, sender = listening.recvfrom(self._size)
                found.append((data, address_of(sender)))
        return found


class UnixDatagrams(Datagrams):
    """The same from a Unix socket, whose senders have no names."""

    def __init__(self, name: str, file: SocketFile, *, size: int = 65536) -> None:
        super().__init__(name, file.path, 0, size=size)
        self._file = file

    async def run(self, take: Take) -> None:
        """Read, and remove the socket's file at the end."""
        with contextlib.ExitStack() as at_end:
            self._at_end = at_end
            await super().run(take)

    async def _bind(self) -> socket.socket:
        listening = self._file.bind(self.name, socket.SOCK_DGRAM)
        self._at_end.callback(self._file.remove)
        return listening

    def _words(self) -> str:
        return self._file.path
