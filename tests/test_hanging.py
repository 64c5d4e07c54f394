"""A test that hangs fails, in whichever of its parts, and the next one runs."""

from __future__ import annotations

import asyncio
import queue
import time

import pytest

from tests.hanging import watched

FAILED = pytest.fail.Exception


async def test_what_waits_in_a_loop_is_named() -> None:
    async def answer_that_never_comes() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(answer_that_never_comes())
    with pytest.raises(FAILED, match="answer_that_never_comes"), watched(0.2):
        time.sleep(60)
    task.cancel()


def test_a_loop_that_waits_for_ever_ends() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(FAILED, match="in waits"), watched(0.2):
        asyncio.run(waits())


def test_a_lock_that_nobody_opens_ends() -> None:
    with pytest.raises(FAILED), watched(0.2):
        queue.Queue[int]().get()


def test_a_task_that_swallows_the_failure_is_told_again() -> None:
    async def deaf() -> None:
        while True:
            try:
                time.sleep(60)
            except FAILED:
                await asyncio.Event().wait()

    with pytest.raises(FAILED), watched(0.2, again=0.2):
        asyncio.run(deaf())


def test_what_ends_in_time_is_left_alone() -> None:
    with watched(60):
        pass
    with watched(0.1):
        pass
    time.sleep(0.3)
