"""`sawlog store export` and `sawlog store import`, as their users run them, on both stores."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import uuid
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
from click.testing import CliRunner

from sawlog.cli.store import store
from sawlog.errors import SawlogError
from sawlog.paths import index_directory
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.patience import SECONDS
from tests.sawlog.cli.test_store import SAWLOG
from tests.sawlog.store.conformance import DOCUMENTS
from tests.sawlog.store.embedded.odd import odd_document

Documents = dict[str, tuple[str, bytes]]


def run(*arguments: object, code: int = 0) -> tuple[bytes, list[str]]:
    """Run a command of `sawlog store`; return what it wrote, and the lines that it told."""
    done = CliRunner().invoke(store, [*map(str, arguments)])
    told = done.stderr.splitlines()
    found = done.exit_code
    if isinstance(done.exception, SawlogError):
        told.append(f"sawlog: {done.exception}")
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert found == code, told
    return done.stdout_bytes, told


def run_alone(*arguments: object, code: int = 0, given: bytes = b"") -> list[str]:
    """Run it in a process of its own, with standard input; return the lines that it told."""
    command = [SAWLOG, "store", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=4 * SECONDS, check=False, input=given)
    told = done.stderr.decode()
    assert done.returncode == code, told
    assert "Traceback" not in told
    assert "panicked" not in told
    return told.splitlines()


def plain(event: Any) -> bytes:
    """Return a document as JSON, in which 1, 1.0 and true are three things."""
    return msgspec.json.encode(event, order="sorted")


def exported(*arguments: object) -> Documents:
    """Return all documents: by their ids, the index and the JSON."""
    lines = [msgspec.json.decode(line) for line in run("export", *arguments)[0].splitlines()]
    found = {line["_id"]: (line["_index"], plain(line["_source"])) for line in lines}
    assert len(found) == len(lines)
    return found


def odd(count: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Make odd documents with ids and indices, each id once."""
    random = Random(19)
    made = {}
    for number in range(count):
        event = odd_document(random)
        offset = event["log"].get("offset") if isinstance(event.get("log"), dict) else None
        name = f"source {number}:{offset}" if random.random() < 0.05 else f"id {number}"
        made[name] = (name, random.choice(["logs-spring-default", "logs-other-prod"]), event)
    return [*made.values()]


def fill(data: Path, made: list[tuple[str, str, dict[str, Any]]]) -> None:
    async def write() -> None:
        async with EmbeddedStore(index_directory(data), segment_rows=len(made) * 2 // 3) as store:
            for index in {index for _, index, _ in made}:
                some = [one for one in made if one[1] == index]
                result = await store.bulk(Bulk([one[0] for one in some], [one[2] for one in some], index))
                assert not result.refused

    asyncio.run(write())


def ask(url: str, body: object = None, method: str = "GET") -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}, method=method), timeout=SECONDS) as answer:
        return json.load(answer)


def test_20_000_odd_documents_go_out_and_come_in(tmp_path: Path) -> None:
    made = odd(20_000)
    fill(tmp_path / "from", made)
    expected = {name: (index, plain(event)) for name, index, event in made}
    count = len(expected)
    for file in ("all.ndjson.gz", "all.parquet"):
        path, into = tmp_path / file, tmp_path / f"into {file}"
        assert run("export", "--data", tmp_path / "from", "--output", path)[1] == [f"{count} documents"]
        assert run("import", "--data", into, path)[1] == [f"{count} documents indexed, 0 were there"]
        assert exported("--data", into) == expected, file
        assert run("import", "--data", into, path)[1] == [f"0 documents indexed, {count} were there"]


