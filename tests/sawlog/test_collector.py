"""The garbage collector stays away from batches of events."""

from __future__ import annotations

import gc

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
