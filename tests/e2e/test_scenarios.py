"""What happens to log files on real machines, one scenario a test, with `sawlog ship` as a process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.ingesting import until
from tests.shipping import Shipping

LONG = "x" * 60


@pytest.fixture
def shipping(tmp_path: Path) -> Iterator[Shipping]:
    with Shipping(tmp_path) as shipping:
        shipping.configure()
        yield shipping


def lines(start: int, count: int) -> list[str]:
    return [f"line {number} {LONG}" for number in range(start, start + count)]


def configure(shipping: Shipping, paths: str, options: str = "") -> None:
    shipping.configure(f"- {{type: log, paths: ['{paths}'], scan_frequency: 200ms{options}}}")


def test_rename_rotation(shipping: Shipping) -> None:
    configure(shipping, f"{shipping.logs}/app.log*")
    process = shipping.start()
    log = shipping.logs / "app.log"
    for turn in range(5):
        shipping.append(log, *lines(turn * 20, 20))
        time.sleep(0.1)
        for number in range(turn, 0, -1):
            (shipping.logs / f"app.log.{number}").rename(shipping.logs / f"app.log.{number + 1}")
        log.rename(shipping.logs / "app.log.1")
        # Services go on writing for a while after they were told to open their file anew.
        shipping.append(shipping.logs / "app.log.1", f"late {turn}")
    shipping.until_there(*lines(0, 100), *(f"late {turn}" for turn in range(5)))
    shipping.stop(process)


def test_copytruncate(shipping: Shipping) -> None:
    configure(shipping, f"{shipping.logs}/app.log*")
    process = shipping.start()
    log = shipping.logs / "app.log"
    for turn in range(3):
        shipping.append(log, *lines(turn * 50, 50))
        shipping.until_there(*lines(0, turn * 50 + 50))
        shutil.copy(log, shipping.logs / f"app.log.{turn}")
        os.truncate(log, 0)
    shipping.append(log, "the last")
    time.sleep(1.0)
    shipping.until_there(*lines(0, 150), "the last")
    shipping.stop(process)


def test_rotation_while_down(shipping: Shipping) -> None:
    configure(shipping, f"{shipping.logs}/app.log*")
    log = shipping.logs / "app.log"
    shipping.append(log, *lines(0, 30))
    process = shipping.start()
    shipping.until_there(*lines(0, 30))
    shipping.stop(process)
    shipping.append(log, *lines(30, 30))
    log.rename(shipping.logs / "app.log.1")
    shipping.append(log, *lines(60, 30))
    shutil.copy(log, shipping.logs / "app.log.2")
    os.truncate(log, 0)
    shipping.append(log, *lines(90, 30))
    process = shipping.start()
    shipping.until_there(*lines(0, 120))
    shipping.stop(process)


def test_inode_reuse(shipping: Shipping) -> None:
    process = shipping.start()
    log = shipping.logs / "app.log"
    shipping.append(log, *lines(0, 10))
    shipping.until_there(*lines(0, 10))
    inode = log.stat().st_ino
    expected = lines(0, 10)
    shipping.stop(process)
    log.unlink()
    for attempt in range(200):
        # With the same first line as the old file, and longer than it was.
        other = lines(0, 1) + lines(1000 + attempt * 20, 20)
        shipping.append(path := shipping.logs / f"{attempt}.log", *other)
        expected += other
        if path.stat().st_ino == inode:
            break
    else:
        pytest.skip("this file system does not give an inode to another file")
    process = shipping.start()
    shipping.until_there(*expected)
    shipping.stop(process)


def test_symlink_change(shipping: Shipping) -> None:
    link, old, new = (shipping.logs / name for name in ("current.log", "monday", "tuesday"))
    configure(shipping, str(link), ", symlinks: true")
    shipping.append(old, "one")
    link.symlink_to(old)
    process = shipping.start()
    shipping.until_there("one")
    shipping.append(new, "two")
    link.unlink()
    link.symlink_to(new)
    shipping.until_there("one", "two")
    # The old file is still read to its end, and not anew when the link comes back to it.
    shipping.append(old, "three")
    shipping.until_there("one", "two", "three")
    link.unlink()
    link.symlink_to(old)
    shipping.append(old, "four")
    shipping.until_there("one", "two", "three", "four")
    shipping.stop(process)


def test_deleted_while_open(shipping: Shipping) -> None:
    process = shipping.start()
    log = shipping.logs / "app.log"
    with log.open("w") as file:
        file.write("one\n")
        file.flush()
        shipping.until_there("one")
        log.unlink()
        file.write("two\n")
        file.flush()
        shipping.until_there("one", "two")
        time.sleep(0.5)
        file.write("three\n")
    shipping.until_there("one", "two", "three")
    shipping.append(log, "four")
    shipping.until_there("one", "two", "three", "four")
    shipping.stop(process)


def test_ten_thousand_files(shipping: Shipping) -> None:
    # At every 200 ms, nearly all the work would be looking.
    files = f"- {{type: log, paths: ['{shipping.logs}/*.log'], scan_frequency: 2s}}"
    output = f"output.file: {{path: '{shipping.folder}/out', filename: events, rotate_every_kb: 1000000}}"
    shipping.configure(files, output=f"{output}\noutput.file.codec.format.string: '%{{[message]}}'")
    for number in range(10_000):
        (shipping.logs / f"{number}.log").write_text("".join(f"{number} {at}\n" for at in range(100)))
    process = shipping.start(through=["prlimit", "--nofile=512:512"])
    most = 0

    def arrived() -> bool:
        nonlocal most
        most = max(most, psutil.Process(process.pid).num_fds())
        return sum(path.read_bytes().count(b"\n") for path in (shipping.folder / "out").glob("*")) >= 1_000_000

    until(arrived, lambda: shipping.messages, seconds=300)
    texts = [line for path in (shipping.folder / "out").glob("*") for line in path.read_text().splitlines()]
    assert len(texts) == len(set(texts)) == 1_000_000
    assert most < 512
    shipping.append(shipping.logs / "77.log", "one more")
    until(lambda: any("one more" in path.read_text() for path in (shipping.folder / "out").glob("*")))
    shipping.stop(process)


def test_a_directory_that_appears_later(shipping: Shipping) -> None:
    configure(shipping, f"{shipping.folder}/new/*/deep/*.log")
    process = shipping.start()
    deep = shipping.folder / "new" / "service" / "deep"
    deep.mkdir(parents=True)
    shipping.append(deep / "app.log", "one")
    shipping.until_there("one")
    shutil.rmtree(shipping.folder / "new")
    deep.mkdir(parents=True)
    shipping.append(deep / "app.log", "two")
    shipping.until_there("one", "two")
    shipping.stop(process)


def test_permission_lost_and_given_back(shipping: Shipping) -> None:
    log = shipping.logs / "app.log"
    configure(shipping, str(log), ", close_inactive: 500ms")
    shipping.append(log, "one")
    # Who may read everything is told nothing by a file's mode.
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    process = shipping.start(through=without if os.getuid() == 0 else ())
    shipping.until_there("one")
    until(
        lambda: str(log) not in [file.path for file in psutil.Process(process.pid).open_files()],
        lambda: shipping.messages,
    )
    log.chmod(0)
    shipping.append(log, "two") if os.getuid() == 0 else None
    until(lambda: "permission denied" in shipping.messages.lower(), lambda: shipping.messages)
    assert shipping.texts() == ["one"]
    log.chmod(0o600)
    shipping.append(log, "three")
    shipping.until_there("one", "two", "three")
    shipping.stop(process)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of one megabyte."""
    (folder := tmp_path / "small").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "sawlog-test", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_disk_full_for_the_registry(shipping: Shipping, small_disk: Path) -> None:
    log = shipping.logs / "app.log"
    shipping.append(log, *lines(0, 10))
    options = ["-E", f"path.data={small_disk}/data"]
    process = shipping.start(*options)
    shipping.until_there(*lines(0, 10))
    _fill(small_disk / "filler")
    for turn in range(1, 31):
        shipping.append(log, *lines(turn * 10, 10))
        time.sleep(0.05)
    shipping.until_there(*lines(0, 310))
    until(lambda: "cannot be written" in shipping.messages, lambda: shipping.messages)
    # Offsets that were never written are read again after a crash, and give the same `_id`s.
    process.send_signal(signal.SIGKILL)
    process.wait()
    (small_disk / "filler").unlink()
    process = shipping.start(*options)
    until(lambda: len(shipping.texts()) > 310, lambda: shipping.messages)
    time.sleep(0.5)
    ids = {(event["@metadata"]["_id"], event["message"]) for event in shipping.written()}
    assert sorted(text for _, text in ids) == sorted(lines(0, 310))
    # Offsets that could not be written for a while are written later.
    before = len(shipping.texts())
    _fill(small_disk / "filler")
    for turn in range(31, 61):
        shipping.append(log, *lines(turn * 10, 10))
        time.sleep(0.05)
    until(lambda: len(shipping.texts()) == before + 300, lambda: shipping.messages)
    until(lambda: "cannot be written" in shipping.messages, lambda: shipping.messages)
    (small_disk / "filler").unlink()
    until(lambda: "can be written again" in shipping.messages, lambda: shipping.messages)
    shipping.stop(process)
    process = shipping.start(*options)
    shipping.append(log, "the last")
    until(lambda: "the last" in shipping.texts(), lambda: shipping.messages)
    assert len(shipping.texts()) == before + 301
    shipping.stop(process)


def _fill(path: Path) -> None:
    """Take all the room that is left on the disk."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1 << 9):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
