"""Memory of shipper and ingest while the store is away for long, and what is there after its return.

Run: ``python -m tests.chaos.outage --seconds 600``. Lines are written all the time; each row is a tenth of the outage.
With ``--refusing``, the store is there and answers HTTP 503.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.chaos.run import Generator, Part
from tests.faults import FaultyProxy
from tests.ingesting import count_in, documents_in
from tests.relay import Relay
from tests.services import ElasticsearchServer, free_port

INDEX = "outage"
BEFORE_SECONDS = 20.0
RETURN_SECONDS = 600.0


class Away:
    """A store that nobody reaches."""

    def __init__(self, server: ElasticsearchServer) -> None:
        self._relay = Relay(server.port)

    async def __aenter__(self) -> str:
        await self._relay.__aenter__()
        return f"http://127.0.0.1:{self._relay.port}"

    async def __aexit__(self, *exc_info: object) -> None:
        await self._relay.__aexit__(*exc_info)

    async def begin(self) -> None:
        self._relay.leave()

    async def end(self) -> None:
        await self._relay.listen()


class Refusing:
    """A store that answers 503 to what would be written."""

    def __init__(self, server: ElasticsearchServer) -> None:
        self._proxy = FaultyProxy(server.url)

    async def __aenter__(self) -> str:
        await self._proxy.__aenter__()
        return self._proxy.url

    async def __aexit__(self, *exc_info: object) -> None:
        await self._proxy.__aexit__(*exc_info)

    async def begin(self) -> None:
        self._proxy.unavailable = True

    async def end(self) -> None:
        self._proxy.unavailable = False
        print(f"{self._proxy.faults} requests were answered 503")


async def run(server: ElasticsearchServer, outage: Away | Refusing, folder: Path, seconds: float) -> int:
    """Print the table; return how many lines were lost or doubled."""
    (folder / "logs").mkdir()
    async with outage as url:
        parts = _parts(folder, url)
        for part in parts:
            part.start()
        try:
            generator = Generator(folder / "logs")
            writing = asyncio.create_task(generator.run(BEFORE_SECONDS + seconds + 5.0))
            await asyncio.sleep(BEFORE_SECONDS)
            print(f"{'':>12} {'lines written':>14} {'ship RSS MB':>12} {'ingest RSS MB':>14}")
            _row("before", generator.count, parts)
            await outage.begin()
            for tenth in range(1, 11):
                await asyncio.sleep(seconds / 10)
                _row(f"{seconds * tenth / 10:.0f} s away", generator.count, parts)
            await outage.end()
            back = time.monotonic()
            await writing
            while await asyncio.to_thread(count_in, server.url, INDEX) < generator.count:
                await asyncio.sleep(0.5)
                if time.monotonic() > back + RETURN_SECONDS:
                    break
            seconds = time.monotonic() - back
            _row("after", generator.count, parts)
        finally:
            for part in parts:
                part.end()
    numbers = [int(one["message"].split("line ", 1)[1].split()[0]) for one in documents_in(server.url, INDEX)]
    lost, doubled = generator.count - len(set(numbers)), len(numbers) - len(set(numbers))
    print(f"all there {seconds:.0f} s after the store's return; {lost} lost, {doubled} doubled")
    return lost + doubled


def _parts(folder: Path, url: str) -> list[Part]:
    port = free_port()
    (folder / "filebeat.yml").write_text(
        f"filebeat.inputs: [{{type: log, paths: ['{folder}/logs/*'], scan_frequency: 1s}}]\n"
        f"output.logstash.hosts: ['127.0.0.1:{port}']\npath.data: {folder}/shipper\n"
    )
    (folder / "pipeline.conf").write_text(
        f"input {{ beats {{ port => {port} host => '127.0.0.1' }} }}\n"
        f"output {{ elasticsearch {{ hosts => ['{url}'] index => '{INDEX}' }} }}\n"
    )
    ingest = ("ingest", "--data", str(folder / "ingest"), "-f", str(folder / "pipeline.conf"))
    return [
        Part("ship", folder, "ship", "-c", str(folder / "filebeat.yml")),
        Part("ingest", folder, *ingest),
    ]


def _row(title: str, lines: int, parts: list[Part]) -> None:
    sizes = []
    for part in parts:
        process = psutil.Process(part.pid)
        family = [process, *process.children(recursive=True)]
        sizes.append(sum(one.memory_info().rss for one in family) / 1e6)
    print(f"{title:>12} {lines:14,} {sizes[0]:12.0f} {sizes[1]:14.0f}", flush=True)


def main() -> int:
    """Run it on an Elasticsearch of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--refusing", action="store_true", help="answer HTTP 503 instead of being away")
    given = parser.parse_args()
    server = ElasticsearchServer()
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            outage = Refusing(server) if given.refusing else Away(server)
            return 1 if asyncio.run(run(server, outage, Path(folder), given.seconds)) else 0
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
