"""What every process tells of itself: its build, its memory and time, and the disk that its data is on."""

from __future__ import annotations

import contextlib
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.core import Metric

from sawlog import __version__
from sawlog.meters import Meter

BUILD: Final = Meter("gauge", "sawlog_build_info", "1; the labels say what runs", ("version", "python"))
DISK_FREE: Final = Meter("gauge", "sawlog_data_free_bytes", "Room on the disk of the data folder", ("folder",))
DISK_SIZE: Final = Meter("gauge", "sawlog_data_size_bytes", "Size of the disk of the data folder", ("folder",))
PROCESS: Final = (
    Meter("gauge", "process_virtual_memory_bytes", "Virtual memory of the main process"),
    Meter("gauge", "process_resident_memory_bytes", "Resident memory of the main process"),
    Meter("gauge", "process_start_time_seconds", "When it was started, in seconds since 1970"),
    Meter("counter", "process_cpu_seconds", "CPU time of the main process, user and system"),
    Meter("gauge", "process_open_fds", "File descriptors that it has open"),
    Meter("gauge", "process_max_fds", "File descriptors that it may have open"),
)
"""As Prometheus' own library makes them, on Linux."""
MEASURES: Final = (BUILD, DISK_FREE, DISK_SIZE, *PROCESS)


def process_metrics(folder: Path | None = None) -> Iterator[Metric]:
    """Tell how the process is; `folder` is where its data lives, if it has any."""
    yield BUILD.of([((__version__, platform.python_version()), 1)])
    yield from ProcessCollector(registry=None).collect()
    if folder is not None:
        # A folder that is gone has no disk; the rest is told all the same.
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(folder)
            yield DISK_FREE.of([((str(folder),), usage.free)])
            yield DISK_SIZE.of([((str(folder),), usage.total)])
