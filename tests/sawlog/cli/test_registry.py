"""sawlog registry, as a process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingesting import SAWLOG, SECONDS
from tests.shipping import Shipping


@pytest.fixture
def shipping(tmp_path: Path) -> Iterator[Shipping]:
    with Shipping(tmp_path) as shipping:
        shipping.configure()
        yield shipping


def listed(*options: str) -> subprocess.CompletedProcess[str]:
    command = [SAWLOG, "registry", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_files_with_offsets_and_lag(shipping: Shipping) -> None:
    log, gone = shipping.logs / "a.log", shipping.logs / "gone.log"
    log.write_text("one\ntwo\n")
    gone.write_text("three\n")
    shipping.once()
    gone.unlink()
    shipping.append(log, "four")
    done = listed("-c", str(shipping.config))
    assert done.returncode == 0, done.stderr
    header, line = done.stdout.splitlines()
    assert header.split() == ["FILE", "OFFSET", "SIZE", "LAG", "STATE", "UPDATED"]
    assert line.split()[:5] == [str(log), "8", "13", "5", "behind"]
    assert done.stderr == "1 files, 5 bytes to go; 1 gone or replaced (--all lists them)\n"
    every = listed("--data", str(shipping.folder / "data"), "--json")
    documents = [json.loads(line) for line in every.stdout.splitlines()]
    assert [(one["path"], one["state"], one["size"], one["lag_bytes"]) for one in documents] == [
        (str(log), "behind", 13, 5),
        (str(gone), "gone", None, 0),
    ]


def test_beside_a_shipper_that_runs(shipping: Shipping) -> None:
    log = shipping.logs / "a.log"
    process = shipping.start()
    shipping.append(log, "one")
    shipping.until_there("one")
    done = listed("--data", str(shipping.folder / "data"))
    assert "delivered" in done.stdout
    shipping.stop(process)


def test_a_hostile_name_is_only_text(shipping: Shipping) -> None:
    (shipping.logs / "\x1b[31mred.log").write_text("one\n")
    shipping.once()
    done = listed("-c", str(shipping.config))
    assert "\x1b" not in done.stdout
    assert "\\x1b[31mred.log" in done.stdout


def test_no_registry(tmp_path: Path) -> None:
    done = listed("--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"sawlog: there is no registry in {tmp_path}; --data or -c names another\n"


def test_a_name_of_several_lines_is_one_row(shipping: Shipping) -> None:
    (shipping.logs / "a\nforged.log 1 1 0 delivered\t.log").write_text("one\n")
    shipping.once()
    rows = listed("--data", str(shipping.folder / "data")).stdout.splitlines()
    assert len(rows) == 2
    assert "a\\nforged.log 1 1 0 delivered\\t.log" in rows[1]
