"""Durations as people write them."""

from __future__ import annotations

import pytest

from sawlog.watch.durations import read_duration, write_duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("1w", 604_800_000), ("250ms", 250)],
)
def test_read(text: str, milliseconds: int) -> None:
    assert read_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5m ", "1.5h", "5y", "٣s"])
def test_not_read(text: str) -> None:
    assert read_duration(text) is None


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0ms"), (250, "250ms"), (30_000, "30s"), (90_000, "1m 30s"), (3_600_000, "1h"), (93_784_000, "1d 2h")],
)
def test_written(milliseconds: int, text: str) -> None:
    assert write_duration(milliseconds) == text
