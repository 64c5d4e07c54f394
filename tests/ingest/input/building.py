"""Make an input of its options, run it, and hold what it delivers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trustme

from ingest import plugins
from ingest.input.base import Input
from ingest.options import Block, Setting
from sawlog.batch import Batch
from sawlog.errors import ConfigError, Position
from sawlog.event import Event
from tests.patience import SECONDS

PLACE = Position("test.conf", 3, 5)


def codec(name: str, **settings: Any) -> Block:
    return Block(name, [Setting(key, value, PLACE) for key, value in settings.items()], PLACE)


def make(name: str, **settings: Any) -> Input:
    block = Block(name, [Setting(key, value, PLACE) for key, value in settings.items()], PLACE)
    return cast("Input", plugins.make("input", block)[0])


def refused(name: str, **settings: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        make(name, **settings)
    assert caught.value.position is not None
    return str(caught.value)


class Sink:
    """Takes batches; acknowledges each at once, unless `hold`."""

    def __init__(self, *, hold: bool = False) -> None:
        self.hold = hold
        self.batches: list[Batch] = []
        self._came = asyncio.Event()

    async def __call__(self, batch: Batch) -> None:
        self.batches.append(batch)
        self._came.set()
        if not self.hold:
            batch.ack()

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch.events()]

    @property
    def messages(self) -> list[Any]:
        return [event.get("message") for event in self.events]

    async def until(self, events: int) -> list[Event]:
        """Wait until so many events have come."""
        async with asyncio.timeout(SECONDS):
            while len(self.events) < events:
                self._came.clear()
                await self._came.wait()
        return self.events


class Running:
    """An input at work."""

    def __init__(self, plugin: Any, sink: Sink) -> None:
        self.plugin = plugin
        self.sink = sink
        self.task = asyncio.create_task(plugin.run(sink))

    async def port(self) -> int:
        async with asyncio.timeout(SECONDS):
            while self.plugin.address is None:
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.005)
        return int(self.plugin.address[1])

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


async def until_connected(one: Running, times: int = 1) -> None:
    """Wait until the input has connected so many times; raise what has ended it."""
    async with asyncio.timeout(SECONDS):
        while one.plugin.connections < times:
            if one.task.done():
                one.task.result()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(name: str, *, hold: bool = False, **settings: Any) -> AsyncIterator[Running]:
    one = Running(make(name, **settings), Sink(hold=hold))
    try:
        yield one
    finally:
        await one.stop()


class Certificates:
    """An authority, a server's certificate and a client's, as files."""

    def __init__(self, folder: Any) -> None:
        authority = trustme.CA()
        self.authority = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.authority)
        self.server, self.server_key = self._issue(authority, folder, "server", "localhost", "127.0.0.1")
        self.client, self.client_key = self._issue(authority, folder, "client", "shipper.example.org")

    @staticmethod
    def _issue(authority: trustme.CA, folder: Any, name: str, *identities: str) -> tuple[str, str]:
        issued = authority.issue_cert(*identities, common_name=identities[0])
        certificate, key = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
        issued.private_key_pem.write_to_path(key)
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(certificate, append=number > 0)
        return certificate, key

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"ssl_enabled": True, "ssl_certificate": self.server, "ssl_key": self.server_key, **more}
