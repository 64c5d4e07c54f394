"""`python -m tests.chaos`: full runs, with figures for docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Chaos, Way
from tests.services import ElasticsearchServer, elasticsearch_cluster

WAYS: tuple[Way, ...] = ("mqtt", "lumberjack", "kafka", "embedded", "cluster")
NODES = 3


def main() -> int:
    """Run each way that was asked for, one after the other; fail when a line was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    bad = 0
    for way in given.way or WAYS:
        nodes = elasticsearch_cluster(NODES) if way == "cluster" else [ElasticsearchServer()]
        try:
            for node in nodes:
                node.launch()
            for node in nodes:
                node.wait()
            with tempfile.TemporaryDirectory() as folder:
                chaos = Chaos(way, Path(folder), nodes, given.seed, (2.0, 10.0))
                figures = asyncio.run(chaos.run(given.seconds))
        finally:
            for node in nodes:
                node.close()
        print(figures, flush=True)
        bad += figures.lost + figures.doubled
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
