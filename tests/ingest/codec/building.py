"""Make a codec of its options and push bytes through it, in chunks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, cast

import pytest

from ingest import plugins
from ingest.codec.base import Codec
from ingest.options import Block, Setting
from sawlog.errors import ConfigError, Position
from sawlog.event import Event

POSITION = Position("test.conf", 3, 5)


def make(name: str, /, **settings: Any) -> Codec:
    block = Block(name, [Setting(key, value, POSITION) for key, value in settings.items()], POSITION)
    return cast("Codec", plugins.make("codec", block)[0])


def decode(codec: Codec, *chunks: bytes) -> list[Event]:
    return [*(event for chunk in chunks for event in codec.decode(chunk)), *codec.flush()]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut bytes at the places, wherever they are."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def refused(name: str, /, **settings: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        make(name, **settings)
    assert caught.value.position is not None
    return str(caught.value)


def reason(event: Event) -> str:
    return cast("str", event["sawlog"]["failure"])
