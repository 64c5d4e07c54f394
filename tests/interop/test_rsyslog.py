"""rsyslog's omelasticsearch, as Debian has it, sends to our http input: in bulks, with ids of its own, and singly."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import need
from tests.ingest.input.building import running
from tests.patience import SECONDS
from tests.services import MissingServiceError, Process, free_port

MODULE = "/usr/lib/*/rsyslog/omelasticsearch.so"
CONFIGURATION = """
module(load="omelasticsearch")
module(load="imtcp")
global(workDirectory="{folder}")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="document" type="list" option.jsonf="on") {{
    property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="message" name="msg" position.from="2" format="jsonf")
}}
template(name="broken" type="string" string="{{no json %msg%}}")
template(name="id" type="string" string="line-%msg:F,32:3%")
action(type="omelasticsearch" server="127.0.0.1" serverport="{ours}" searchIndex="logs" searchType=""
       action.resumeInterval="1" errorFile="{folder}/errors" {options})
"""


class Rsyslog(Process):
    """One rsyslogd that takes lines over TCP."""

    name = "rsyslog"

    def __init__(self) -> None:
        program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
        if program is None or not list(Path("/").glob(MODULE[1:])):
            raise MissingServiceError("rsyslog with rsyslog-elasticsearch is not installed")
        super().__init__()
        self._program = program
        self.port = free_port()

    def start(self, ours: int, options: str) -> None:
        config = self.folder / "rsyslog.conf"
        config.write_text(CONFIGURATION.format(folder=self.folder, port=self.port, ours=ours, options=options))
        self._spawn([self._program, "-n", "-f", str(config), "-i", str(self.folder / "pid")], {}, None)

    @property
    def errors(self) -> list[Any]:
        file = self.folder / "errors"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    async def send(self, count: int) -> None:
        """Send numbered lines, as soon as it listens."""
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    break
        writer.writelines(b'<13>Jul  4 11:11:37 web app: line %d "\xc3\xa9"\n' % number for number in range(count))
        await writer.drain()
        writer.close()


@pytest.fixture
def rsyslog() -> Iterator[Rsyslog]:
    server = need(Rsyslog)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize(
    "options",
    [
        'template="document" bulkMode="on"',
        'template="document" bulkMode="on" writeOperation="create" dynBulkId="on" bulkId="id"',
        'template="document"',
    ],
)
async def test_each_line_arrives_once_and_rsyslog_is_content(rsyslog: Rsyslog, options: str) -> None:
    async with running("http", port=0) as one:
        rsyslog.start(await one.port(), options)
        await rsyslog.send(30)
        events = await one.sink.until(30)
        await asyncio.sleep(0.2)
    assert sorted(one.sink.messages) == sorted(f'line {number} "é"' for number in range(30))
    assert rsyslog.errors == []
    assert {event["@metadata"]["_index"] for event in events} == {"logs"}
    if "bulkId" in options:
        assert {event["@metadata"]["_id"] for event in events} == {f"line-{number}" for number in range(30)}


async def test_what_is_refused_is_in_its_error_file_with_the_reason(rsyslog: Rsyslog) -> None:
    async with running("http", port=0) as one:
        rsyslog.start(await one.port(), 'template="broken" bulkMode="on"')
        await rsyslog.send(3)
        async with asyncio.timeout(SECONDS):
            while not rsyslog.errors:
                await asyncio.sleep(0.05)
    assert one.sink.events == []
    assert "failed to parse" in json.dumps(rsyslog.errors)
