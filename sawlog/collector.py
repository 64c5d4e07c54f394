"""Memory while events flow: what Python and the C library do with it is made for programs that do many small things."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

_THRESHOLDS: Final = (200_000, 20, 100)

# From <malloc.h> of the GNU C library.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_KEPT_BYTES: Final = 64 << 20
"""So much free memory at the end of the heap is not given back to the system: a few blocks and bodies."""
_MAPPED_BYTES: Final = 32 << 20
"""Only what is larger is mapped by itself; the most that can be set."""


def settle() -> None:
    """Call this when all is made that stays until the end, before the first batch.

    What exists now need not be looked at again. Events have no cycles: they are gone when nobody holds them. With
    Python's own thresholds, a batch of some thousand dictionaries has the collector look through all of them dozens of
    times, which took a fifth of the time of `sawlog up`.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have the allocator keep the memory of one batch for the next.

    It gives what lies free at the end of a heap back to the system, and a batch of some megabytes is that each time:
    the system then clears every page anew, which took a tenth of the time of `sawlog up`. Four heaps serve all
    threads, which hand one another what they have made; with one, searches that run side by side wait for each other's
    allocations half of their time. Only the GNU C library has this; others do without.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _MAPPED_BYTES), (_ARENA_MAX, 4)):
        mallopt(option, value)
