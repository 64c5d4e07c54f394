"""`sawlog store` and `sawlog sql`, as their users run them."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.request import Request, urlopen

import arro3.io
import duckdb
import pytest

from sawlog.paths import index_directory
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.retention import retention_of
from tests.sawlog.store.conformance import DOCUMENTS

SAWLOG = str(Path(sys.executable).with_name("sawlog"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with three events in a segment and four in a log."""

    async def fill() -> None:
        names = list(DOCUMENTS)
        async with EmbeddedStore(index_directory(tmp_path), segment_rows=3) as store:
            await store.bulk(Bulk(names[:3], [DOCUMENTS[name] for name in names[:3]]))
        async with EmbeddedStore(index_directory(tmp_path)) as store:
            await store.bulk(Bulk(names[3:], [DOCUMENTS[name] for name in names[3:]]))

    asyncio.run(fill())
    return tmp_path


def run(*arguments: object, code: int = 0) -> str:
    done = subprocess.run([SAWLOG, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def test_info(data: Path) -> None:
    told = run("store", "info", "--data", data)
    assert "events          7, of which 4 in logs\n" in told
    assert "in segments     2025-03-01T10:00:00.000Z to 2025-03-01T10:01:00.000Z\n" in told
    assert "retention       everything is kept\n" in told


def test_info_tells_the_retention_and_compact_keeps_it(data: Path) -> None:
    async def give() -> None:
        async with EmbeddedStore(index_directory(data), retention=retention_of("36h,50GB")):
            pass

    asyncio.run(give())
    run("store", "compact", "--data", data)
    assert "retention       36h,50GB\n" in run("store", "info", "--data", data)


def test_verify_finds_what_is_damaged(data: Path) -> None:
    run("store", "verify", "--data", data)
    [segment] = index_directory(data).glob("*.parquet")
    segment.write_bytes(segment.read_bytes()[:-5] + b"?" + segment.read_bytes()[-4:])
    told = run("store", "verify", "--data", data, code=1)
    assert told == f"sawlog: 1 problems in {index_directory(data)}\n"


def test_sql_over_segments_and_logs(data: Path, tmp_path: Path) -> None:
    query = 'SELECT _id, "log.level" AS level, tags, "@timestamp" FROM logs ORDER BY _id'
    lines = [json.loads(line) for line in run("sql", "--data", data, "--json", query).splitlines()]
    assert [line["_id"] for line in lines] == sorted(DOCUMENTS)
    assert (lines[1]["level"], lines[1]["tags"]) == ("WARN", ["slow", "ledger"])
    table = run(
        "sql", "--data", data, 'SELECT "log.level", count(*) AS n FROM logs GROUP BY ALL ORDER BY n DESC LIMIT 1;'
    )
    assert [line.split() for line in table.splitlines()] == [["log.level", "n"], ["INFO", "3"]]
    rest = run("sql", "--data", data, "--json", "SELECT rest->>'$.http.status' AS s FROM logs WHERE rest LIKE '%503%'")
    assert rest == '{"s":"503"}\n'
    run("sql", "--data", data, "--output", tmp_path / "a.parquet", query)
    assert arro3.io.read_parquet(tmp_path / "a.parquet").read_all().num_rows == 7
    run("sql", "--data", data, "--output", tmp_path / "a.csv", query)
    assert len(list(csv.reader((tmp_path / "a.csv").open()))) == 8


def test_the_page_on_other_tools(data: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/read-with-other-tools.md").read_text()
    [block] = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with duckdb.connect() as connection:
        found = [
            connection.execute(one.replace("DATA/index", str(index_directory(data)))).fetchall()
            for one in block.split(";\n")
            if one.strip()
        ]
    assert [[row[1:] for row in rows] for rows in found] == [[(1,)], [(3,)]]
    for query in re.findall(r"^\$ sawlog sql '(.+)'$", page, re.MULTILINE):
        assert run("sql", "--data", data, query.replace("\\'", "'"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("COPY logs TO 'x.parquet'", "takes one SELECT"),
        ("SELECT 1; SELECT 2", "takes one SELECT"),
        ("SET memory_limit = '1TB'", "takes one SELECT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SELEKT", "syntax error"),
        ('SELECT "log.levle" FROM logs', "log.level"),
    ],
)
def test_sql_only_reads_and_only_the_index(data: Path, query: str, words: str) -> None:
    assert words in run("sql", "--data", data, query, code=1)


def test_where_nothing_was_indexed(tmp_path: Path) -> None:
    for command in (["store", "info"], ["store", "verify"], ["sql", "SELECT 1"]):
        assert "nothing has been indexed" in run(*command, "--data", tmp_path, code=1)


def test_all_documents_are_exported(data: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in run("store", "export", "--data", data).splitlines()]
    found = {line["_id"]: line["_source"] for line in lines}
    assert found == DOCUMENTS
    assert {line["_index"] for line in lines} == {"logs-spring-default"}
    output = tmp_path / "all.ndjson"
    run("store", "export", "--data", data, "--output", output)
    assert [json.loads(line) for line in output.read_text().splitlines()] == lines
    assert run("store", "export", "--data", data, "--index", "another") == ""
    told = run("store", "export", "--data", data, "--output", tmp_path / "no" / "such" / "folder", code=1)
    assert "No such file or directory" in told


def test_an_export_is_taken_by_elasticsearch(data: Path, elasticsearch_url: str) -> None:
    index = f"exported-{uuid.uuid4().hex[:12]}"
    body = run("store", "export", "--bulk", "--data", data).replace("logs-spring-default", index)
    headers = {"Content-Type": "application/x-ndjson"}
    with urlopen(Request(f"{elasticsearch_url}/_bulk?refresh=true", body.encode(), headers), timeout=60) as answer:
        assert json.load(answer)["errors"] is False
    with urlopen(f"{elasticsearch_url}/{index}/_search?size=100", timeout=60) as answer:
        hits = json.load(answer)["hits"]["hits"]
    assert {hit["_id"]: hit["_source"] for hit in hits} == DOCUMENTS


def test_segments_are_compacted(tmp_path: Path) -> None:
    names = list(DOCUMENTS)

    async def fill() -> None:
        async with EmbeddedStore(index_directory(tmp_path), segment_rows=1) as store:
            for name in names:
                await store.bulk(Bulk([name], [DOCUMENTS[name]]))

    asyncio.run(fill())
    before = run("store", "export", "--data", tmp_path).splitlines()
    assert run("store", "compact", "--data", tmp_path) == f"{len(names)} segments became 1\n"
    run("store", "verify", "--data", tmp_path)
    assert len(list(index_directory(tmp_path).glob("seg-*.parquet"))) == 1
    assert sorted(run("store", "export", "--data", tmp_path).splitlines()) == sorted(before)
    assert run("store", "compact", "--data", tmp_path) == "1 segments became 1\n"


async def test_an_index_that_is_written_is_not_compacted(data: Path) -> None:
    async with EmbeddedStore(index_directory(data)):
        told = await asyncio.to_thread(run, "store", "compact", "--data", data, code=1)
    assert "is in use by process" in told
