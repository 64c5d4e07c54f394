"""tcp: events over a TCP connection, made here (client), or over all that others make to here (server)."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from ingest.codec.settings import encode_json
from ingest.options import Block, Kind, Option, Options
from ingest.output import tls
from ingest.output.base import Output
from ingest.output.connection import Connection, client_context, server_context, watch
from sawlog.event import Event
from sawlog.loopback import is_loopback
from sawlog.store.base import Refusal

log = logging.getLogger(__name__)

_ASKING: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class Tcp(Output):
    """With the codec json, each event is a line. A server without a client holds its events back."""

    name = "tcp"
    default_codec = "json"
    options: ClassVar[dict[str, Option]] = {
        "host": Option(Kind.STRING, "The address to connect to or to listen on.", required=True),
        "port": Option(Kind.NUMBER, "The port.", required=True),
        "mode": Option(Kind.STRING, "client: connect; server: listen.", "client", one_of=("client", "server")),
        "reconnect_interval": Option(Kind.NUMBER, "", 10, noted="it is tried again with growing pauses"),
        **tls.OPTIONS,
        "ssl_enabled": Option(Kind.BOOLEAN, "Whether to speak TLS.", False),
        "ssl_key_passphrase": Option(Kind.PASSWORD, "What the key is encrypted with."),
        "ssl_client_authentication": Option(
            Kind.STRING,
            "As a server: whether clients show certificates.",
            "none",
            one_of=("none", "optional", "required"),
        ),
        "ssl_enable": Option(Kind.BOOLEAN, "", replaced_by="ssl_enabled"),
        "ssl_cert": Option(Kind.PATH, "", replaced_by="ssl_certificate"),
        "ssl_cacert": Option(Kind.PATH, "", replaced_by="ssl_certificate_authorities"),
        "ssl_verify": Option(Kind.BOOLEAN, "The older form of ssl_verification_mode and ssl_client_authentication."),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        tls.check(options)
        self._options = options
        self._host: str = options["host"]
        self._port = _port(options)
        self._lines = _is_json(options["codec"])
        self._connection: Connection | None = None
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._connected = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens, of a server."""
        return self._server.sockets[0].getsockname()[:2] if self._server is not None else None

    async def open(self) -> None:  # noqa: D102 - Output.open
        if self._options["mode"] == "client":
            self._connection = Connection(self._host, self._port, self._client_tls())
            return
        context = self._server_tls()
        asks = context is not None and context.verify_mode is ssl.CERT_REQUIRED
        if not is_loopback(self._host) and not asks:
            log.warning("the %s output listens on %s:%d: whoever reaches the port can read all events",
                        self.id, self._host, self._port)  # fmt: skip
        self._server = await asyncio.start_server(self._take, self._host, self._port, ssl=context)

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        if self._lines:
            data = b"".join([encode_json(event) + b"\n" for event in events])
        else:
            data = self.codec().encode(events)
        if self._connection is not None:
            await self._connection.send(data)
            return ()
        async with self._turn:
            while not await self._send_to_all(data):
                self.problem = "no client is connected"
                self._connected.clear()
                await self._connected.wait()
            self.problem = None
        return ()

    async def close(self) -> None:  # noqa: D102 - Output.close
        if self._connection is not None:
            await self._connection.close()
        if self._server is not None:
            self._server.close()
            for writer, watching in list(self._clients.items()):
                watching.cancel()
                writer.close()
        self._connection = self._server = None

    async def _send_to_all(self, data: bytes) -> bool:
        """Write to each client; False if there was none."""
        sent = False
        for writer in list(self._clients):
            try:
                writer.write(data)
                await writer.drain()
                sent = True
            except OSError:
                self._forget(writer)
        return sent

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watching = asyncio.get_running_loop().create_task(watch(reader))
        watching.add_done_callback(lambda _: self._forget(writer))
        self._clients[writer] = watching
        self._connected.set()

    def _forget(self, writer: asyncio.StreamWriter) -> None:
        self._clients.pop(writer, None)
        writer.close()

    def _client_tls(self) -> ssl.SSLContext | None:
        if not self._options["ssl_enabled"]:
            return None
        verify = self._options["ssl_verification_mode"] != "none" and self._options["ssl_verify"] is not False
        return client_context(self._options, verify=verify)

    def _server_tls(self) -> ssl.SSLContext | None:
        if not self._options["ssl_enabled"]:
            return None
        asks = "required" if self._options["ssl_verify"] else self._options["ssl_client_authentication"]
        return server_context(self._options, _ASKING[asks])


def _is_json(codec: Any) -> bool:
    return codec in (None, "json") or (isinstance(codec, Block) and codec.name == "json")


def _port(options: Options) -> int:
    port = options["port"]
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise options.error(f"'port' is a number from 0 to 65535, and got {port!r}", "port")
    return port