def test_elasticsearch_goes_out_and_comes_in(tmp_path: Path, elasticsearch_url: str) -> None:
    # It would refuse half of them by its mapping: here it keeps them, and looks at none.
    index = f"odd-{uuid.uuid4().hex[:12]}"
    made = odd(2_000)
    fill(tmp_path / "from", made)
    expected = {name: plain(event) for name, _, event in made}
    run("export", "--data", tmp_path / "from", "--bulk", "--output", tmp_path / "all.bulk.zst")
    source = tmp_path / "all.bulk.zst"
    ask(f"{elasticsearch_url}/{index}", {"mappings": {"enabled": False}}, "PUT")
    there = ("--elasticsearch", elasticsearch_url, "--index", index)
    assert run("import", *there, source)[1][-1] == f"{len(made)} documents indexed, 0 were there"
    ask(f"{elasticsearch_url}/{index}/_refresh", method="POST")
    assert exported(*there) == {name: (index, document) for name, document in expected.items()}
    run("export", *there, "--output", tmp_path / "all.parquet")
    assert run("import", *there, tmp_path / "all.parquet")[1][-1] == f"0 documents indexed, {len(made)} were there"
    run("import", "--data", tmp_path / "into", "--index", "back", tmp_path / "all.parquet")
    assert exported("--data", tmp_path / "into") == {name: ("back", document) for name, document in expected.items()}
    ask(f"{elasticsearch_url}/{index}", method="DELETE")


def test_a_query_and_a_range_of_a_data_stream(tmp_path: Path, elasticsearch_url: str) -> None:
    stream = f"logs-imported-{uuid.uuid4().hex[:12]}"
    lines = [{"_index": "logs-spring-default", "_id": one, "_source": event} for one, event in DOCUMENTS.items()]
    (tmp_path / "a.ndjson").write_bytes(msgspec.json.Encoder().encode_lines(lines))
    there = ("--elasticsearch", elasticsearch_url, "--index", stream)
    here = ("--data", tmp_path / "here", "--index", stream)
    for where in (here, there):
        run("import", *where, tmp_path / "a.ndjson")
    ask(f"{elasticsearch_url}/{stream}/_refresh", method="POST")
    wanted = {name for name, event in DOCUMENTS.items() if event.get("log", {}).get("level") == "INFO"}
    first = min(event["@timestamp"] for event in DOCUMENTS.values())
    some = {name for name in wanted if DOCUMENTS[name]["@timestamp"] > first}
    assert 0 < len(some) < len(wanted) < len(DOCUMENTS)
    for where in (here, there):
        # Not the index behind the data stream, where nothing can be created.
        assert exported(*where) == {name: (stream, plain(event)) for name, event in DOCUMENTS.items()}
        assert {*exported(*where, "log.level:INFO")} == wanted
        assert {
            *exported(*where, "--level", "info", "--zone", "UTC", "--since", first.replace(".000Z", ".001Z"))
        } == some
    run("export", *there, "log.level:INFO", "--output", tmp_path / "some.parquet")
    run("import", "--data", tmp_path / "other", tmp_path / "some.parquet")
    assert exported("--data", tmp_path / "other") == {name: (stream, plain(DOCUMENTS[name])) for name in wanted}


