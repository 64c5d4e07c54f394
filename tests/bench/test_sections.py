"""Each section of `make bench` gives figures, with few lines; a new one comes here by itself."""

from __future__ import annotations

import pytest

from bench.__main__ import SECTIONS, measured
from bench.figures import Services, Size
from bench.node import TOO_FEW
from tests.services import ElasticsearchServer

FEW = Size(lines=400, rounds=1)
SLOW = {"roads", "growth", "start", "senders", "latency"}
"""Dozens of starts each: what they start is tried one by one in test_running.py; all of it here, with `-m slow`."""
ALL = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in SECTIONS]


@pytest.mark.parametrize("name", ALL)
def test_a_section_gives_figures(name: str, elasticsearch_server: ElasticsearchServer) -> None:
    with Services(elasticsearch_server) as services:
        rows = list(measured(name, FEW, services, ("",)))
    assert rows
    for row in rows:
        assert row.values or "installed" in row.beside or row.beside == TOO_FEW, row
        assert all(value > 0 or row.unit in ("µs", "%") for value in row.values), row
