"""Registries that a real Filebeat has written, and the files that it had read."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("log", "container", "native", "fingerprint", "path")
"""The files; each bears the name of how Filebeat knew it."""


def lines(name: str, first: int, last: int) -> list[str]:
    """Return the lines that `make.sh` has written into a file."""
    if name == "container":
        return [f"2026-11-28T10:00:00.000000000Z stdout F container line {at:03}" for at in range(first, last + 1)]
    return [f"{name} line {at:03}, and some words so that it is longer" for at in range(first, last + 1)]


def write(logs: Path, first: int, last: int, *, suffix: str = ".log") -> None:
    """Append lines to each of the files."""
    for name in NAMES:
        with (logs / f"{name}{suffix}").open("a") as file:
            file.writelines(f"{line}\n" for line in lines(name, first, last))


def plant(which: str, folder: Path, logs: Path) -> Path:
    """Copy a registry to `folder`/registry/filebeat, as if Filebeat had read the files in `logs`; return path.data."""
    home = folder / "registry" / "filebeat"
    shutil.copytree(HERE / which, home)
    inodes = [line.split() for line in (home / "files.txt").read_text().splitlines()]
    (home / "files.txt").unlink()
    (folder / "meta.json").write_text(
        '{"uuid":"0d2a2d5a-4d2e-4b5a-9d9b-6f0d1f1f1f1f","first_start":"2026-11-28T10:00:00Z"}'
    )
    for path in home.iterdir():
        text = path.read_text().replace("/LOGS", str(logs)).replace("/DATA", str(folder))
        for name, inode, device in inodes:
            status = (logs / name).stat()
            text = text.replace(f"{inode}-{device}", f"{status.st_ino}-{status.st_dev}")
            # As a number, too, and as Filebeat writes large ones into a checkpoint.
            known = rf'"inode":({inode}|{re.escape(_as_go(int(inode)))})(?=\D)'
            text = re.sub(known, lambda found, now=status.st_ino: f'"inode":{_like(found[1], now)}', text)  # type: ignore[misc] # a default
            text = text.replace(f'"device":{device}', f'"device":{status.st_dev}')
        path.write_text(text)
    return folder


def _as_go(number: int) -> str:
    """Write a number as Go does when it holds it as a float: 1.0078629e+07."""
    digits = str(number)
    return f"{digits[0]}.{digits[1:].rstrip('0')}e+{len(digits) - 1:02}"


def _like(before: str, number: int) -> str:
    return _as_go(number) if "e" in before else str(number)
