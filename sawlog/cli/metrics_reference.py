"""The page docs/reference/metrics.md, made of the metrics themselves: ``python -m sawlog.cli.metrics_reference``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import ingest.metrics
import sawlog.process_metrics
import sawlog.watch.metrics
import shipper.metrics
from sawlog.meters import MOST_LABELS, OTHER, Meter

ALL: Final[Mapping[str, tuple[Meter, ...]]] = {
    "Every process": sawlog.process_metrics.MEASURES,
    "What follows files: `sawlog ship`, `sawlog up`": shipper.metrics.MEASURES,
    "What runs pipelines: `sawlog ingest`, `sawlog up`": ingest.metrics.MEASURES,
    "What watches for alerts: `sawlog watch`, `sawlog up`": sawlog.watch.metrics.MEASURES,
}
_HEAD: Final = f"""# Metrics

Made of the code by `python -m sawlog.cli.metrics_reference`; a test compares the two. How to have them scraped,
drawn and watched:
[monitor.md](../how-to/monitor.md).

`GET /metrics` gives them in Prometheus' text format. A histogram has `…_bucket`, `…_count` and `…_sum`.
Counting is done per
batch. Labels `file` and `input` of the shipper have {MOST_LABELS} values at most, the first that come; what has
none of its own
is counted together under `{OTHER}`. Two outputs of one name are told apart: `file`, `file_2`. Of `sawlog_shipper_…`,
`sawlog up` has those that are about files, and none of an output. Worker processes are not in `process_…`.
"""
_BEAT: Final[Mapping[str, str]] = {
    "`GET /`": "`beat` (`filebeat`), `uuid`, `name`, `hostname`, `version` (sawlog's), `ephemeral_id`",
    "`GET /stats`": (
        "`beat.cpu.*`, `beat.handles.*`, `beat.info.*` (`uptime.ms`), `beat.memstats.rss`; `filebeat.events.*`, "
        "`filebeat.harvester.open_files`, `.running`; `libbeat.output.type`, `libbeat.output.events.acked`, `.active`, "
        "`.batches`, `.dropped` (dead letters), `.failed`, `.total`; `libbeat.pipeline.clients`, `.events.*`, "
        "`.queue.acked`; `system.load.*`"
    ),
    "`GET /state`": "`service`, `output.name`, `queue.name`, `input`, `host`, `management`, `module`",
}
_NODE: Final[Mapping[str, str]] = {
    "`GET /`": "`host`, `version`, `http_address`, `id`, `name`, `status`, `pipeline`",
    "`GET /_node`, `/_node/pipelines`, `/_node/pipelines/{id}`, `/_node/os`, `/_node/jvm`": (
        "`pipelines.*` with `workers`, `hash`, `ephemeral_id`; `os`; `jvm.pid`, `.version` (the interpreter's), "
        "`.start_time_in_millis`"
    ),
    "`GET /_node/stats`": (
        "all below; `jvm.threads.count`, `jvm.uptime_in_millis`; `process.cpu.*`, `process.mem.*`, "
        "`process.open_file_descriptors`, `.max_file_descriptors`"
    ),
    "`GET /_node/stats/pipelines`, `/_node/stats/pipelines/{id}`": (
        "by pipeline: `events.in`, `.filtered`, `.out`, `.duration_in_millis`; `plugins.inputs`, `.filters` (names "
        "alone), `.outputs` with `events.*`; `reloads.successes`; `queue.*`; `hash`, `ephemeral_id`; with "
        "`?vertices=true`, `vertices` of inputs and outputs"
    ),
    "`GET /_node/stats/jvm`, `/process`, `/events`, `/reloads`, `/os`": "one part of it",
}


def page() -> str:
    """Write the page."""
    measures = "".join(f"\n## {title}\n\n{_table(several)}" for title, several in ALL.items())
    return f"""{_HEAD}{measures}
## Filebeat's pages

The address of `http.enabled` (`sawlog ship`) answers as Filebeat's, for Metricbeat's module `beat` and
dashboards made
for it:

{_requests(_BEAT)}
Not there, as it would have to be made up: `beat.runtime.goroutines`, Go's `memstats`, `beat.cgroup`, and bytes
on the wire
(`libbeat.output.read`, `.write`). `GET /inputs/` is not there either.

## Logstash's pages

The address of `--api.http.port` (`sawlog ingest`; of `sawlog up`, `--metrics-port`) answers as Logstash's, for
Metricbeat's
module `logstash` and dashboards made for it. `version` is that of the Logstash whose pages these are; `GET /`
has sawlog's
beside.

{_requests(_NODE)}
`?pretty` writes either on several lines. Not there: the heap and garbage collection of a Java machine, figures
of single
filters and codecs, `/_node/hot_threads`, `/_health_report`, `/_node/logging`. `batch_size` is 0: a batch is as
large as its
input makes it.
"""


def _requests(rows: Mapping[str, str]) -> str:
    return "\n".join(["| request | fields |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows.items()), ""])


def series() -> set[str]:
    """Return all names under which a query finds something."""
    return {name for measures in ALL.values() for measure in measures for name in measure.series}


def _table(measures: Iterable[Meter]) -> str:
    rows = ["| metric | kind | labels | |", "| --- | --- | --- | --- |"]
    for one in measures:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.shown}` | {one.kind} | {labels} | {one.words} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
