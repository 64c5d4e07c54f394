"""The two packages, which hold the same program with more or fewer libraries: the agent, and sawlog as a whole."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""For which Pythons there are libraries in what is built."""


@dataclass(frozen=True)
class Flavour:
    """A package: its name, the extras whose libraries it holds, and the services that it brings."""

    name: str
    says: str
    extras: tuple[str, ...]
    services: tuple[str, ...]


def agent(more: tuple[str, ...] = ()) -> Flavour:
    """Return the package of a machine with logs. `more` names extras beyond those that outputs, files and S3 need."""
    services = ("sawlog-shipper",)
    return Flavour(
        "sawlog-agent",
        "follows log files and sends them",
        _known(("elasticsearch", "kafka", "redis", "s3", "zstd", *more)),
        services,
    )


def whole() -> Flavour:
    """Return the package with everything: ingest, search, the page, and the agent, too."""
    says = "tails, parses, indexes and searches the logs of Spring Boot services"
    everything = tuple(name for name in PROJECT["optional-dependencies"] if name != "all")
    return Flavour("sawlog", says, everything, ("sawlog-ingest", "sawlog-shipper"))


def _known(extras: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(extras) - set(PROJECT["optional-dependencies"]))
    if unknown:
        raise SystemExit(f"no extra of pyproject.toml: {', '.join(unknown)}")
    return tuple(dict.fromkeys(extras))
