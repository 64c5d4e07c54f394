"""Filebeat's registry: those that a real Filebeat has written, whole, torn and damaged, and older forms."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.errors import InputError
from shipper.filebeat_registry import FilebeatState, read_registry
from tests.shipper import filebeat

LENGTHS = {name: len(filebeat.lines(name, 1, 1)[0]) + 1 for name in filebeat.NAMES}


def by_name(states: list[FilebeatState]) -> dict[str, FilebeatState]:
    return {Path(state.source).stem: state for state in states}


@pytest.mark.parametrize(("which", "count"), [("log", 50), ("torn", 50), ("checkpoint", 60)])
@pytest.mark.parametrize("below", ["", "registry", "registry/filebeat"])
def test_what_a_real_filebeat_wrote(tmp_path: Path, which: str, count: int, below: str) -> None:
    (logs := tmp_path / "logs").mkdir()
    filebeat.write(logs, 1, 60)
    registry = read_registry(filebeat.plant(which, tmp_path / "data", logs) / below)
    states = by_name(registry.states)
    assert {name: states[name].offset for name in states} == {name: count * LENGTHS[name] for name in filebeat.NAMES}
    assert {name: states[name].source for name in states} == {name: f"{logs}/{name}.log" for name in filebeat.NAMES}
    for name in ("log", "container", "native"):
        status = (logs / f"{name}.log").stat()
        assert (states[name].identity, states[name].inode, states[name].device) == (
            "native",
            status.st_ino,
            status.st_dev,
        )
    assert states["path"].identity == "path"
    assert (states["fingerprint"].identity, len(states["fingerprint"].fingerprint)) == ("fingerprint", 64)
    assert (registry.torn is not None) == (which == "torn")
    assert "the last operation is torn" in (registry.torn or "the last operation is torn")
    assert registry.running is None


@contextmanager
def in_folder(files: dict[str, bytes]) -> Iterator[Path]:
    """Lend a folder with these files; Hypothesis has one `tmp_path` for all its examples."""
    with tempfile.TemporaryDirectory() as name:
        for file, text in files.items():
            (Path(name) / file).write_bytes(text)
        yield Path(name)


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


@given(st.integers(0, 5_000))
def test_cut_anywhere_it_is_read_up_to_there(length: int) -> None:
    text = (filebeat.HERE / "log" / "log.json").read_bytes()[:length]
    lines = text.splitlines()
    done = len(lines) // 2
    if len(lines) % 2 == 0 and lines and not is_json(lines[-1]):
        done -= 1
    expected: dict[str, int] = {}
    for change in [json.loads(line) for line in lines[1 : 2 * done : 2] if b'"ttl":0' not in line]:
        expected[change["k"]] = (change["v"].get("cursor", change["v"]) or {}).get("offset", 0)
    with in_folder({"log.json": text, "meta.json": b'{"version":"1"}'}) as folder:
        registry = read_registry(folder)
    assert {one.key: one.offset for one in registry.states} == expected
    assert (registry.torn is not None) == (len(lines) > 2 * done)


@given(st.integers(0, 4_900), st.binary(min_size=1, max_size=5))
def test_whatever_stands_in_the_middle_no_traceback_comes(at: int, damage: bytes) -> None:
    text = (filebeat.HERE / "log" / "log.json").read_bytes()
    broken = text[:at] + damage + text[at + len(damage) :]
    with in_folder({"log.json": broken, "meta.json": b'{"version":"1"}'}) as folder:
        read_registry(folder, until_damage=True)
        with suppress(InputError):
            read_registry(folder)


def test_an_operation_that_is_missing_is_damage(tmp_path: Path) -> None:
    lines = (filebeat.HERE / "log" / "log.json").read_bytes().splitlines(keepends=True)
    (tmp_path / "meta.json").write_text('{"version":"1"}')
    (tmp_path / "log.json").write_bytes(b"".join(lines[:8] + lines[10:]))
    with pytest.raises(
        InputError, match=r"log\.json, line 9: operation 5 should be here, and 6 is; with --until-damage"
    ):
        read_registry(tmp_path)
    (tmp_path / "log.json").write_bytes(b"".join(lines[4:]))
    with pytest.raises(InputError, match="line 1: it begins with operation 3, and there is no checkpoint"):
        read_registry(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is no registry of Filebeat's: there is no meta.json in it"),
        ({"meta.json": b"{"}, r"meta\.json:1:2: this is damaged"),
        ({"meta.json": b"[]"}, "does not say the registry's version"),
        ({"meta.json": b'{"version":"2"}'}, "version 2 of Filebeat's registry is not known"),
        ({"meta.json": b'{"version":"1"}', "7.json": b'[\n{"_key":"a"'}, r"7\.json:2:\d+: this is damaged"),
        ({"meta.json": b'{"version":"1"}', "7.json": b"{}"}, r"7\.json is damaged: it is no list of states"),
        ({"meta.json": b'{"version":"0"}'}, "there is no file .*data.json"),
    ],
)
def test_what_is_no_registry_is_said(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    with pytest.raises(InputError, match=message):
        read_registry(tmp_path)


def test_the_newest_checkpoint_counts_and_operations_before_it_do_not(tmp_path: Path) -> None:
    def state(offset: int) -> dict[str, object]:
        place = {"inode": 7, "device": 1}
        return {"source": "/a.log", "offset": offset, "FileStateOS": place, "identifier_name": "native", "ttl": -1}

    key = "filebeat::logs::native::7-1"
    (tmp_path / "meta.json").write_text('{"version":"1"}')
    for number, offset in ((9, 90), (10, 100), (2, 20)):
        (tmp_path / f"{number}.json").write_text(json.dumps([{"_key": key, **state(offset)}]))
    (tmp_path / "log.json").write_text(
        "".join(f'{{"op":"set","id":{at}}}\n{json.dumps({"k": key, "v": state(at * 10)})}\n' for at in (8, 9, 10))
    )
    assert [one.offset for one in read_registry(tmp_path).states] == [100]
    with (tmp_path / "log.json").open("a") as file:
        file.write(f'{{"op":"set","id":11}}\n{json.dumps({"k": key, "v": state(110)})}\n')
    assert [one.offset for one in read_registry(tmp_path).states] == [110]
    with (tmp_path / "log.json").open("a") as file:
        file.write(f'{{"op":"remove","id":12}}\n{{"k":"{key}"}}\n')
    assert read_registry(tmp_path).states == []


def test_filebeat_6_and_7_0_to_7_8(tmp_path: Path) -> None:
    entries = [
        {"source": "/logs/a.log", "offset": 17, "timestamp": "2020-01-01T00:00:00Z", "ttl": -1, "type": "log",
         "FileStateOS": {"inode": 4, "device": 5}},
    ]  # fmt: skip
    expected = [FilebeatState("filebeat::logs::0", "/logs/a.log", 17, "native", 4, 5)]
    (older := tmp_path / "registry").write_text(json.dumps(entries))
    assert read_registry(older).states == read_registry(tmp_path).states == expected
    older.unlink()
    (home := tmp_path / "registry" / "filebeat").mkdir(parents=True)
    (home / "meta.json").write_text('{"version": "0"}')
    (home / "data.json").write_text(json.dumps(entries))
    assert read_registry(tmp_path).states == expected


def test_states_of_later_versions_and_of_other_inputs(tmp_path: Path) -> None:
    values = {
        # As Filebeat 9 has them: owners, an end that was met, fingerprints that grow.
        "filebeat::logs::1b59052b95e61943-native::13643776-64768": {
            "identifier_name": "native", "ttl": -1, "meta": {"stream": "stdout"}, "source": "/c.log", "offset": 8900,
            "FileStateOS": {"inode": 13643776, "device": 64768, "uid": 1000, "gid": 1000}},
        "filestream::a::native::5-6-stdout": {
            "ttl": 1800000000000, "cursor": {"offset": 3, "eof": False},
            "meta": {"source": "/d.log", "identifier_name": "native"}},
        "filestream::a::fingerprint::0aff": {
            "ttl": -1, "cursor": {"offset": 4, "eof": True},
            "meta": {"source": "/e.gz", "identifier_name": "fingerprint"}},
        "filestream::a::growing_fingerprint::6162": {
            "ttl": -1, "cursor": {"offset": 2}, "meta": {"source": "/f.log", "identifier_name": "growing_fingerprint"}},
        "filestream::a::inode_marker::77-some text": {
            "ttl": -1, "cursor": {"offset": 2}, "meta": {"source": "/g.log", "identifier_name": "inode_marker"}},
        "filestream::a::path::/given-up.log": {
            "ttl": 0, "cursor": {"offset": 2}, "meta": {"source": "/given-up.log", "identifier_name": "path"}},
        "filestream::a::path::/new.log": {
            "ttl": -1, "cursor": None, "meta": {"source": "/new.log", "identifier_name": "path"}},
        "journald::LOCAL_SYSTEM_JOURNAL": {"ttl": -1, "cursor": {"position": "s=1", "version": 1}},
    }  # fmt: skip
    (tmp_path / "meta.json").write_text('{"version":"1"}')
    (tmp_path / "log.json").write_text(
        "".join(
            f'{{"op":"set","id":{at}}}\n{json.dumps({"k": key, "v": value})}\n'
            for at, (key, value) in enumerate(values.items(), 1)
        )
    )
    registry = read_registry(tmp_path)
    found = [
        (one.source, one.offset, one.identity, one.inode, one.device, one.fingerprint, one.ended)
        for one in registry.states
    ]
    assert found == [
        ("/c.log", 8900, "native", 13643776, 64768, "", False),
        ("/d.log", 3, "native", 5, 6, "", False),
        ("/e.gz", 4, "fingerprint", None, None, "0aff", True),
        ("/f.log", 2, "growing_fingerprint", None, None, "6162", False),
        ("/g.log", 2, "inode_marker", 77, None, "", False),
        ("/new.log", 0, "path", None, None, "", False),
    ]
    assert registry.others == ["journald::LOCAL_SYSTEM_JOURNAL"]


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
if sys.argv[2] == "lock":
    fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("name", "how"), [("filebeat.lock", "lock"), ("registry/filebeat/log.json", "open")])
def test_a_filebeat_that_runs_is_noticed(tmp_path: Path, name: str, how: str) -> None:
    (logs := tmp_path / "logs").mkdir()
    filebeat.write(logs, 1, 50)
    data = filebeat.plant("log", tmp_path / "data", logs)
    command = [sys.executable, "-c", HOLD, str(data / name), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        why = read_registry(data).running
        process.communicate()
    assert why == {"lock": f"it holds {data / name}", "open": f"process {process.pid} has {data / name} open"}[how]
    assert read_registry(data).running is None
