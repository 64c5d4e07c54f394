"""Pipelines that hand batches to one another: nothing lost, nothing doubled, one stopped or reloaded alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.node.node import IngestNode, Loaded
from ingest.node.settings import PipelineSettings
from ingest.node.topology import topology
from sawlog.dead_letter import DeadLetters
from sawlog.errors import ConfigErrors, SawlogError, StoreError
from sawlog.event import Event
from tests.ingest.feeding import Collect, Feed, end, give, plugins, until
from tests.patience import SECONDS

__all__ = ["plugins"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.output.pipeline.RETRY_SECONDS", 0.05)


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path / "dead-letters")


def loaded(texts: dict[str, str]) -> list[Loaded]:
    found = [PipelineSettings(name, text=text, workers=0) for name, text in texts.items()]
    return [Loaded(one, one.load()) for one in found]


def roads(pipelines: list[Loaded]) -> Any:
    return topology({one.settings.id: one.pipeline for one in pipelines})


async def run(texts: dict[str, str], letters: DeadLetters, window: int = 1_024) -> IngestNode:
    """Run until all has ended, with so many batches under way in each pipeline at most."""
    pipelines = loaded(texts)
    node = IngestNode(letters)

    async def ready() -> None:
        for service in node.services.values():
            service.window._most_batches = window

    async with asyncio.timeout(SECONDS):
        await node.run(pipelines, roads(pipelines), ready)
    return node


@asynccontextmanager
async def running(texts: dict[str, str], letters: DeadLetters, grace: float = 20.0) -> AsyncIterator[IngestNode]:
    pipelines = loaded(texts)
    node = IngestNode(letters, grace=grace)
    task = asyncio.create_task(node.run(pipelines, roads(pipelines)))
    try:
        await until(lambda: len(node.services) == len(texts))
        yield node
        node.stop()
        async with asyncio.timeout(SECONDS):
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reload(node: IngestNode, texts: dict[str, str]) -> dict[str, SawlogError]:
    """Reload what is other text; the rest stays as it is."""
    there = node.loaded
    fresh = {one.settings.id: one for one in loaded(texts)}
    pipelines = [there[name] if name in there and there[name].settings == new.settings else new
                 for name, new in fresh.items()]  # fmt: skip
    return await node.reload(pipelines, roads(pipelines))


CHAIN = {
    "up": "input { feed { } } output { pipeline { send_to => ['down'] } }",
    "down": "input { pipeline { address => 'down' } } output { collect { } }",
}


class TestRoads:
    async def test_what_one_sends_the_other_has_and_both_end_by_themselves(self, letters: DeadLetters) -> None:
        give("a", "b")
        give("c")
        end()
        node = await run(CHAIN, letters)
        assert Collect.sent["first"] == ["a", "b", "c"]
        assert Feed.settled == {"a": None, "b": None, "c": None}
        assert {name: one.counts.received for name, one in node.services.items()} == {"up": 3, "down": 3}

    async def test_a_distributor_sends_each_event_to_its_pipeline(self, letters: DeadLetters) -> None:
        give("x1", "y1", "z1", "x2")
        end()
        await run(
            {
                "in": """input { feed { } } output {
                    if [message] =~ /^x/ { pipeline { send_to => x } }
                    else if [message] =~ /^y/ { pipeline { send_to => y } }
                    else { pipeline { send_to => rest } } }""",
                "x": "input { pipeline { address => x } } output { collect { to => x } }",
                "y": "input { pipeline { address => y } } output { collect { to => y } }",
                "rest": "input { pipeline { address => rest } } output { collect { to => rest } }",
            },
            letters,
        )
        assert {to: Collect.sent[to] for to in ("x", "y", "rest")} == {"x": ["x1", "x2"], "y": ["y1"], "rest": ["z1"]}

    async def test_a_forked_path_gives_copies(self, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither sees what the other changes, at the top or below; each copy has an id of its own."""
        kept: dict[str, list[Event]] = {}
        send = Collect.send

        async def keep(output: Any, events: list[Event]) -> Any:
            kept.setdefault(output._to, []).extend(events)
            return await send(output, events)

        monkeypatch.setattr(Collect, "send", keep)
        give("a")
        end()
        await run(
            {
                "in": "input { feed { } } filter { mutate { add_field => { '[log][level]' => 'INFO' } } }"
                " output { pipeline { send_to => [one, two] } }",
                "one": "input { pipeline { address => one } } filter { mutate { replace => { '[log][level]' => 'one' }"
                " add_field => { 'only' => 'one' } } } output { collect { to => one } }",
                "two": "input { pipeline { address => two } } filter { mutate { add_tag => ['two']"
                " update => { '[message]' => 'changed' } } } output { collect { to => two } }",
            },
            letters,
        )
        (one,), (two,) = kept["one"], kept["two"]
        assert (one["message"], one["log"], one["only"]) == ("a", {"level": "one"}, "one")
        assert (two["message"], two["log"], two["tags"]) == ("changed", {"level": "INFO"}, ["two"])
        assert "tags" not in one
        assert "only" not in two
        assert (one["@metadata"]["_id"], two["@metadata"]["_id"]) == ("id:a", "id:a-two")

    async def test_a_collector_takes_from_several(self, letters: DeadLetters) -> None:
        for number in range(20):
            give(f"a{number}", queue="a")
            give(f"b{number}", queue="b")
        end("a")
        end("b")
        await run(
            {
                "a": "input { feed { queue => a } } output { pipeline { send_to => all } }",
                "b": "input { feed { queue => b } } output { pipeline { send_to => all } }",
                "all": "input { pipeline { address => all } } output { collect { } }",
            },
            letters,
        )
        for source in "ab":
            assert [one for one in Collect.sent["first"] if one[0] == source] == [f"{source}{n}" for n in range(20)]

    async def test_the_input_decorates(self, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch) -> None:
        kept: list[Event] = []

        async def keep(output: Any, events: list[Event]) -> Any:
            kept.extend(events)
            return ()

        monkeypatch.setattr(Collect, "send", keep)
        give("a")
        end()
        down = "input { pipeline { address => down tags => [came] type => t add_field => { from => '%{message}' } } }"
        await run({**CHAIN, "down": down + " output { collect { } }"}, letters)
        assert (kept[0]["tags"], kept[0]["type"], kept[0]["from"]) == (["came"], "t", "a")


