"""Files to a bucket, and the bucket to an index: the how-to's pipelines, and both programs killed at their work."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sawlog.paths import index_directory
from sawlog.store.embedded.store import EmbeddedStore
from tests.ingesting import ROOT, SAWLOG, until
from tests.services import S3Server

LINES = 900


def test_the_pipelines_of_the_how_to_are_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/how-to/scale.md").read_text("utf-8").partition("## S3 in the middle")[2]
    found = re.findall(r"```logstash\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)
    assert len(found) == 2
    for number, pipeline in enumerate(found):
        (tmp_path / f"{number}.conf").write_text(pipeline)
        command = [SAWLOG, "check", "-f", f"{tmp_path}/{number}.conf"]
        done = subprocess.run(command, check=False, text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr


class Ingest:
    """`sawlog ingest` with one pipeline, which is killed and started again."""

    def __init__(self, folder: Path, name: str, pipeline: str) -> None:
        self._file = folder / f"{name}.conf"
        self._file.write_text(pipeline)
        self._command = [SAWLOG, "ingest", "-f", str(self._file), "--path.data", str(folder / name)]
        self._log = folder / f"{name}.log"

    def killed_when(self, condition: Callable[[], bool]) -> None:
        """Run it until something is so, and kill it at once."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            until(condition, self._log.read_text)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def to_its_end(self) -> None:
        """Run it until it ends by itself."""
        with self._log.open("ab") as log:
            done = subprocess.run(self._command, stdout=log, stderr=log, check=False, timeout=300)
        assert done.returncode == 0, self._log.read_text()


def test_nothing_is_lost_though_both_programs_are_killed(s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.bucket()
    access = " ".join(f'{name} => "{value}"' for name, value in s3_server.access.items())
    log, spool, index = tmp_path / "app.log", tmp_path / "spool", tmp_path / "index"
    writing = Ingest(
        tmp_path,
        "writing",
        f'input {{ file {{ path => "{log}" start_position => beginning }} }}'
        f' output {{ s3 {{ {access} bucket => "{bucket}" temporary_directory => "{spool}" size_file => 3000'
        ' time_file => 0.01 prefix => "app/%{+yyyy}" codec => line { format => "%{message}" } } }',
    )
    expected: set[str] = set()

    def lines() -> list[str]:
        # Beside the lines, there may be what a start that was killed has tried the bucket with.
        found = s3_server.objects(bucket).items()
        return [line for key, data in found if key.startswith("app/") for line in data.decode().splitlines()]

    def waiting() -> set[str]:
        return {path.name for path in spool.glob("*")}

    for _ in range(2):
        more = [f"line {len(expected) + at}" for at in range(LINES // 2)]
        expected.update(more)
        with log.open("a") as out:
            out.writelines(f"{line}\n" for line in more)
        # What is written there may be in the bucket already when one looks.
        before = waiting() | set(lines())
        writing.killed_when(lambda before=before: not (waiting() | set(lines())) <= before)  # type: ignore[misc] # at once
    writing.killed_when(lambda: expected <= set(lines()))
    assert set(lines()) == expected

    reading = Ingest(
        tmp_path,
        "reading",
        f'input {{ s3 {{ {access} bucket => "{bucket}" prefix => "app/" watch_for_new_files => false }} }}'
        f' output {{ embedded {{ path => "{index}" }} }}',
    )
    reading.killed_when(lambda: index_directory(index).exists())
    reading.to_its_end()
    assert sorted(asyncio.run(_stored(index))) == sorted(lines())


async def _stored(folder: Path) -> list[str]:
    async with EmbeddedStore(index_directory(folder), read_only=True) as store:
        answer = await store.search({"size": 10_000})
    return [hit["_source"]["message"] for hit in answer["hits"]["hits"]]
