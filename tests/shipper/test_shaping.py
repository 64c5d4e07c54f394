from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.batch import Batch, LineBatch, Source
from sawlog.event import Event
from shipper.agent import Agent
from shipper.following import Tail
from shipper.format_string import FormatString
from shipper.framing import Framing, framing_for
from shipper.processor.fields import DropEvent
from shipper.registry import Registry
from shipper.settings import ContainerFormat, FileInput, JsonSettings, MultilineSettings, SpringBoot
from shipper.shaping import shape_for

TIME = "2017-11-12T23:32:21.212771448Z"
HEAD = "2025-01-01T10:00:00.000Z  INFO 1 --- [main] a.B : m"
TRACE = MultilineSettings(pattern=r"^\s", negate=False, match="after")


def docker(text: str, stream: str = "stdout", time: str = TIME) -> str:
    return msgspec.json.encode({"log": text, "stream": stream, "time": time}).decode()


def cri(text: str, tag: str = "F", stream: str = "stdout") -> str:
    return f"{TIME} {stream} {tag} {text}"


def shaped(settings: FileInput, *lines: str, final: bool = True) -> list[Event]:
    """Frame the lines as the agent does, and shape what comes of it."""
    framing, shape = framing_for(settings), shape_for(settings)
    frames = framing.frame("".join(f"{line}\n" for line in lines).encode(), 0, final)
    source = Source("key", "/x.log", {"host": {"name": "h"}, "log": {"file": {"path": "/x.log"}}})
    batch = LineBatch(source, frames.texts, frames.offsets, 1, lambda _: None, frames.truncated)
    made: Batch | None = shape(batch) if shape is not None else batch
    return made.events() if made is not None else []


def messages(settings: FileInput, *lines: str, final: bool = True) -> list[Any]:
    return [event.get("message") for event in shaped(settings, *lines, final=final)]


def given_by(*parsers: ContainerFormat | JsonSettings | MultilineSettings | SpringBoot, **more: Any) -> FileInput:
    return FileInput(parsers=parsers, **more)


