"""The library that Beats are made with, go-lumber, sends to our beats input and receives from our output.logstash."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sawlog.batch import LineBatch, Source
from shipper.output import About
from shipper.output.logstash import LogstashSender
from shipper.settings import LogstashOutput
from tests.conftest import need
from tests.ingest.input.building import running
from tests.services import MissingServiceError

SOURCE = Path(__file__).with_name("lumber")


@pytest.fixture(scope="session")
def lumber(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in `lumber/`, built."""
    return need(lambda: _build(tmp_path_factory.mktemp("lumber") / "lumber"))


def _build(program: Path) -> Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise MissingServiceError("Go, to build a client and a server with go-lumber")
    environment = {
        "HOME": str(program.parent),
        "CGO_ENABLED": "0",
        **os.environ,
        "GOFLAGS": "-mod=readonly -buildvcs=false",
    }
    done = subprocess.run(
        [go, "build", "-o", program, "."], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MissingServiceError(f"go-lumber, which cannot be built: {done.stderr.strip().splitlines()[-1:]}")
    return program


@pytest.mark.parametrize("compression", [0, 3])
async def test_its_client_sends_to_our_input(lumber: Path, compression: int) -> None:
    async with running("beats", port=0, host="127.0.0.1") as beats:
        arguments = ["send", f"127.0.0.1:{await beats.port()}", "1050", str(compression)]
        process = await asyncio.create_subprocess_exec(
            lumber, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert output == b"1050\n"
    assert beats.sink.messages == [f"event {number}" for number in range(1050)]
    assert {event["log"]["file"]["path"] for event in beats.sink.events} == {"/logs/ä.log"}


@pytest.mark.parametrize("compression", [0, 3])
async def test_its_server_receives_from_our_output(lumber: Path, compression: int) -> None:
    process = await asyncio.create_subprocess_exec(lumber, "receive", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    settled: list[BaseException | None] = []
    received: list[str] = []
    try:
        async with asyncio.timeout(60):
            address = (await process.stdout.readline()).decode().strip()
            settings = LogstashOutput((address,), compression_level=compression, bulk_max_size=300)
            async with LogstashSender(settings, About("agent", "host", Path("unused"))) as sender:
                source = Source("file", "/a.log", {"host": {"name": "web"}, "log": {"file": {"path": "/a.log"}}})
                texts = [f"Zeile {number} – é" for number in range(1000)]
                for first in range(0, 1000, 250):
                    part = texts[first : first + 250]
                    await sender.send(LineBatch(source, part, range(first, first + 250), 5000, settled.append))
                while len(received) < 1000:
                    received.append(json.loads(await process.stdout.readline())["message"])
                while len(settled) < 4:
                    await asyncio.sleep(0.01)
    finally:
        process.kill()
        await process.wait()
    assert settled == [None] * 4
    assert received == texts
