"""A real embedded store with a handful of events, served on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded import EmbeddedStore

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> \x1b[31mred\x1b[0m \u202eevil'
LEVELS = ["INFO", "INFO", "INFO", "WARN", "ERROR"]


def event(number: int, at: datetime, message: str) -> dict[str, Any]:
    return {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": message,
        "log": {
            "level": LEVELS[number % 5],
            "logger": f"br.com.service.Service{number % 3}",
            "offset": number * 100,
            "file": {"path": "/var/log/conta.log"},
        },
        "service": {"name": ["conta", "orders"][number % 2]},
        "process": {"pid": 60820},
    }


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The drawing library is made once per run, away from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """250 events of the last ten minutes: 150 INFO, 50 WARN, 50 ERROR; one hostile, one that did not parse."""
    now = datetime.now(UTC)
    events = [event(number, now - timedelta(seconds=2 * number + 5), f"request {number} done") for number in range(250)]
    events[0]["message"] = HOSTILE
    events[1]["tags"] = ["_grokparsefailure"]
    async with EmbeddedStore(tmp_path / "index") as opened:
        assert isinstance(opened, EmbeddedStore)
        await opened.bulk(Bulk([f"a:{number}" for number in range(250)], events))
        yield opened


@pytest.fixture
async def url(store: EmbeddedStore) -> AsyncIterator[str]:
    status = {"events": 250, "parse_failures": 1, "files": 1, "lag_bytes": 0, "problems": {"/x": "cannot be read"}}
    async with serve(application(store, status=lambda: status), "127.0.0.1", 0) as address:
        yield address
