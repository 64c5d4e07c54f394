"""journald, with a real journal and a real journalctl."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import InputError
from shipper.input.base import EventMaker
from shipper.input.journal_fields import event_of
from shipper.input.journald import CursorMarks, JournalReceiver, arguments
from shipper.input.settings import JournalSettings, ReceiverSettings
from shipper.registry import Registry
from tests.conftest import need
from tests.patience import SECONDS
from tests.shipper.input.journal import Journal
from tests.shipper.input.receiving import Heard


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return need(lambda: Journal(tmp_path / "one.journal"))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tmp_path / "registry.sqlite")
    yield registry
    registry.close()


class Reading(Heard):
    """A journald input at work."""

    def __init__(self, settings: JournalSettings, registry: Registry, *, acknowledge: bool = True, follow: bool = True):
        super().__init__(acknowledge=acknowledge)
        maker = EventMaker(ReceiverSettings("journald", settings), (), "an-agent", "here")
        self.receiver = JournalReceiver(settings, maker, registry, follow=follow)

    async def __aenter__(self) -> Reading:
        self.reading = asyncio.create_task(self.receiver.run(self.held))
        self._handing = asyncio.create_task(self.held.run(self.deliver))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self.reading, self._handing):
            task.cancel()
        await asyncio.gather(self.reading, self._handing, return_exceptions=True)

    @property
    def texts(self) -> list[str]:
        return [event["message"] for event in self.events]

    @property
    def ids(self) -> list[str]:
        return [event["@metadata"]["_id"] for event in self.events]


async def test_entries_are_followed_and_none_comes_twice(journal: Journal, registry: Registry) -> None:
    journal.add("one", "two", "x" * 10_000, PRIORITY="4", _HOSTNAME="there")
    settings = JournalSettings(paths=(str(journal.path),), save_remote_hostname=True)
    async with Reading(settings, registry) as one:
        await one.until(lambda: len(one.texts) == 3)
        assert one.texts == ["one", "two", "x" * 10_000]
        event = one.events[1]
        assert event["@timestamp"] == "2026-11-18T11:06:41.000000Z"
        assert event["syslog"] == {"priority": 4}
        assert event["log"] == {"syslog": {"priority": 4}, "source": {"address": "there"}}
        assert event["host"] == {"name": "here", "hostname": "there"}
        assert event["event"]["kind"] == "event"
        journal.add("three", "lines\nand \xff bytes".encode("latin-1"))
        await one.until(lambda: len(one.texts) == 5)
        assert one.texts[3:] == ["three", "lines\nand \\xff bytes"]
        await one.until(lambda: not one.held.in_flight)
    journal.add("four")
    async with Reading(settings, registry) as one:
        await one.until(lambda: one.texts)
        assert one.texts == ["four"]


async def test_the_cursor_moves_when_entries_are_delivered_and_their_ids_stay(
    journal: Journal, registry: Registry
) -> None:
    journal.add("kept")
    settings = JournalSettings(id="mine", paths=(str(journal.path),))
    async with Reading(settings, registry, acknowledge=False) as one:
        await one.until(lambda: one.batches)
        assert registry.cursor(f"mine::{journal.path}") is None
        # They can be read again: nothing of it would be lost.
        assert (one.held.in_flight > 0, one.held.at_stake) == (True, 0)
    async with Reading(settings, registry) as again:
        await again.until(lambda: again.batches and not again.held.in_flight)
        assert (again.texts, again.ids) == (one.texts, one.ids)
        assert registry.cursor(f"mine::{journal.path}") is not None


async def test_once_reads_to_the_end_and_asks_for_what_is_wanted(
    journal: Journal, registry: Registry, tmp_path: Path
) -> None:
    journal.add("syslog's", _TRANSPORT="syslog", SYSLOG_IDENTIFIER="shop", SYSLOG_FACILITY="3")
    journal.add("kernel's", _TRANSPORT="kernel", SYSLOG_FACILITY="0")
    journal.add("other", _TRANSPORT="syslog", SYSLOG_IDENTIFIER="cart", _SYSTEMD_UNIT="cart.service")
    for settings, wanted in (
        (JournalSettings(transports=("kernel",)), ["kernel's"]),
        (JournalSettings(syslog_identifiers=("shop", "cart")), ["syslog's", "other"]),
        (JournalSettings(units=("cart.service",)), ["other"]),
        (JournalSettings(facilities=("3", "0")), ["syslog's", "kernel's"]),
        (JournalSettings(include_matches=("systemd.transport=syslog", "SYSLOG_IDENTIFIER=cart")), ["other"]),
        (JournalSettings(seek="since", since=-100 * 365 * 86400.0), ["syslog's", "kernel's", "other"]),
        (JournalSettings(seek="since", since=100 * 365 * 86400.0), []),
    ):
        there = replace(settings, id=repr(settings), paths=(str(tmp_path),))
        async with Reading(there, registry, follow=False) as one:
            async with asyncio.timeout(SECONDS):
                await one.reading
                await one.held.empty()
            assert one.texts == wanted, settings


def test_tail_begins_at_the_end_and_goes_on_at_the_cursor() -> None:
    settings = JournalSettings(seek="tail")
    assert "--lines=0" in arguments(settings, "", None)
    assert "--lines=0" not in arguments(settings, "", "a cursor")
    assert "--after-cursor=a cursor" in arguments(settings, "", "a cursor")


async def test_a_journalctl_that_ends_is_started_again(
    journal: Journal, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipper.input.journald.AGAIN_SECONDS", 0.05)
    journal.add("one", "two")
    # Each run of it tells one entry more and ends.
    program = tmp_path / "journalctl"
    program.write_text('#!/bin/sh\njournalctl "$@" | head -n 1\nexit 3\n')
    program.chmod(0o755)
    settings = JournalSettings(paths=(str(journal.path),), journalctl_path=str(program))
    async with Reading(settings, registry) as one:
        await one.until(lambda: len(one.texts) == 1)
        journal.add("three")
        await one.until(lambda: len(one.texts) >= 2)
        assert one.texts[:2] == ["one", "two"]


async def test_what_cannot_be_read_is_told(registry: Registry) -> None:
    for settings, words in (
        (JournalSettings(journalctl_path="/no/journalctl"), "cannot start /no/journalctl"),
        (JournalSettings(paths=("/no/such.journal",)), "cannot read /no/such.journal: "),
    ):
        async with Reading(settings, registry, follow=False) as one:
            await one.until(one.reading.done)
            with pytest.raises(InputError, match=words):
                one.reading.result()


def test_marks_are_kept_in_order() -> None:
    kept: list[str] = []
    marks = CursorMarks(kept.append)
    first, second, third = (marks.begin(name) for name in "abc")
    second()
    assert kept == []
    first()
    assert kept == ["b"]
    third()
    assert kept == ["b", "c"]


def test_the_fields_of_a_service() -> None:
    entry: dict[str, Any] = {
        "MESSAGE": "m", "_PID": "7", "_UID": "1000", "_GID": "100", "_AUDIT_LOGINUID": "1001", "_COMM": "java",
        "_EXE": "/usr/bin/java", "_CMDLINE": 'java "-jar x" y', "_CAP_EFFECTIVE": "20000000001", "SYSLOG_PID": "7,root",
        "CONTAINER_NAME": "shop", "MY_OWN": "x", "_SOURCE_REALTIME_TIMESTAMP": "1", "CODE_LINE": "no number",
        "TWICE": ["a", [98]],
    }  # fmt: skip
    assert event_of(entry) == {
        "message": "m",
        "container": {"name": "shop"},
        "syslog": {"pid": 7},
        "user": {"id": "1001", "effective": {"id": "1000", "group": {"id": "100"}}},
        "process": {
            "pid": 7,
            "name": "java",
            "executable": "/usr/bin/java",
            "command_line": 'java "-jar x" y',
            "args": ["java", '"-jar x"', "y"],
            "args_count": 3,
            "thread": {"capabilities": {"effective": ["CAP_CHOWN", "41"]}},
        },
        "journald": {
            "pid": 7,
            "uid": 1000,
            "gid": 100,
            "audit": {"login_uid": 1001},
            "process": {
                "name": "java",
                "executable": "/usr/bin/java",
                "command_line": 'java "-jar x" y',
                "capabilities": "20000000001",
            },
            "code": {"line": "no number"},
            "custom": {"my_own": "x", "twice": ["a", "b"]},
        },
    }