class TestContainer:
    def test_docker_line(self) -> None:
        (event,) = shaped(given_by(ContainerFormat()), docker("hello\r\n", "stderr"))
        assert (event["message"], event["stream"], event["@timestamp"]) == ("hello", "stderr", TIME)
        assert event["log"]["offset"] == 0

    def test_cri_line(self) -> None:
        (event,) = shaped(given_by(ContainerFormat()), cri("hello world ", stream="stderr"))
        assert (event["message"], event["stream"], event["@timestamp"]) == ("hello world ", "stderr", TIME)

    @pytest.mark.parametrize(
        ("time", "expected"),
        [
            ("2017-11-12T23:32:21Z", "2017-11-12T23:32:21.000Z"),
            ("2017-11-12T23:32:21.5Z", "2017-11-12T23:32:21.500Z"),
            ("2017-11-13T01:32:21.5+02:00", "2017-11-12T23:32:21.500Z"),
        ],
    )
    def test_times_become_utc(self, time: str, expected: str) -> None:
        (event,) = shaped(given_by(ContainerFormat()), docker("x\n", time=time))
        assert event["@timestamp"] == expected

    def test_partial_lines_are_joined(self) -> None:
        lines = [docker("a"), docker("b"), docker("c\n"), docker("d\n")]
        events = shaped(given_by(ContainerFormat()), *lines)
        assert [event["message"] for event in events] == ["abc", "d"]
        assert [event["log"]["offset"] for event in events] == [0, sum(len(line) + 1 for line in lines[:3])]
        assert messages(given_by(ContainerFormat()), cri("a", "P"), cri("b", "P:x"), cri("c")) == ["abc"]

    def test_a_partial_line_waits_for_its_rest(self) -> None:
        settings = given_by(ContainerFormat())
        assert messages(settings, docker("a\n"), docker("b"), final=False) == ["a"]
        assert messages(settings, docker("a\n"), docker("b")) == ["a", "b"]
        assert framing_for(settings).timeout is not None

    def test_partial_lines_may_stay_apart(self) -> None:
        assert messages(given_by(ContainerFormat(partial=False)), docker("a"), docker("b\n")) == ["a", "b"]

    def test_one_stream(self) -> None:
        lines = [docker("a\n"), docker("b\n", "stderr"), cri("c", stream="stderr"), cri("d")]
        assert messages(given_by(ContainerFormat(stream="stderr")), *lines) == ["b", "c"]
        assert messages(given_by(ContainerFormat(stream="stdout")), *lines) == ["a", "d"]

    def test_the_format_may_be_set(self) -> None:
        text = '{"not": "docker"}'
        assert messages(given_by(ContainerFormat(format="cri")), cri(text)) == [text]
        (event,) = shaped(given_by(ContainerFormat(format="docker")), cri("a"))
        assert event["message"] == cri("a")

    @pytest.mark.parametrize(
        "line", ["plain text", "{half", '{"log": 1}', docker("x\n", time="today"), f"{TIME} out F"]
    )
    def test_a_line_in_no_format_goes_on_with_the_reason(self, line: str) -> None:
        before, bad, after = shaped(given_by(ContainerFormat()), docker("a"), line, docker("b\n"))
        assert [one["message"] for one in (before, bad, after)] == ["a", line, "b"]
        assert bad["error"]["type"] == "container"
        assert bad["error"]["message"]
        assert "error" not in after

    def test_empty_texts_stay_and_blank_lines_go(self) -> None:
        assert messages(given_by(ContainerFormat()), docker("\n"), "", docker("a\n")) == ["", "a"]

    def test_multiline_joins_texts_of_one_stream(self) -> None:
        settings = given_by(ContainerFormat(stream="stdout"), TRACE)
        lines = [docker("E\n"), docker("noise\n", "stderr"), docker("  at"), docker(" x\n"), docker("next\n")]
        events = shaped(settings, *lines)
        assert [event["message"] for event in events] == ["E\n  at x", "next"]
        assert messages(settings, *lines, final=False) == ["E\n  at x"]

    @pytest.mark.parametrize(("seconds", "there"), [(0, []), (4, []), (6, ["E\n  at x"])])
    def test_a_stream_that_falls_silent_does_not_hold_the_other_back(self, seconds: int, there: list[str]) -> None:
        later = TIME.replace(":21.", f":{21 + seconds}.")
        lines = [docker("E\n"), docker("  at x\n"), docker("noise\n", "stderr", later)]
        assert messages(given_by(ContainerFormat(), TRACE), *lines, final=False) == there

    def test_streams_are_joined_apart(self) -> None:
        lines = [
            cri(HEAD),
            cri("warning", stream="stderr"),
            cri(""),
            cri("a.XException: why"),
            cri("\tat a.B.c(B.java:1)"),
        ]
        lines += [cri("\tof two lines", stream="stderr"), cri(HEAD)]
        events = shaped(given_by(ContainerFormat(), SpringBoot()), *lines)
        assert [(event["stream"], event["message"]) for event in events] == [
            ("stdout", f"{HEAD}\n\na.XException: why\n\tat a.B.c(B.java:1)"),
            ("stderr", "warning\n\tof two lines"),
            ("stdout", HEAD),
        ]
        assert [event["log"].get("flags") for event in events] == [["multiline"], ["multiline"], None]
        assert len({event["@metadata"]["_id"] for event in events}) == 3

    def test_docker_s_attributes_stay(self) -> None:
        line = msgspec.json.encode({"log": "a\n", "stream": "stdout", "time": TIME, "attrs": {"tag": "x"}}).decode()
        (event,) = shaped(given_by(ContainerFormat()), line)
        assert event["docker"] == {"attrs": {"tag": "x"}}

    def test_flags_are_in_filebeat_s_order(self) -> None:
        (event,) = shaped(given_by(MultilineSettings(pattern="^b", max_lines=2)), "a", "b", "b")
        assert event["log"]["flags"] == ["truncated", "multiline"]

    def test_empty_lines_at_the_top_of_an_event_leave_no_line_feed(self) -> None:
        count = MultilineSettings(type="count", count_lines=3)
        assert messages(given_by(count), "", "", "a") == ["a"]
        assert messages(given_by(ContainerFormat(), count), cri(""), cri(""), cri("a")) == ["a"]

    def test_json_in_docker_with_multiline_on_its_message(self) -> None:
        json = JsonSettings(keys_under_root=True, message_key="m", overwrite_keys=True)
        lines = [
            docker(msgspec.json.encode({"m": text, "n": n}).decode() + "\n") for n, text in enumerate(["E", " at", "F"])
        ]
        one, two = shaped(given_by(ContainerFormat(), json, TRACE), *lines)
        assert (one["message"], one["m"], one["n"]) == ("E\n at", "E\n at", 1)
        assert (two["message"], two["n"]) == ("F", 2)

    def test_a_giant_text_is_cut_and_flagged(self) -> None:
        lines = [docker("x" * 100) for _ in range(50)] + [docker("end\n"), docker("next\n")]
        giant, after = shaped(given_by(ContainerFormat(), max_bytes=300), *lines)
        assert giant["message"] == "x" * 300
        assert giant["log"]["flags"] == ["truncated"]
        assert after["message"] == "next"
        assert "flags" not in after["log"]


