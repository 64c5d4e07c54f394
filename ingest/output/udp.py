"""udp: each event as a datagram."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import ClassVar

from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from sawlog.event import Event
from sawlog.store.base import Refusal

_TOGETHER = 100
"""How many datagrams are sent before others have their turn."""


class Udp(Output):
    """Nobody says whether a datagram came; one that is too long goes to the dead letters."""

    name = "udp"
    default_codec = "json"
    options: ClassVar[dict[str, Option]] = {
        "host": Option(Kind.STRING, "The address to send to.", required=True),
        "port": Option(Kind.NUMBER, "The port to send to.", required=True),
        "retry_count": Option(Kind.NUMBER, "", 0, noted="it is tried again until the system takes a datagram"),
        "retry_backoff_ms": Option(Kind.NUMBER, "", 100, noted="it is tried again with growing pauses"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._host: str = options["host"]
        self._port: int = options["port"]
        if not isinstance(self._port, int) or not 0 < self._port <= 65535:
            raise options.error(f"'port' is a number from 1 to 65535, and got {self._port!r}", "port")
        self._socket: socket.socket | None = None

    async def open(self) -> None:  # noqa: D102 - Output.open
        self._socket = await datagrams_to(self._host, self._port)

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        assert self._socket is not None, "it is open"
        codec = self.codec()
        refusals: list[Refusal] = []
        for place, event in enumerate(events):
            data = codec.encode([event])
            if (reason := await send_datagram(self._socket, data)) is not None:
                refusals.append(Refusal(place, 413, "datagram_too_long", reason))
            if place % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)
        return refusals

    async def close(self) -> None:  # noqa: D102 - Output.close
        if self._socket is not None:
            self._socket.close()
        self._socket = None


async def datagrams_to(host: str, port: int) -> socket.socket:
    """Make a socket whose datagrams go there."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    made.connect(address)
    return made


async def send_datagram(to: socket.socket, data: bytes) -> str | None:
    """Send; return why it never can be.

    Raises:
        OSError: not now.
    """
    for _ in range(2):
        try:
            await asyncio.get_running_loop().sock_sendall(to, data)
        except ConnectionRefusedError:
            # That is said of an earlier datagram: nobody listens, or did not then.
            continue
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            return f"{len(data)} bytes are more than a datagram holds"
        break
    return None
