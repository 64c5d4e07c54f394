"""A folder with a `filebeat.yml`, and runs of `sawlog ship` on it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.ingesting import SAWLOG, SECONDS, until


class Shipping:
    """A folder with a configuration, and runs of `sawlog ship` on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "filebeat.yml"
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()

    def configure(self, inputs: str | None = None, output: str | None = None, more: str = "") -> None:
        inputs = f"  {inputs}" if inputs else f"- {{type: log, paths: ['{self.logs}/*.log'], scan_frequency: 200ms}}"
        output = output or f"output.file: {{path: '{self.folder}/out', filename: events}}"
        self.config.write_text(f"filebeat.inputs:\n{inputs}\n{output}\npath.data: {self.folder}/data\n{more}\n")

    def once(self, *options: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [SAWLOG, "ship", "-c", str(self.config), "--once", *options]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS, check=False)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    def start(self, *options: str, through: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start it, `through` another command if there is one, and wait until it says that it runs."""
        with (self.folder / "ship.log").open("ab") as log:
            log.truncate(0)
            command = [*through, SAWLOG, "ship", "-c", str(self.config), *options]
            self.running.append(process := subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log))
        until(lambda: "the shipper runs" in self.messages, lambda: self.messages)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End it as its operator would."""
        process.terminate()
        assert process.wait(SECONDS) == 0, self.messages
        assert "Traceback" not in self.messages

    @property
    def messages(self) -> str:
        return (self.folder / "ship.log").read_text()

    def written(self, name: str = "events") -> list[dict[str, Any]]:
        files = sorted((self.folder / "out").glob(f"{name}*"), reverse=True)
        return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]

    def texts(self, name: str = "events") -> list[str]:
        return [event["message"] for event in self.written(name)]

    def append(self, path: Path, *lines: str) -> None:
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def until_there(self, *lines: str) -> None:
        """Wait until just these lines have arrived, each once."""

        def told() -> str:
            texts = self.texts()
            return f"{len(texts)} of {len(lines)}: {texts[:20]}\n{self.messages}"

        until(lambda: len(self.texts()) >= len(lines), told)
        assert sorted(self.texts()) == sorted(lines)
