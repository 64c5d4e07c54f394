"""tcp, udp, unix and syslog: messages over sockets. A peer whose messages find no room is not read, and waits."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from sawlog.event import TIMESTAMP, Event
from sawlog.loopback import is_loopback
from sawlog.times.instant import now
from sawlog.wire.listening import (
    MAX_CONNECTIONS,
    READ_BYTES,
    Address,
    Datagrams,
    Server,
    Take,
    UnixDatagrams,
    UnixServer,
    close,
    peer_of,
)
from shipper.framing.base import ERRORS
from shipper.input.base import EventMaker, Receiver
from shipper.input.held import Held
from shipper.input.settings import ReceiverSettings, StreamSettings, TcpListener, UdpListener, UnixListener
from shipper.input.splitting import Framed, splitter_for
from shipper.input.syslog import reader_for

log = logging.getLogger(__name__)

PARTIAL_BYTES: Final = 256 << 20
"""What the messages under way of all connections of an input may weigh together."""

_FAMILIES: Final = {"4": socket.AF_INET, "6": socket.AF_INET6}


class NetworkReceiver(Receiver):
    """Listens on one address, over TCP, UDP or a Unix socket."""

    def __init__(
        self, settings: ReceiverSettings, listener: TcpListener | UdpListener | UnixListener, maker: EventMaker
    ) -> None:
        """`listener` is that of the settings."""
        self._settings = settings
        self._listener = listener
        self._maker = maker
        self._message = reader_for(settings.syslog) if settings.syslog is not None else _plain
        self._partial = 0
        self._listening: Server | Datagrams | None = None

    @property
    def address(self) -> Address | None:
        """Where it listens, once it does."""
        return self._listening.address if self._listening is not None else None

    async def run(self, held: Held) -> None:  # noqa: D102 - Receiver.run
        name, listener = self._settings.type, self._listener
        if isinstance(listener, UdpListener):
            _warn_if_open(name, listener.host, listener.port, "use a firewall")
            size, family = listener.max_message_size, _family(listener.network)
            # A byte more tells that a datagram was longer.
            self._listening = datagrams = Datagrams(
                name, listener.host or _ANY[family], listener.port,
                size=size + 1, buffer=listener.read_buffer, family=family,
            )  # fmt: skip
            await datagrams.run(self._take(held, size))
        elif isinstance(listener, UnixListener) and listener.stream is None:
            size = listener.max_message_size
            self._listening = datagrams = UnixDatagrams(name, listener.file, size=size + 1)
            await datagrams.run(self._take(held, size))
        else:
            await self._serve(listener, held)

    async def _serve(self, listener: TcpListener | UnixListener, held: Held) -> None:
        name, stream = self._settings.type, listener.stream or StreamSettings()
        most, context = stream.max_connections or MAX_CONNECTIONS, None
        if isinstance(listener, UnixListener):
            server: Server = UnixServer(name, listener.file, most=most)
        else:
            context = listener.tls.context() if listener.tls is not None else None
            if listener.tls is None or listener.tls.asks is not ssl.CERT_REQUIRED:
                _warn_if_open(name, listener.host, listener.port, "ssl.client_authentication, or a firewall")
            family = _family(listener.network)
            # An empty host is all addresses, as in Go.
            server = Server(name, listener.host, listener.port, most=most, family=family)
        self._listening = server

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._read(reader, writer, held, stream)

        await server.run(handle, context)

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: Held, stream: StreamSettings
    ) -> None:
        peer, splitter, counted = peer_of(writer), splitter_for(stream), 0
        try:
            while True:
                await held.room()
                try:
                    async with asyncio.timeout(stream.timeout):
                        data = await reader.read(READ_BYTES)
                except TimeoutError:
                    break
                if not data:
                    break
                self._put(held, splitter.split(data), peer)
                self._partial += splitter.size - counted
                counted = splitter.size
                if self._partial > PARTIAL_BYTES:
                    log.warning("the %s input closes a connection: too much is under way", self._settings.type)
                    break
        finally:
            self._partial -= counted
            self._put(held, splitter.rest(), peer)
            await close(writer)

    def _take(self, held: Held, most: int) -> Take:
        async def take(datagrams: list[tuple[bytes, Address]]) -> None:
            self._put_all(held, [(data[:most], len(data) > most, sender) for data, sender in datagrams if data])
            await held.room()

        return take

    def _put(self, held: Held, pieces: Sequence[Framed], peer: Address) -> None:
        self._put_all(held, [(message, cut, peer) for message, cut in pieces])

    def _put_all(self, held: Held, pieces: Sequence[tuple[bytes, bool, Address]]) -> None:
        if not pieces:
            return
        moment = now()
        heard = [self._event(message, cut, peer, moment) for message, cut, peer in pieces]
        events = self._maker.make(heard)
        if events:
            held.put(self._maker.source, events, sum(len(message) for message, _, _ in pieces))

    def _event(self, message: bytes, cut: bool, peer: Address, moment: str) -> Event:
        event = self._message(str(message, "utf-8", ERRORS), moment)
        host, port = peer
        log_fields: Event = {}
        if host:
            log_fields["source"] = {"address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}
        if cut:
            log_fields["flags"] = ["truncated"]
        if log_fields:
            event["log"] = log_fields
        return event


_ANY: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::", socket.AF_UNSPEC: "0.0.0.0"}  # noqa: S104 - as in Go


def _plain(text: str, moment: str) -> Event:
    return {TIMESTAMP: moment, "message": text}


def _family(network: str) -> socket.AddressFamily:
    return _FAMILIES.get(network[-1], socket.AF_UNSPEC)


def _warn_if_open(name: str, host: str, port: int, how: str) -> None:
    if not is_loopback(host):
        log.warning(
            "the %s input listens on %s:%d without asking for credentials: whoever reaches the port can write events;"
            " what closes it: %s, or a host of 127.0.0.1", name, host or "all addresses", port, how,
        )  # fmt: skip
