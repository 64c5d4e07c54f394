"""Makes deploy/grafana/sawlog.json: ``python -m tests.deploy.dashboard``. A test compares the two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

BOARD: Final = Path(__file__).parents[2] / "deploy" / "grafana" / "sawlog.json"
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_AT: Final = 'instance=~"$instance"'
_RATE: Final = "$__rate_interval"


def _rate(name: str, by: str) -> tuple[str, str]:
    labels = "}} {{".join(by.split(", "))
    return f"sum by ({by}) (rate({name}{{{_AT}}}[{_RATE}]))", f"{{{{{labels}}}}}"


def _value(name: str, by: str = "instance") -> tuple[str, str]:
    labels = "}} {{".join(by.split(", "))
    return f"sum by ({by}) ({name}{{{_AT}}})", f"{{{{{labels}}}}}"


def _quantile(name: str, by: str, quantile: float = 0.95) -> tuple[str, str]:
    labels = "}} {{".join(by.split(", "))
    inner = f"sum by ({by}, le) (rate({name}_bucket{{{_AT}}}[{_RATE}]))"
    return f"histogram_quantile({quantile}, {inner})", f"{{{{{labels}}}}}"


_OUTPUT: Final = "instance, output"
_ROWS: Final[dict[str, tuple[tuple[str, str, tuple[str, str]], ...]]] = {
    "At a glance": (
        ("Events delivered", "eps", _rate("sawlog_ingest_output_events_total", _OUTPUT)),
        ("Outputs that take events", "short", _value("sawlog_ingest_output_up", _OUTPUT)),
        (
            "How old events are on arrival, 95 %",
            "s",
            _quantile("sawlog_ingest_lag_seconds", "instance, pipeline"),
        ),
    ),
    "What follows files": (
        ("Events shipped", "eps", _rate("sawlog_shipper_events_total", _OUTPUT)),
        ("Not delivered yet", "bytes", _value("sawlog_shipper_lag_bytes")),
        ("Not delivered yet, by file", "bytes", _value("sawlog_shipper_file_lag_bytes", "instance, file")),
        ("From reading to acknowledgement, 95 %", "s", _quantile("sawlog_shipper_batch_seconds", "instance")),
        ("Outputs that take events", "short", _value("sawlog_shipper_output_up", _OUTPUT)),
        ("Files open", "short", _value("sawlog_shipper_open_files")),
        ("Files that cannot be read", "short", _value("sawlog_shipper_unreadable_files")),
        ("Sent again", "ops", _rate("sawlog_shipper_retries_total", _OUTPUT)),
        ("Lost with deleted files", "Bps", _rate("sawlog_shipper_lost_bytes_total", "instance")),
    ),
    "What parses and indexes": (
        ("Events received, by input", "eps", _rate("sawlog_ingest_input_events_total", "instance, input")),
        ("Events not parsed", "eps", _rate("sawlog_ingest_unparsed_total", "instance, pipeline")),
        ("Dead letters", "eps", _rate("sawlog_ingest_output_dead_letters_total", _OUTPUT)),
        ("Until an output has a batch, 95 %", "s", _quantile("sawlog_ingest_output_seconds", _OUTPUT)),
        ("Events in a batch, median", "short", _quantile("sawlog_ingest_output_batch_events", _OUTPUT, 0.5)),
        ("Tries in vain", "ops", _rate("sawlog_ingest_output_retries_total", _OUTPUT)),
        ("Under way", "bytes", _value("sawlog_ingest_in_flight_bytes", "instance, pipeline")),
    ),
    "The processes": (
        ("CPU", "percentunit", _rate("process_cpu_seconds_total", "job, instance")),
        ("Resident memory", "bytes", _value("process_resident_memory_bytes", "job, instance")),
        ("Room on the disk of the data", "bytes", _value("sawlog_data_free_bytes", "instance, folder")),
        ("Versions", "short", _value("sawlog_build_info", "instance, version, python")),
        ("Alerts that fire", "short", _value("sawlog_alerts_firing", "instance, rule")),
    ),
}


def board() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    instance = "label_values(sawlog_build_info, instance)"
    return {
        "title": "sawlog",
        "uid": "sawlog",
        "tags": ["sawlog"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                {
                    "name": "instance",
                    "label": "Instance",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": {"query": instance, "refId": "instance"},
                    "definition": instance,
                    "includeAll": True,
                    "allValue": ".*",
                    "multi": True,
                    "refresh": 2,
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
        "panels": list(_panels()),
    }


def page() -> str:
    """Return the file's text."""
    return json.dumps(board(), indent=2) + "\n"


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for row, panels in _ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": row, "gridPos": {"h": 1, "w": 24, "x": 0, "y": top}, "panels": []}
        top += 1
        for at, (title, unit, (query, legend)) in enumerate(panels):
            number += 1
            yield {
                "id": number,
                "type": "timeseries",
                "title": title,
                "datasource": _SOURCE,
                "gridPos": {
                    "h": _HEIGHT,
                    "w": _WIDTH,
                    "x": at % _COLUMNS * _WIDTH,
                    "y": top + at // _COLUMNS * _HEIGHT,
                },
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
                "targets": [{"refId": "A", "datasource": _SOURCE, "expr": query, "legendFormat": legend}],
            }
        top += -(-len(panels) // _COLUMNS) * _HEIGHT


if __name__ == "__main__":
    BOARD.write_text(page(), encoding="utf-8")
