import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from ingest import workers as module
from ingest.lang.parser import parse
from ingest.pipeline import Pipeline
from ingest.workers import Adaptive, FilterError, Here, WorkerError, Workers, filtering
from sawlog.batch import Batch, EventBatch, LineBatch, Source
from sawlog.event import Event
from tests.patience import SECONDS

PIPELINE = """
filter {
  mutate { add_field => { "seen" => "%{message}" } }
  if [message] == "drop" { drop { } }
}
output {
  if [message] == "special" { null { id => "first" } }
  null { id => "second" }
}
"""
SHARED = {"host": {"name": "h"}, "@metadata": {"beat": "b"}}
READ = "2026-01-02T03:04:05.000Z"


def compiled(text: str) -> Pipeline:
    return Pipeline(parse(text, "test"), filters_only=True)


def lines(*texts: str) -> LineBatch:
    source = Source("key", "a.log", SHARED)
    return LineBatch(source, texts, range(len(texts)), 100, lambda error: None, frozenset({0}), READ)


def timeless(events: list[Event]) -> list[Event]:
    return [{name: value for name, value in event.items() if name != "@timestamp"} for event in events]


def runaway(count: int) -> Batch:
    texts = ["a" * 40 + "b", *["aa"] * count]
    return LineBatch(Source("key", "a.log"), texts, range(len(texts)), 100, lambda error: None)


@asynccontextmanager
async def started(text: str, count: int = 1) -> AsyncIterator[Workers]:
    workers = Workers(compiled(text).sections, count)
    await workers.start()
    try:
        yield workers
    finally:
        await workers.close()


async def test_workers_do_what_this_process_does() -> None:
    pipeline = compiled(PIPELINE)
    batches = [
        lines("one", "special", "drop", "\udcff and \x00"),
        EventBatch(Source("key", ""), [{"message": "x", "n": 2**70, "@metadata": {"_id": "7"}}], 10, lambda e: None),
    ]
    async with started(PIPELINE, 2) as workers:
        for batch in batches:
            here, there = await Here(pipeline).run(batch), await workers.run(batch)
            assert [timeless(part) for part in there] == [timeless(part) for part in here]
        first, second = await workers.run(lines("one", "special", "drop"))
    assert [event["seen"] for event in first] == ["special"]
    assert [event["seen"] for event in second] == ["one", "special"]
    # What events share is shared on this side too: one object, however many events.
    assert second[0]["host"] is second[1]["host"]
    assert second[0]["log"]["flags"] == ["truncated"]
    assert second[0]["@timestamp"] == READ
    assert second[0]["@metadata"] == {"beat": "b", "_id": "key:0"}


async def test_a_killed_worker_is_replaced_and_its_batch_done_again() -> None:
    # The batch takes long: the expression runs away until its time is up.
    text = 'filter { grok { match => { "message" => "(a+)+$" } timeout_millis => 1500 } }'
    text += ' output { null { id => "x" } }'
    async with started(text, 2) as workers:
        (busy,) = workers.pids[:1]
        slow = asyncio.create_task(workers.run(runaway(20)))
        await asyncio.sleep(0.3)
        for pid in workers.pids:
            os.kill(pid, signal.SIGKILL)
        (events,) = await slow
        assert len(events) == 21
        assert events[0]["tags"] == ["_groktimeout"]
        assert busy not in workers.pids
        (again,) = await workers.run(lines("aa"))
        assert len(again) == 1


async def test_a_runaway_expression_stops_one_event_in_a_worker() -> None:
    text = 'filter { grok { match => { "message" => "(a+)+$" } timeout_millis => 300 } } output { null { } }'
    async with started(text) as workers:
        (events,) = await workers.run(runaway(5_000))
    assert [event.get("tags") for event in events] == [["_groktimeout"], *[None] * 5_000]


async def test_a_batch_that_ends_every_worker_is_given_up() -> None:
    text = 'filter { grok { match => { "message" => "(a+)+$" } timeout_millis => 60000 } } output { null { } }'

    async def kill_all(workers: Workers) -> None:
        while True:
            for pid in workers.pids:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(1.5)

    async with started(text) as workers:
        killer = asyncio.create_task(kill_all(workers))
        # On a slow machine, a worker may be met while it starts.
        with pytest.raises((FilterError, WorkerError), match="ended"):
            await workers.run(runaway(1))
        killer.cancel()


