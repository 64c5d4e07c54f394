"""Guesses wait; who knows the password does not."""

from __future__ import annotations

import asyncio
import base64

import pytest
from aiohttp import ClientSession

from sawlog import logins
from sawlog.logins import WAITING, Logins, TurnedAwayError
from tests.ingest.input.building import running


class Clock:
    """Sleeps that take no time and are written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(logins, "asyncio", type("", (), {"sleep": clock.sleep, "Lock": asyncio.Lock}))
    return clock


async def guess(one: Logins, given: str, peer: str = "192.0.2.1") -> bool:
    return await one.passes(peer, given, lambda: given == "right")


async def test_each_guess_waits_longer(clock: Clock) -> None:
    one = Logins()
    assert not any([await guess(one, f"wrong {number}") for number in range(8)])
    assert clock.slept == [0.5, 1, 2, 4, 8, 10, 10]
    assert not await guess(one, "wrong", "192.0.2.2")
    assert len(clock.slept) == 7


async def test_who_was_right_once_does_not_wait(clock: Clock) -> None:
    one = Logins()
    assert await guess(one, "right")
    assert not await guess(one, "wrong")
    assert await guess(one, "right")
    assert clock.slept == []


async def test_a_right_password_after_wrong_ones_waits_once(clock: Clock) -> None:
    one = Logins()
    assert not await guess(one, "wrong")
    assert await guess(one, "right")
    assert not await guess(one, "wrong")
    assert clock.slept == [0.5]


async def test_guesses_beside_one_another_wait_in_line_or_are_turned_away() -> None:
    one = Logins(first_wait=0.001)
    assert not await guess(one, "wrong")
    found = await asyncio.gather(*(guess(one, f"w{number}") for number in range(3 * WAITING)), return_exceptions=True)
    assert sum(isinstance(answer, TurnedAwayError) for answer in found) == 2 * WAITING
    assert found.count(False) == WAITING


async def test_the_http_input_is_not_guessed_at(clock: Clock) -> None:
    async with running("http", port=0, user="u", password="right") as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}"

        async def post(word: str | None) -> int:
            headers = (
                {} if word is None else {"Authorization": f"Basic {base64.b64encode(f'u:{word}'.encode()).decode()}"}
            )
            async with client.post(url, data="a", headers=headers) as response:
                return response.status

        assert [await post(word) for word in ("a", "b", "c", "right")] == [401, 401, 401, 200]
        assert [await post(None) for _ in range(3)] == [401, 401, 401]
    assert clock.slept == [0.5, 1, 2]
