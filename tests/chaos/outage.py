"""Memory of shipper and ingest while the store is away for long, and what is there after its return.

Run: ``python -m tests.chaos.outage --seconds 600``. Lines are written all the time; each row is a tenth of the outage.
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
from tests.ingesting import count_in, documents_in
from tests.relay import Relay
from tests.services import ElasticsearchServer, free_port

INDEX = "outage"
BEFORE_SECONDS = 20.0
RETURN_SECONDS = 600.0


async def run(server: ElasticsearchServer, folder: Path, seconds: float) -> int:
    """Print the table; return how many lines were lost or doubled."""
    (folder / "logs").mkdir()
    async with Relay(server.port) as store:
        parts = _parts(folder, store.port)
        for part in parts:
            part.start()
        try:
            generator = Generator(folder / "logs")
            writing = asyncio.create_task(generator.run(BEFORE_SECONDS + seconds + 5.0))
            await asyncio.sleep(BEFORE_SECONDS)
            print(f"{'':>12} {'lines written':>14} {'ship RSS MB':>12} {'ingest RSS MB':>14}")
            _row("before", generator.count, parts)
            store.leave()
            for tenth in range(1, 11):
                await asyncio.sleep(seconds / 10)
                _row(f"{seconds * tenth / 10:.0f} s away", generator.count, parts)
            await store.listen()
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


def _parts(folder: Path, store: int) -> list[Part]:
    port = free_port()
    (folder / "filebeat.yml").write_text(
        f"filebeat.inputs: [{{type: log, paths: ['{folder}/logs/*'], scan_frequency: 1s}}]\n"
        f"output.logstash.hosts: ['127.0.0.1:{port}']\npath.data: {folder}/shipper\n"
    )
    (folder / "pipeline.conf").write_text(
        f"input {{ beats {{ port => {port} host => '127.0.0.1' }} }}\n"
        f"output {{ elasticsearch {{ hosts => ['http://127.0.0.1:{store}'] index => '{INDEX}' }} }}\n"
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
    given = parser.parse_args()
    server = ElasticsearchServer()
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            return 1 if asyncio.run(run(server, Path(folder), given.seconds)) else 0
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
