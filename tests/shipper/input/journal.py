"""A real journal, made of the export format by systemd-journal-remote, without a systemd that runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.patience import SECONDS
from tests.services import MissingServiceError

_PLACES = ("/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote")
START = 1_795_000_000_000_000
"""When the first entry was written, in microseconds."""


class Journal:
    """One file of a journal, to which entries are added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        remote = next((place for place in _PLACES if Path(place).exists()), None)
        if remote is None or shutil.which("journalctl") is None:
            raise MissingServiceError("systemd-journal-remote is not installed, or journalctl")
        self._remote = remote

    def add(self, *texts: str | bytes, **fields: str) -> None:
        """Add an entry for each text."""
        parts: list[bytes] = []
        for text in texts:
            about = {
                "__REALTIME_TIMESTAMP": str(START + self.count * 1_000_000),
                "__MONOTONIC_TIMESTAMP": str(self.count + 1),
                "_BOOT_ID": "0123456789abcdef0123456789abcdef",
                **fields,
            }
            self.count += 1
            parts += [f"{name}={value}\n".encode() for name, value in about.items()]
            raw = text.encode() if isinstance(text, str) else text
            parts.append(b"MESSAGE\n" + len(raw).to_bytes(8, "little") + raw + b"\n\n")
        command = [self._remote, f"--output={self.path}", "-"]
        subprocess.run(command, input=b"".join(parts), check=True, capture_output=True, timeout=SECONDS)
