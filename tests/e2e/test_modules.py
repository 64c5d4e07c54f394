"""Modules of a filebeat.yml as their users run them: by `sawlog up`, and by `sawlog ship` straight into a store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.modules.test_samples import SAMPLES, VARIABLES, dataset_of

ROOT = Path(__file__).parents[2]
SAWLOG = str(Path(sys.executable).with_name("sawlog"))


def run(*command: object, cwd: Path | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [SAWLOG, *map(str, command)], capture_output=True, text=True, timeout=300, check=False, cwd=cwd
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def of_all_samples(folder: Path, output: str = "output.console: {}") -> Path:
    """Write a filebeat.yml with each sample as a file of its fileset."""
    modules = []
    for sample in SAMPLES:
        module, fileset = dataset_of(sample).split(".")
        more = VARIABLES.get(dataset_of(sample), "enabled: true")
        modules.append(f"- {{module: {module}, {fileset}: {{var.paths: ['{sample}'], {more}}}}}\n")
    path = folder / "filebeat.yml"
    path.write_text(f"filebeat.modules:\n{''.join(modules)}{output}\n")
    return path


@pytest.mark.parametrize("store", ["embedded", "elasticsearch"])
def test_what_all_filesets_make_is_taken_by_the_stores(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where: list[str] = ["--data", str(tmp_path / "data")]
    asked = where
    if store == "elasticsearch":
        url, index = (request.getfixturevalue(name) for name in ("elasticsearch_url", "data_stream"))
        asked = ["--elasticsearch", url, "--index", index]
    given = where if asked is where else [*where, *asked]
    done = run("up", "--once", "--no-web", *given, "-c", of_all_samples(tmp_path))
    told = {line[:16].strip(): line[16:] for line in done.stdout.splitlines()}
    assert (told["files"], told["parse failures"]) == (str(len(SAMPLES)), "3")
    assert told["indexed"] == told["events"]
    assert "dead letters" not in told

    def count(query: str) -> str:
        return run("count", *asked, query).stdout.strip()

    assert count("event.module:* and not tags:*") == str(int(told["events"]) - 3)
    assert count("event.dataset:nginx.access and http.response.status_code:400") == "2"
    assert count("event.duration > 2000000000 and event.module:haproxy") == "2"
    assert count('mysql.slowlog.schema:"employees"') == "1"


def test_shipped_straight_into_a_store_they_stay_as_they_are_and_that_is_said(tmp_path: Path) -> None:
    path = of_all_samples(tmp_path, f"output.embedded.path: {tmp_path}/index\npath.data: {tmp_path}/shipper")
    tried = run("test", "config", "-c", path)
    assert "note: lines of apache.access, apache.error, " in tried.stderr
    done = run("ship", "--once", "-e", "-c", path)
    assert "go to the store as they are: `sawlog up` and `sawlog ingest` parse them" in done.stderr
