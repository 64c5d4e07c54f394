"""What a real Ruby makes of blocks: from the program itself where it is installed, else as it was recorded.

`python -m tests.ingest.ruby.real_ruby` records it again.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RECORDED = HERE / "expected.jsonl.gz"
LANGUAGES = ("3.1.", "3.2.")
"""Logstash 8's is 3.1; later ones write exceptions and hashes in other words."""
ZONE = "Europe/Berlin"

Case = dict[str, Any]
"""``code``, ``event`` and perhaps ``init``."""


def events() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / "events.jsonl").read_text(encoding="utf-8").splitlines()]


def blocks() -> dict[str, str]:
    """Name → code."""
    parts = re.split(r"^#: (.*)\n", (HERE / "blocks.rb").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name: code.strip() for name, code in zip(parts[::2], parts[1::2], strict=True)}


def expressions() -> list[str]:
    return (HERE / "expressions.txt").read_text(encoding="utf-8").splitlines()


def cases() -> dict[str, list[Case]]:
    """Name → what is run."""
    found = {
        f"expression {text}": [{"code": f"event.set('r', ({text}))", "event": events()[3]}] for text in expressions()
    }
    return found | {name: [{"code": code, "event": event} for event in events()] for name, code in blocks().items()}


def installed() -> str | None:
    """The path of a Ruby of the right language, if there is one."""
    ruby = shutil.which("ruby")
    if ruby is None:
        return None
    version = subprocess.run(
        [ruby, "-e", "print RUBY_VERSION"], capture_output=True, text=True, timeout=120, check=False
    )
    return ruby if version.stdout.startswith(LANGUAGES) else None


RUBY = installed()


class RealRuby:
    """A Ruby that runs one case after another."""

    def __init__(self) -> None:
        assert RUBY
        self._process = subprocess.Popen(
            [RUBY, str(HERE / "stand_in.rb")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TZ": ZONE, "LANG": "C.UTF-8"},
            encoding="utf-8",
        )

    def __enter__(self) -> RealRuby:
        return self

    def __exit__(self, *problem: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(self, case: Case) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def run_all(self, some: Iterable[Case]) -> list[dict[str, Any]]:
        return [self.run(case) for case in some]


def recorded() -> dict[str, list[dict[str, Any]]]:
    lines = gzip.decompress(RECORDED.read_bytes()).decode().splitlines()
    return {row["name"]: row["expected"] for row in map(json.loads, lines)}


def record() -> None:
    with RealRuby() as ruby:
        rows = [{"name": name, "expected": ruby.run_all(some)} for name, some in cases().items()]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    RECORDED.write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    record()
