"""Environments with less than this one: what pip would bring with some extras, linked and not installed."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.packages.libraries import Distribution
from deploy.packages.pex import pack
from tests.patience import SECONDS
from tests.services import MissingToolError

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("sawlog", "shipper", "ingest", "dashboards")


_IMPORT_ALL = """
import importlib, pkgutil, sys
without = sys.argv[1].split(",")
for name in sys.argv[2:]:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        if found.name not in without and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


class LinkedEnvironment:
    """An environment of its own, with sawlog and what its `extras` need, of the files that this environment has."""

    def __init__(self, folder: Path, *extras: str) -> None:
        venv.create(folder)
        self.python = folder / "bin" / "python"
        self.site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        for package in PACKAGES:
            (self.site / package).symlink_to(ROOT / package)
        self.distributions = needed(extras)
        for name in self.distributions:
            _link(name, self.site)

    def install(self, extras: str) -> str:
        """Return the command that brings `extras` to it, as an error names it: it has no pip, and a clone is linked."""
        return shlex.join(["uv", "pip", "install", "--python", str(self.python), f"{ROOT}[{extras}]"])

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `sawlog` in it."""
        return self.execute("from sawlog.cli import main; main()", *arguments)

    def import_all(self, *names: str, without: Sequence[str]) -> None:
        """Import modules and packages, and all modules of these but for some."""
        done = self.execute(_IMPORT_ALL, ",".join(without), *names)
        assert done.returncode == 0, done.stderr

    def execute(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program in Python in it."""
        # -I: nothing of the folder that it is started in, nor of PYTHONPATH.
        command = [self.python, "-I", "-B", "-c", program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def make_environment(folder: Path, *, pip: bool) -> None:
    """Make an empty environment, with pip or without; raises `MissingToolError` if Debian has split pip off."""
    command = [sys.executable, "-m", "venv", *([] if pip else ["--without-pip"]), folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise MissingToolError("this Python makes no environment with pip: python3-venv is not installed")


def wheel_of(name: str, folder: Path) -> Path:
    """Write what is installed here of a distribution into `folder`, as a wheel."""
    found = distribution(name)
    files = [str(file) for file in found.files or [] if ".." not in file.parts and "__pycache__" not in file.parts]
    info = next(file.partition("/")[0] for file in files if file.endswith(".dist-info/METADATA"))
    kept = tuple(file for file in files if file not in {f"{info}/RECORD", f"{info}/direct_url.json"})
    return pack(folder, Distribution(info, Path(str(found.locate_file(""))), kept, ()))


def needed(extras: tuple[str, ...]) -> frozenset[str]:
    """Name the distributions that sawlog with these extras needs, and what those need themselves."""
    return closure(*PROJECT["dependencies"], f"sawlog[{','.join(extras)}]")


def closure(*requirements: str) -> frozenset[str]:
    """Name the distributions of `requirements`, and what those need themselves; without sawlog."""
    waiting = list(map(Requirement, requirements))
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
                continue
            seen.add((name, extra))
            if name == "sawlog":
                waiting += map(Requirement, PROJECT["optional-dependencies"].get(extra, []))
                continue
            for text in distribution(name).requires or []:
                wanted = Requirement(text)
                if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                    wanted.marker = None
                    waiting.append(wanted)
    return frozenset(name for name, _ in seen) - {"sawlog"}


def _link(name: str, site: Path) -> None:
    # File by file: several distributions share folders such as google/.
    for file in distribution(name).files or []:
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(str(file.locate())).resolve())
