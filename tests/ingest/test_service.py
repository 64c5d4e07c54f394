import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ingest.filter.mutate import Mutate
from ingest.metrics import health
from ingest.pipeline import Pipeline
from ingest.reload import Reloader
from ingest.service import IngestService
from ingest.workers import Here
from sawlog import dead_letter
from sawlog.batch import Deliver
from sawlog.dead_letter import DeadLetters
from sawlog.errors import SawlogError, StoreError, StoreUnavailableError
from sawlog.event import Event
from tests.faults import fill_up
from tests.ingest.feeding import Collect, Feed, end, give, plugins, until
from tests.patience import SECONDS

__all__ = ["plugins"]


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path / "dead-letters")


PIPELINE = "input { feed { } } output { collect { } }"


@asynccontextmanager
async def running(text: str, letters: DeadLetters, **settings: Any) -> AsyncIterator[IngestService]:
    service = IngestService(Pipeline.from_text(text, "test"), letters, **{"workers": 0, **settings})
    task = asyncio.create_task(service.run())
    try:
        yield service
        service.stop()
        async with asyncio.timeout(SECONDS):
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run(text: str, letters: DeadLetters, **settings: Any) -> IngestService:
    service = IngestService(Pipeline.from_text(text, "test"), letters, **{"workers": 0, **settings})
    async with asyncio.timeout(SECONDS):
        await service.run()
    return service


