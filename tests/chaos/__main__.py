"""`python -m tests.chaos`: full runs, with figures for docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Chaos
from tests.services import ElasticsearchServer


def main() -> int:
    """Run each way that was asked for, one after the other; fail when a line was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", action="append", choices=["mqtt", "lumberjack", "embedded"])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    bad = 0
    server = ElasticsearchServer()
    try:
        server.start()
        for way in given.way or ["mqtt", "lumberjack", "embedded"]:
            with tempfile.TemporaryDirectory() as folder:
                chaos = Chaos(way, Path(folder), server, given.seed, (2.0, 10.0))
                figures = asyncio.run(chaos.run(given.seconds))
            print(figures, flush=True)
            bad += figures.lost + figures.doubled
    finally:
        server.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
