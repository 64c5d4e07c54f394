"""``make dist``: wheel, sdist, the agent as one file, .deb and .rpm, and their digests, in dist/."""

from __future__ import annotations

import argparse
import hashlib
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.packages.flavour import PYTHONS, ROOT, Flavour, agent, whole
from deploy.packages.libraries import PLATFORMS, installed
from deploy.packages.nfpm import make_packages
from deploy.packages.pex import make_pex
from deploy.packages.tree import make_tree
from sawlog import __version__


def main() -> None:
    """Make what is asked for; without options everything, for machines like this one."""
    options = _options()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    made = [wheel := make_wheel(folder), folder / f"sawlog-{__version__}.tar.gz"]
    for machine in options.machine:
        for flavour in agent(tuple(options.agent_extras)), whole():
            if {flavour.name, "pex" if flavour.name != "sawlog" else ""} & set(options.only):
                made += _make(folder, flavour, wheel, machine, options.only)
    _digests(folder, made)


def _make(folder: Path, flavour: Flavour, wheel: Path, machine: str, only: list[str]) -> Iterator[Path]:
    with installed(flavour, wheel, machine, PYTHONS) as distributions:
        if "pex" in only and flavour.name != "sawlog":
            yield make_pex(
                folder / f"{flavour.name}-{__version__}-{machine}.pex", distributions, machine, flavour.extras
            )
        if flavour.name in only:
            tree = ROOT / "build" / "packages" / f"{flavour.name}-{machine}"
            make_tree(tree, distributions)
            yield from make_packages(folder, flavour, tree, version=__version__, machine=machine, pythons=PYTHONS)


def make_wheel(folder: Path) -> Path:
    """Build sdist and wheel; return the wheel."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    return folder / f"sawlog-{__version__}-py3-none-any.whl"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.packages", description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "dist")
    parser.add_argument("--only", action="append", choices=["pex", "sawlog-agent", "sawlog"], help="default: all")
    parser.add_argument("--machine", action="append", choices=PLATFORMS, help="default: this one's")
    parser.add_argument("--agent-extras", action="append", default=[], metavar="EXTRA", help="xml, for instance")
    options = parser.parse_args()
    options.only = options.only or ["pex", "sawlog-agent", "sawlog"]
    options.machine = options.machine or [platform.machine()]
    return options


def _digests(folder: Path, made: list[Path]) -> None:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made)]
    (folder / "SHA256SUMS").write_text("".join(lines))
    for path in sorted(made):
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")


if __name__ == "__main__":
    main()
