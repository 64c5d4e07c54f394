"""file: names that depend on the event and cannot lead astray, modes, compression, what a failed write leaves."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import os
import stat
from pathlib import Path

import pytest

from tests.ingest.output.building import codec, event, make, notes, refused, send


async def test_json_lines_by_default_and_appended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.log"
    for _ in range(2):
        assert await send("file", event(0), event(1), path=str(path)) == ()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["line 0", "line 1"] * 2
    assert set(lines[0]) == {"@timestamp", "message"}


async def test_names_made_of_the_event(tmp_path: Path) -> None:
    settings = {"path": f"{tmp_path}/%{{host}}/%{{+yyyy-MM-dd}}.log", "codec": codec("line", format="%{message}")}
    await send("file", event(0, host="a"), event(1, host="b"), event(2, host="a"), **settings)
    assert (tmp_path / "a" / "2017-07-04.log").read_text() == "line 0\nline 2\n"
    assert (tmp_path / "b" / "2017-07-04.log").read_text() == "line 1\n"


@pytest.mark.parametrize("host", ["../../evil", "..", "x/../../evil", "\0", "a" * 300, ".", "x\0y"])
async def test_an_event_cannot_leave_the_folder(tmp_path: Path, host: str) -> None:
    root = tmp_path / "deep" / "root"
    settings = {"path": f"{root}/%{{host}}", "codec": codec("line", format="%{message}")}
    await send("file", event(0, host=host), event(1, host="good"), **settings)
    assert (root / "_filepath_failures").read_text() == "line 0\n"
    assert (root / "good").read_text() == "line 1\n"
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["deep/root/_filepath_failures", "deep/root/good"]


async def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    await send("file", event(0, host="taken"), path=f"{tmp_path}/%{{host}}", filename_failure="bad")
    assert "line 0" in (tmp_path / "bad").read_text()
    with pytest.raises(IsADirectoryError):
        await send("file", event(0), path=str(tmp_path / "taken"))


async def test_overwrite_keeps_the_last(tmp_path: Path) -> None:
    path = tmp_path / "state"
    settings = {"path": str(path), "write_behavior": "overwrite", "codec": codec("plain", format="%{message}")}
    await send("file", event(0), event(100), **settings)
    await send("file", event(2), event(3), **settings)
    assert path.read_text() == "line 3"


async def test_gzip_members_add_up(tmp_path: Path) -> None:
    path = tmp_path / "out.gz"
    for number in range(3):
        settings = {"path": str(path), "gzip": True, "message_format": "%{message}"}
        await send("file", event(number), **settings)
    assert gzip.decompress(path.read_bytes()) == b"line 0\nline 1\nline 2\n"


async def test_modes(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "out"
    await send("file", event(), path=str(path), file_mode=640, dir_mode=750)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in path.parents[:2]] == [0o750, 0o750]


async def test_a_file_that_is_not_to_be_made(tmp_path: Path) -> None:
    path = tmp_path / "out"
    await send("file", event(0), path=str(path), create_if_deleted=False)
    assert not path.exists()
    path.touch()
    await send("file", event(1), path=str(path), create_if_deleted=False)
    assert "line 0" in (tmp_path / "_filepath_failures").read_text()
    assert "line 1" in path.read_text()


async def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = make("file", path=str(tmp_path / "out"), codec=codec("line", format="%{message}"))
    await output.send([event(0)])
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:4])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            await output.send([event(1)])
    assert (tmp_path / "out").read_text() == "line 0\n"
    await output.send([event(1)])
    assert (tmp_path / "out").read_text() == "line 0\nline 1\n"


async def test_batches_do_not_mix(tmp_path: Path) -> None:
    output = make("file", path=str(tmp_path / "out"))
    await asyncio.gather(*(output.send([event(number)] * 50) for number in range(20)))
    lines = (tmp_path / "out").read_text().splitlines()
    assert len({json.loads(line)["message"] for line in lines}) == 20
    assert all(lines[start] == line for start in range(0, 1000, 50) for line in lines[start : start + 50])


def test_mistakes_are_explained() -> None:
    assert "needs the option 'path'" in refused("file")
    assert "begins with what an event says" in refused("file", path="/%{host}/x")
    assert "begins with what an event says" in refused("file", path="/log-%{host}/x")
    assert "is no file mode" in refused("file", path="/x/y", file_mode=888)
    assert "'write_behavior' is one of" in refused("file", path="/x/y", write_behavior="add")
    assert "without folders" in refused("file", path="/x/y", filename_failure="../x")
    assert "is no field reference" in refused("file", path="/x/%{[a}")
    assert "acknowledged" in notes("file", path="/x/y", flush_interval=0)[0]
