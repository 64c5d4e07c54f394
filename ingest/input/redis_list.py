"""A list of Redis as a queue from which nothing is lost, for any number of consumers that know nothing of one another.

A script moves the first items of the list, at once, to a list of their own, which is named by a token; they stay there
until their batch is acknowledged. A sorted set beside has, for each token, until when it is its consumer's: a lease,
which the consumer renews. A batch whose lease has run out, because its consumer has died or lost its connection, is
handed to whoever takes next, under the same token, and so its events have the same ids. To pop items, as others do,
loses what a consumer has of them when it dies; to leave them in the list until they are delivered gives them to two
consumers; a list for each consumer is found again only by a consumer of the same name.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sawlog.wire.redis_client import errors

log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 30.0
"""How long a batch stays its consumer's when nothing is heard of that."""
RENEWALS: Final = 3
"""How often a lease is renewed before it would run out."""
BATCH_BYTES: Final = 4 << 20
"""Items of one batch have so many bytes; a larger item comes alone."""

# Redis 3 and 4 write what a script has done only when they are told so before it asks for the time.
_CLOCK: Final = """
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
"""
_TAKE: Final = (
    _CLOCK
    + """
local source, leases, prefix, token = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local most, room, lease = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local left = redis.call('ZRANGEBYSCORE', leases, '-inf', clock, 'LIMIT', 0, 1)[1]
if left then
    redis.call('ZADD', leases, clock + lease, left)
    return {left, redis.call('LRANGE', prefix .. left, 0, -1)}
end
local taken, size = {}, 0
while #taken < most do
    local first = #taken
    local items = redis.call('LRANGE', source, first, math.min(first + 100, most) - 1)
    for _, item in ipairs(items) do
        if #taken > 0 and size + #item > room then break end
        taken[#taken + 1] = item
        size = size + #item
    end
    if #items < 100 or #taken < first + #items then break end
end
if #taken == 0 then return {token, taken} end
for first = 1, #taken, 1000 do
    redis.call('RPUSH', prefix .. token, unpack(taken, first, math.min(first + 999, #taken)))
end
redis.call('LTRIM', source, #taken, -1)
redis.call('ZADD', leases, clock + lease, token)
return {token, taken}
"""
)
_RENEW: Final = (
    _CLOCK
    + """
for place = 2, #ARGV do
    redis.call('ZADD', KEYS[1], 'XX', clock + tonumber(ARGV[1]), ARGV[place])
end
"""
)


@dataclass(frozen=True, slots=True)
class Taken:
    """Items that are this consumer's until it says what became of them."""

    token: str
    items: Sequence[bytes]


def beside(key: str) -> str:
    """Return how the names of the keys beside a list begin; in a cluster they are where the list is."""
    return f"{key if '{' in key else '{' + key + '}'}:sawlog:"


class ListQueue:
    """A consumer of one list. What it holds outlives connections: each call is given the client that it goes over."""

    def __init__(self, key: str, most: int) -> None:
        """`most` is how many items a batch has at most."""
        self._key = key
        self._most = most
        self._prefix = beside(key) + "batch:"
        self._leases = beside(key) + "leases"
        self._name = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._held: set[str] = set()
        self._done: list[str] = []
        self._given_back: list[str] = []
        self._told = asyncio.Event()
        self._even = asyncio.Event()
        self._even.set()

    async def take(self, client: Any) -> Taken:
        """Take the next items, at first those that a consumer left; without items when there are none."""
        take = client.register_script(_TAKE)
        token = f"{self._name}-{next(self._numbers)}"
        arguments = [self._prefix, token, self._most, BATCH_BYTES, round(LEASE_SECONDS * 1000)]
        found, items = await take(keys=[self._key, self._leases], args=arguments)
        taken = Taken(found.decode(), items)
        if items:
            self._held.add(taken.token)
            self._even.clear()
        return taken

    def done(self, taken: Taken) -> None:
        """Say that the items are delivered."""
        self._done.append(taken.token)
        self._told.set()

    def give_back(self, taken: Taken) -> None:
        """Say that the items are not delivered: they are taken again."""
        self._given_back.append(taken.token)
        self._told.set()

    async def tell(self, client: Any) -> None:
        """Tell Redis what has become of items, and renew leases, until cancelled.

        Raises:
            RedisError, OSError: the connection is lost; what could not be told is told over the next one.
        """
        while True:
            try:
                async with asyncio.timeout(LEASE_SECONDS / RENEWALS):
                    await self._told.wait()
            except TimeoutError:
                await self._renew(client)
            else:
                await self._tell(client)

    async def settle(self, seconds: float) -> None:
        """Wait so long for what is held to be delivered, and told while `tell` runs."""
        try:
            async with asyncio.timeout(seconds):
                await self._even.wait()
        except TimeoutError:
            log.warning(
                "%d batches of the list %s are not acknowledged; who takes next after %.0f s has them again",
                len(self._held),
                self._key,
                LEASE_SECONDS,
            )

    async def _tell(self, client: Any) -> None:
        self._told.clear()
        done, given_back = list(self._done), list(self._given_back)
        try:
            async with client.pipeline(transaction=True) as pipeline:
                if done:
                    pipeline.delete(*(self._prefix + token for token in done))
                    pipeline.zrem(self._leases, *done)
                if given_back:
                    pipeline.zadd(self._leases, dict.fromkeys(given_back, 0), xx=True)
                await pipeline.execute()
        except errors():
            self._told.set()
            raise
        del self._done[: len(done)], self._given_back[: len(given_back)]
        self._held.difference_update(done, given_back)
        if not self._held:
            self._even.set()

    async def _renew(self, client: Any) -> None:
        if self._held:
            renew = client.register_script(_RENEW)
            await renew(keys=[self._leases], args=[round(LEASE_SECONDS * 1000), *self._held])
