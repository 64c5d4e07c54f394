"""Make a filter of its options and run events through it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ingest import plugins
from ingest.filter.base import Filter
from ingest.options import Block, Setting
from sawlog.errors import ConfigError, Position
from sawlog.event import Event


def make(name: str, **settings: Any) -> Filter:
    position = Position("test.conf", 3, 5)
    block = Block(name, [Setting(key, value, position) for key, value in settings.items()], position)
    return cast("Filter", plugins.make("filter", block)[0])


def run_all(name: str, *events: Event, **settings: Any) -> list[Event]:
    return make(name, **settings).apply(list(events))


def run(name: str, event: Event, **settings: Any) -> Event:
    (result,) = run_all(name, event, **settings)
    return result


def refused(name: str, **settings: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        make(name, **settings)
    assert caught.value.position is not None
    return str(caught.value)


def reason(event: Event) -> str:
    text = event["sawlog"]["failure"]
    assert isinstance(text, str)
    return text