async def test_an_import_that_was_killed_is_started_again(tmp_path: Path) -> None:
    events = [{"@timestamp": "2025-03-01T10:00:00.000Z", "message": str(number)} for number in range(12_000)]
    lines = [{"_index": "i", "_id": f"n{number}", "_source": event} for number, event in enumerate(events)]
    body = msgspec.json.Encoder().encode_lines(lines)
    import_ = subprocess.Popen([SAWLOG, "store", "import", "--data", tmp_path, "-"], stdin=subprocess.PIPE)
    try:
        assert import_.stdin is not None
        import_.stdin.write(body[: 3 * len(body) // 4])
        import_.stdin.flush()
        until = time.monotonic() + 2 * SECONDS
        while not await _count(tmp_path):
            assert time.monotonic() < until
            await asyncio.sleep(0.2)
    finally:
        import_.kill()
        import_.wait()
        import_.stdin and import_.stdin.close()
    there = await _count(tmp_path)
    assert 0 < there < len(lines)
    told = await asyncio.to_thread(run_alone, "import", "--data", tmp_path, "-", given=body)
    assert told == [f"{len(lines) - there} documents indexed, {there} were there"]
    found = await asyncio.to_thread(exported, "--data", tmp_path)
    assert found == {f"n{number}": ("i", plain(event)) for number, event in enumerate(events)}


async def _count(data: Path) -> int:
    if not index_directory(data).is_dir():
        return 0
    async with EmbeddedStore(index_directory(data), read_only=True) as store:
        return await store.count({"match_all": {}})


def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path) -> None:
    good = '{"_id":"%s","_index":"i","_source":{"@timestamp":"2025-03-01T10:00:00.000Z"}}\n'
    bad = tmp_path / "bad.ndjson"
    bad.write_text(
        good % "a"
        + "\x1b[31m\n"
        + '{"_id":"b","_index":"i","_source":{"@timestamp":"no time"}}\n'
        + '{"create":{}}\n{"@timestamp":"2025-03-01T10:00:00.000Z"}\n'
        + good % "c"
    )
    fill(tmp_path / "from", odd(200))
    torn = {}
    for name in ("all.ndjson.gz", "all.parquet"):
        run("export", "--data", tmp_path / "from", "--output", tmp_path / name)
        torn[name] = (tmp_path / name).read_bytes()[:-30]
        (tmp_path / name).write_bytes(torn[name])
    run("export", "--data", tmp_path / "from", "--output", tmp_path / "empty.parquet", "nothing:here")
    told = run_alone(
        *("import", "--data", tmp_path / "into", bad, tmp_path / "all.ndjson.gz", tmp_path / "all.parquet"),
        *(tmp_path / "empty.parquet", bad),
        code=1,
    )
    wrong = [
        f"{bad}:2: this is no JSON object: JSON is malformed: invalid character (byte 0)",
        f"{bad}:3: it is refused: failed to parse field [@timestamp] of type [date]: 'no time'",
        f"{bad}:5: no _index is named; name one with --index",
    ]
    assert told[:3] == told[5:8] == wrong
    assert told[3].startswith(f"{tmp_path / 'all.ndjson.gz'}:")
    assert told[3].endswith(": from here on, nothing can be read: the gzip data ends in the middle")
    assert told[4] == f"{tmp_path / 'all.parquet'}:1: from here on, nothing can be read: the Parquet file is not whole"
    assert told[-1] == "sawlog: 8 could not be imported"
    assert " documents indexed, 2 were there" in told[-2]
    assert {"a", "c"} <= exported("--data", tmp_path / "into").keys()


def test_tables_of_others_and_what_comes_through_a_pipe_compressed(tmp_path: Path) -> None:
    fill(tmp_path, odd(50))
    sql = ("sql", "--data", tmp_path, "--output", tmp_path / "other.parquet", "SELECT * FROM logs")
    subprocess.run([SAWLOG, *map(str, sql)], check=True, timeout=4 * SECONDS)
    told = run("import", "--data", tmp_path / "into", tmp_path / "other.parquet", code=1)[1]
    assert "the file has other columns than `sawlog store export` writes" in told[0]
    told = run_alone("import", "--data", tmp_path / "into", "-", code=1, given=b"\x1f\x8b\x08\x00")
    assert told[0].startswith("standard input:1: from here on, nothing can be read: what is compressed is read from")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("import", "no-such-file"), 2, "does not exist"),
        (("import",), 2, "Missing argument 'FILE...'"),
        (("import", "--data", "x", "--elasticsearch", "http://127.0.0.1:1", "-"), 2, "not both"),
        (("export", "--bulk", "--output", "a.parquet"), 2, "--bulk is for JSON"),
        (("export", "log.level:(", "--data", "."), 1, "^"),
    ],
)
def test_what_is_not_to_be_done_is_refused(arguments: tuple[str, ...], code: int, words: str) -> None:
    assert words in "\n".join(run(*arguments, code=code)[1])


async def test_an_index_that_is_written_takes_no_import(tmp_path: Path) -> None:
    async with EmbeddedStore(index_directory(tmp_path)):
        told = await asyncio.to_thread(run_alone, "import", "--data", tmp_path, "-", code=1)
    assert "is in use by process" in told[0]
