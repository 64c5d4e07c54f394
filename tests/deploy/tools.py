"""The programs that try deploy/: Ansible, Compose, linters. They come with the dependency group `deploy`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def tool(name: str) -> str:
    """Return the path of a program of the group `deploy`; without it, the test is skipped by name."""
    path = shutil.which(name, path=f"{BIN}:{os.environ.get('PATH', os.defpath)}")
    if path is None:
        pytest.skip(f"{name} is not installed: pip install --group deploy")
    return path


def runs(*command: str | Path, **more: object) -> str:
    """Run a program that ends well; return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **more)  # type: ignore[call-overload] # subprocess's own keywords
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return str(done.stdout + done.stderr)


def made_env(folder: Path) -> Path:
    """Return the .env that `make env` writes, in a folder of its own."""
    (folder / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "make-env", folder / "deploy")
    subprocess.run([folder / "deploy" / "make-env"], check=True, stdout=subprocess.DEVNULL)
    return folder / ".env"


def variables(env: Path) -> dict[str, str]:
    """Read an .env."""
    lines = [line for line in env.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
