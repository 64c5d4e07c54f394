"""Which lines of deploy/requirements.lock a flavour needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from deploy.packages.flavour import PYTHONS, ROOT, Flavour

LOCK = ROOT / "deploy" / "requirements.lock"
FROM_SOURCE = ("pygrok",)
"""Libraries of which there is no wheel; they are of Python alone."""


def uv(*arguments: str | Path) -> str:
    """Run uv; return what it printed."""
    here = Path(sys.executable).parent
    path = f"{here}:{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(here.parent)}
    done = subprocess.run(["uv", *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"uv {' '.join(map(str, arguments))}:\n{done.stderr}")
    return done.stdout


def locked(flavour: Flavour) -> str:
    """Return the lines of the lock, with their hashes and markers, that `flavour` needs on any Python."""
    extras = [part for name in flavour.extras for part in ("--extra", name)]
    named = uv(
        *("pip", "compile", "--quiet", "--universal", "--python-version", PYTHONS[0], "--no-header", "--no-annotate"),
        *("--no-emit-index-url", "--no-emit-find-links", "--constraints", LOCK, *extras, "pyproject.toml"),
    )
    wanted = set(re.findall(r"(?m)^([\w.-]+==[^\s;]+)", named))
    entries = {entry.split()[0]: entry for entry in re.findall(r"(?m)^\S+==.+(?:\n    --hash=.+)+", LOCK.read_text())}
    missing = sorted(wanted - entries.keys())
    if missing:
        raise SystemExit(f"not in {LOCK.name}: {', '.join(missing)}; run make lock")
    return "".join(f"{entries[name]}\n" for name in sorted(wanted))
