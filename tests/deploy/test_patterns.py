"""`make up LOGS=…`: what stands there is taken as it was written."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ODD = 'it\'s "a" $b;`c`'


def divided(given: str, home: Path) -> list[str]:
    """Return the patterns that reach `sawlog up`, through make and the shell."""
    made = home / "Makefile"
    lines = (ROOT / "Makefile").read_text("utf-8").splitlines()
    kept = [line for line in lines if "GIVEN_LOGS" in line]
    # make reads `$` itself.
    command = shlex.join([sys.executable, f"{ROOT}/deploy/patterns.py"]).replace("$", "$$")
    made.write_text("\n".join([*kept, "up:", f"\t@{command}"]) + "\n")
    command = ["make", "-s", "-f", str(made), "up", f"LOGS={given}"]
    done = subprocess.run(
        command, capture_output=True, check=True, cwd=home, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}
    )
    return [one.decode() for one in done.stdout.split(b"\0")][:-1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in ("one", "two words", ODD):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.log").touch()
    return tmp_path


def test_patterns_as_they_were_written(home: Path) -> None:
    odd, one = f"{home}/{ODD}/*.log", f"{home}/one/*.log"
    for given, expected in (
        (odd, [odd]),
        (one, [one]),
        (f"{home}/two words/*.log", [f"{home}/two words/*.log"]),
        (f"{home}/two words/not-yet-*.log", [f"{home}/two words/not-yet-*.log"]),
        (f"{one} {home}/one/b*", [one, f"{home}/one/b*"]),
        (f"'{home}/two words/*.log' {one}", [f"{home}/two words/*.log", one]),
        ("~/one/*.log", [one]),
        (f"~/one/*.log {one}", [one, one]),
        ("one/a.log", ["one/a.log"]),
        ("/nothing/here a/b", ["/nothing/here a/b"]),
    ):
        assert divided(given, home) == expected, given
