"""stdout, null, embedded."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sawlog.errors import StoreError
from sawlog.paths import index_directory
from sawlog.store.embedded.store import EmbeddedStore
from tests.ingest.output.building import codec, event, make, opened, refused, send


async def test_stdout_shows_events_for_reading(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    await send("stdout", event())
    shown = capfdbinary.readouterr().out.decode()
    assert shown == '{\n    "@timestamp" => 2017-07-04T11:11:37.921Z,\n       "message" => "line 0"\n}\n'


async def test_stdout_with_a_codec(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    await send("stdout", event(), event(1), codec=codec("line", format="<%{message}>"))
    await send("stdout", event(), event(1), codec="dots")
    assert capfdbinary.readouterr().out == b"<line 0>\n<line 1>\n.."


async def test_null_takes_everything() -> None:
    assert await send("null", event()) == ()


async def test_embedded_creates_once(tmp_path: Path) -> None:
    events = [event(number) for number in range(3)]
    async with opened("embedded", path=str(tmp_path)) as output:
        assert list(await output.send(events)) == []
        assert list(await output.send(events)) == []
        assert output.index_of(events[0]) == "logs-spring-default"
    assert events == [event(number) for number in range(3)], "other outputs have the same events"
    async with EmbeddedStore(index_directory(tmp_path), read_only=True) as store:
        assert await store.count({"match_all": {}}) == 3


async def test_embedded_keeps_events_for_its_retention(tmp_path: Path) -> None:
    await send("embedded", event(0), path=str(tmp_path))
    [written] = index_directory(tmp_path).glob("wal-*.log")
    os.utime(written, (0, time.time() - 7200))
    await send("embedded", event(1), path=str(tmp_path), retention="1h")
    async with EmbeddedStore(index_directory(tmp_path), read_only=True) as store:
        assert await store.count({"match_all": {}}) == 1
    assert "test.conf:3:5: 'retention' takes a number of days" in refused("embedded", retention="soon")


async def test_embedded_has_to_be_open(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open"):
        await make("embedded", path=str(tmp_path)).send([event()])