class TestDelivery:
    async def test_a_batch_is_acknowledged_when_all_downstream_have_theirs(self, letters: DeadLetters) -> None:
        texts = {
            "in": "input { feed { } } output { pipeline { send_to => [one, two] } }",
            "one": "input { pipeline { address => one } } output { collect { to => one } }",
            "two": "input { pipeline { address => two } } output { collect { to => two } }",
        }
        Collect.gates["two"] = asyncio.Event()
        async with running(texts, letters):
            give("a")
            await until(lambda: Collect.sent.get("one") == ["a"] and Collect.sent.get("begun two") == ["a"])
            assert Feed.settled == {}
            Collect.gates["two"].set()
            await until(lambda: Feed.settled == {"a": None})

    async def test_a_full_pipeline_holds_those_before_it(self, letters: DeadLetters) -> None:
        Collect.gates["first"] = asyncio.Event()
        async with running(CHAIN, letters) as node:
            for service in node.services.values():
                service.window._most_batches = 2
            for number in range(50):
                give(str(number))
            await until(lambda: node.services["up"].window.batches == 2)
            await asyncio.sleep(0.05)
            assert Feed.queues["first"].qsize() >= 47
            Collect.gates["first"].set()
            await until(lambda: len(Feed.settled) == 50)
        assert Collect.sent["first"] == [str(number) for number in range(50)]

    async def test_what_is_sent_to_nobody_waits_and_is_said(self, letters: DeadLetters) -> None:
        up = {"up": CHAIN["up"]}
        assert "nobody listens at 'down'" in roads(loaded(up)).notes[0]
        async with running(up, letters) as node:
            give("a")
            await until(
                lambda: bool(node.services["up"].outputs) and node.services["up"].outputs[0].problem is not None
            )
            assert node.services["up"].outputs[0].problem == "nobody listens at 'down'"
            assert Feed.settled == {}
            assert await reload(node, CHAIN) == {}
            await until(lambda: Feed.settled == {"a": None})
            assert node.services["up"].outputs[0].problem is None
        assert Collect.sent["first"] == ["a"]

    async def test_what_need_not_be_delivered_is_dropped(self, letters: DeadLetters) -> None:
        up = "input { feed { } } output { pipeline { send_to => [gone, down] ensure_delivery => false } }"
        give("a")
        end()
        await run({"up": up, "down": CHAIN["down"]}, letters)
        assert Feed.settled == {"a": None}
        assert Collect.sent["first"] == ["a"]

    async def test_one_that_fails_ends_alone_and_a_reload_starts_it_again(self, letters: DeadLetters) -> None:
        other = {"other": "input { feed { queue => other } } output { collect { to => other } }"}
        Collect.faults["first"] = [StoreError("the password is wrong")]
        async with running({**CHAIN, **other}, letters) as node:
            give("a")
            await until(lambda: "down" in node.failed and node.services["up"].window.bytes > 0)
            give("b", queue="other")
            await until(lambda: Collect.sent.get("other") == ["b"])
            assert "a" not in Feed.settled
            assert await reload(node, {**CHAIN, **other}) == {}
            await until(lambda: Feed.settled.get("a", SawlogError()) is None)
            assert node.failed == {}
        assert Collect.sent["first"] == ["a"]

    async def test_the_first_failure_is_told_at_the_end(self, letters: DeadLetters) -> None:
        other = {"other": "input { feed { queue => other fails => true } } output { collect { to => other } }"}
        give("a")
        end()
        with pytest.raises(SawlogError, match="the address is in use"):
            await run({**CHAIN, **other}, letters)
        assert Collect.sent["first"] == ["a"]

    async def test_a_stop_lets_what_is_under_way_through(self, letters: DeadLetters) -> None:
        Collect.gates["first"] = asyncio.Event()
        async with running(CHAIN, letters) as node:
            give("a")
            await until(lambda: Collect.sent.get("begun first") == ["a"])
            node.stop()
            asyncio.get_running_loop().call_later(0.2, Collect.gates["first"].set)
        assert Feed.settled == {"a": None}

    async def test_a_stop_gives_back_what_is_not_delivered_within_the_grace(self, letters: DeadLetters) -> None:
        Collect.gates["first"] = asyncio.Event()
        async with running(CHAIN, letters, grace=0.1):
            give("a")
            await until(lambda: Collect.sent.get("begun first") == ["a"])
        assert isinstance(Feed.settled["a"], SawlogError)

    async def test_dead_letters_say_their_pipeline(self, letters: DeadLetters) -> None:
        give("refused", "a")
        end()
        await run(CHAIN, letters)
        assert [(letter.id, letter.pipeline) for letter in letters] == [("id:refused", "down")]