class TestJson:
    def test_below_its_own_key(self) -> None:
        (event,) = shaped(given_by(JsonSettings()), '{"a": 1, "b.c": "x"}')
        assert event["json"] == {"a": 1, "b": {"c": "x"}}
        assert "message" not in event

    def test_below_a_target(self) -> None:
        (event,) = shaped(given_by(JsonSettings(target="app.log")), '{"a": 1}')
        assert event["app"] == {"log": {"a": 1}}

    def test_at_the_root_nothing_is_overwritten_unless_asked(self) -> None:
        line = '{"host": {"name": "other", "ip": "1"}, "log": {"level": "INFO"}, "message": "m"}'
        (event,) = shaped(given_by(JsonSettings(keys_under_root=True)), line)
        assert event["host"] == {"name": "h", "ip": "1"}
        assert event["log"] == {"file": {"path": "/x.log"}, "offset": 0, "level": "INFO"}
        assert event["message"] == "m"
        (event,) = shaped(given_by(JsonSettings(keys_under_root=True, overwrite_keys=True)), line)
        assert event["host"] == {"name": "other", "ip": "1"}

    def test_the_time_of_the_line(self) -> None:
        line = '{"@timestamp": "2020-01-01T01:00:00+01:00"}'
        root = JsonSettings(keys_under_root=True, overwrite_keys=True, add_error_key=True)
        assert shaped(given_by(root), line)[0]["@timestamp"] == "2020-01-01T00:00:00.000Z"
        (event,) = shaped(given_by(root), '{"@timestamp": "2024-05-01T10:00:00.123+0200"}')
        assert event["@timestamp"] == "2024-05-01T08:00:00.123Z"
        assert "@timestamp" not in shaped(given_by(JsonSettings(keys_under_root=True)), line)[0]
        (event,) = shaped(given_by(root), '{"@timestamp": "today"}')
        assert "@timestamp" not in event
        assert "no time" in event["error"]["message"]

    def test_a_line_cannot_say_where_it_goes(self) -> None:
        root = JsonSettings(keys_under_root=True, overwrite_keys=True)
        (event,) = shaped(given_by(root), '{"@metadata": {"_id": "x"}}')
        assert event["@metadata"] == {"_id": "key:0"}

    def test_what_is_no_object_stays_as_it_is(self) -> None:
        for line in ("no json", "[1]", '"text"', '{"a":'):
            (event,) = shaped(given_by(JsonSettings(add_error_key=True)), line)
            assert event["message"] == line
            assert event["error"]["type"] == "json"
            assert "error" not in shaped(given_by(JsonSettings()), line)[0]

    def test_nulls_go_unless_kept(self) -> None:
        line = '{"a": null, "b": {"c": null, "d": 1}}'
        assert shaped(given_by(JsonSettings()), line)[0]["json"] == {"b": {"d": 1}}
        assert shaped(given_by(JsonSettings(), keep_null=True), line)[0]["json"] == {
            "a": None,
            "b": {"c": None, "d": 1},
        }

    def test_the_document_id(self) -> None:
        (event,) = shaped(given_by(JsonSettings(document_id="meta.id")), '{"meta": {"id": "x1", "b": 1}}')
        assert event["@metadata"]["_id"] == "x1"
        assert event["json"] == {"meta": {"b": 1}}
        (event,) = shaped(given_by(JsonSettings(document_id="id")), '{"id": 5}')
        assert event["@metadata"]["_id"] == "key:0"
        assert event["json"] == {"id": 5}

    def test_a_message_key_that_is_not_there(self) -> None:
        (event,) = shaped(given_by(JsonSettings(message_key="log", add_error_key=True)), '{"a": 1}')
        assert "message" not in event
        assert "'log'" in event["error"]["message"]

    def test_the_log_input_s_message_key_makes_no_second_message(self) -> None:
        line = '{"m": "hello", "log": "text", "a": 1}'
        (event,) = shaped(given_by(JsonSettings(keys_under_root=True, message_key="m", is_parser=False)), line)
        assert (event["m"], event["a"], "message" in event) == ("hello", 1, False)
        (event,) = shaped(given_by(JsonSettings(keys_under_root=True, message_key="m")), line)
        assert (event["m"], event["message"]) == ("hello", "hello")
        (event,) = shaped(given_by(JsonSettings(message_key="m", is_parser=False)), line)
        assert (event["json"]["m"], "message" in event) == ("hello", False)

    def test_a_message_whose_place_is_taken_is_not_lost(self) -> None:
        (event,) = shaped(
            given_by(JsonSettings(keys_under_root=True, message_key="log", is_parser=False)), '{"log": "text"}'
        )
        assert event["message"] == "text"
        assert event["log"]["offset"] == 0

    def test_half_a_character_is_replaced_and_the_keys_are_kept(self) -> None:
        (event,) = shaped(given_by(JsonSettings(keys_under_root=True)), '{"m": "cut \\ud83d", "a": 1}')
        assert (event["m"], event["a"]) == ("cut \ufffd", 1)

    def test_multiline_after_json_works_on_the_message(self) -> None:
        settings = given_by(JsonSettings(message_key="m"), TRACE)
        lines = ['{"m": "E", "a": 1}', '{"m": " at x", "b": 2}', "no json", '{"m": "F"}']
        events = shaped(settings, *lines)
        assert [event["message"] for event in events] == ["E\n at x", "no json", "F"]
        assert events[0]["json"] == {"m": "E\n at x", "a": 1, "b": 2}
        assert [event["log"]["offset"] for event in events] == [0, 42, 50]
        assert messages(settings, *lines[:2], final=False) == []

    def test_multiline_before_json_joins_what_is_then_decoded(self) -> None:
        whole = MultilineSettings(pattern=r"^\{", negate=True, match="after")
        lines = ["{", '"a": 1', "}", '{"a":', "2}"]
        for settings in (given_by(whole, JsonSettings()), given_by(JsonSettings(), whole)):
            assert [event["json"] for event in shaped(settings, *lines)] == [{"a": 1}, {"a": 2}]