async def test_a_mistake_in_a_filter_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = compiled(PIPELINE)
    broken = EventBatch(Source("key", ""), [{"message": "x", "tags": "no list"}], 1, lambda error: None)
    monkeypatch.setattr(pipeline, "run", lambda batch: 1 // 0)
    with pytest.raises(FilterError, match=r"ZeroDivisionError.*test_workers\.py"):
        await Here(pipeline).run(broken)


async def test_a_pipeline_that_a_worker_cannot_compile(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("patterns")
    (folder / "own").write_text("MINE x+")
    text = f'filter {{ grok {{ match => {{ "message" => "%{{MINE}}" }} patterns_dir => "{folder}" }} }}'
    pipeline = Pipeline.from_text(text)
    (folder / "own").unlink()
    with pytest.raises(WorkerError, match="cannot compile the pipeline"):
        async with asyncio.timeout(SECONDS):
            await Workers(pipeline.sections, 1).start()


@pytest.mark.parametrize(
    "text",
    [
        "if [message] == 'x' {\n" * 150 + "mutate { add_tag => ['found'] }\n" + "}\n" * 150,
        "if "
        + " or ".join(f"[message] == '{at}'" for at in [*range(400), "x"])
        + " { mutate { add_tag => ['found'] } }",
    ],
    ids=["nested", "long"],
)
async def test_a_pipeline_that_is_nested_deeply_reaches_a_worker(text: str) -> None:
    async with started(f"filter {{ {text} }}") as workers:
        [events] = await workers.run(lines("x", "y"))
    assert [event.get("tags") for event in events] == [["found"], None]


async def test_closing_ends_workers_that_are_just_being_started(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, closed, start = threading.Event(), threading.Event(), module._Worker.start

    def later(self: module._Worker) -> None:
        begun.set()
        closed.wait(SECONDS)
        with suppress(WorkerError):
            start(self)

    monkeypatch.setattr(module._Worker, "start", later)
    workers = Workers(compiled('filter { mutate { add_tag => ["a"] } }').sections, 2)
    starting = asyncio.create_task(workers.start())
    await asyncio.to_thread(begun.wait, SECONDS)
    starting.cancel()
    asyncio.get_running_loop().call_later(0.2, closed.set)
    await asyncio.gather(starting, return_exceptions=True)
    assert multiprocessing.active_children() == []


async def test_closing_ends_busy_workers_soon() -> None:
    text = 'filter { grok { match => { "message" => "(a+)+$" } timeout_millis => 600000 } } output { null { } }'
    async with started(text) as workers:
        slow = asyncio.create_task(workers.run(runaway(1)))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(SECONDS):
            await workers.close()
        with pytest.raises(WorkerError):
            await slow


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 64), ("100000 100000", 1), ("150000 100000", 2), ("9900000 100000", 64), ("", 64), (None, 64)],
)
def test_a_container_s_share_of_the_cores_counts(
    quota: str | None, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(module, "QUOTA", tmp_path / "cpu.max")
    if quota is not None:
        module.QUOTA.write_text(f"{quota}\n")
    assert module.available_cores() == cores


def test_a_pipeline_without_filters_needs_no_workers() -> None:
    assert isinstance(filtering(compiled("output { null { } }")), Here)
    assert isinstance(filtering(compiled(PIPELINE), 0), Here)
    assert isinstance(filtering(compiled(PIPELINE), 1), Workers)
    assert isinstance(filtering(compiled(PIPELINE)), Adaptive)


def test_a_filter_that_counts_all_events_has_one_process(caplog: pytest.LogCaptureFixture) -> None:
    counting = compiled('filter { throttle { key => "%{message}" after_count => 1 } } output { null { } }')
    for workers in (None, 1, 4):
        filters = filtering(counting, workers)
        assert isinstance(filters, Workers)
        assert len(filters._workers) == 1
    assert caplog.text.count("throttle counts all events") == 1
    assert isinstance(filtering(counting, 0), Here)


def test_filters_that_wait_for_a_network_never_hold_up_this_process() -> None:
    assert isinstance(filtering(compiled('filter { dns { resolve => ["host"] } } output { null { } }')), Workers)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


async def test_filters_that_take_the_time_are_handed_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.2)
    text = 'filter { grok { match => { "message" => "(a+)+$" } timeout_millis => 300 } } output { null { } }'
    filters = Adaptive(compiled(text), 2)
    try:
        await filters.start()
        (events,) = await filters.run(runaway(3))
        assert events[0]["tags"] == ["_groktimeout"]
        await until(lambda: filters.handed_out)
        (events,) = await filters.run(runaway(3))
        assert events[0]["tags"] == ["_groktimeout"]
    finally:
        await filters.close()


async def test_cheap_filters_stay_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.0)
    monkeypatch.setattr(module, "WORTH_SECONDS", 1.0)
    filters = Adaptive(compiled(PIPELINE), 2)
    await filters.start()
    for _ in range(20):
        await filters.run(lines("one", "two"))
        await asyncio.sleep(0)
    assert not filters.handed_out
    await filters.close()
