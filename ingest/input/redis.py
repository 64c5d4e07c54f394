"""redis: events from a list of Redis, which is a queue, or from channels, which are heard by who listens.

From a list nothing is lost: items are kept beside it until they are delivered (`ingest.input.redis_list`). What is
published on a channel is gone for those who are not connected, and what ingest holds of it when it crashes is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, ClassVar, Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from ingest.input import network, tls
from ingest.input.base import Input
from ingest.input.decoding import codec_name
from ingest.input.memory_queue import MemoryQueue, draw
from ingest.input.messages import Messages
from ingest.input.redis_list import ListQueue, Taken, beside
from ingest.options import Kind, Option, Options
from sawlog.backoff import Backoff, growing
from sawlog.batch import Deliver, EventBatch, Source
from sawlog.errors import InputError
from sawlog.event import Event
from sawlog.loopback import is_loopback
from sawlog.wire import redis_client
from sawlog.wire.redis_client import RedisAddress

log = logging.getLogger(__name__)

EMPTY_SECONDS: Final = 0.25
"""How long a list without items is left alone, as in Logstash."""
GRACE_SECONDS: Final = 10.0
"""How long the end of the input waits for what it holds."""
LONGEST_WAIT: Final = 10.0
"""The longest pause between attempts to connect."""
STEADY_SECONDS: Final = 10.0
"""A connection that has lasted so long was a good one: the next attempt does not wait."""
MOST_MESSAGES: Final = 1000
"""How many messages of a channel are taken in one go."""


class Redis(Input):
    """An item of a list or a message of a channel is decoded as a whole."""

    name = "redis"
    options: ClassVar[dict[str, Option]] = {
        "data_type": Option(
            Kind.STRING, "What `key` names.", required=True, one_of=("list", "channel", "pattern_channel")
        ),
        "key": Option(Kind.STRING, "The name of the list or channel, or a pattern of channels.", required=True),
        "host": Option(Kind.STRING, "The server.", "127.0.0.1"),
        "port": Option(Kind.NUMBER, "Its port.", 6379),
        "path": Option(Kind.PATH, "A Unix socket, which goes before host and port."),
        "db": Option(Kind.NUMBER, "The number of the database.", 0),
        "username": Option(Kind.STRING, "The user, of servers that know several."),
        "password": Option(Kind.PASSWORD, "The password."),
        "timeout": Option(Kind.NUMBER, "Seconds that connecting, or an answer, may take.", 5),
        "batch_count": Option(Kind.NUMBER, "How many items of a list make a batch, at most.", 125),
        "threads": Option(Kind.NUMBER, "", 1, noted="one connection takes as much as the pipeline has room for"),
        "command_map": Option(
            Kind.HASH, "", {}, refused="let the user of sawlog call the commands by their names (ACL SETUSER)"
        ),
        "ssl_enabled": Option(Kind.BOOLEAN, "Whether to speak TLS.", False),
        "ssl": Option(Kind.BOOLEAN, "", replaced_by="ssl_enabled"),
        "ssl_certificate_authorities": Option(Kind.ARRAY, "Further authorities to trust, PEM.", []),
        "ssl_verification_mode": Option(
            Kind.STRING, "Whether the server's certificate is checked.", "full", one_of=("full", "none")
        ),
        "ssl_certificate": Option(Kind.PATH, "The certificate to show to the server, PEM."),
        "ssl_key": Option(Kind.PATH, "The certificate's key, PEM."),
        "ssl_key_passphrase": Option(Kind.PASSWORD, "What the key is encrypted with."),
    }
    default_codec = "json"

    def __init__(self, options: Options) -> None:
        redis_client.need("the redis input")
        super().__init__(options)
        self._tls = tls.optional_client_tls(options)
        if codec_name(options, self.default_codec) == "multiline":
            raise options.error("an item of Redis is an event of its own; join lines where they are read", "codec")
        if options["username"] and not options["password"]:
            raise options.error("'username' needs 'password'", "username")
        self._key: str = options["key"]
        self._kind: str = options["data_type"]
        self._count = network.whole(options, "batch_count", 1, 100_000)
        self._address = RedisAddress(
            options["host"],
            network.port_of(options),
            options["path"],
            network.whole(options, "db", 0, 1 << 20),
            options["username"],
            options["password"],
            timeout=float(options["timeout"]) or 5.0,
        )
        self.connections = 0
        """How often the server has taken us."""

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        address = self._connecting()
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_passing),
            wait=growing(longest=LONGEST_WAIT),
            before_sleep=self._before_retry,
            reraise=True,
        )
        async with MemoryQueue(self.id, deliver) as memory:
            worker = (
                _ListWorker(self, self._key, self._count, deliver)
                if self._kind == "list"
                else _ChannelWorker(self, self._key, memory, pattern=self._kind == "pattern_channel")
            )
            while True:
                await retrying(self._connection, address, worker)

    def _connecting(self) -> RedisAddress:
        context = self._tls.context() if self._tls else None
        given = self._address
        if given.password and context is None and not given.path and not is_loopback(given.host):
            log.warning("%s: the password goes to %s in clear text (ssl_enabled => true)", self.id, given.host)
        return RedisAddress(
            given.host, given.port, given.path, given.db, given.username, given.password, context, given.timeout
        )

    async def _connection(self, address: RedisAddress, worker: _ListWorker | _ChannelWorker) -> None:
        """Work over one connection; return when a good one has ended.

        Raises:
            RedisError, OSError: there is no connection, or not for long.
            InputError: the server does not let us in, or not do what we must.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        client, telling = redis_client.connection(address), redis_client.connection(address)
        try:
            await client.ping()
            await worker.work(client, telling, self._taken_in)
        except redis_client.errors() as error:
            if not redis_client.is_passing(error):
                raise InputError(f"{self.id}: Redis at {address}: {self._words(error)}") from None
            if loop.time() - began < STEADY_SECONDS:
                raise
            words = redis_client.words_of(error)
            log.warning("%s: the connection to Redis at %s is lost: %s; connecting again", self.id, address, words)
        finally:
            await _close(client)
            await _close(telling)

    def _words(self, error: BaseException) -> str:
        words = redis_client.words_of(error)
        if self._kind == "list" and "permissions" in words:
            return f"{words}; it needs EVAL and the keys {self._key} and {beside(self._key)}*"
        return words

    def _taken_in(self) -> None:
        self.connections += 1
        log.info("the redis input reads the %s %s at %s", self._kind.replace("_", " "), self._key, self._address)

    def _before_retry(self, state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None and (error := state.outcome.exception()):
            words = redis_client.words_of(error)
            log.warning("%s: Redis at %s cannot be read: %s; trying again", self.id, self._address, words)


class _ListWorker:
    """Takes batches of a list; it outlives connections, since what it holds may be told over the next one."""

    def __init__(self, owner: Redis, key: str, most: int, deliver: Deliver) -> None:
        self._queue = ListQueue(key, most)
        self._messages = Messages(owner.codec(), owner.decorate)
        self._source = Source(owner.id, f"redis:{key}")
        self._deliver = deliver
        self._backoff = Backoff(longest=LONGEST_WAIT)
        self._failed = False

    async def work(self, client: Any, telling: Any, ready: Any) -> None:
        """Take and deliver until cancelled, or until the connection is lost."""
        taking = asyncio.create_task(self._take(client, ready))
        tells = asyncio.create_task(self._queue.tell(telling))
        try:
            await asyncio.wait((taking, tells), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await redis_client.end(taking)
            await self._queue.settle(GRACE_SECONDS)
            raise
        finally:
            await redis_client.end(taking, tells)
        _raise_of(taking, tells)

    async def _take(self, client: Any, ready: Any) -> None:
        said = False
        while True:
            if self._failed:
                self._failed = False
                await self._backoff.pause()
            taken = await self._queue.take(client)
            if not said:
                ready()
                said = True
            if not taken.items:
                await asyncio.sleep(EMPTY_SECONDS)
                continue
            await self._hand_on(taken)

    async def _hand_on(self, taken: Taken) -> None:
        events = self._messages.events(taken.items, f"{taken.token}-", {})

        def settled(error: BaseException | None) -> None:
            if error is None:
                self._backoff.reset()
                self._queue.done(taken)
            else:
                self._failed = True
                self._queue.give_back(taken)

        batch = EventBatch(self._source, events, sum(map(len, taken.items)), settled)
        try:
            await self._deliver(batch)
        except asyncio.CancelledError:
            batch.nack(InputError("ingest is being stopped"))
            raise


class _ChannelWorker:
    """Hears channels; while the pipeline has no room, nothing is read, and the server keeps what its limits allow."""

    def __init__(self, owner: Redis, key: str, memory: MemoryQueue, *, pattern: bool) -> None:
        self._key = key
        self._pattern = pattern
        self._memory = memory
        self._messages = Messages(owner.codec(), owner.decorate)

    async def work(self, client: Any, _telling: Any, ready: Any) -> None:
        """Hear until cancelled, or until the connection is lost."""
        hearing = asyncio.create_task(self._hear(client, ready))
        try:
            await asyncio.wait((hearing,))
        finally:
            await redis_client.end(hearing)
        _raise_of(hearing)

    async def _hear(self, client: Any, ready: Any) -> None:
        async with client.pubsub(ignore_subscribe_messages=True) as hearing:
            await (hearing.psubscribe if self._pattern else hearing.subscribe)(self._key)
            ready()
            while True:
                first = await hearing.get_message(timeout=None)
                messages = [first] if first else []
                while len(messages) < MOST_MESSAGES and (further := await hearing.get_message(timeout=0)):
                    messages.append(further)
                await self._keep(messages)

    async def _keep(self, messages: list[dict[str, Any]]) -> None:
        events: list[Event] = []
        for message in messages:
            channel = message["channel"].decode(errors="replace")
            events += self._messages.events([message["data"]], f"{draw()}-", {"redis_channel": channel})
        size = sum(len(message["data"]) for message in messages)
        try:
            await self._memory.add(events, size)
        except asyncio.CancelledError:
            self._memory.put(events, size)
            raise


def _raise_of(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, redis_client.errors()) and redis_client.is_passing(error)


async def _close(client: Any) -> None:
    with contextlib.suppress(*redis_client.errors()):
        await client.aclose()
