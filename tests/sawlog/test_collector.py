"""Memory is not looked through, nor given back and asked for anew, with each batch of events."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from sawlog import collector


def test_thousands_of_events_at_once_do_not_wake_it() -> None:
    thresholds = gc.get_threshold()
    runs: list[str] = []

    def count(phase: str, _about: dict[str, int]) -> None:
        runs.append(phase)

    try:
        collector.settle()
        assert gc.get_freeze_count() > 1_000
        gc.callbacks.append(count)
        for _ in range(20):
            events = [{"log": {"offset": offset}, "@metadata": {"_id": str(offset)}} for offset in range(7_500)]
            assert events
        assert runs == []
    finally:
        gc.callbacks.remove(count)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can be told")
def test_the_memory_of_a_batch_serves_the_next() -> None:
    program = """
import resource
from sawlog import collector
collector.settle()
def batch():
    assert [bytearray(5 << 20) for _ in range(5)]
for _ in range(3):
    batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    # Given back each time, it would be thousands of pages for each batch.
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert int(said.stdout) < 2_000
