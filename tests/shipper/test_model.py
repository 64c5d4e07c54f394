"""Random lives of log files and of the agent that reads them, against a model of what must arrive: each line once.

What docs/design/tailing.md names as lost or doubled is not done here: truncating what was not read, deleting a file
that was not open, copying files of a few bytes.
"""

from __future__ import annotations

import bz2
import gzip
import os
import re
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import shipper.harvester
from shipper.following import COPY_BYTES
from shipper.framing import Framing, LineFraming, SpringBootFraming
from shipper.settings import FileInput
from tests.profiles import NIGHTLY, examples
from tests.shipper.simulation import Simulation

NUMBER = re.compile(r"#(\d+)#")
FRAMINGS: dict[str, Framing] = {
    "lines": LineFraming(),
    "traces": SpringBootFraming(),
    "short traces": SpringBootFraming(max_lines=4),
}


class Files(RuleBasedStateMachine):
    """Services write, rotate, truncate and delete `app.log` and `other.log`; an agent follows both."""

    @initialize(framing=st.sampled_from(sorted(FRAMINGS)), close_inactive=st.sampled_from([300.0, 3.0]))
    def begin(self, framing: str, close_inactive: float) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sawlog-model-"))
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.log = self.logs / "app.log"
        self.closes_early = close_inactive < 300
        inputs = FileInput(
            paths=(f"{self.logs}/*.log*",), scan_frequency=1.0, close_inactive=close_inactive, compression=True
        )
        self.run = Simulation(self.folder, FRAMINGS[framing], inputs)
        # Blocks that end within lines.
        self.blocks = patch.object(shipper.harvester, "BLOCK_BYTES", 1500)
        self.blocks.start()
        self.written = self.rotations = self.ticks = 0
        self.half = False
        self.full = False

    @property
    def running(self) -> bool:
        return self.run.agent is not None

    # What services do

    @rule(count=st.integers(1, 30), length=st.sampled_from([0, 40, 400]), trace=st.booleans())
    def append(self, count: int, length: int, trace: bool) -> None:
        self.write("".join(self.line(length, trace and at % 3 != 0) for at in range(count)))

    @rule(length=st.sampled_from([10, 3000]))
    def begin_a_line(self, length: int) -> None:
        self.write(self.line(length)[:-1])
        self.half = True

    @rule()
    def write_elsewhere(self) -> None:
        self.write(self.line(40), self.logs / "other.log")

    @rule()
    def rename(self) -> None:
        self.end_line()
        if self.log.exists():
            self.log.rename(self.next_name())
            self.log.touch()

    @rule()
    def shift(self) -> None:
        """Rename rotated files, too, as logrotate does."""
        self.end_line()
        names = sorted(self.rotated(), key=lambda path: int(path.suffix[1:]), reverse=True)
        for name in names:
            name.rename(name.with_suffix(f".{int(name.suffix[1:]) + 1}"))
        if self.log.exists():
            self.log.rename(self.logs / "app.log.1")
        self.rotations = max(self.rotations + 1, len(names) + 1)

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.5, 5.0]))
    def copytruncate(self, seconds: float) -> None:
        self.end_line()
        if self.log.exists() and self.log.stat().st_size >= COPY_BYTES:
            if not self.run.knows_the_head(self.log, COPY_BYTES):
                self.drain()
            shutil.copy(self.log, self.next_name())
            self.run.sleep(seconds)
            os.truncate(self.log, 0)
            self.touch(self.log)

    @rule()
    def truncate_what_was_delivered(self) -> None:
        self.end_line()
        self.drain()
        if self.log.exists():
            os.truncate(self.log, 0)
            self.touch(self.log)

    @rule(at=st.integers(0, 9), pack=st.booleans())
    def delete_what_was_delivered(self, at: int, pack: bool) -> None:
        self.end_line()
        self.drain()
        # So that a scan has seen what became of the files before.
        self.run.sleep(2.5)
        paths = sorted(path for path in self.logs.iterdir() if path.suffix not in (".gz", ".bz2"))
        if paths:
            path = paths[at % len(paths)]
            if pack:
                packed = path.with_name(f"{path.name}.{self.ticks}.gz")
                packed.write_bytes(gzip.compress(path.read_bytes()))
                self.touch(packed)
            path.unlink()

    @precondition(lambda self: self.running and not self.closes_early and not self.full)
    @rule()
    def delete_while_open(self) -> None:
        self.append(3, 40, False)
        self.drain()
        self.append(3, 40, False)
        self.log.unlink()
        self.drain()

    @rule(at=st.integers(0, 9), kind=st.sampled_from(["gzip", "bzip2"]), seconds=st.sampled_from([0.0, 1.5]))
    def compress(self, at: int, kind: str, seconds: float) -> None:
        """Compress a rotated file, read or not, as logrotate does: the new file is whole before the old one goes."""
        self.end_line()
        paths = sorted(self.rotated())
        if paths:
            path = paths[at % len(paths)]
            packed = path.with_name(path.name + {"gzip": ".gz", "bzip2": ".bz2"}[kind])
            pack = gzip.compress if kind == "gzip" else bz2.compress
            if packed.exists() or not path.stat().st_size:
                return
            if not self.run.knows_the_head(path, min(COPY_BYTES, path.stat().st_size)):
                self.drain()
            packed.write_bytes(pack(path.read_bytes()))
            self.touch(packed)
            self.run.sleep(seconds)
            path.unlink()

    # What happens to the agent

    @precondition(lambda self: not self.running)
    @rule()
    def start(self) -> None:
        self.run.start()

    @precondition(lambda self: self.running)
    @rule()
    def stop(self) -> None:
        self.refill(True)
        self.run.stop()

    @precondition(lambda self: self.running)
    @rule(turns=st.integers(0, 30))
    def crash(self, turns: int) -> None:
        self.run.turns(turns)
        self.refill(True)
        self.run.crash()

    @precondition(lambda self: self.running)
    @rule(way=st.sampled_from(["acknowledge", "store", "lose"]))
    def output(self, way: str) -> None:
        self.run.way = way

    @precondition(lambda self: self.running)
    @rule(at=st.integers(0, 9), accept=st.booleans())
    def settle(self, at: int, accept: bool) -> None:
        # No precondition: what is under way depends on which inodes the file system gives.
        if self.run.held:
            self.run.settle(at, accept)

    @precondition(lambda self: self.running)
    @rule(turns=st.integers(1, 30))
    def take_some_turns(self, turns: int) -> None:
        self.run.turns(turns)

    @precondition(lambda self: self.running)
    @rule(seconds=st.sampled_from([0.3, 1.2, 4.0, 15.0]))
    def pass_time(self, seconds: float) -> None:
        self.run.sleep(seconds)

    @precondition(lambda self: self.running)
    @rule(yes=st.booleans())
    def refill(self, yes: bool) -> None:
        """Let the registry's disk be full for a while."""
        self.run.writable(yes)
        self.full = not yes

    # What must come of it

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        try:
            self.end_line()
            self.drain()
            self.run.sleep(30.0)
            assert self.arrived() == list(range(self.written))
        finally:
            self.run.close()
            self.blocks.stop()
            shutil.rmtree(self.folder)

    def arrived(self) -> list[int]:
        return sorted(int(number) for text in self.run.store.values() for number in NUMBER.findall(text))

    def drain(self) -> None:
        """Let everything that was written arrive."""
        if not self.running:
            self.run.start()
        self.refill(True)
        self.run.settle_all()
        for _ in range(120):
            if len(self.arrived()) >= self.written:
                break
            self.run.sleep(0.5)
        # Acknowledgements and closing.
        self.run.sleep(0.5)
        assert self.arrived() == list(range(self.written))

    def write(self, text: str, path: Path | None = None) -> None:
        path = path or self.log
        if path == self.log and self.half:
            text, self.half = "\n" + text, False
        with path.open("a") as file:
            file.write(text)
        self.touch(path)

    def end_line(self) -> None:
        if self.half:
            self.write("")

    def line(self, length: int, goes_on: bool = False) -> str:
        self.written += 1
        return f"{'    at ' if goes_on else '2025 '}#{self.written - 1}#{'x' * length}\n"

    def rotated(self) -> list[Path]:
        return [path for path in self.logs.glob("app.log.*") if path.suffix[1:].isdigit()]

    def next_name(self) -> Path:
        self.rotations += 1
        return self.logs / f"app.log.{self.rotations}"

    def touch(self, path: Path) -> None:
        """Give each write a time of its own, which the clock of the file system is too coarse for."""
        self.ticks += 1
        os.utime(path, ns=(self.ticks * 10**6, 10**18 + self.ticks * 10**6))


Files.TestCase.settings = settings(
    max_examples=examples(200, 2_000),
    stateful_step_count=40,
    deadline=None,
    # The same lives in each run of `make test`, so that it is not red by chance; others each night.
    derandomize=not NIGHTLY,
    report_multiple_bugs=False,
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
)
TestEachLineOnceWhateverHappens = Files.TestCase
