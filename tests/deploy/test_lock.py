"""The locks that the image and `make up` install from: whole, hashed, and of no index in particular."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.tools import ROOT

LOCKS = {name: (ROOT / "deploy" / f"{name}.lock").read_text() for name in ("build", "requirements")}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def pinned(text: str) -> dict[str, tuple[str, str, int]]:
    """Return what a lock names: version, marker, and how many hashes."""
    entries = re.findall(
        r"(?m)^([\w.-]+)==(\S+)(?: ; ([^\\]+))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text
    )
    return {
        canonicalize_name(name): (version, marker.strip(), hashes.count("--hash"))
        for name, version, marker, hashes in entries
    }


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_address(name: str) -> None:
    text = LOCKS[name]
    said = [line for line in text.splitlines() if line and not line.lstrip().startswith(("#", "--hash=sha256:"))]
    assert len(said) == len(pinned(text)) > 4
    assert not re.search(r"://|--(extra-)?index|--find-links|/\w+/\w+/", text)
    assert "make lock" in text.partition("\n\n")[0]


def test_the_locks_hold_all_that_is_needed_on_every_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        "requirements": [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["s3"]],
        "build": [*project["dependency-groups"]["build"], *project["build-system"]["requires"]],
    }
    for name, requirements in wanted.items():
        there = pinned(LOCKS[name])
        for requirement in map(Requirement, requirements):
            locked = there.get(canonicalize_name(requirement.name))
            assert locked is not None, f"{requirement}: run make lock"
            assert requirement.specifier.contains(locked[0]), f"{requirement}: run make lock"
    # And what these need themselves, as far as this environment knows.
    there = pinned(LOCKS["requirements"])
    for name in there:
        for needed in map(Requirement, _needed(name)):
            for python in PYTHONS:
                where = {**default_environment(), "python_version": python, "python_full_version": f"{python}.2"}
                if needed.marker is None or needed.marker.evaluate({**where, "extra": ""}):
                    assert canonicalize_name(needed.name) in there, f"{name} needs {needed}: run make lock"


def _needed(name: str) -> list[str]:
    try:
        return requires(name) or []
    except ModuleNotFoundError:
        return []


def test_one_environment_takes_both_locks() -> None:
    build, requirements = pinned(LOCKS["build"]), pinned(LOCKS["requirements"])
    assert all(build[name][0] == requirements[name][0] for name in build.keys() & requirements.keys())
