"""The watcher: each window once, whatever happens between, and each message at least once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from sawlog.errors import ConfigErrors, SawlogError, StoreUnavailableError
from sawlog.store.base import Store
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.watch.memory import AlertMemory, MemoryFile
from sawlog.watch.metrics import health, metrics
from sawlog.watch.rules import AlertSettings
from sawlog.watch.watcher import Watcher
from tests.patience import SECONDS
from tests.sawlog.watch.conftest import Webhook, add, document, documents, millis

Read = Callable[[str], AlertSettings]
RULES = """
delay: 0s
page: https://logs.example.com
notify: [{{name: team, url: '{url}'}}]
rules:
  - name: errors
    query: 'log.level: ERROR'
    more_than: 20
    within: 5m
    by: service.name
"""


class Clock:
    """The time in minutes since the beginning."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes

    def __call__(self) -> int:
        return millis(self.minutes)


class Killed(BaseException):
    """The process is no more."""


def watcher_of(settings: AlertSettings, store: Store, tmp_path: Path, clock: Clock) -> Watcher:
    return Watcher(settings, store, tmp_path / "state" / "alerts-state.json", now=clock)


async def send_all(watcher: Watcher) -> None:
    for target in watcher.targets:
        while await watcher.send_next(target):
            pass


async def test_it_fires_and_recovers(store: Store, settings: Read, tmp_path: Path, webhook: Webhook) -> None:
    clock = Clock(30)
    watcher = watcher_of(settings(RULES.format(url=webhook.url)), store, tmp_path, clock)
    for clock.minutes in (30, 33, 33.6, 34, 41.9, 42.4, 60):
        await watcher.look()
        await send_all(watcher)
    assert webhook.titles == ["[fires] errors: orders", "[recovered] errors: orders"]
    fires, recovered = webhook.got
    assert fires["type"] == "failure"
    assert fires["message"].splitlines()[:2] == [
        "21 events within 5m until 2025-03-01 10:33:30 UTC, which is more than 20.",
        "order 20 failed",
    ]
    link = fires["message"].splitlines()[2]
    assert link.startswith(
        "https://logs.example.com/?view=events&q=log.level%3A+ERROR&is=service.name%3A%5B%22orders%22"
    )
    assert link.endswith("from=2025-03-01T10%3A28%3A30.000Z&to=2025-03-01T10%3A33%3A29.999Z")
    assert recovered["type"] == "success"
    assert "fired for 8m 30s, since 2025-03-01 10:33:30 UTC" in recovered["message"]
    watcher.close()


async def test_after_a_stop_each_window_between_is_looked_at_once(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook
) -> None:
    await add(embedded, documents())
    clock = Clock(20)
    rules = settings(RULES.format(url=webhook.url))
    before = watcher_of(rules, embedded, tmp_path, clock)
    await before.look()
    before.close()
    # What has fired and recovered while nobody looked is told.
    clock.minutes = 100
    after = watcher_of(rules, embedded, tmp_path, clock)
    await after.look()
    await send_all(after)
    assert webhook.titles == ["[fires] errors: orders", "[recovered] errors: orders"]
    await after.look()
    assert after.waiting == 0
    after.close()


