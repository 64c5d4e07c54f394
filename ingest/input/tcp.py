"""tcp: events over TCP connections, made here (server) or to somewhere else (client)."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from functools import partial
from typing import Any, ClassVar, Final

from ingest.input import network, tls
from ingest.input.base import Input
from ingest.input.decoding import Stamp, Stream, codec_name
from ingest.input.memory_queue import MemoryQueue
from ingest.input.network import Proxied
from ingest.options import Kind, Option, Options
from ingest.settings import ECS_COMPATIBILITY, is_ecs
from sawlog.batch import Deliver
from sawlog.wire import listening
from sawlog.wire.listening import Address

log = logging.getLogger(__name__)

NAME_SECONDS: Final = 2.0
"""How long a look-up of a peer's name may take."""
RETRY_SECONDS: Final = 10.0


class Tcp(Input):
    """The protocol knows no acknowledgement: what has come is offered to the pipeline until it is delivered."""

    name = "tcp"
    default_codec = "line"
    options: ClassVar[dict[str, Option]] = {
        "port": Option(Kind.NUMBER, "The port to listen on or to connect to.", required=True),
        "host": network.HOST,
        "mode": Option(Kind.STRING, "server: listen; client: connect.", "server", one_of=("server", "client")),
        **tls.SERVER,
        "ssl_client_authentication": Option(
            Kind.STRING, "Whether peers show certificates.", "required", one_of=("none", "optional", "required")
        ),
        "ssl_extra_chain_certs": Option(Kind.ARRAY, "Further certificates of the chain.", []),
        "ssl_verification_mode": Option(
            Kind.STRING, "As a client: whether the server's certificate is checked.", "full", one_of=("full", "none")
        ),
        "ssl_enable": Option(Kind.BOOLEAN, "", replaced_by="ssl_enabled"),
        "ssl_cert": Option(Kind.PATH, "", replaced_by="ssl_certificate"),
        "ssl_cacert": Option(Kind.PATH, "", replaced_by="ssl_certificate_authorities"),
        "ssl_verify": Option(Kind.BOOLEAN, "The older form of ssl_client_authentication and of ssl_verification_mode."),
        "tcp_keep_alive": Option(Kind.BOOLEAN, "Whether the kernel probes idle connections.", False),
        "proxy_protocol": Option(Kind.BOOLEAN, "Whether connections begin with HAProxy's line, version 1.", False),
        "dns_reverse_lookup_enabled": Option(Kind.BOOLEAN, "Whether the peer's name is looked up.", True),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._client = options["mode"] == "client"
        verify = options["ssl_verify"]
        if verify is not None:
            options.values["ssl_client_authentication"] = "required" if verify else "none"
            options.values["ssl_verification_mode"] = "full" if verify else "none"
        self._tls = tls.server_tls(options) if not self._client else None
        self._client_tls = tls.client_tls(options) if self._client and options["ssl_enabled"] else None
        host = options["host"] if self._client else network.host_of(options)
        self._server = listening.Server(self.id, host, network.port_of(options))
        self._keep_alive: bool = options["tcp_keep_alive"]
        self._proxied: bool = options["proxy_protocol"]
        self._look_up: bool = options["dns_reverse_lookup_enabled"]
        self._ecs = is_ecs(options)
        self._whole = codec_name(options, self.default_codec) == "plain"

    @property
    def address(self) -> Address | None:
        """Where it listens, once it does."""
        return self._server.address

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        async with MemoryQueue(self.id, deliver) as queue:

            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._read(reader, writer, queue)

            if self._client:
                await self._connect(queue)
            else:
                asks = self._tls is not None and self._tls.asks is ssl.CERT_REQUIRED
                network.warn_if_open(
                    self.id,
                    self._server.host,
                    self._server.port,
                    asks=asks,
                    how="ssl_client_authentication => required",
                )
                await self._server.run(handle, self._tls.context() if self._tls else None)

    async def _connect(self, queue: MemoryQueue) -> None:
        context = self._client_tls.context() if self._client_tls else None
        host, port = self._server.host, self._server.port
        while True:
            try:
                reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=listening.READ_BYTES)
                log.info("the %s input is connected to %s:%d", self.id, host, port)
                await self._read(reader, writer, queue)
                words = "it closed the connection"
            except OSError as error:
                words = error.strerror or str(error)
            log.warning("%s: %s:%d: %s; trying again in %g s", self.id, host, port, words, RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, queue: MemoryQueue) -> None:
        try:
            if self._keep_alive:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            proxied = await network.read_proxy_header(reader) if self._proxied else None
            peer = proxied.client if proxied else listening.peer_of(writer)
            name = await _name_of(peer) if self._look_up else peer[0]
            stamp = self._stamp(peer, name, proxied, writer.get_extra_info("ssl_object"))
            stream = Stream(self.codec(), stamp, whole=self._whole)
            await queue.pump(partial(reader.read, listening.READ_BYTES), stream)
        finally:
            writer.close()

    def _stamp(self, peer: Address, name: str, proxied: Proxied | None, stream: ssl.SSLObject | None) -> Stamp:
        subject = tls.subject_of(stream.getpeercert()) if stream is not None else ""
        if not self._ecs:
            fields: dict[str, Any] = {"host": name, "port": peer[1]}
            if proxied:
                fields |= {"proxy_host": proxied.proxy[0], "proxy_port": proxied.proxy[1]}
            if subject:
                fields["sslsubject"] = subject
            return Stamp(fields, {"ip_address": peer[0]}, self.decorate)
        details: dict[str, Any] = {"source": {"ip": peer[0], "name": name, "port": peer[1]}}
        if proxied:
            details["proxy"] = {"ip": proxied.proxy[0], "port": proxied.proxy[1]}
        if subject:
            details["tls"] = {"client": {"subject": subject}}
        return Stamp({}, {"input": {"tcp": details}}, self.decorate)


async def _name_of(peer: Address) -> str:
    """Look up the name of an address; one without a name, or whose name does not come in time, is its own."""
    try:
        async with asyncio.timeout(NAME_SECONDS):
            name, _ = await asyncio.get_running_loop().getnameinfo(peer)
    except (OSError, TimeoutError):
        return peer[0]
    return name
