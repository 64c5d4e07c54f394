"""Logstash's pages of its own state, with the fields that Metricbeat's module `logstash` and dashboards read.

Facts: Logstash's monitoring API (version 8) and Metricbeat's module `logstash`. What has no meaning here (the heap of a
Java machine, figures of single filters) is left out rather than made up; `docs/reference/metrics.md` says which fields
there are.
"""

from __future__ import annotations

import os
import platform
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ingest.metrics import Services, health
from ingest.service import IngestService
from sawlog import __version__
from sawlog.health import JsonPage
from sawlog.meters import distinct
from sawlog.process_facts import (
    EPHEMERAL,
    STARTED,
    cpu_ms,
    file_limits,
    load_average,
    open_files,
    resident_bytes,
    uptime_ms,
    virtual_bytes,
)

LOGSTASH: Final = "8.19.0"
"""The version of Logstash whose pages these are, in parts; Metricbeat reads it to know what to ask for."""
_COLOURS: Final = {"ok": "green", "waiting": "yellow", "failed": "red"}
_PIPELINES: Final = "/_node/pipelines", "/_node/pipelines/{id}"
_STATS: Final = "/_node/stats/pipelines", "/_node/stats/pipelines/{id}"


class NodeStats:
    """The pages of one process that runs pipelines."""

    def __init__(
        self,
        services: Callable[[], Services],
        folder: Path,
        failed: Callable[[], Mapping[str, BaseException]] = dict,
    ) -> None:
        """`folder` has the data: the id of this node is made of it and the machine's name."""
        self._services = services
        self._failed = failed
        self._id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"sawlog://{socket.gethostname()}{folder.absolute()}"))

    def pages(self) -> Mapping[str, JsonPage]:
        """Return them by their paths."""
        return {
            "/": lambda request: {**self._node(request), "build_flavor": "sawlog", "sawlog": {"version": __version__}},
            "/_node": lambda request: {**self._node(request), "pipelines": self._pipelines(), **_machine()},
            **dict.fromkeys(_PIPELINES, self._asked_pipelines),
            "/_node/os": lambda request: {**self._node(request), "os": _machine()["os"]},
            "/_node/jvm": lambda request: {**self._node(request), "jvm": _machine()["jvm"]},
            "/_node/stats": lambda request: {**self._node(request), **self._all_stats(request)},
            **dict.fromkeys(_STATS, self._asked_stats),
            **{f"/_node/stats/{part}": self._part(part) for part in ("jvm", "process", "events", "reloads", "os")},
        }

    def _node(self, request: web.Request) -> dict[str, Any]:
        services = self._services()
        status = _COLOURS[health(services, self._failed())["status"]] if services else "yellow"
        workers = [_workers(one) for one in services.values()]
        return {
            "host": socket.gethostname(),
            "version": LOGSTASH,
            "http_address": request.host,
            "id": self._id,
            "name": socket.gethostname(),
            "ephemeral_id": EPHEMERAL,
            "snapshot": False,
            "status": status,
            # A batch is as large as its input makes it.
            "pipeline": {"workers": max(workers, default=1), "batch_size": 0, "batch_delay": 0},
        }

    def _pipelines(self) -> dict[str, Any]:
        return {name: _pipeline(one) for name, one in self._services().items()}

    def _asked_pipelines(self, request: web.Request) -> dict[str, Any] | None:
        return _of(request, self._node(request), self._pipelines())

    def _asked_stats(self, request: web.Request) -> dict[str, Any] | None:
        return _of(request, self._node(request), self._pipeline_stats(request))

    def _pipeline_stats(self, request: web.Request) -> dict[str, Any]:
        vertices = request.query.get("vertices", "false") == "true"
        return {name: _stats(one, vertices=vertices) for name, one in self._services().items()}

    def _all_stats(self, request: web.Request) -> dict[str, Any]:
        services = list(self._services().values())
        user, system = cpu_ms()
        return {
            "jvm": {"threads": {"count": threading.active_count()}, "uptime_in_millis": uptime_ms()},
            "process": {
                "open_file_descriptors": open_files(),
                "max_file_descriptors": file_limits()[0],
                "mem": {"total_virtual_in_bytes": virtual_bytes(), "resident_in_bytes": resident_bytes()},
                "cpu": {
                    "total_in_millis": user + system,
                    "percent": round(100 * (user + system) / max(1, uptime_ms())),
                    "load_average": load_average(),
                },
            },
            "events": _sum([_events(one) for one in services]),
            "pipelines": self._pipeline_stats(request),
            "reloads": {"successes": sum(one.counts.reloads for one in services)},
            "os": {},
            "queue": {"events_count": 0},
        }

    def _part(self, part: str) -> JsonPage:
        return lambda request: {**self._node(request), part: self._all_stats(request)[part]}


