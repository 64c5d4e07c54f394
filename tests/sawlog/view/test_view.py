"""`sawlog view`, driven by keys as somebody at a terminal drives it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from sawlog.search.question import Question
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.view import app as view_app
from sawlog.view.app import LogBrowser
from sawlog.view.window import PAGE, EventWindow

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNT = 1_300
TRACE = "java.lang.IllegalStateException: no\n\tat com.acme.Orders.place(Orders.java:42)"


def document(number: int) -> dict[str, Any]:
    level = "ERROR" if number % 300 == 7 else "WARN" if number % 300 == 9 else "INFO"
    event: dict[str, Any] = {
        "@timestamp": (START + timedelta(seconds=number)).isoformat().replace("+00:00", "Z"),
        "message": f"request {number}",
        "log": {"level": level, "offset": number * 10, "file": {"path": f"/var/log/{number % 2}.log"}},
        "service": {"name": ("orders", "payments")[number % 2]},
        "host": {"name": "web"},
    }
    if level == "ERROR":
        event["error"] = {"type": "java.lang.IllegalStateException", "stack_trace": TRACE}
    if number == 5:
        event["message"] = "evil \x1b[2J\x1b]0;title\x07 [bold]not markup[/bold]"
    return event


async def filled(store: Store, index: str) -> None:
    await store.bulk(Bulk([str(number) for number in range(COUNT)], [document(n) for n in range(COUNT)], index))
    await store.refresh()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore(tmp_path) as store:
        await filled(store, "logs-spring-default")
        yield store


def screen(view: LogBrowser) -> list[str]:
    """Return what stands in the list on the screen."""
    height = view.log_list.size.height
    return ["".join(one.text for one in view.log_list.render_line(y)).rstrip() for y in range(height)]


def said(view: LogBrowser, part: str) -> str:
    return str(view.query_one(part, Static).content)


def current(view: LogBrowser) -> str:
    event = view.log_list.current
    assert event is not None
    return str(event["id"])


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def view_of(store: Store, **asked: Any) -> LogBrowser:
    return LogBrowser(store, Question.read(asked), UTC)


async def test_it_begins_with_the_newest_and_moves(store: EmbeddedStore) -> None:
    view = view_of(store)
    async with view.run_test(size=(100, 30)) as pilot:
        await press(pilot)
        assert current(view) == "1299"
        assert screen(view)[-1].startswith("2026-03-01 12:21:39.000 INFO  payments request 1299")
        assert "1,300 events" in said(view, "#top")
        await press(pilot, "k", "up", "j")
        assert current(view) == "1298"
        await press(pilot, "g")
        assert current(view) == "0"
        assert screen(view)[0].startswith("2026-03-01 12:00:00.000 INFO  orders request 0")
        await press(pilot, "space", "G")
        assert current(view) == "1299"
        await press(pilot, *["b"] * 40)
        assert int(current(view)) < PAGE


async def test_what_is_hostile_is_shown_as_it_is(store: EmbeddedStore) -> None:
    view = view_of(store, query="evil")
    async with view.run_test(size=(120, 20)) as pilot:
        await press(pilot)
        line = next(line for line in screen(view) if "evil" in line)
        assert "evil \\x1b[2J\\x1b]0;title\\x07 [bold]not markup[/bold]" in line


async def test_it_searches_through_what_is_not_loaded(store: EmbeddedStore) -> None:
    view = view_of(store)
    async with view.run_test(size=(100, 30)) as pilot:
        await press(pilot, "slash", *"request 3", "enter")
        assert "is not found after this line" in said(view, "#status")
        await press(pilot, "N")
        assert current(view) == "399"
        await press(pilot, "N")
        assert current(view) == "398"
        await press(pilot, "n")
        assert current(view) == "399"
        await press(pilot, "E")
        assert current(view) == "307"
        await press(pilot, "E", "w")
        assert current(view) == "9"


async def test_it_filters_and_takes_filters_off(store: EmbeddedStore) -> None:
    view = view_of(store)
    async with view.run_test(size=(120, 30)) as pilot:
        await press(pilot, "ampersand", *"log.level : ERROR", "enter")
        assert [event["id"] for event in view.window.events] == ["7", "307", "607", "907", "1207"]
        assert "log.level : ERROR" in said(view, "#top")
        await press(pilot, "s")
        assert "service.name is payments" in said(view, "#top")
        await press(pilot, "ampersand", *" and (", "enter")
        assert "expected" in said(view, "#status")
        assert len(view.window.events) == 5
        await press(pilot, "x", "x")
        assert "1,300 events" in said(view, "#top")


async def test_it_shows_a_trace_fields_and_the_lines_around(store: EmbeddedStore) -> None:
    view = view_of(store, query="log.level:ERROR", language="lucene")
    async with view.run_test(size=(120, 30)) as pilot:
        await press(pilot, "g")
        assert screen(view)[0].endswith("request 7 ⋯")
        await press(pilot, "enter")
        assert screen(view)[2].strip() == "at com.acme.Orders.place(Orders.java:42)"
        await press(pilot, "enter")
        assert any(line.strip() == "host.name web" for line in screen(view))
        await press(pilot, "enter", "t")
        assert sum("Orders.java:42" in line for line in screen(view)) == 5
        await press(pilot, "t", "c")
        assert current(view) == "7"
        loaded = [int(event["id"]) for event in view.window.events]
        assert loaded[:5] == [1, 3, 5, 7, 9]
        assert "log.file.path is /var/log/1.log" in said(view, "#top")


async def test_it_follows(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_app, "FOLLOW_SECONDS", 0.05)
    view = view_of(store)
    async with view.run_test(size=(100, 30)) as pilot:
        await press(pilot, "F")
        assert "following" in said(view, "#status")
        await store.bulk(Bulk(["new"], [document(COUNT)]))
        for _ in range(200):
            await pilot.pause(0.05)
            if current(view) == "new":
                break
        assert screen(view)[-1].endswith(f"request {COUNT}")
        await press(pilot, "F")
        await store.bulk(Bulk(["newer"], [document(COUNT + 1)]))
        await pilot.pause(0.3)
        assert current(view) == "new"


async def test_it_draws_a_histogram_and_helps(store: EmbeddedStore) -> None:
    view = view_of(store)
    async with view.run_test(size=(100, 40)) as pilot:
        await press(pilot, "i", "h")
        drawn = said(view, "#bars")
        assert "█" in drawn
        assert "15 s a bar, at most 15 events" in drawn
        assert view.query_one("#help").has_class("shown")
        await press(pilot, "escape", "i")
        assert not view.query_one("#help").has_class("shown")
        assert not view.query_one("#bars").has_class("shown")


async def test_a_store_that_fails_is_said(tmp_path: Path) -> None:
    store = ElasticsearchStore("http://127.0.0.1:9", template=False)
    async with store:
        view = view_of(store)
        async with view.run_test(size=(100, 10)) as pilot:
            await press(pilot)
            assert "127.0.0.1:9" in said(view, "#status")
            await press(pilot, "g", "j", "enter", "s", "c")


@pytest.mark.parametrize("kind", ["embedded", "elasticsearch"])
async def test_pages_of_both_stores_make_one_run(
    kind: str, tmp_path: Path, data_stream: str, request: pytest.FixtureRequest
) -> None:
    store: Store = EmbeddedStore(tmp_path / "index")
    if kind == "elasticsearch":
        store = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    async with store:
        await filled(store, data_stream)
        # Some that nothing but their ids tells apart.
        tied = [{"@timestamp": "2026-03-01T12:10:00Z", "message": f"tied {number}"} for number in range(20)]
        await store.bulk(Bulk([f"tied{number}" for number in range(20)], tied, data_stream))
        await store.refresh()
        window = EventWindow(store, Question.read({}))
        await window.newest()
        while not window.has_all_older:
            await window.load_older()
        ids = [event["id"] for event in window.events]
        assert len(ids) == len(set(ids)) == COUNT + 20
        assert [one for one in ids if one.isdigit()] == [str(number) for number in range(COUNT)]
        await window.oldest()
        while not window.has_all_newer:
            await window.load_newer()
        ids = [event["id"] for event in window.events]
        assert len(ids) == len(set(ids)) == COUNT + 20
        # From amid the tied ones, both ways.
        middle = next(event for event in window.events if event["id"] == "tied7")
        await window.at(Question.read({}), middle)
        while not window.has_all_newer:
            await window.load_newer()
        while not window.has_all_older:
            await window.load_older()
        assert sorted(event["id"] for event in window.events) == sorted(ids)


def test_the_command_on_a_terminal_and_in_a_pipe(tmp_path: Path) -> None:
    log, data = tmp_path / "a.log", tmp_path / "data"
    log.write_text("2026-03-01 12:00:00.000  INFO 1 --- [main] a.B : hello there\n")
    program = str(Path(sys.executable).with_name("sawlog"))
    subprocess.run([program, "up", "--once", "--no-web", "--data", data, log], check=True, capture_output=True)
    piped = subprocess.run(
        [program, "view", "--data", data], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert piped.returncode == 1
    assert "needs a terminal" in piped.stderr
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "20"}
    running = subprocess.Popen(
        [program, "view", "--data", data], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    shown = b""
    try:
        while b"hello there" not in shown:
            shown += os.read(master, 65_536)
        os.write(master, b"q")
        try:
            while os.read(master, 65_536):
                pass
        except OSError:
            pass
        assert running.wait(20) == 0
    finally:
        running.kill()
        running.wait()
        os.close(master)
