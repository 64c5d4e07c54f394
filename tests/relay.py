"""A relay between a client and a port, which breaks or hangs when it is told to."""

from __future__ import annotations

import asyncio
import contextlib


class Relay:
    """Passes bytes on to a port, until it is told to break or to hang."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.connections = 0
        self.hang = False
        self.upstream = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Relay:
        await self.listen()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.leave()

    async def listen(self) -> None:
        """Take connections; after `leave`, on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def leave(self) -> None:
        """Refuse connections from now on."""
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        with contextlib.suppress(asyncio.CancelledError):
            # Cancelled only at the end of the test's loop.
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 12):
                while self.hang:
                    await asyncio.sleep(0.01)
                writer.write(data)
                await writer.drain()
        writer.close()
