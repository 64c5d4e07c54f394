"""``output.redis``: events pushed to lists of Redis, or published on channels; a batch goes in one transaction.

A batch is acknowledged when Redis has answered. What is sent again, after an error or a crash, may be in a list twice:
each event has its ``_id`` in ``@metadata``, by which a reader makes one of both; sawlog's redis input does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

from sawlog.backoff import Backoff
from sawlog.batch import Batch
from sawlog.dead_letter import DeadLetter
from sawlog.errors import StoreError
from sawlog.event import Event
from sawlog.loopback import is_loopback
from sawlog.wire import redis_client
from sawlog.wire.redis_client import RedisAddress
from shipper.output.base import About
from shipper.output.encoding import NOT_ENCODED, lines_of, stamped
from shipper.output.queue import QueueSender, letter
from shipper.output.rules import chosen
from shipper.output.tls import context
from shipper.settings import RedisHost, RedisOutput, TlsSettings

log = logging.getLogger(__name__)


class RedisSender(QueueSender):
    """Sends one batch after the other to one server; when it fails, the next server's turn comes."""

    def __init__(self, settings: RedisOutput, about: About) -> None:
        """Raises `ConfigError` for a certificate that cannot be used, `ExtraMissingError` without the library."""
        super().__init__("output.redis", about)
        redis_client.need("output.redis")
        self._settings = settings
        self._addresses = _addresses(settings)
        self._commands = _Commands(settings)
        self._client: Any = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Say what is not safe; the first batch connects."""
        for address in self._addresses:
            if address.password and address.tls is None and not is_loopback(address.host):
                log.warning("output.redis: the password goes to %s in clear text (ssl.enabled: true)", address)
        return self

    async def close(self) -> None:
        """Give up what is under way, and disconnect."""
        await redis_client.end(*self._under_way)
        await self._disconnect()

    async def check(self) -> AsyncIterator[str]:
        """Connect to each server, and log in."""
        for address in self._addresses:
            yield f"redis: {address}: parse host"
            client = redis_client.connection(address)
            try:
                await client.ping()
            except redis_client.errors() as error:
                raise StoreError(f"output.redis: Redis at {address}: {redis_client.words_of(error)}") from None
            finally:
                await client.aclose()
            yield "talk to server"

    async def deliver(self, batch: Batch) -> None:  # noqa: D102 - SideBySide.deliver
        async with self._turn:
            made = await asyncio.to_thread(self._commands, stamped(batch.events()))
            await self.bury(made.refused + await self._sent(made))
        self.tell(None)

    async def _sent(self, made: _Made) -> list[DeadLetter]:
        """Send a batch until Redis has answered; return what it refuses for good.

        Raises:
            SawlogError: no try would help.
        """
        backoff = Backoff(self._settings.backoff_init, self._settings.backoff_max)
        publish = self._settings.publish
        while made.commands:
            address = self._addresses[0]
            try:
                if self._client is None:
                    self._client = redis_client.connection(address)
                answers = await redis_client.transact(self._client, made.commands, publish=publish)
            except redis_client.errors() as error:
                problem = f"output.redis: Redis at {address}: {redis_client.words_of(error)}"
                if not redis_client.is_passing(error):
                    raise StoreError(problem) from None
                self.counters.retries += 1
                self.tell(problem)
                await self._disconnect()
                self._addresses.append(self._addresses.pop(0))
                await backoff.pause()
                continue
            return [
                letter(event, key, "redis_refused", redis_client.words_of(answer))
                for (key, _), events, answer in zip(made.commands, made.events, answers, strict=True)
                if answer is not None
                for event in events
            ]
        return []

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class _Made:
    """What a batch becomes: commands, the events of each, and letters for what is in none."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, list[bytes]]] = []
        self.events: list[list[Event]] = []
        self.refused: list[DeadLetter] = []


class _Commands:
    """Makes commands of events: a push has many, a channel's message is one."""

    def __init__(self, settings: RedisOutput) -> None:
        self._settings = settings
        self._most = 1 if settings.publish else settings.bulk_max_size
        self._encode = lines_of(settings.codec, "filebeat")

    def __call__(self, events: Sequence[Event]) -> _Made:
        """Make them; an event of which the codec makes no line is in none, as in Filebeat."""
        made = _Made()
        last: dict[str, int] = {}
        for event in events:
            key = chosen(self._settings.keys, event, lower=False) or self._settings.key(event)
            if not key:
                reason = "the key is named by a field that the event does not have"
                made.refused.append(letter(event, "", "key_missing", reason))
                continue
            try:
                values = [line.encode() for line in self._encode([event])]
            except NOT_ENCODED as error:
                made.refused.append(letter(event, key, "not_written", f"it cannot be written: {str(error)[:200]}"))
                continue
            for value in values:
                place = last.get(key)
                if place is None or (self._most and len(made.events[place]) >= self._most):
                    place = last[key] = len(made.commands)
                    made.commands.append((key, []))
                    made.events.append([])
                made.commands[place][1].append(value)
                made.events[place].append(event)
        return made


def _addresses(settings: RedisOutput) -> list[RedisAddress]:
    made: dict[bool, Any] = {False: None}
    if settings.tls is not None or any(host.tls for host in settings.hosts):
        made[True] = context(settings.tls or TlsSettings(), "output.redis")
    return [_address(host, settings, made) for host in settings.hosts]


def _address(host: RedisHost, settings: RedisOutput, contexts: dict[bool, Any]) -> RedisAddress:
    """Join what a server's URL says with the output's options; `contexts` are those without and with TLS."""
    return RedisAddress(
        host.host,
        host.port,
        db=settings.db,
        username=host.username or settings.username,
        password=host.password or settings.password,
        tls=contexts[settings.tls is not None if host.tls is None else host.tls],
        timeout=settings.timeout,
    )
