"""sawlog registry import, as a process: the table, what stops it, and a whole switch."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingesting import SAWLOG, SECONDS
from tests.shipper import filebeat
from tests.shipping import Shipping


@pytest.fixture
def shipping(tmp_path: Path) -> Iterator[Shipping]:
    with Shipping(tmp_path) as shipping:
        shipping.configure()
        yield shipping


@pytest.fixture
def theirs(shipping: Shipping) -> Path:
    """Filebeat's data, which has read 50 lines of each file."""
    filebeat.write(shipping.logs, 1, 52)
    return filebeat.plant("log", shipping.folder / "filebeat", shipping.logs)


def run(shipping: Shipping, *options: object) -> subprocess.CompletedProcess[str]:
    command = [SAWLOG, "registry", "import", "-c", str(shipping.config), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert "Traceback" not in done.stderr
    return done


def test_a_whole_switch(shipping: Shipping, theirs: Path) -> None:
    done = run(shipping, theirs / "registry")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["FILE", "OFFSET", "SIZE", "TO", "GO", "TAKEN", "OVER", "REMARK"]
    assert {Path(row.split()[0]).stem: row.split()[1:] for row in rows} == {
        name: [f"{50 * length:,}", f"{52 * length:,}", str(2 * length), "yes"]
        for name in filebeat.NAMES
        for length in [len(filebeat.lines(name, 1, 1)[0]) + 1]
    }
    registry = shipping.folder / "data" / "registry.sqlite"
    assert done.stderr == f"5 of 5 states are taken over into {registry}\n"
    assert registry.stat().st_mode & 0o777 == 0o600
    process = shipping.start()
    filebeat.write(shipping.logs, 53, 55)
    shipping.until_there(*(line for name in filebeat.NAMES for line in filebeat.lines(name, 51, 55)))
    shipping.stop(process)
    again = run(shipping, theirs)
    assert "0 of 5 states are taken over" in again.stderr
    assert again.stdout.count("it is known here already") == 5


def test_a_dry_run_writes_nothing(shipping: Shipping, theirs: Path) -> None:
    done = run(shipping, "--dry-run", theirs)
    assert "5 of 5 states would be taken over" in done.stderr
    assert not (shipping.folder / "data").exists()
    run(shipping, theirs)
    again = run(shipping, "--dry-run", "--json", theirs)
    documents = [json.loads(line) for line in again.stdout.splitlines()]
    assert {one["taken_over"] for one in documents} == {False}
    assert {one["reason"] for one in documents} == {
        f"it is known here already, and was read up to {one['offset']}" for one in documents
    }


def test_while_filebeat_runs_it_is_refused(shipping: Shipping, theirs: Path) -> None:
    with (theirs / "filebeat.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(shipping, theirs)
        assert done.returncode == 1
        assert done.stderr == (
            f"sawlog: Filebeat runs (it holds {lock.name}); stop it first,"
            " or what it reads meanwhile would be sent twice\n"
        )
        assert not (shipping.folder / "data").exists()
        rehearsal = run(shipping, "--dry-run", theirs)
        assert rehearsal.returncode == 0
        assert f"Filebeat runs (it holds {lock.name}), so this will have changed when it is stopped" in rehearsal.stderr


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_while_the_shipper_runs_it_is_refused(shipping: Shipping, theirs: Path, options: tuple[str, ...]) -> None:
    process = shipping.start()
    done = run(shipping, *options, theirs)
    assert done.returncode == 1
    assert done.stderr == f"sawlog: a sawlog uses {shipping.folder}/data/registry.sqlite; stop it first\n"
    shipping.stop(process)


def test_a_damaged_registry(shipping: Shipping, theirs: Path) -> None:
    log = theirs / "registry" / "filebeat" / "log.json"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([*lines[:-4], "\x00\x00damaged\n", *lines[-4:]]))
    done = run(shipping, theirs)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"sawlog: {log}, line {len(lines) - 3}: this is no operation of Filebeat's;")
    done = run(shipping, "--until-damage", theirs)
    assert done.returncode == 0
    assert "line" in done.stderr


def test_a_torn_registry_and_states_that_are_not_of_files(shipping: Shipping, theirs: Path) -> None:
    log = theirs / "registry" / "filebeat" / "log.json"
    count = log.read_text().count('"op"')
    with log.open("a") as file:
        file.write(f'{{"op":"set","id":{count + 1}}}\n{{"k":"journald::x\\u001b[31m","v":{{"ttl":-1}}}}\n{{"op":"se')
    done = run(shipping, theirs)
    assert done.returncode == 0
    assert done.stderr.splitlines()[1:] == [
        f"{log}, line {2 * count + 3}: the last operation is torn, and was not done",
        "1 states are not of files (journald) and stay behind",
    ]


def test_a_hostile_name_is_only_text(shipping: Shipping, theirs: Path) -> None:
    log = theirs / "registry" / "filebeat" / "log.json"
    log.write_text(log.read_text().replace("/log.log", "/\\u001b[31mred\\nx.log"))
    done = run(shipping, theirs)
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == 6


def test_no_registry_there(shipping: Shipping) -> None:
    done = run(shipping, shipping.folder / "nowhere")
    assert (done.returncode, done.stderr) == (1, f"sawlog: there is no folder {shipping.folder}/nowhere\n")


def test_options_before_the_command_are_not_passed_over(shipping: Shipping) -> None:
    command = [SAWLOG, "registry", "-c", str(shipping.config), "import", str(shipping.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert "options of 'import' stand behind it" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_in_the_folder_of_a_service_is_the_services(shipping: Shipping, theirs: Path) -> None:
    (data := shipping.folder / "data").mkdir()
    os.chown(data, 4711, 4712)
    run(shipping, theirs)
    owners = {(path.name, path.stat().st_uid, path.stat().st_gid) for path in data.iterdir()}
    assert {("agent.json", 4711, 4712), ("registry.sqlite", 4711, 4712), ("registry.sqlite.lock", 4711, 4712)} <= owners