def _of(request: web.Request, node: Mapping[str, Any], pipelines: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return all pipelines, or the one that is asked for; None when there is none of the name."""
    name = request.match_info.get("id")
    if name is None:
        return {**node, "pipelines": pipelines}
    return {**node, "pipelines": {name: pipelines[name]}} if name in pipelines else None


def _workers(service: IngestService) -> int:
    """Return how many run filters: worker processes, or the main process alone."""
    return service.workers or 1


def _pipeline(service: IngestService) -> dict[str, Any]:
    return {
        "ephemeral_id": service.ephemeral_id,
        "hash": service.hash,
        "workers": _workers(service),
        "batch_size": 0,
        "batch_delay": 0,
        "dead_letter_queue_enabled": True,
    }


def _events(service: IngestService) -> dict[str, int]:
    counts = service.counts
    return {
        "in": counts.received,
        "filtered": counts.filtered,
        "out": sum(output.sent.events for output in service.outputs),
        "duration_in_millis": int(counts.batch_seconds.sum * 1_000),
    }


def _stats(service: IngestService, *, vertices: bool) -> dict[str, Any]:
    inputs = _inputs(service)
    outputs = _outputs(service)
    filters = [{"id": name, "name": name} for name in distinct(service.filter_names)]
    told = {
        "events": _events(service),
        "plugins": {"inputs": inputs, "codecs": [], "filters": filters, "outputs": outputs},
        "reloads": {"successes": service.counts.reloads},
        # What waits is at its source; this is what is under way.
        "queue": {"type": "memory", "events_count": 0, "queue_size_in_bytes": service.window.bytes},
        "hash": service.hash,
        "ephemeral_id": service.ephemeral_id,
    }
    return {**told, "vertices": _vertices(service, inputs, outputs)} if vertices else told


def _inputs(service: IngestService) -> list[dict[str, Any]]:
    names = distinct(one.id for one in service.inputs)
    return [
        {"id": name, "name": one.kind, "events": {"out": one.counts.events}}
        for name, one in zip(names, service.inputs, strict=True)
    ]


def _outputs(service: IngestService) -> list[dict[str, Any]]:
    names = distinct(one.name for one in service.outputs)
    return [
        {
            "id": name,
            "name": output.kind,
            "events": {
                "in": output.sent.events + output.sent.dead,
                "out": output.sent.events,
                "duration_in_millis": int(output.sent.seconds.sum * 1_000),
            },
            "documents": {"successes": output.sent.events, "non_retryable_failures": output.sent.dead},
        }
        for name, output in zip(names, service.outputs, strict=True)
    ]


def _vertices(
    service: IngestService, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the figures of inputs and outputs as Kibana's view of a pipeline has them."""
    run = service.ephemeral_id
    return [
        *({"id": one["id"], "pipeline_ephemeral_id": run, "events_out": one["events"]["out"]} for one in inputs),
        *(
            {
                "id": one["id"],
                "pipeline_ephemeral_id": run,
                "events_in": one["events"]["in"],
                "events_out": one["events"]["out"],
                "duration_in_millis": one["events"]["duration_in_millis"],
            }
            for one in outputs
        ),
    ]


def _sum(several: list[dict[str, int]]) -> dict[str, int]:
    names = ("in", "filtered", "out", "duration_in_millis")
    return {name: sum(one[name] for one in several) for name in names}


def _machine() -> dict[str, Any]:
    return {
        "os": {
            "name": platform.system(),
            "arch": platform.machine(),
            "version": platform.release(),
            "available_processors": os.cpu_count() or 1,
        },
        # It is Python: what Metricbeat asks for has the interpreter's answers.
        "jvm": {
            "pid": os.getpid(),
            "version": platform.python_version(),
            "vm_name": platform.python_implementation(),
            "vm_version": platform.python_version(),
            "start_time_in_millis": int(STARTED * 1_000),
        },
    }