class TestReload:
    async def test_one_goes_on_with_another_text_while_the_others_do_not_notice(self, letters: DeadLetters) -> None:
        async with running(CHAIN, letters) as node:
            give("a")
            await until(lambda: Feed.settled.get("a", SawlogError()) is None)
            service = node.services["up"]
            down = "input { pipeline { address => down } } filter { mutate { gsub => [message, '^', 'new '] } }"
            assert await reload(node, {**CHAIN, "down": down + " output { collect { } }"}) == {}
            give("b")
            await until(lambda: len(Feed.settled) == 2)
            assert node.services["up"] is service
        assert Collect.sent["first"] == ["a", "new b"]
        assert Collect.state == ["open first", "close first"], "an output that says the same stays open"

    async def test_pipelines_come_and_go_and_addresses_move(self, letters: DeadLetters) -> None:
        async with running(CHAIN, letters) as node:
            for number in range(10):
                give(str(number))
            third = "input { pipeline { address => down } } output { collect { to => third } }"
            assert await reload(node, {"up": CHAIN["up"], "third": third}) == {}
            for number in range(10, 20):
                give(str(number))
            await until(lambda: len(Feed.settled) == 20)
            assert set(node.services) == {"up", "third"}
        assert set(Feed.settled.values()) == {None}
        both = [*Collect.sent.get("first", []), *Collect.sent["third"]]
        assert sorted(set(both), key=int) == [str(number) for number in range(20)]

    async def test_one_that_cannot_be_gone_on_with_stays_as_it_is(self, letters: DeadLetters) -> None:
        async with running(CHAIN, letters) as node:
            give("a")
            await until(lambda: len(Feed.settled) == 1)
            Collect.faults["open new"] = [StoreError("wrong password")]
            down = "input { pipeline { address => down } } output { collect { to => new } }"
            problems = await reload(node, {**CHAIN, "down": down})
            assert {name: str(error) for name, error in problems.items()} == {"down": "wrong password"}
            give("b")
            await until(lambda: len(Feed.settled) == 2)
        assert Collect.sent["first"] == ["a", "b"]