class TestFilters:
    def test_lines_are_filtered_after_multiline(self) -> None:
        settings = given_by(TRACE, exclude_lines=("at com",), include_lines=("ERROR",))
        assert messages(settings, "ERROR a", "  at com.x", "ERROR b", " at org.y", "INFO") == ["ERROR b\n at org.y"]

    def test_the_message_of_json_is_filtered(self) -> None:
        settings = given_by(JsonSettings(message_key="m"), exclude_lines=("DEBUG",))
        assert messages(settings, '{"m": "DEBUG"}', '{"m": "x", "level": "DEBUG"}', "DEBUG") == ["x"]

    def test_the_line_is_filtered_when_json_has_no_message(self) -> None:
        events = shaped(given_by(JsonSettings(), include_lines=('"a"',)), '{"a": 1}', '{"b": 1}')
        assert [event["json"] for event in events] == [{"a": 1}]

    def test_plain_lines_keep_their_offsets_and_flags(self) -> None:
        events = shaped(FileInput(exclude_lines=("^#",), max_bytes=5), "#1", "abcdefgh", "#2", "x")
        assert [(event["message"], event["log"]["offset"]) for event in events] == [("abcde", 3), ("x", 15)]
        assert events[0]["log"]["flags"] == ["truncated"]


class TestOptions:
    def test_index_and_pipeline_are_told_in_the_metadata(self) -> None:
        settings = FileInput(index=FormatString("i-%{[host][name]}"), pipeline=FormatString("p-%{[absent]}"))
        assert shaped(settings, "x")[0]["@metadata"] == {"_id": "key:0", "raw_index": "i-h"}

    def test_the_host_may_be_left_out(self) -> None:
        assert "host" not in shaped(FileInput(publisher_disable_host=True), "x")[0]

    def test_nothing_to_shape(self) -> None:
        assert shape_for(FileInput()) is None
        assert shape_for(given_by(TRACE)) is None

    @pytest.mark.parametrize(
        ("settings", "processors"),
        [
            (FileInput(exclude_lines=("x",)), ()),
            (FileInput(exclude_lines=("x",)), (DropEvent(),)),
            (FileInput(), (DropEvent(),)),
            (given_by(JsonSettings(), exclude_lines=("x",)), ()),
        ],
    )
    def test_a_batch_of_which_nothing_is_left_can_still_be_acknowledged(
        self, settings: FileInput, processors: Sequence[DropEvent]
    ) -> None:
        settled: list[object] = []
        batch = LineBatch(Source("k", "/x"), ["x1", "x2"], [0, 3], 6, settled.append)
        shape = shape_for(settings, processors)
        assert shape is not None
        assert shape(batch) is None
        batch.ack()
        assert settled == [None]


