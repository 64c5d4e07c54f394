"""The alerts of `sawlog up`: imported only where some may be, since the languages of queries take long to import."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from sawlog.errors import InputError
from sawlog.search.problem_rules import read_rules
from sawlog.store.base import Store
from sawlog.watch import memory
from sawlog.watch.reading import NAME, read_alerts
from sawlog.watch.rules import AlertSettings
from sawlog.watch.watcher import Watcher

log = logging.getLogger(__name__)


def rules_of(given: Path | None, folder: Path) -> AlertSettings | None:
    """Read the rules of the file that was given, or of that in the data folder if there is one.

    Raises:
        SawlogError: something in them cannot be honoured.
    """
    file = given or folder / NAME
    if given is None and not file.exists():
        return None
    found = read_alerts(file)
    for note in found.notes:
        log.warning("%s", note)
    return found


def watcher_of(alerts: AlertSettings, store: Store | None, folder: Path, *, is_ready: Callable[[], bool]) -> Watcher:
    """Make what watches a store by these rules. Raises InputError if there is none."""
    if store is None:
        raise InputError(f"{alerts.file}: the pipeline's outputs are no store that could be searched for alerts")
    return Watcher(alerts, store, folder / memory.NAME, problems=read_rules(folder), is_ready=is_ready)