class TestTopology:
    def refused(self, texts: dict[str, str]) -> str:
        with pytest.raises(ConfigErrors) as caught:
            roads(loaded(texts))
        return str(caught.value)

    def test_a_circle_is_refused_with_its_chain(self) -> None:
        texts = {
            "a": "input { feed { } pipeline { address => a } } output { pipeline { send_to => b } }",
            "b": "input { pipeline { address => b } } output { pipeline { send_to => [d, c] } }",
            "c": "input { pipeline { address => c } } output { if [x] { pipeline { send_to => a } } }",
        }
        assert "in a circle: 'a' → address 'b' → 'b' → address 'c' → 'c' → address 'a' → 'a'" in self.refused(texts)
        own = {"a": "input { feed { } pipeline { address => a } } output { pipeline { send_to => a } }"}
        assert "in a circle: 'a' → address 'a' → 'a'" in self.refused(own)

    def test_an_address_has_one_input(self) -> None:
        told = self.refused({**CHAIN, "more": CHAIN["down"]})
        assert "config string of 'more':1:9: the address 'down' is taken" in told
        assert "the pipeline 'down' has it" in told

    def test_something_has_to_come_from_outside(self) -> None:
        assert "from outside" in self.refused({"down": CHAIN["down"]})

    def test_what_nobody_hears_and_what_hears_nothing_is_said(self) -> None:
        texts = {
            "up": "input { feed { } } output { pipeline { send_to => dwon ensure_delivery => false } }",
            "down": CHAIN["down"],
        }
        first, second = roads(loaded(texts)).notes
        assert first.endswith("nobody listens at 'dwon': its events are dropped (did you mean 'down'?)")
        assert "no pipeline sends to 'down'" in second


@st.composite
def graphs(draw: st.DrawFn) -> dict[int, list[int]]:
    """Pipeline → those that it sends to, all with higher numbers: no circles."""
    count = draw(st.integers(2, 7))
    return {one: sorted(draw(st.sets(st.integers(one + 1, count - 1), max_size=3))) if one < count - 1 else []
            for one in range(count)}  # fmt: skip


def arrivals(graph: dict[int, list[int]], source: int) -> dict[int, int]:
    """Pipeline → on how many ways events of a source come to it."""
    ways = dict.fromkeys(graph, 0)
    ways[source] = 1
    for one, targets in graph.items():
        for target in targets:
            ways[target] += ways[one]
    return ways


@given(graphs(), st.lists(st.integers(1, 4), min_size=1, max_size=12), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_over_any_graph_nothing_is_lost_doubled_or_out_of_order(
    letters: DeadLetters, graph: dict[int, list[int]], sizes: list[int], random: Any
) -> None:
    """Each pipeline has a source and an output of its own, and so small a window that batches wait before it."""
    for kept in (Feed.queues, Feed.settled, Collect.sent):
        kept.clear()
    texts = {}
    for one, targets in graph.items():
        to = f"pipeline {{ send_to => [{', '.join(f'a{target}' for target in targets)}] }}" if targets else ""
        heard = any(one in others for others in graph.values())
        inner = f"pipeline {{ address => a{one} }}" if heard else ""
        texts[f"p{one}"] = (
            f"input {{ feed {{ queue => q{one} }} {inner} }} output {{ {to} collect {{ to => c{one} }} }}"
        )
    order = list(texts.items())
    random.shuffle(order)

    async def play() -> None:
        for one in graph:
            number = 0
            for size in sizes:
                give(*(f"{one}:{number + more}" for more in range(size)), queue=f"q{one}")
                number += size
            end(f"q{one}")
        await run(dict(order), letters, window=2)

    asyncio.run(play())
    every = [f"{one}:{number}" for one in graph for number in range(sum(sizes))]
    assert dict.fromkeys(every) == {name: Feed.settled[name] for name in every}
    for source in graph:
        ways = arrivals(graph, source)
        for one in graph:
            came = [name for name in Collect.sent.get(f"c{one}", []) if name.startswith(f"{source}:")]
            assert len(came) == ways[one] * sum(sizes)
            if ways[one] == 1:
                assert came == [f"{source}:{number}" for number in range(sum(sizes))]
