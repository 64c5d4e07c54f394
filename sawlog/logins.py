"""Failed logins, slowed down: who guesses passwords waits longer with each guess, and guesses one at a time."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 10.0
FORGOTTEN_SECONDS: Final = 900.0
WAITING: Final = 16
"""How many guesses of one peer wait; more are turned away."""
PEERS: Final = 4096
KNOWN: Final = 64


class TurnedAwayError(Exception):
    """Too many guesses of one peer are waiting."""


@dataclass(slots=True)
class _Peer:
    failures: int = 0
    last: float = 0.0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Logins:
    """Remembers who has failed. Credentials that were right once are let through at once, whoever else guesses."""

    def __init__(self, *, first_wait: float = FIRST_WAIT) -> None:
        self._first_wait = first_wait
        self._peers: dict[str, _Peer] = {}
        self._known: set[bytes] = set()

    async def passes(self, peer: str, credentials: str, right: Callable[[], bool]) -> bool:
        """Return whether the credentials are right, sooner or later.

        Raises:
            TurnedAwayError: the peer has too many guesses waiting.
        """
        digest = hashlib.sha256(credentials.encode(errors="surrogatepass")).digest()
        if digest in self._known:
            return True
        found = self._peers.get(peer)
        if found is None or time.monotonic() - found.last > FORGOTTEN_SECONDS:
            return self._settle(peer, digest, right())
        if found.waiting >= WAITING:
            raise TurnedAwayError
        found.waiting += 1
        try:
            async with found.turn:
                await asyncio.sleep(min(self._first_wait * 2 ** min(found.failures - 1, 10), LONGEST_WAIT))
                return self._settle(peer, digest, right())
        finally:
            found.waiting -= 1

    def _settle(self, peer: str, digest: bytes, right: bool) -> bool:
        if right:
            self._peers.pop(peer, None)
            if len(self._known) < KNOWN:
                self._known.add(digest)
            return True
        if peer not in self._peers and len(self._peers) >= PEERS:
            del self._peers[min(self._peers, key=lambda name: self._peers[name].last)]
        found = self._peers.setdefault(peer, _Peer())
        found.failures += 1
        found.last = time.monotonic()
        return False
