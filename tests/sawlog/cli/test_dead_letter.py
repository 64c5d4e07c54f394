"""``sawlog dead-letter`` as an operator uses it, and when it is killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from sawlog.cli.dead_letter import dead_letter
from sawlog.dead_letter import DIRECTORY, DeadLetter, DeadLetters
from tests.faults import FaultyProxy
from tests.ingesting import SAWLOG, count_in, documents, ingesting, until

HOSTILE = "\x1b]0;owned\x07\x9b31m\u202edesrever"

APPENDING = """
import sys
from pathlib import Path
from sawlog.dead_letter import DeadLetter, DeadLetters
dead = DeadLetters(Path(sys.argv[1]))
for number in range(1_000_000):
    dead.append([DeadLetter(index="i", id=f"{sys.argv[2]}:{number}", status=400, type="t", reason="r", document={})])
    print(number, flush=True)
"""


@pytest.fixture
def index(data_stream: str) -> str:
    return data_stream.replace("logs-spring", "dead")


def run(folder: Path, command: str, *arguments: str) -> str:
    ran = CliRunner().invoke(dead_letter, [command, "--data", str(folder), *arguments], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    assert not set(ran.output) & {"\x1b", "\x07", "\x9b", "\u202e"}
    return ran.output


def call(method: str, url: str, body: Any) -> None:
    with urlopen(Request(url, json.dumps(body).encode(), {"content-type": "application/json"}, method=method)):
        pass


def test_an_operator_mends_a_conflict(tmp_path: Path, elasticsearch_url: str, index: str) -> None:
    """A field is a number in the index and a text in one event, whose id and routing the pipeline names."""
    lines = [{"code": 5, "key": "a"}, {"code": f"x{HOSTILE}", "key": "b"}, {"code": 6, "key": "c"}]
    (tmp_path / "in.log").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (tmp_path / "pipeline.conf").write_text(
        f"input {{ file {{ path => '{tmp_path}/in.log' start_position => beginning codec => json }} }}\n"
        f"output {{ elasticsearch {{ hosts => ['{elasticsearch_url}'] index => '{index}'"
        " document_id => 'doc-%{key}' routing => '%{key}' } }\n"
    )
    data = tmp_path / "data"
    to = ("--elasticsearch", elasticsearch_url)
    with ingesting(tmp_path, "-f", tmp_path / "pipeline.conf", "-w", 0):
        until(lambda: count_in(elasticsearch_url, index) == 2)
        until(lambda: len(list(DeadLetters(data / DIRECTORY))) == 1)
        assert "[code]" in run(data, "list")
        shown = json.loads(run(data, "show", "doc-b"))
        assert shown["document"]["code"] == f"x{HOSTILE}"
        assert (shown["action"], shown["metadata"]) == ("index", {"routing": "b"})
        # While nothing is mended, nothing is lost by trying.
        assert "1 refused again" in run(data, "replay", *to)
        mended = {"properties": {"code": {"type": "long", "ignore_malformed": True}}}
        call("PUT", f"{elasticsearch_url}/{index}/_mapping", mended)
        assert run(data, "replay", *to) == "1 indexed, 0 were there, 0 refused again\n"
        assert run(data, "replay", *to) == "0 indexed, 0 were there, 0 refused again\n"
        assert run(data, "purge", "--yes") == "0 dead letters removed\n"
    assert sorted(one["key"] for one in documents(elasticsearch_url, index)) == ["a", "b", "c"]
    with urlopen(f"{elasticsearch_url}/{index}/_doc/doc-b?routing=b") as answer:
        assert json.load(answer)["_routing"] == "b"


def test_writers_that_are_killed_leave_all_that_they_were_told_is_safe(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPENDING, str(tmp_path)]
    writers = [subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in "ab"]
    # Each has begun before the time runs after which they are killed.
    begun = [writer.stdout.readline() for writer in writers if writer.stdout is not None]
    time.sleep(0.5)
    for writer in writers:
        writer.kill()
    told = [int((first + writer.communicate()[0]).split()[-1]) for first, writer in zip(begun, writers, strict=True)]
    DeadLetters(tmp_path).append([DeadLetter(index="i", id="c:0", status=400, type="t", reason="r", document={})])
    found = [letter.id for letter in DeadLetters(tmp_path)]
    assert len(found) == len(set(found))
    for name, last in zip("ab", told, strict=True):
        assert {f"{name}:{number}" for number in range(last + 1)} <= set(found)
    assert "c:0" in found


async def test_a_replay_that_is_killed_is_begun_again(tmp_path: Path, elasticsearch_url: str, index: str) -> None:
    dead = DeadLetters(tmp_path / DIRECTORY)
    # Events without an id of their own, too: what a replay draws for them is the same each time.
    dead.append(
        [
            DeadLetter(index=index, id=f"a:{n}" if n % 2 else "", status=400, type="t", reason="r", document={"n": n})
            for n in range(2_500)
        ]
    )
    async with FaultyProxy(elasticsearch_url) as proxy:
        command = [SAWLOG, "dead-letter", "replay", "--data", str(tmp_path), "--elasticsearch", proxy.url]
        # Longer than the second one takes to start while the machine is busy.
        proxy.delay = 5.0
        first = await asyncio.create_subprocess_exec(*command)
        async with asyncio.timeout(60):
            while proxy.requests < 2:
                await asyncio.sleep(0.01)
        second = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        assert b"replayed by another process" in (await second.communicate())[1]
        first.kill()
        await first.wait()
        proxy.delay = 0.0
        assert len(list(dead)) == 2_500
        third = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        words = (await third.communicate())[0]
    assert b" 0 refused again" in words
    assert await asyncio.to_thread(count_in, elasticsearch_url, index) == 2_500
    assert list(dead) == []
