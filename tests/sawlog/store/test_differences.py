"""Fields that are computed of two dates: in the embedded index, and refused where the script is another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboards.source import read as read_objects
from sawlog.errors import QueryError
from sawlog.store import differences
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore

LAG = {"lag": differences.mapping("@timestamp", "event.ingested")}
ASKED = {"percentiles": {"field": "lag", "percents": [0, 50, 100]}}


def test_what_is_written_is_read() -> None:
    runtime = {"a": differences.mapping("@timestamp", "event.ingested"), "b": differences.mapping("x", "y.z")}
    assert differences.read(runtime) == {"a": ("@timestamp", "event.ingested"), "b": ("x", "y.z")}
    for one in read_objects().data_view.runtime.values():
        assert differences.read({"x": {"type": one.type, "script": {"source": one.script}}}) == {
            "x": (one.start, one.end)
        }


@pytest.mark.parametrize(
    "mapping",
    [
        {"type": "long", "script": {"source": "emit(1)"}},
        {"type": "long", "script": "emit(doc['a'].value - doc['b'].value)"},
        {"type": "long", "script": {"source": differences.script("a", "b") + "; emit(5)"}},
        {**LAG["lag"], "type": "keyword"},
        {"type": "long"},
        None,
    ],
)
def test_another_script_is_refused(mapping: Any) -> None:
    with pytest.raises(QueryError, match="'own' is not offered: the index runs no scripts"):
        differences.read({"own": mapping})


@pytest.mark.parametrize("segment_rows", [2, 1_000])
async def test_the_index_computes_them(tmp_path: Path, segment_rows: int) -> None:
    ingested: list[Any] = ["2025-03-01T10:00:05Z", None, ["2025-03-01T10:00:09Z", "2025-03-01T10:00:03Z"]]
    documents = [
        {"@timestamp": "2025-03-01T10:00:00Z", "message": "x", **({"event": {"ingested": one}} if one else {})}
        for one in ingested
    ]
    async with EmbeddedStore(tmp_path, segment_rows=segment_rows) as store:
        for number, document in enumerate(documents):
            await store.bulk(Bulk([str(number)], [document]))
        answer = await store.search({"size": 0, "runtime_mappings": LAG, "aggs": {"lag": ASKED}})
        found = answer["aggregations"]["lag"]["values"]
        # Of several values the first counts, as in Elasticsearch.
        assert found == {"0.0": 3_000.0, "50.0": 4_000.0, "100.0": 5_000.0}
        steps = {"field": "@timestamp", "fixed_interval": "1m"}
        body = {"over": {"date_histogram": steps, "aggs": {"lag": ASKED, "mean": {"avg": {"field": "lag"}}}}}
        answer = await store.search({"size": 0, "runtime_mappings": LAG, "aggs": body})
        [bucket] = answer["aggregations"]["over"]["buckets"]
        assert (bucket["doc_count"], bucket["mean"]["value"]) == (3, 4_000.0)
        assert bucket["lag"]["values"] == found
        with pytest.raises(QueryError, match="only what lies between"):
            await store.search({"runtime_mappings": {"a": differences.mapping("@timestamp", "log.offset")}})