class TestDelivery:
    async def test_a_finite_input_ends_the_service_when_all_is_acknowledged(self, letters: DeadLetters) -> None:
        give("a", "b")
        give("c")
        end()
        service = await run(PIPELINE, letters)
        assert Collect.sent["first"] == ["a", "b", "c"]
        assert Feed.settled == {"a": None, "b": None, "c": None}
        assert (service.counts.batches, service.counts.received, service.counts.filtered) == (2, 3, 3)
        assert Collect.state == ["open first", "close first"]
        assert service.window.batches == service.window.bytes == 0

    async def test_a_batch_is_acknowledged_when_every_output_has_its_part(self, letters: DeadLetters) -> None:
        text = """input { feed { } }
            filter { if [message] == "dropped" { drop { } } }
            output { collect { } if [message] == "special" { collect { to => "second" } } }"""
        Collect.gates["second"] = asyncio.Event()
        give("plain", "dropped")
        give("special")
        async with running(text, letters):
            await until(lambda: "plain" in Feed.settled and "special" in Collect.sent["first"])
            await asyncio.sleep(0.05)
            assert set(Feed.settled) == {"plain", "dropped"}
            Collect.gates["second"].set()
            await until(lambda: "special" in Feed.settled)
        assert Collect.sent["second"] == ["special"]

    async def test_only_the_output_that_failed_for_now_is_asked_again(self, letters: DeadLetters) -> None:
        Collect.faults["second"] = [StoreUnavailableError("down"), OSError("reset")]
        Collect.faults["open second"] = [StoreUnavailableError("not yet")]
        give("a")
        end()
        service = await run("input { feed { } } output { collect { } collect { to => second } }", letters)
        assert Collect.sent["first"] == ["a"]
        assert Collect.sent["second"] == ["a"]
        assert Collect.sent["begun second"] == ["a", "a", "a"]
        assert [output.sent.retries for output in service.outputs] == [0, 2]
        assert Feed.settled == {"a": None}

    async def test_what_is_refused_is_a_dead_letter_before_the_acknowledgement(self, letters: DeadLetters) -> None:
        give("a", "refused 1", "b")
        end()
        service = await run(PIPELINE, letters)
        assert Collect.sent["first"] == ["a", "b"]
        (letter,) = letters
        assert (letter.id, letter.index, letter.status) == ("id:refused 1", "an-index", 400)
        assert letter.reason == "no number"
        assert letter.document["message"] == "refused 1"
        assert "@metadata" not in letter.document
        assert service.outputs[0].sent.dead == 1
        assert Feed.settled["refused 1"] is None

    async def test_nothing_is_acknowledged_when_dead_letters_cannot_be_written(
        self, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_letters: object) -> None:
            raise StoreError("dead letters cannot be written: disk full")

        monkeypatch.setattr(letters, "append", full)
        give("refused")
        with pytest.raises(StoreError, match="disk full"):
            await run(PIPELINE, letters)
        assert isinstance(Feed.settled["refused"], StoreError)

    async def test_a_disk_that_is_full_under_the_dead_letters_is_waited_for(
        self, small_disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_letter, "RETRY_SECONDS", 0.05)
        letters = DeadLetters(small_disk / "dead-letters")
        filler = fill_up(small_disk)
        async with running(PIPELINE, letters) as service:
            give("a", "refused 1")
            async with asyncio.timeout(SECONDS):
                while not health({"main": service})["problems"]:
                    await asyncio.sleep(0.01)
            assert "disk full: dead letters" in health({"main": service})["problems"]["collect"]
            assert "a" not in Feed.settled
            filler.unlink()
            async with asyncio.timeout(SECONDS):
                while "a" not in Feed.settled:
                    await asyncio.sleep(0.01)
            assert Feed.settled["a"] is None
            assert [letter.id for letter in letters] == ["id:refused 1"]
            assert health({"main": service})["problems"] == {}

    async def test_an_output_that_refuses_to_work_stops_the_service(self, letters: DeadLetters) -> None:
        Collect.faults["first"] = [StoreError("401: wrong password")]
        give("a")
        with pytest.raises(StoreError, match="wrong password"):
            await run(PIPELINE, letters)
        assert isinstance(Feed.settled["a"], StoreError)

    async def test_an_input_that_cannot_be_used_stops_the_service(self, letters: DeadLetters) -> None:
        with pytest.raises(SawlogError, match="feed: the address is in use"):
            await run("input { feed { fails => true } } output { collect { } }", letters)
        assert Collect.state == ["open first", "close first"]

    async def test_a_batch_that_breaks_a_filter_goes_to_the_dead_letters(
        self, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(_self: object, events: list[Event]) -> list[Event]:
            if events[0]["message"] == "bad":
                raise KeyError("a bug")
            return events

        monkeypatch.setattr(Mutate, "apply", broken)
        give("bad", "beside")
        give("good")
        end()
        service = await run('input { feed { } } filter { mutate { add_tag => "x" } } output { collect { } }', letters)
        assert Collect.sent["first"] == ["good"]
        assert [(letter.id, letter.stage) for letter in letters] == [("id:bad", "filter"), ("id:beside", "filter")]
        assert all("KeyError" in letter.reason for letter in letters)
        assert service.counts.dead == 2
        assert Feed.settled == {"bad": None, "beside": None, "good": None}


class TestOrderAndBounds:
    async def test_batches_of_one_source_reach_outputs_in_order(
        self, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Here.run

        async def first_is_slow(self: Here, batch: Any) -> Any:
            parts = await real(self, batch)
            if parts[0][0]["message"] == "a0":
                await until(lambda: "b0" in Collect.sent.get("begun first", ()))
            await asyncio.sleep(0.1 if parts[0][0]["message"] == "a3" else 0)
            return parts

        monkeypatch.setattr(Here, "run", first_is_slow)
        for number in range(6):
            give(f"a{number}")
        give("b0", queue="second")
        end()
        end("second")
        await run("input { feed { } feed { queue => second } } output { collect { } }", letters)
        begun = Collect.sent["begun first"]
        assert [message for message in begun if message[0] == "a"] == [f"a{number}" for number in range(6)]
        # The other source does not wait for it.
        assert begun[0] == "b0"

    @pytest.mark.parametrize("bound", [{"window_batches": 3}, {"window_bytes": 350}])
    async def test_an_input_is_held_back_when_the_window_is_full(
        self, letters: DeadLetters, bound: dict[str, int]
    ) -> None:
        Collect.gates["first"] = asyncio.Event()
        for number in range(10):
            give(f"{number}")
        async with running(PIPELINE, letters, **bound) as service:
            await until(lambda: len(Collect.sent.get("begun first", ())) == 3)
            await asyncio.sleep(0.05)
            assert service.window.batches == 3
            assert len(Collect.sent["begun first"]) == 3
            Collect.gates["first"].set()
            await until(lambda: len(Feed.settled) == 10)

    async def test_a_batch_larger_than_the_window_passes_alone(self, letters: DeadLetters) -> None:
        give("a")
        give("b")
        end()
        await run(PIPELINE, letters, window_bytes=1)
        assert Collect.sent["first"] == ["a", "b"]


class TestStop:
    async def test_what_is_under_way_is_flushed(self, letters: DeadLetters) -> None:
        Collect.gates["first"] = asyncio.Event()
        give("a")
        async with running(PIPELINE, letters) as service:
            await until(lambda: "begun first" in Collect.sent)
            service.stop()
            await until(lambda: not Feed.running)
            give("too late")
            assert not Feed.settled
            Collect.gates["first"].set()
        assert Feed.settled == {"a": None}
        assert Collect.state[-1] == "close first"

    async def test_a_stop_ends_in_time_and_gives_back_what_is_not_safe(self, letters: DeadLetters) -> None:
        Collect.gates["first"] = asyncio.Event()
        give("a")
        async with running(PIPELINE, letters, grace=0.1):
            await until(lambda: "begun first" in Collect.sent)
        assert isinstance(Feed.settled["a"], SawlogError)
        assert Collect.state[-1] == "close first"


class TestReload:
    async def test_what_is_the_same_stays_and_the_rest_is_exchanged(self, letters: DeadLetters) -> None:
        before = """input { feed { } feed { queue => old } }
            filter { mutate { replace => { "message" => "%{message} before" } } }
            output { collect { } collect { to => old } }"""
        after = """input { feed { queue => new } feed { } }
            filter { mutate { replace => { "message" => "%{message} after" } } }
            output { collect { to => new } collect { } }"""
        async with running(before, letters) as service:
            give("a")
            await until(lambda: Collect.sent.get("first") == ["a before"])
            kept = service.outputs[0]
            await service.reload(Pipeline.from_text(after))
            assert service.outputs[1] is kept
            give("b")
            give("c", queue="new")
            await until(lambda: len(Collect.sent["first"]) == 3 and len(Collect.sent.get("new", ())) == 2)
            await until(lambda: "close old" in Collect.state)
            assert sorted(Feed.running) == ["first", "new"]
        assert Collect.sent["first"][0] == "a before"
        assert sorted(Collect.sent["new"]) == ["b after", "c after"]
        assert Collect.state.count("open first") == 1

    async def test_batches_under_way_end_where_they_began(self, letters: DeadLetters) -> None:
        Collect.gates["first"] = asyncio.Event()
        async with running(PIPELINE, letters) as service:
            give("a")
            await until(lambda: "begun first" in Collect.sent)
            await service.reload(Pipeline.from_text("input { feed { } } output { collect { to => new } }"))
            give("b")
            await until(lambda: Feed.settled == {"b": None})
            assert "close first" not in Collect.state
            Collect.gates["first"].set()
            await until(lambda: "close first" in Collect.state)
        assert Feed.settled == {"a": None, "b": None}
        assert (Collect.sent["first"], Collect.sent["new"]) == (["a"], ["b"])

    async def test_an_output_that_cannot_be_opened_leaves_the_old_pipeline(self, letters: DeadLetters) -> None:
        Collect.faults["open new"] = [StoreError("401")]
        async with running(PIPELINE, letters) as service:
            await until(lambda: Feed.running == ["first"])
            with pytest.raises(StoreError):
                await service.reload(Pipeline.from_text("input { feed { } } output { collect { to => new } }"))
            give("a")
            await until(lambda: Feed.settled == {"a": None})
        assert Collect.sent["first"] == ["a"]

    async def test_a_new_input_that_cannot_start_does_not_end_the_rest(
        self, letters: DeadLetters, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with running(PIPELINE, letters) as service:
            await until(lambda: Feed.running == ["first"])
            after = "input { feed { } feed { fails => true } } output { collect { } }"
            await service.reload(Pipeline.from_text(after))
            await until(lambda: "the address is in use; trying again" in caplog.text)
            give("a")
            await until(lambda: Feed.settled == {"a": None})

    async def test_what_the_caller_brings_is_not_run_twice(self, letters: DeadLetters) -> None:
        failing, runs = asyncio.Event(), []

        class Brought:
            name = id = "brought"

            async def run(self, deliver: Deliver) -> None:
                runs.append(deliver)
                await failing.wait()
                raise SawlogError("the data folder is gone")

        service = IngestService(Pipeline.from_text(PIPELINE, "test"), letters, workers=0, feeds=[Brought()])
        running = asyncio.create_task(service.run())
        await until(lambda: Feed.running == ["first"])
        await service.reload(Pipeline.from_text(PIPELINE))
        failing.set()
        async with asyncio.timeout(SECONDS):
            with pytest.raises(SawlogError, match="the data folder is gone"):
                await running
        assert len(runs) == 1

    async def test_files_are_read_again_when_they_change(
        self, letters: DeadLetters, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (file := tmp_path / "a.conf").write_text(PIPELINE)
        caplog.set_level("INFO")
        async with running(PIPELINE, letters) as service:
            await until(lambda: Feed.running == ["first"])
            reloader = Reloader(service, lambda: Pipeline.load([file]), [str(file)])
            watching = asyncio.create_task(reloader.watch(0.02))
            file.write_text("input { feed { } }\noutput {\n  collct { } }")
            await until(lambda: "the old one goes on" in caplog.text)
            assert f"{file}:3:3: there is no output 'collct'" in caplog.text
            give("a")
            await until(lambda: "a" in Feed.settled)
            file.write_text("input { feed { } } output { collect { to => new } }")
            await until(lambda: "was reloaded" in caplog.text)
            give("b")
            await until(lambda: "b" in Feed.settled)
            watching.cancel()
        assert (Collect.sent["first"], Collect.sent["new"]) == (["a"], ["b"])
        # Told once for each state of the file, not at every look.
        assert caplog.text.count("the old one goes on") == 1
