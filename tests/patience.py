"""How long tests wait for what must come."""

from __future__ import annotations

SECONDS = 60.0
"""A machine that is busy with other things takes long; only a test that fails waits so long."""
