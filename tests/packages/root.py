"""Clean roots of Debian 12, made once, in which packages are tried: its own Python, and a systemd that does not run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.deploy.tools import runs
from tests.services import program

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
CONFIGURATION = """filebeat.inputs:
  - {type: filestream, id: services, paths: [/var/log/services/*.log]}
output.file: {path: /var/lib/sawlog/out, filename: events}
"""
SHIP = ("ship", "-e", "--once", "-c", "/etc/sawlog/filebeat.yml", "-E", "path.data=/var/lib/sawlog")


def make_root(folder: Path) -> Path:
    """Make a root with Python and systemd, whose packages Debian's mirror brings."""
    runs(program("debootstrap"), "--variant=minbase", "--include=python3,systemd", SUITE, folder, MIRROR)
    return folder


class Root:
    """A copy of a clean root, in which programs run."""

    def __init__(self, clean: Path, folder: Path) -> None:
        self.path = folder
        runs("cp", "-a", clean, folder)
        (folder / "var/log/services").mkdir()
        # Packages' scripts are to call systemctl, which enables units without a systemd that runs.
        (folder / "run/systemd/system").mkdir(parents=True, exist_ok=True)

    def runs(self, *command: str, user: str = "root") -> str:
        """Run a program in the root, which ends well; return what it printed."""
        return runs("chroot", f"--userspec={user}:{user}", self.path, *command, env=self._environment)

    def fails(self, *command: str) -> str:
        """Run a program in the root, which fails; return what it said."""
        done = subprocess.run(
            ["chroot", self.path, *command], capture_output=True, text=True, check=False, env=self._environment
        )
        assert done.returncode != 0, done.stdout
        return done.stderr

    @property
    def _environment(self) -> dict[str, str]:
        # Nothing of this machine's: no proxy, no home, no path to other Pythons.
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "SYSTEMD_OFFLINE": "1"}

    def bring(self, file: Path) -> str:
        """Copy a file into the root; return its path there."""
        shutil.copy(file, self.path / "root" / file.name)
        return f"/root/{file.name}"

    def log(self, *lines: str) -> None:
        """Append lines to a service's log."""
        with (self.path / "var/log/services/orders.log").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def configure(self) -> None:
        """Do what an administrator does: change the file that the package brought."""
        path = self.path / "etc/sawlog/filebeat.yml"
        assert path.stat().st_mode & 0o777 == 0o640
        path.write_text(CONFIGURATION)

    def ship(self) -> list[str]:
        """Ship as the service does, as its user; return the messages of all that was ever shipped."""
        self.runs("sawlog", *SHIP, user="sawlog")
        events: list[dict[str, Any]] = []
        # The newest file has no number, the oldest the highest.
        files = sorted((self.path / "var/lib/sawlog/out").iterdir(), key=lambda path: -int(path.suffix[1:] or 0))
        for file in files:
            events += map(json.loads, file.read_text().splitlines())
        return [event["message"] for event in events]

    def enabled(self) -> list[str]:
        """Return the units of ours that the machine starts when it boots."""
        return sorted(path.name for path in (self.path / "etc/systemd/system/multi-user.target.wants").glob("sawlog*"))

    def has(self, name: str) -> bool:
        """Say whether a file or a folder is there."""
        return os.path.lexists(self.path / name)
