"""Make an output of its options and send events through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from ingest import plugins
from ingest.options import Block, Setting
from ingest.output.base import Output
from sawlog.errors import ConfigError, Position
from sawlog.event import Event
from sawlog.store.base import Refusal

POSITION = Position("test.conf", 3, 5)


def block(name: str, **settings: Any) -> Block:
    return Block(name, [Setting(key, value, POSITION) for key, value in settings.items()], POSITION)


def codec(name: str, **settings: Any) -> Block:
    return block(name, **settings)


def make(name: str, **settings: Any) -> Output:
    return cast("Output", plugins.make("output", block(name, **settings))[0])


def notes(name: str, **settings: Any) -> list[str]:
    return plugins.make("output", block(name, **settings))[1]


@asynccontextmanager
async def opened(name: str, **settings: Any) -> AsyncIterator[Output]:
    output = make(name, **settings)
    await output.open()
    try:
        yield output
    finally:
        await output.close()


async def send(name: str, *events: Event, **settings: Any) -> Sequence[Refusal]:
    async with opened(name, **settings) as output:
        return await output.send(list(events))


def refused(name: str, **settings: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        make(name, **settings)
    assert caught.value.position is not None
    return str(caught.value)


def event(number: int = 0, **more: Any) -> Event:
    return {
        "@timestamp": "2017-07-04T11:11:37.921Z",
        "message": f"line {number}",
        **more,
        "@metadata": {"_id": f"a:{number}"},
    }
