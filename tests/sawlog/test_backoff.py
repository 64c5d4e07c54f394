"""Back-off: waits that double up to the longest, of which chance takes at most half."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import AsyncRetrying, RetryCallState

from sawlog.backoff import Backoff, growing, wait


@given(st.integers(0, 10_000), st.floats(0, 10), st.floats(0, 100))
def test_a_wait_is_never_longer_than_the_longest(failures: int, first: float, longest: float) -> None:
    assert 0 <= wait(failures, first, longest) <= longest


def test_waits_double_and_are_spread() -> None:
    for failures, most in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (5_000, 5.0)):
        waits = [wait(failures, 1.0, 5.0) for _ in range(200)]
        assert most / 2 <= min(waits) < max(waits) <= most


def test_tenacity_waits_by_its_attempts() -> None:
    state = RetryCallState(AsyncRetrying(), None, (), {})
    state.attempt_number = 3
    assert 2.0 <= growing(1.0, 60.0)(state) <= 4.0


async def test_what_works_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("sawlog.backoff.asyncio.sleep", sleep)
    backoff = Backoff(1.0, 60.0)
    for _ in range(3):
        await backoff.pause()
    backoff.reset()
    await backoff.pause()
    assert [0.5 <= one <= 1.0 for one in slept] == [True, False, False, True]
    assert 2.0 <= slept[2] <= 4.0
