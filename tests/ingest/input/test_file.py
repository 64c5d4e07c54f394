"""The file input with the shipper's agent behind it, on real files."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.input.file import File
from sawlog.batch import LineBatch
from sawlog.errors import InputError
from sawlog.joining import BoundedNeighbours
from sawlog.running.tailing import tailer
from shipper.framing import LineFraming
from shipper.framing.multiline import JoinedFraming
from tests.ingest.input.building import codec, make, refused, running
from tests.patience import SECONDS


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setattr(File, "tailer", staticmethod(tailer(folder)))
    return folder


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def settings(logs: Path, **more: Any) -> dict[str, Any]:
    return {"path": f"{logs}/*.log", "start_position": "beginning", **more}


def append(path: Path, text: str) -> None:
    with path.open("a") as out:
        out.write(text)


async def test_files_are_followed_and_their_offsets_kept(logs: Path) -> None:
    log = logs / "a.log"
    append(log, "one\ntwo\n")
    async with running("file", **settings(logs), type="app", tags=["x"]) as one:
        await one.sink.until(2)
        append(log, "three\nunfinished")
        await one.sink.until(3)
    assert one.sink.messages == ["one", "two", "three"]
    assert all(isinstance(batch, LineBatch) for batch in one.sink.batches)
    first = one.sink.events[0]
    assert first["log"] == {"file": {"path": str(log)}, "offset": 0}
    assert (first["type"], first["tags"]) == ("app", ["x"])
    assert set(first) == {"message", "log", "host", "type", "tags", "@metadata"}
    async with running("file", **settings(logs)) as again:
        append(log, " line\n")
        await again.sink.until(1)
    assert again.sink.messages == ["unfinished line"]
    assert again.sink.events[0]["@metadata"]["_id"] == first["@metadata"]["_id"].replace(":0", ":14")


async def test_what_is_not_acknowledged_is_read_again_under_the_same_ids(logs: Path) -> None:
    append(logs / "a.log", "one\ntwo\n")
    async with running("file", hold=True, **settings(logs)) as one:
        await one.sink.until(2)
        one.sink.batches[0].nack(RuntimeError("store down"))
        await one.sink.until(4)
        one.sink.batches[1].ack()
    ids = [event["@metadata"]["_id"] for event in one.sink.events]
    assert ids[:2] == ids[2:]


async def test_at_first_only_what_is_there_at_the_start_is_passed_over(logs: Path) -> None:
    append(logs / "old.log", "old\n")
    async with running("file", path=[f"{logs}/*.log"], exclude=["skip*.log"], stat_interval="100 ms") as one:
        async with asyncio.timeout(SECONDS):
            while str(logs / "old.log") not in [file.path for file in psutil.Process().open_files()]:
                await asyncio.sleep(0.05)
        append(logs / "new.log", "new\n")
        append(logs / "skipped.log", "no\n")
        append(logs / "old.log", "grown\n")
        await one.sink.until(2)
        await asyncio.sleep(0.3)
    assert sorted(one.sink.messages) == ["grown", "new"]


async def test_files_not_written_to_for_long_are_not_begun(logs: Path) -> None:
    append(logs / "old.log", "old\n")
    append(logs / "new.log", "new\n")
    os.utime(logs / "old.log", (1, 1))
    async with running("file", **settings(logs, ignore_older="1 hour", stat_interval=0.02)) as one:
        await one.sink.until(1)
        await asyncio.sleep(0.5)
        assert one.sink.messages == ["new"]
        append(logs / "old.log", "grown\n")
        await one.sink.until(3)
    assert one.sink.messages == ["new", "old", "grown"]


async def test_sincedb_of_its_own_and_none(logs: Path, data: Path, tmp_path: Path) -> None:
    append(logs / "a.log", "one\n")
    sincedb = tmp_path / "since" / "db"
    sincedb.parent.mkdir()
    sincedb.write_text("71 0 2049 4 1.5 /a.log\n")
    ids = []
    for path in (str(sincedb), "/dev/null", "/dev/null"):
        async with running("file", **settings(logs, sincedb_path=path)) as one:
            await one.sink.until(1)
        ids.append(one.sink.events[0]["@metadata"]["_id"])
    assert len(set(ids)) == 1
    assert sincedb.read_text().startswith("71 0")
    assert not (data / "file-inputs").exists()


async def test_the_multiline_codec_joins_lines_where_they_are_cut(logs: Path) -> None:
    append(logs / "a.log", "2024-01-01 one\n  at a\n  at b\n2024-01-02 two\n2024-01-03 three\n")
    joined = codec("multiline", pattern="^%{YEAR}-", negate=True, what="previous", auto_flush_interval=0.3)
    async with running("file", **settings(logs), codec=joined) as one:
        await one.sink.until(3)
    assert one.sink.messages == ["2024-01-01 one\n  at a\n  at b", "2024-01-02 two", "2024-01-03 three"]
    assert [event.get("tags") for event in one.sink.events] == [["multiline"], None, None]
    assert [event["log"]["offset"] for event in one.sink.events] == [0, 29, 44]


async def test_json_lines_become_fields_and_keep_their_place(logs: Path) -> None:
    append(logs / "a.log", '{"a": 1, "log": {"level": "INFO"}}\n[{"a": 2}, {"a": 3}]\nno\n')
    async with running("file", **settings(logs), codec="json", add_field={"copy": "%{a}"}) as one:
        await one.sink.until(4)
    first, second, third, broken = one.sink.events
    assert [first["copy"], second["copy"], third["copy"]] == ["1", "2", "3"]
    assert first["log"]["level"] == "INFO"
    assert first["log"]["file"]["path"] == str(logs / "a.log")
    assert third["@metadata"]["_id"] == second["@metadata"]["_id"] + "-1"
    assert broken["tags"] == ["_jsonparsefailure"]


async def test_character_sets_and_the_fields_without_ecs(logs: Path) -> None:
    (logs / "a.log").write_bytes("grün\n".encode("latin-1"))
    async with running(
        "file", **settings(logs), codec=codec("plain", charset="ISO-8859-1"), ecs_compatibility="disabled"
    ) as one:
        await one.sink.until(1)
    (event,) = one.sink.events
    assert event["message"] == "grün"
    assert event["path"] == str(logs / "a.log")
    assert isinstance(event["host"], str)


@pytest.mark.parametrize("action", ["delete", "log", "log_and_delete"])
async def test_files_that_are_complete_are_read_to_their_ends_once(logs: Path, action: str, tmp_path: Path) -> None:
    (logs / "a.log").write_text("one\ntwo")
    (logs / "b.log").write_text("three\n")
    done = tmp_path / "done"
    plugin = make(
        "file", **settings(logs), mode="read", exit_after_read=True, file_completed_action=action,
        file_completed_log_path=str(done),
    )  # fmt: skip
    batches: list[Any] = []

    async def deliver(batch: Any) -> None:
        batches.append(batch)
        assert len(list(logs.iterdir())) == 2
        asyncio.get_running_loop().call_later(0.1, batch.ack)

    await asyncio.wait_for(plugin.run(deliver), 20)
    assert sorted(event["message"] for batch in batches for event in batch.events()) == ["one", "three", "two"]
    assert bool(list(logs.iterdir())) == (action == "log")
    if action != "delete":
        assert sorted(done.read_text().split()) == [str(logs / "a.log"), str(logs / "b.log")]


async def test_without_a_tailer_it_says_so(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(File, "tailer", None)
    with pytest.raises(InputError, match="nothing that tails"):
        await make("file", **settings(logs)).run(lambda batch: None)  # type: ignore[arg-type,return-value] # not reached


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        ({}, "needs the option 'path'"),
        ({"path": "a.log"}, "is absolute"),
        ({"path": "/a", "delimiter": "|"}, "only line feeds"),
        ({"path": "/a", "close_older": "soon"}, "is a time like"),
        ({"path": "/a", "mode": "read", "file_completed_action": "log"}, "needs 'file_completed_log_path'"),
        ({"path": "/a", "start_position": "begin"}, "did you mean 'beginning'"),
    ],
)
def test_what_makes_no_sense_is_refused(given_settings: dict[str, Any], words: str) -> None:
    assert words in refused("file", **given_settings)


def test_times() -> None:
    following = make(
        "file", path="/a", stat_interval="250 ms", close_older="1.5 hours", ignore_older="2 days"
    ).following  # type: ignore[attr-defined] # of the file input
    assert (following.scan_seconds, following.close_after, following.ignore_older) == (3.75, 5400.0, 172800.0)


@given(
    lines=st.lists(st.sampled_from(["a", " b", "", "\tc", "d "]), max_size=12),
    above=st.booleans(),
    limit=st.integers(1, 4),
    cut=st.integers(0, 40),
)
def test_joined_events_do_not_depend_on_where_a_block_ends(lines: list[str], above: bool, limit: int, cut: int) -> None:
    text = "".join(line + "\n" for line in lines).encode()
    rule = BoundedNeighbours(lambda line: line.startswith((" ", "\t")), above=above, max_lines=limit, max_bytes=99)
    framing = JoinedFraming(LineFraming(), rule, None)
    whole = framing.frame(text, 7, True)
    first = framing.frame(text[:cut], 7, False)
    second = framing.frame(text[first.consumed :], 7 + first.consumed, True)
    assert [*first.texts, *second.texts] == list(whole.texts)
    assert [*first.offsets, *second.offsets] == list(whole.offsets)
    assert "\n".join(whole.texts) == "\n".join(lines)
