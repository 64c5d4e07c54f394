"""udp: events in datagrams; each datagram is a message of its own."""

from __future__ import annotations

from typing import ClassVar

from ingest.input import network
from ingest.input.base import Input
from ingest.input.memory_queue import MemoryQueue
from ingest.options import Kind, Option, Options
from ingest.settings import ECS_COMPATIBILITY, field, is_ecs
from sawlog.batch import Deliver
from sawlog.event import METADATA, MISSING, Event, get, put
from sawlog.wire import listening
from sawlog.wire.listening import Address


class Udp(Input):
    """While the pipeline has no room, datagrams wait in the kernel's buffer, and are lost when it is full."""

    name = "udp"
    options: ClassVar[dict[str, Option]] = {
        "port": Option(Kind.NUMBER, "The port to listen on.", required=True),
        "host": network.HOST,
        "buffer_size": Option(Kind.NUMBER, "Bytes of a datagram beyond these are cut off.", 65536),
        "receive_buffer_bytes": Option(Kind.NUMBER, "The size of the kernel's buffer; its default if not given."),
        "queue_size": Option(Kind.NUMBER, "", noted="datagrams wait in the kernel's buffer: receive_buffer_bytes"),
        "workers": Option(Kind.NUMBER, "", noted="one event loop serves all inputs"),
        "source_ip_fieldname": Option(
            Kind.FIELD, "The field for the sender's address: [host][ip], or host without ECS."
        ),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._datagrams = listening.Datagrams(
            self.id,
            network.host_of(options),
            network.port_of(options),
            size=options["buffer_size"],
            buffer=options["receive_buffer_bytes"],
        )
        ecs = is_ecs(options)
        name = options["source_ip_fieldname"] or ("[host][ip]" if ecs else "host")
        self._field = field(options, "source_ip_fieldname", name)

    @property
    def address(self) -> Address | None:
        """Where it listens, once it does."""
        return self._datagrams.address

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        network.warn_if_open(
            self.id,
            self._datagrams.host,
            self._datagrams.port,
            asks=False,
            how="UDP has no credentials: use a firewall",
        )
        codec = self.codec()
        async with MemoryQueue(self.id, deliver) as queue:

            async def take(datagrams: list[tuple[bytes, Address]]) -> None:
                events: list[Event] = []
                for data, (ip, port) in datagrams:
                    for event in (*codec.decode(data), *codec.flush()):
                        if get(event, self._field, MISSING) is MISSING:
                            put(event, self._field, ip)
                        event[METADATA] = {"input": {"udp": {"source": {"ip": ip, "port": port}}}}
                        if self.decorate is not None:
                            self.decorate(event)
                        events.append(event)
                await queue.add(events, sum(len(data) for data, _ in datagrams))

            await self._datagrams.run(take)
