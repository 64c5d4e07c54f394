"""The libraries of a flavour as they are installed for each Python, whichever Python this machine has."""

from __future__ import annotations

import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path

from deploy.packages.flavour import ROOT, Flavour
from deploy.packages.locked import FROM_SOURCE, locked, uv

PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "aarch64": "aarch64-manylinux_2_28"}
"""Machine → what wheels may ask of its C library: that of RHEL 8, Debian 10 and all that came later."""


@dataclass(frozen=True)
class Distribution:
    """What one wheel brings: the folder where it is installed, its files there, and the Pythons that have the same."""

    info: str
    """The name of its .dist-info."""
    root: Path
    files: tuple[str, ...]
    pythons: tuple[str, ...]

    @property
    def tags(self) -> list[str]:
        """Return its tags: Python, ABI and platform."""
        said = message_from_string((self.root / self.info / "WHEEL").read_text())
        return [str(tag) for tag in said.get_all("Tag", [])]


@contextmanager
def installed(flavour: Flavour, wheel: Path, machine: str, pythons: tuple[str, ...]) -> Iterator[list[Distribution]]:
    """Install what the lock says, by its hashes, and sawlog from `wheel`; it is removed again at the end."""
    with tempfile.TemporaryDirectory(prefix="sawlog-libraries-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(locked(flavour))
        places = {python: Path(folder) / python for python in pythons}
        for python, place in places.items():
            _install(place, requirements, wheel, machine, python)
        yield distributions(places)


def _install(place: Path, requirements: Path, wheel: Path, machine: str, python: str) -> None:
    where = ("--python-version", python, "--python-platform", PLATFORMS[machine], "--target", place, "--no-deps")
    # Copies, not links: what is trimmed here must not be trimmed in uv's cache.
    install = ("pip", "install", "--quiet", "--link-mode", "copy", *where)
    source = [part for name in FROM_SOURCE for part in ("--no-binary", name, "--no-build-isolation-package", name)]
    uv(*install, "--require-hashes", "--only-binary", ":all:", *source, "--requirement", requirements)
    uv(*install, wheel)
    subprocess.run([ROOT / "deploy" / "trim", place], check=True)


def distributions(places: dict[str, Path]) -> list[Distribution]:
    """Return what is installed in `places`, Python → folder; what several have alike stands there once."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for python, place in places.items():
        for info in place.glob("*.dist-info"):
            # Two installations of one wheel have the same record, line by line, hashes included.
            alike[info.name, *sorted(_brought(info))].append(python)
    made = []
    for (info, *lines), pythons in sorted(alike.items()):
        root = places[pythons[0]]
        files = [line.rsplit(",", 2)[0].strip('"') for line in lines]
        # What was trimmed is in the record only.
        there = tuple(name for name in files if (root / name).is_file())
        made.append(Distribution(info, root, there, tuple(pythons)))
    return made


def _brought(info: Path) -> Iterator[str]:
    """Yield the lines of the record for what is imported: not its programs, nor how and from where it was installed."""
    ours = tuple(f"{info.name}/{name}" for name in ("RECORD", "REQUESTED", "INSTALLER", "direct_url.json", "uv_"))
    for line in (info / "RECORD").read_text().splitlines():
        if not line.startswith(("../", "bin/", *ours)):
            yield line