LINES = st.lists(
    st.one_of(
        st.builds(docker, st.sampled_from(["a", "a\n", " at\n", "b\n", ""]), st.sampled_from(["stdout", "stderr"])),
        st.builds(
            cri, st.sampled_from(["a", " at", HEAD]), st.sampled_from(["F", "P"]), st.sampled_from(["stdout", "stderr"])
        ),
        st.sampled_from(["", "text", " at", '{"m": "E"}', '{"m": " at"}', '{"n": 1}']),
    ),
    max_size=12,
)
SETTINGS = [
    given_by(ContainerFormat()),
    given_by(ContainerFormat(stream="stderr"), TRACE),
    given_by(ContainerFormat(), TRACE),
    given_by(ContainerFormat(), SpringBoot()),
    given_by(ContainerFormat(), SpringBoot(max_lines=2), max_bytes=60),
    given_by(SpringBoot()),
    given_by(ContainerFormat(partial=False), MultilineSettings(type="count", count_lines=2)),
    given_by(JsonSettings(message_key="m"), TRACE),
    given_by(
        ContainerFormat(), JsonSettings(message_key="m"), MultilineSettings(pattern="^E", negate=True, match="before")
    ),
    given_by(JsonSettings(message_key="m"), MultilineSettings(type="while_pattern", pattern="^ ")),
]


@given(lines=LINES, settings=st.sampled_from(SETTINGS), cuts=st.lists(st.integers(0, 900), max_size=4))
def test_blocks_make_the_same_events_as_the_whole(lines: list[str], settings: FileInput, cuts: list[int]) -> None:
    content = "".join(f"{line}\n" for line in lines).encode()
    framing: Framing = framing_for(settings)
    whole = framing.frame(content, 0, True)
    assert whole.consumed == len(content)
    texts: list[str] = []
    offsets: list[int] = []
    position = 0
    for end in [*sorted(min(cut, len(content)) for cut in cuts), len(content)]:
        frames = framing.frame(content[position:end], position, False)
        texts += frames.texts
        offsets += frames.offsets
        position += frames.consumed
    last = framing.frame(content[position:], position, True)
    assert [*texts, *last.texts] == list(whole.texts)
    assert [*offsets, *last.offsets] == list(whole.offsets)


@given(lines=LINES, settings=st.sampled_from(SETTINGS))
def test_shaping_finds_one_event_in_what_the_framing_has_cut(lines: list[str], settings: FileInput) -> None:
    frames = framing_for(settings).frame("".join(f"{line}\n" for line in lines).encode(), 0, True)
    assert len(shaped(settings, *lines)) == len(frames.texts)


def test_an_agent_reads_a_container_and_moves_past_what_is_excluded(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    path.write_text("".join(f"{docker(text)}\n" for text in ["one\n", "tw", "o\n", "drop\n"]))
    settings = FileInput(
        type="container", paths=(str(path),), parsers=(ContainerFormat(),), exclude_lines=("^drop",), scan_frequency=1
    )
    seen: list[str] = []

    async def deliver(batch: Batch) -> None:
        seen.extend(event["message"] for event in batch.events())
        batch.ack()

    async def once() -> int:
        registry = Registry(tmp_path / "registry.sqlite")
        agent = Agent([Tail(settings, framing_for(settings), shape_for(settings))], registry, "a", once=True)
        await agent.run(deliver)
        registry.close()
        return agent.lag

    assert asyncio.run(once()) == 0
    with path.open("a") as file:
        file.write(docker("drop it\n") + "\n")
    assert asyncio.run(asyncio.wait_for(once(), 30)) == 0
    assert seen == ["one", "two"]
