"""How much the property tests try: `make nightly` sets the variable, `make test` does not."""

from __future__ import annotations

import os

NIGHTLY = os.environ.get("SAWLOG_NIGHTLY") == "1"


def examples(normal: int, nightly: int) -> int:
    """Return how many examples a property test tries in this run."""
    return nightly if NIGHTLY else normal
