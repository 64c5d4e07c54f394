"""redis: events pushed to lists of Redis, or published on channels; a batch of the pipeline goes in one transaction.

Redis has pushed events when it answers; whether they are on its disk then is a matter of its ``appendfsync``. Events
whose answer was lost with the connection are sent again, and stand in the list twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from ingest.lang.sprintf import compile_sprintf
from ingest.options import Kind, Option, Options
from ingest.output import tls
from ingest.output.base import Output
from sawlog.backoff import wait
from sawlog.errors import ConfigError, SawlogError
from sawlog.event import Event
from sawlog.loopback import is_loopback
from sawlog.store.base import Refusal
from sawlog.wire import redis_client
from sawlog.wire.redis_client import RedisAddress

log = logging.getLogger(__name__)

PUSHED_AT_ONCE: Final = 1000
"""How many events one command has: a server does nothing else while it works on one."""
LONGEST_WAIT: Final = 30.0
_BATCHES: Final = "the events that a batch of the pipeline has for a key go together"


class Redis(Output):
    """A key of another type refuses its events, which go to the dead letters; those of other keys go on."""

    name = "redis"
    options: ClassVar[dict[str, Option]] = {
        "data_type": Option(Kind.STRING, "What `key` names.", required=True, one_of=("list", "channel")),
        "key": Option(Kind.STRING, "The name of the list or channel; takes sprintf.", required=True),
        "host": Option(
            Kind.ARRAY, "The servers, of which one is used at a time; each may have its port.", ["127.0.0.1"]
        ),
        "shuffle_hosts": Option(Kind.BOOLEAN, "Whether chance says which is the first.", True),
        "port": Option(Kind.NUMBER, "The port of hosts that name none.", 6379),
        "db": Option(Kind.NUMBER, "The number of the database.", 0),
        "username": Option(Kind.STRING, "The user, of servers that know several."),
        "password": Option(Kind.PASSWORD, "The password."),
        "timeout": Option(Kind.NUMBER, "Seconds that connecting, or an answer, may take.", 5),
        "reconnect_interval": Option(Kind.NUMBER, "Seconds before the next try; they grow while it fails.", 1),
        "congestion_threshold": Option(Kind.NUMBER, "With so many items in a list, nothing is pushed; 0: never.", 0),
        "congestion_interval": Option(Kind.NUMBER, "Seconds between looks at how long a list is.", 1),
        "batch": Option(Kind.BOOLEAN, "", False, noted=_BATCHES),
        "batch_events": Option(Kind.NUMBER, "", 50, noted=_BATCHES),
        "batch_timeout": Option(Kind.NUMBER, "", 5, noted=_BATCHES),
        **tls.OPTIONS,
    }
    default_codec = "json"

    def __init__(self, options: Options) -> None:
        redis_client.need("the redis output")
        super().__init__(options)
        tls.check(options)
        try:
            self._key = compile_sprintf(options["key"])
        except ConfigError as error:
            raise options.error(error.message, "key", error.hint) from None
        self._options = options
        self._publishes = options["data_type"] == "channel"
        self._threshold = int(options["congestion_threshold"])
        self._interval = float(options["congestion_interval"])
        self._looked: dict[str, float] = {}
        self._hosts = [_host(options, str(host)) for host in options["host"]]
        if options["shuffle_hosts"]:
            random.shuffle(self._hosts)
        self._turn = asyncio.Lock()
        self._client: Any = None

    async def open(self) -> None:  # noqa: D102 - Output.open
        options = self._options
        context = tls.context(options) if options["ssl_enabled"] else None
        self._addresses = [
            RedisAddress(
                host,
                port,
                db=int(options["db"]),
                username=options["username"],
                password=options["password"],
                tls=context,
                timeout=float(options["timeout"]) or 5.0,
            )
            for host, port in self._hosts
        ]
        for host, _ in self._hosts:
            if options["password"] and context is None and not is_loopback(host):
                log.warning("%s: the password goes to %s in clear text (ssl_enabled => true)", self.id, host)

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        codec = self.codec()
        groups: dict[str, list[int]] = {}
        for place, event in enumerate(events):
            groups.setdefault(self._key(event), []).append(place)
        bodies = [codec.encode([event]) for event in events]
        failures = 0
        async with self._turn:
            while True:
                try:
                    refusals = await self._push(groups, bodies)
                except redis_client.errors() as error:
                    failures += 1
                    await self._fail(error, failures)
                    continue
                if self.problem is not None:
                    log.warning("%s: Redis works again", self.id)
                    self.problem = None
                return refusals

    async def close(self) -> None:  # noqa: D102 - Output.close
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _push(self, groups: dict[str, list[int]], bodies: Sequence[bytes]) -> list[Refusal]:
        """Send all in one transaction; a passing error is of none of it."""
        if self._client is None:
            self._client = redis_client.connection(self._addresses[0])
        if self._threshold and not self._publishes:
            for key in groups:
                await self._until_short(key)
        step = 1 if self._publishes else PUSHED_AT_ONCE
        parts = [
            (key, places[first : first + step])
            for key, places in groups.items()
            for first in range(0, len(places), step)
        ]
        commands = [(key, [bodies[place] for place in places]) for key, places in parts]
        answers = await redis_client.transact(self._client, commands, publish=self._publishes)
        refusals: list[Refusal] = []
        for (_, places), answer in zip(parts, answers, strict=True):
            if answer is not None:
                refusals += [Refusal(place, 400, "redis_refused", redis_client.words_of(answer)) for place in places]
        return refusals

    async def _until_short(self, key: str) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._looked.get(key, -self._interval) < self._interval:
            return
        while (length := await self._client.llen(key)) > self._threshold:
            if self.problem is None:
                log.warning("%s: the list %s has %d items; waiting until it is shorter", self.id, key, length)
            self.problem = f"the list {key} has {length} items (congestion_threshold)"
            await asyncio.sleep(max(self._interval, 0.05))
        if len(self._looked) > PUSHED_AT_ONCE:
            self._looked.clear()
        self._looked[key] = loop.time()

    async def _fail(self, error: BaseException, failures: int) -> None:
        """Wait before the next server is tried.

        Raises:
            SawlogError: no try would help.
        """
        address, words = self._addresses[0], redis_client.words_of(error)
        if not redis_client.is_passing(error):
            raise SawlogError(f"{self.id}: Redis at {address}: {words}") from None
        if self.problem is None:
            log.warning("%s: Redis at %s: %s; trying again", self.id, address, words)
        self.problem = f"Redis at {address}: {words}"
        await self.close()
        self._addresses.append(self._addresses.pop(0))
        await asyncio.sleep(wait(failures, float(self._options["reconnect_interval"]), LONGEST_WAIT))


def _host(options: Options, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return text.strip("[]"), int(options["port"])
    if not port.isdigit():
        raise options.error(f"'{text}' is no host with a port", "host")
    return host.strip("[]"), int(port)
