"""Compressed files as rotations make them, by the real logrotate where it is: every line once."""

from __future__ import annotations

import bz2
import gzip
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipper.framing import LineFraming
from shipper.settings import FileInput
from tests.patience import SECONDS
from tests.shipper.rig import Rig, until
from tests.shipper.simulation import Simulation

LOGROTATE = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
LONG = "x" * 300


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Simulation]:
    (tmp_path / "logs").mkdir()
    settings = FileInput(paths=(f"{tmp_path}/logs/*.log*",), scan_frequency=1.0, compression=True)
    run = Simulation(tmp_path, LineFraming(), settings)
    yield run
    run.close()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def texts(first: int, last: int) -> list[str]:
    return [f"{number} {LONG}" for number in range(first, last)]


def write(path: Path, lines: list[str]) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def rotate(folder: Path, logs: Path, *options: str) -> None:
    """Rotate once, as the timer of a Debian does each night."""
    wanted = "\n  ".join(("su root root", "rotate 50", *options))
    (configuration := folder / "logrotate.conf").write_text(f'"{logs}/*.log" {{\n  {wanted}\n}}\n')
    configuration.chmod(0o644)
    logs.chmod(0o755)
    command = [str(LOGROTATE), "--force", "--state", str(folder / "logrotate.state"), str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(LOGROTATE is None or os.geteuid() != 0, reason="no logrotate, or it would need root's rights")
@pytest.mark.parametrize("delay", [(), ("delaycompress",)], ids=["at once", "delaycompress"])
@pytest.mark.parametrize("way", ["create", "copytruncate"])
@pytest.mark.parametrize("seed", range(3))
def test_logrotate_compresses(
    tmp_path: Path, run: Simulation, logs: Path, delay: tuple[str, ...], way: str, seed: int
) -> None:
    """The agent may be stopped, behind, or without its output while it happens; every line comes once."""
    chance = random.Random(f"{delay} {way} {seed}")
    run.start()
    written = 0
    for _ in range(8):
        more = chance.randint(5, 60)
        write(logs / "app.log", texts(written, written + more))
        written += more
        # What copytruncate cuts off unread while nobody reads is lost with plain files, too.
        if way == "copytruncate" or chance.random() < 0.5:
            run.sleep(3.0)
        if way == "create":
            run.way = chance.choice(["acknowledge", "store", "lose"])
            if chance.random() < 0.3 and run.agent is not None:
                run.crash()
        rotate(tmp_path, logs, way, "compress", *delay)
        if run.agent is None:
            run.start()
        run.sleep(chance.choice([0.5, 3.0, 15.0]))
        run.settle_all()
        run.sleep(15.0)
    run.settle_all()
    run.sleep(60.0)
    assert list(logs.glob("app.log.*.gz"))
    assert sorted(run.store.values()) == sorted(texts(0, written))


@pytest.mark.parametrize("suffix", [".gz", ".bz2"])
def test_the_unread_rest_of_a_file_that_was_compressed_while_nobody_read(
    run: Simulation, logs: Path, suffix: str
) -> None:
    log = logs / "app.log"
    write(log, texts(0, 40))
    run.start()
    run.sleep(3.0)
    run.stop()
    assert len(run.store) == 40
    write(log, texts(40, 50))
    pack = {".gz": gzip.compress, ".bz2": bz2.compress}[suffix]
    (logs / f"app.log.1{suffix}").write_bytes(pack(log.read_bytes()))
    log.unlink()
    write(log, texts(50, 55))
    run.start()
    run.sleep(30.0)
    assert sorted(run.store.values()) == sorted(texts(0, 55))


def test_renamed_archives_are_not_looked_through_again(
    run: Simulation, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logs / "app.log.2.gz").write_bytes(gzip.compress("\n".join(texts(0, 30)).encode()))
    run.start()
    run.sleep(30.0)
    assert sorted(run.store.values()) == sorted(texts(0, 30))
    run.stop()
    (logs / "app.log.2.gz").rename(logs / "app.log.3.gz")
    monkeypatch.setattr("shipper.archives.survey", None)
    monkeypatch.setattr("shipper.harvester.Archive", None)
    run.start()
    run.sleep(30.0)
    assert len(run.store) == 30


def test_a_crash_in_the_middle_goes_on_there(run: Simulation, logs: Path) -> None:
    (logs / "app.log.1.gz").write_bytes(gzip.compress("".join(f"{text}\n" for text in texts(0, 9_000)).encode()))
    run.start()
    run.sleep(0.2)
    run.way = "store"
    for _ in range(3):
        run.sleep(2.0)
        run.crash()
        run.start()
    run.settle_all()
    run.sleep(120.0)
    assert sorted(run.store.values()) == sorted(texts(0, 9_000))


async def test_one_in_the_making_is_waited_for_and_a_torn_one_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    packed = gzip.compress("".join(f"{text} {random.random()}\n" for text in texts(0, 9_000)).encode())
    path = rig.logs / "app.log.1.gz"
    path.write_bytes(packed[: len(packed) // 2])
    settings = FileInput(paths=(f"{rig.logs}/*",), scan_frequency=0.2, compression=True)
    agent, running, registry = await rig.live(settings)
    await until(lambda: agent.progress.problems == {str(path): "the gzip data ends in the middle"})
    assert rig.texts == []
    # Old enough, it will not become whole any more.
    os.utime(path, (10**9, 10**9))
    await until(lambda: "it is read up to there" in agent.progress.problems.get(str(path), ""))
    await until(lambda: len(rig.texts) > 1_000)
    before = len(rig.texts)
    path.write_bytes(packed)
    await until(lambda: len(rig.texts) >= 9_000)
    assert before < len(rig.texts) <= 9_001
    await until(lambda: not agent.progress.problems)
    await rig.end(agent, running, registry)
    assert agent.open_files == 0


def test_without_the_option_they_are_named_and_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(tmp_path)
    (rig.logs / "a.log.gz").write_bytes(gzip.compress(b"one\n"))
    rig.once()
    assert rig.texts == []
    assert "gzip data; it is not read, unless 'compression: auto' is set" in caplog.text
