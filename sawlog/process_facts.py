"""Figures of this process as Filebeat's and Logstash's own pages tell them."""

from __future__ import annotations

import os
import platform
import resource
import socket
import time
import uuid
from pathlib import Path
from typing import Any, Final

STARTED: Final = time.time()
"""When this module was imported: at the start of what tells of itself."""
EPHEMERAL: Final = str(uuid.uuid4())
"""An id of this run."""
_PAGE_BYTES: Final = resource.getpagesize()


def uptime_ms() -> int:
    """Return how long this has been running."""
    return int((time.time() - STARTED) * 1_000)


def resident_bytes() -> int:
    """Return the resident memory of the process."""
    return _pages()[1] * _PAGE_BYTES or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


def virtual_bytes() -> int:
    """Return the virtual memory of the process."""
    return _pages()[0] * _PAGE_BYTES


def _pages() -> tuple[int, int]:
    """Return how many pages of memory the process has, virtual and resident; none where Linux does not tell."""
    try:
        virtual, resident, *_ = Path("/proc/self/statm").read_text(encoding="ascii").split()
        return int(virtual), int(resident)
    except (OSError, ValueError):
        return 0, 0


def cpu_ms() -> tuple[int, int]:
    """Return the CPU time of the process, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime * 1_000), int(used.ru_stime * 1_000)


def open_files() -> int:
    """Return how many descriptors are open."""
    try:
        # The one that looks is one of them.
        return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - names alone
    except OSError:
        return 0


def file_limits() -> tuple[int, int]:
    """Return how many descriptors may be open, softly and at most."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def load_average() -> dict[str, float]:
    """Return the machine's load, as Logstash names it."""
    return dict(zip(("1m", "5m", "15m"), (round(one, 2) for one in os.getloadavg()), strict=True))


def host() -> dict[str, Any]:
    """Return facts of the machine, as Filebeat tells them."""
    return {
        "architecture": platform.machine(),
        "hostname": socket.gethostname(),
        "os": {
            "family": platform.system().lower(),
            "kernel": platform.release(),
            "name": platform.system(),
            "platform": platform.system().lower(),
            "version": platform.version(),
        },
    }
