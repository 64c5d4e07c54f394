"""A server that takes bulk requests as Elasticsearch does, counts the documents, and keeps nothing.

python bench/null_server.py PORT

``GET /count`` answers how many documents it has taken. Each line of a body but the action lines is a document.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

END: Final = b"\r\n\r\n"
CREATED: Final = b'{"create":{"status":201}}'
INDEXED: Final = b'{"index":{"status":201}}'


class NullServer(asyncio.Protocol):
    """One connection; requests are answered in order."""

    taken = 0
    """Documents, of all connections."""

    def __init__(self) -> None:
        self._head = b""
        self._left = -1
        self._lines = 0
        self._path = b""
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        while data:
            if self._left < 0:
                self._head += data
                end = self._head.find(END)
                if end < 0:
                    return
                head, data, self._head = self._head[:end], self._head[end + len(END) :], b""
                self._begin(head)
            part = data[: self._left]
            data = data[self._left :]
            self._left -= len(part)
            if part:
                self._first = self._first or part[:20]
                self._lines += part.count(b"\n")
            if not self._left:
                self._answer()

    def _begin(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        self._path = lines[0].split(b" ")[1]
        headers = dict(line.lower().split(b":", 1) for line in lines[1:])
        self._left = int(headers.get(b"content-length", b"0"))
        self._lines, self._first = 0, b""
        if b"100-continue" in headers.get(b"expect", b""):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self) -> None:
        self._left = -1
        body = b"{}"
        if b"_bulk" in self._path:
            count = self._lines // 2
            NullServer.taken += count
            item = INDEXED if self._first.startswith(b'{"index"') else CREATED
            body = b'{"errors":false,"items":[%b]}' % b",".join([item] * count)
        elif self._path == b"/count":
            body = b"%d" % NullServer.taken
        elif self._path == b"/":
            body = b'{"version":{"number":"8.19.4"},"tagline":"You Know, for Search"}'
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )


async def main(port: int) -> None:
    """Serve on the loopback until the process is ended."""
    server = await asyncio.get_running_loop().create_server(NullServer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