async def test_windows_before_catch_up_are_left_out(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    await add(embedded, documents())
    clock = Clock(20)
    rules = settings("catch_up: 10m\n" + RULES.format(url=webhook.url))
    watcher = watcher_of(rules, embedded, tmp_path, clock)
    await watcher.look()
    clock.minutes = 100
    await watcher.look()
    assert watcher.waiting == 0
    assert watcher.memory.rules["errors"].evaluated == millis(100)
    assert "windows between are left out" in caplog.text
    watcher.close()


async def test_a_clock_that_was_wrong(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook
) -> None:
    await add(embedded, documents())
    clock = Clock(100_000)
    watcher = watcher_of(settings(RULES.format(url=webhook.url)), embedded, tmp_path, clock)
    await watcher.look()
    clock.minutes = 35
    await watcher.look()
    assert [one.title for one in watcher.memory.outbox] == ["[fires] errors: orders"]
    watcher.close()


@pytest.mark.parametrize("point", range(14))
async def test_killed_anywhere_it_tells_at_least_once_and_misses_nothing(
    embedded: EmbeddedStore,
    settings: Read,
    tmp_path: Path,
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    point: int,
) -> None:
    """The process ends at one of the moments before or after the memory is written."""
    await add(embedded, documents())
    rules = settings(RULES.format(url=webhook.url))
    clock, passed, kills = Clock(30), 0, 0
    write = MemoryFile.write

    def deadly(self: MemoryFile, encoded: bytes) -> None:
        nonlocal passed, kills
        for act in (lambda: None, lambda: write(self, encoded)):
            act()
            if passed == point:
                passed, kills = passed + 1, kills + 1
                raise Killed
            passed += 1

    monkeypatch.setattr(MemoryFile, "write", deadly)
    watcher = watcher_of(rules, embedded, tmp_path, clock)
    for clock.minutes in (30, 33, 33.5, 34, 42, 60):
        while True:
            try:
                await watcher.look()
                await send_all(watcher)
                break
            except Killed:
                watcher.close()
                watcher = watcher_of(rules, embedded, tmp_path, clock)
    watcher.close()
    assert kills == 1
    told = Counter(webhook.titles)
    assert set(told) == {"[fires] errors: orders", "[recovered] errors: orders"}
    # Twice is one only where the process ended between the sending and its being written down.
    assert sum(told.values()) <= 3
    assert watcher.waiting == 0


async def test_who_writes_meanwhile_writes_down_nothing_by_half(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is being written when another one was sent, which is written down; and then the process ends."""
    await add(embedded, documents())
    rules, clock = settings(RULES.format(url=webhook.url)), Clock(30)
    watcher = watcher_of(rules, embedded, tmp_path, clock)
    await watcher.look()

    async def killed(*_: object) -> None:
        await watcher._write()
        raise Killed

    clock.minutes = 34
    with monkeypatch.context() as patch:
        patch.setattr("sawlog.watch.watcher.newest_event", killed)
        with pytest.raises(Killed):
            await watcher.look()
    watcher.close()
    watcher = watcher_of(rules, embedded, tmp_path, clock)
    await watcher.look()
    assert [one.title for one in watcher.memory.outbox] == ["[fires] errors: orders"]
    watcher.close()


async def test_what_cannot_be_sent_is_tried_again_and_given_up_in_the_end(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    await add(embedded, documents())
    clock = Clock(34)
    rules = settings("give_up: 1h\n" + RULES.format(url=webhook.url))
    watcher = watcher_of(rules, embedded, tmp_path, clock)
    webhook.status = 503
    await watcher.look()
    assert await watcher.send_next("team") is False
    assert "error=503" in health(watcher)["problems"]["target team"]
    assert health(watcher)["status"] == "waiting"
    watcher.close()
    # It waits over a restart, too, and in its order.
    clock.minutes = 43
    watcher = watcher_of(rules, embedded, tmp_path, clock)
    await watcher.look()
    assert [one.title for one in watcher.memory.outbox] == ["[fires] errors: orders", "[recovered] errors: orders"]
    clock.minutes = 34 + 61
    assert await watcher.send_next("team") is False
    assert [one.title for one in watcher.memory.outbox] == ["[recovered] errors: orders"]
    assert watcher.targets["team"].given_up == 1
    webhook.status = 200
    assert await watcher.send_next("team") is True
    assert health(watcher) == {"status": "ok", "problems": {}, "firing": 0, "waiting_messages": 0}
    assert await watcher.send_next("team") is None
    watcher.close()
    assert "T0KEN" not in caplog.text
    assert "T0KEN" not in json.dumps(health(watcher))
    assert b"T0KEN" not in watcher._file.path.read_bytes()


async def test_running_it_sends_by_itself_and_waits_for_what_is_written(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sawlog.watch.watcher.FIRST_WAIT", 0.05)
    monkeypatch.setattr("sawlog.watch.watcher.LONGEST_WAIT", 0.1)
    monkeypatch.setattr("sawlog.watch.watcher.HOLD_PAUSE", 0.05)
    await add(embedded, documents())
    rules = settings(RULES.format(url=webhook.url))
    ready = False
    state = tmp_path / "state.json"
    watcher = Watcher(rules, embedded, state, now=Clock(34), is_ready=lambda: ready)
    webhook.status = 500
    async with watcher.running(), asyncio.timeout(SECONDS):
        await asyncio.sleep(0.2)
        assert not watcher.memory.rules
        ready = True
        while webhook.refused < 3:
            await asyncio.sleep(0.01)
        webhook.status = 200
        while not webhook.got:
            await asyncio.sleep(0.01)
    assert webhook.titles == ["[fires] errors: orders"]
    assert msgspec.json.decode(state.read_bytes(), type=AlertMemory).outbox == []


async def test_a_store_that_is_away(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(embedded, documents())
    clock = Clock(30)
    watcher = watcher_of(settings(RULES.format(url=webhook.url)), embedded, tmp_path, clock)
    await watcher.look()

    async def away(*_: object) -> None:
        raise StoreUnavailableError("the store is away")

    clock.minutes = 34
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "search", away)
        await watcher.look()
        assert health(watcher)["problems"] == {"rule errors": "the store is away"}
    # What was in between is looked at when it is there again.
    clock.minutes = 50
    await watcher.look()
    assert [one.title for one in watcher.memory.outbox] == ["[fires] errors: orders", "[recovered] errors: orders"]
    assert health(watcher)["problems"] == {}
    watcher.close()


async def test_many_groups_are_one_message(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook
) -> None:
    await add(embedded, [document(10, f"service-{n % 30:02}", "ERROR") for n in range(900)])
    watcher = watcher_of(settings(RULES.format(url=webhook.url)), embedded, tmp_path, Clock(11))
    await watcher.look()
    await send_all(watcher)
    assert len(webhook.got) == 1
    assert webhook.titles[0].endswith("and 29 more")
    assert webhook.got[0]["message"].count("30 events") == 20
    assert webhook.got[0]["message"].endswith("and 10 more")
    watcher.close()


async def test_hostile_lines_call_nobody(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook
) -> None:
    hostile = "@everyone <!channel> <https://evil|here> \x1b[31m\u202e{count} https://ok mail a@b.c\nsecond"
    await add(embedded, [document(10, hostile[:40], "ERROR", message=hostile) for _ in range(30)])
    watcher = watcher_of(settings(RULES.format(url=webhook.url)), embedded, tmp_path, Clock(11))
    await watcher.look()
    await send_all(watcher)
    said = json.dumps(webhook.got, ensure_ascii=False)
    for bad in ("@everyone", "<!channel", "<https", "\x1b", "\\u001b", "\u202e", "second"):
        assert bad not in said
    assert "[31m {count} https://ok mail a@b.c" in said
    watcher.close()


async def test_another_rule_is_another_memory_and_old_ones_go(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook
) -> None:
    await add(embedded, documents())
    clock = Clock(35)
    text = RULES.format(url=webhook.url)
    watcher = watcher_of(settings(text), embedded, tmp_path, clock)
    await watcher.look()
    watcher.close()
    # Another text is the same rule: it fires on, and is not told again.
    watcher = watcher_of(settings(text + "    text: other\n"), embedded, tmp_path, clock)
    await watcher.look()
    assert len(watcher.memory.outbox) == 1
    watcher.close()
    watcher = watcher_of(settings(text.replace("more_than: 20", "more_than: 21")), embedded, tmp_path, clock)
    await watcher.look()
    assert len(watcher.memory.outbox) == 2
    watcher.close()
    # Of who is no longer told, and of rules that are gone, nothing is left.
    renamed = text.replace("name: team", "name: others").replace("name: errors", "name: failures")
    watcher = watcher_of(settings(renamed), embedded, tmp_path, clock)
    assert (watcher.memory.rules, watcher.memory.outbox) == ({}, [])
    watcher.close()


async def test_the_memory_is_of_one_process(embedded: EmbeddedStore, settings: Read, tmp_path: Path) -> None:
    rules = settings("rules: []")
    watcher = watcher_of(rules, embedded, tmp_path, Clock(0))
    with pytest.raises(SawlogError, match="another sawlog watches with"):
        watcher_of(rules, embedded, tmp_path, Clock(0))
    watcher.close()
    watcher_of(rules, embedded, tmp_path, Clock(0)).close()


@pytest.mark.parametrize("content", [b"", b"{", b'{"rules": 5}', b"\xff"])
async def test_a_damaged_memory_is_set_aside(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state" / "alerts-state.json"
    state.parent.mkdir()
    state.write_bytes(content)
    watcher = watcher_of(settings("rules: []"), embedded, tmp_path, Clock(0))
    assert watcher.memory == AlertMemory()
    assert state.with_suffix(".damaged").read_bytes() == content
    assert "damaged" in caplog.text
    watcher.close()


async def test_of_another_version(embedded: EmbeddedStore, settings: Read, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "alerts-state.json").write_text('{"version": 2}')
    with pytest.raises(SawlogError, match="another version"):
        watcher_of(settings("rules: []"), embedded, tmp_path, Clock(0))


async def test_an_address_that_is_none_is_refused_at_the_start(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path
) -> None:
    with pytest.raises(ConfigErrors, match="did you mean 'json'"):
        watcher_of(settings(RULES.format(url="jsom://example.com")), embedded, tmp_path, Clock(0))


async def test_a_full_disk_is_told_and_nothing_is_lost(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(embedded, documents())
    watcher = watcher_of(settings(RULES.format(url=webhook.url)), embedded, tmp_path, Clock(34))

    def full(self: MemoryFile, encoded: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MemoryFile, "write", full)
    await watcher.look()
    assert "No space left" in health(watcher)["problems"]["memory"]
    await send_all(watcher)
    assert webhook.titles == ["[fires] errors: orders"]
    watcher.close()


async def test_metrics(
    embedded: EmbeddedStore, settings: Read, tmp_path: Path, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await add(embedded, documents())
    watcher = watcher_of(settings(RULES.format(url=webhook.url)), embedded, tmp_path, Clock(34))
    await watcher.look()
    await send_all(watcher)

    class Told(Collector):
        def collect(self) -> object:  # type: ignore[override] # what the library has too narrow
            return metrics(watcher)

    registry = CollectorRegistry()
    registry.register(Told())
    text = generate_latest(registry).decode()
    for line in (
        'sawlog_alerts_firing{rule="errors"} 1.0',
        'sawlog_alerts_fired_total{rule="errors"} 1.0',
        'sawlog_alerts_rule_up{rule="errors"} 1.0',
        'sawlog_alerts_notifications_total{target="team"} 1.0',
        'sawlog_alerts_notifications_waiting{target="team"} 0.0',
        'sawlog_alerts_evaluated_timestamp_seconds{rule="errors"} 1.74082524e+09',
    ):
        assert line in text
    assert "'errors' fires: 'orders' (24 events)" in caplog.text
    watcher.close()
