"""The files that a batch passes on its way from a file to the store are those that the documentation names."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sawlog.running.up import Settings, Up, run
from sawlog.times.instant import now

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / package}/" for package in ("ingest", "sawlog", "shipper"))
OVERVIEW = ROOT / "docs" / "design" / "overview.md"
BY_THE_CLOCK = {"sawlog/collector.py", "shipper/discovery.py", "shipper/expression.py"}
"""What happens now and then, such as looking for new files, and not for a batch."""
LINE = "2017-07-04 11:11:37.921  INFO 1 --- [main] a.B.C : started in {} seconds\n"
LINES = 2_000
ROUNDS = 3


@contextmanager
def entered() -> Iterator[list[str]]:
    """Collect the files of ours of which functions are called, in this thread and in new ones."""
    files: dict[str, None] = {}

    def called(frame: FrameType, event: str, _arg: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            files[frame.f_code.co_filename] = None

    found: list[str] = []
    sys.setprofile(called)
    threading.setprofile(called)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        found += [str(Path(file).relative_to(ROOT)) for file in files]


def named() -> list[str]:
    section = OVERVIEW.read_text(encoding="utf-8").partition("## One batch on its way")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


async def grown(up: Up, created: int) -> None:
    async with asyncio.timeout(60):
        while up.service.outputs[0].sent.events < created:
            await asyncio.sleep(0.02)


async def test_a_batch_passes_the_files_that_are_named_and_few_besides(tmp_path: Path, elasticsearch_url: str) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(LINE.format(number) for number in range(LINES)))
    index, started = f"logs-spring-{uuid.uuid4().hex[:12]}", asyncio.Queue[Up]()
    settings = Settings((str(log),), tmp_path / "data", web=False, elasticsearch=elasticsearch_url, index=index)
    running = asyncio.create_task(run(settings, started.put_nowait))
    up = await started.get()
    try:
        # What happens once, such as reading a head for the first time, is over with the first batch.
        await grown(up, LINES)
        rounds = []
        for number in range(2, 2 + ROUNDS):
            with entered() as files:
                with log.open("a") as file:
                    file.write("".join(LINE.format(number) for number in range(LINES)))
                await grown(up, number * LINES)
            rounds.append(files)
    finally:
        up.service.stop()
        await running
    # What is not met with every batch happens now and then.
    way = set.intersection(*map(set, rounds)) - BY_THE_CLOCK
    assert sorted(way) == sorted(named())
    assert len(way) <= 27


def test_the_test_sees_what_is_called() -> None:
    with entered() as files:
        now()
        str(1)
    assert files == ["sawlog/times/instant.py"]
