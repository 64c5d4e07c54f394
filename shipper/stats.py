"""Filebeat's pages of its own state, with the fields that Metricbeat's module `beat` and dashboards read.

Facts: Metricbeat's module `beat` of Beats 8 (metricsets `stats` and `state`). What has no meaning here (goroutines,
Go's garbage collection, bytes on the wire) is left out rather than made up; `docs/reference/metrics.md` says which
fields there are.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sawlog import __version__
from sawlog.health import JsonPage
from sawlog.process_facts import EPHEMERAL, cpu_ms, file_limits, host, open_files, resident_bytes, uptime_ms
from shipper.following import Progress
from shipper.output.base import SenderCounters
from shipper.service import ShipperService


class BeatStats:
    """The pages of one shipper."""

    def __init__(self, service: ShipperService) -> None:
        self._service = service

    def pages(self) -> Mapping[str, JsonPage]:
        """Return them by their paths."""
        return {"/": self.root, "/stats": self.stats, "/state": self.state}

    def root(self, _request: web.Request) -> dict[str, Any]:
        """Tell who this is."""
        return {
            "beat": "filebeat",
            "binary_arch": platform.machine(),
            "ephemeral_id": EPHEMERAL,
            "hostname": host()["hostname"],
            "name": self._name,
            "pid": os.getpid(),
            "uuid": self._service.identity,
            "version": __version__,
        }

    def state(self, _request: web.Request) -> dict[str, Any]:
        """Tell what does not change."""
        config = self._service.config
        return {
            "beat": {"name": self._name},
            "host": host(),
            "input": {"count": len(config.inputs), "names": sorted({one.type for one in config.inputs})},
            "management": {"enabled": False},
            "module": {"count": 0, "names": []},
            "output": {"name": self._output},
            "queue": {"name": "mem"},
            "service": {"id": self._service.identity, "name": "filebeat", "version": __version__},
        }

    def stats(self, _request: web.Request) -> dict[str, Any]:
        """Tell figures since the start."""
        agent = self._service.agent
        return {
            "beat": _process(),
            "filebeat": {
                "events": self._events(),
                "harvester": {
                    "open_files": agent.open_files if agent else 0,
                    "running": agent.progress.files if agent else 0,
                },
            },
            "libbeat": {"output": self._sent(), "pipeline": self._pipeline()},
            "registrar": {"states": {"current": agent.progress.files if agent else 0}},
            "system": _system(),
        }

    @property
    def _name(self) -> str:
        return self._service.config.name or str(host()["hostname"])

    @property
    def _output(self) -> str:
        output = self._service.config.output
        return output.kind if output is not None else ""

    def _events(self) -> dict[str, int]:
        counted = self._counted()
        return {"active": counted.active, "added": counted.total, "done": counted.total - counted.active}

    def _sent(self) -> dict[str, Any]:
        one = self._counted()
        return {
            "type": self._output,
            "events": {
                "acked": one.acked,
                "active": one.active,
                "batches": one.batches,
                "dropped": one.dead,
                "failed": one.failed,
                "total": one.acked + one.dead + one.failed + one.active,
            },
        }

    def _pipeline(self) -> dict[str, Any]:
        one = self._counted()
        return {
            "clients": len(self._service.config.inputs),
            "events": {
                "active": one.active,
                "dropped": 0,
                "failed": 0,
                "filtered": one.filtered,
                "published": one.total - one.filtered,
                "retry": one.retries,
                "total": one.total,
            },
            "queue": {"acked": one.acked},
        }

    def _counted(self) -> _Counted:
        counters = self._service.sender.counters if self._service.sender else SenderCounters()
        progress = self._service.agent.progress if self._service.agent else Progress()
        settled = counters.events + counters.dead + progress.dropped
        return _Counted(
            acked=counters.events,
            batches=counters.batches,
            dead=counters.dead,
            retries=counters.retries,
            active=progress.active,
            failed=progress.failed,
            filtered=progress.dropped,
            # What does not come from files is seen when it is confirmed.
            total=max(progress.read, settled + progress.active),
        )


@dataclass(frozen=True, slots=True)
class _Counted:
    acked: int
    batches: int
    dead: int
    retries: int
    active: int
    failed: int
    filtered: int
    total: int


def _process() -> dict[str, Any]:
    user, system = cpu_ms()
    soft, hard = file_limits()
    times = {"user": user, "system": system, "total": user + system}
    cpu: dict[str, dict[str, Any]] = {name: {"ticks": ms, "time": {"ms": ms}} for name, ms in times.items()}
    cpu["total"]["value"] = user + system
    return {
        "cpu": cpu,
        "handles": {"limit": {"hard": hard, "soft": soft}, "open": open_files()},
        "info": {
            "ephemeral_id": EPHEMERAL,
            "name": "filebeat",
            "uptime": {"ms": uptime_ms()},
            "version": __version__,
        },
        "memstats": {"rss": resident_bytes()},
    }


def _system() -> dict[str, Any]:
    cores = os.cpu_count() or 1
    load = dict(zip(("1", "5", "15"), os.getloadavg(), strict=True))
    norm = {name: round(one / cores, 4) for name, one in load.items()}
    return {"cpu": {"cores": cores}, "load": {**{name: round(one, 4) for name, one in load.items()}, "norm": norm}}
