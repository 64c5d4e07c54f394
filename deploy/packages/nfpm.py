"""The .deb and the .rpm of a tree, by nfpm."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.packages import manual
from deploy.packages.flavour import PROJECT, ROOT, Flavour, agent, whole

NFPM = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"
"""Later versions hang on modules that Go's proxy does not have."""
FILES = ROOT / "deploy" / "packages" / "files"
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
CONFIGURATION = {
    # Read by the user sawlog, and by nobody else: an address may hold a password.
    "sawlog-shipper": {"filebeat.yml": (0o640, "sawlog"), "environment": (0o600, "root")},
    # Its user exists only while it runs.
    "sawlog-ingest": {"pipeline.conf": (0o644, "root"), "ingest-environment": (0o600, "root")},
}
DATA = {"sawlog-ingest": "/var/lib/sawlog-ingest /var/lib/private/sawlog-ingest", "sawlog-shipper": ""}
LIBRARIES = {
    "deb": ["libc6 (>= 2.28)", "libgcc-s1", "libstdc++6", "zlib1g"],
    "rpm": ["glibc >= 2.28", "libgcc", "libstdc++", "zlib", "shadow-utils"],
}
"""What wheels expect of any Linux, and what makes the user."""


def make_packages(
    folder: Path, flavour: Flavour, tree: Path, *, version: str, machine: str, pythons: tuple[str, ...]
) -> list[Path]:
    """Write the packages of `tree` into `folder`; `version` is theirs. What they are made of is left in build/."""
    staging = tree.with_name(f"{tree.name}-staging")
    shutil.rmtree(staging, ignore_errors=True)
    _stage(staging, flavour, pythons)
    settings = staging / "nfpm.json"
    settings.write_text(json.dumps(_settings(staging, flavour, tree, version, DEBIAN[machine], pythons), indent=1))
    program, made = _nfpm(), []
    for kind, name in (
        ("deb", f"{flavour.name}_{version}_{DEBIAN[machine]}.deb"),
        ("rpm", f"{flavour.name}-{version}-1.{machine}.rpm"),
    ):
        made.append(folder / name)
        command = [program, "package", "--config", settings, "--packager", kind, "--target", made[-1]]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return made


def unit(service: str) -> str:
    """Return the unit of `service`: that of deploy/systemd, with the program where a package puts it."""
    text = (ROOT / "deploy" / "systemd" / f"{service}.service").read_text()
    return text.replace("/opt/sawlog/current/bin/sawlog", "/usr/bin/sawlog")


def _stage(staging: Path, flavour: Flavour, pythons: tuple[str, ...]) -> None:
    """Write what a package holds beside its tree, and the scripts that go with it."""
    units = " ".join(f"{service}.service" for service in flavour.services)
    data = " ".join(filter(None, (DATA[service] for service in flavour.services)))
    other = _other(flavour)
    alone = " ".join(f"{service}.service" for service in flavour.services if service not in other.services)
    words = {"PYTHONS": " ".join(f"/usr/bin/python{one}" for one in pythons), "UNITS": units, "DATA": data}
    words |= {"OTHER": other.name, "ALONE": alone}
    for name in ("sawlog", "before-install", "after-install", "before-remove", "after-remove"):
        place = staging / ("usr/bin" if name == "sawlog" else "scripts") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        text = re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], (FILES / name).read_text())
        place.write_text(re.sub(r" +$", "", text, flags=re.MULTILINE))
        place.chmod(0o755)
    for service in flavour.services:
        _write(staging / "usr/lib/systemd/system" / f"{service}.service", unit(service))
        for name in CONFIGURATION[service]:
            _write(staging / "etc/sawlog" / name, (FILES / name).read_text())
    for name, text in manual.completions().items():
        _write(staging / name, text)
    page = staging / "usr/share/man/man1/sawlog.1.gz"
    page.parent.mkdir(parents=True)
    page.write_bytes(gzip.compress(manual.page().encode(), mtime=0))
    _write(staging / "usr/share/doc" / flavour.name / "copyright", (ROOT / "LICENSE").read_text())


def _other(flavour: Flavour) -> Flavour:
    return whole() if flavour.name == agent().name else agent()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _settings(
    staging: Path, flavour: Flavour, tree: Path, version: str, arch: str, pythons: tuple[str, ...]
) -> dict[str, Any]:
    other = _other(flavour).name
    return {
        "name": flavour.name,
        "arch": arch,
        "platform": "linux",
        "version": version,
        "version_schema": "none",
        "release": "1",
        "section": "admin",
        "priority": "optional",
        "maintainer": os.environ.get("MAINTAINER") or PROJECT["authors"][0]["name"],
        "homepage": os.environ.get("HOMEPAGE", ""),
        "license": PROJECT["license"],
        "description": f"{flavour.says}\n{PROJECT['description']}.",
        # Both bring /usr/bin/sawlog.
        "conflicts": [other],
        "contents": list(_contents(staging, flavour, tree)),
        "scripts": {
            "preinstall": str(staging / "scripts/before-install"),
            "preremove": str(staging / "scripts/before-remove"),
            "postremove": str(staging / "scripts/after-remove"),
        },
        "overrides": {
            # The distribution's own Python, or another of it that is in /usr/bin.
            "deb": {
                "depends": [
                    " | ".join([f"python3 (>= {pythons[0]})", *(f"python{one}" for one in pythons)]),
                    *LIBRARIES["deb"],
                ],
                # dpkg lets the one take the place of the other at once; of rpm, this would do so unasked at an upgrade.
                "replaces": [other],
                "scripts": {"postinstall": str(staging / "scripts/after-install")},
            },
            # Each Python of Red Hat's says so of itself, whatever its package is called.
            "rpm": {"depends": [f"python(abi) >= {pythons[0]}", *LIBRARIES["rpm"]]},
        },
        "deb": {"compression": "zstd", "predepends": ["passwd"]},
        "rpm": {
            "compression": "zstd",
            "group": "System Environment/Daemons",
            "scripts": {"posttrans": str(staging / "scripts/after-install")},
        },
    }


def _contents(staging: Path, flavour: Flavour, tree: Path) -> Iterator[dict[str, Any]]:
    yield {"src": str(tree), "dst": "/usr/lib/sawlog", "type": "tree"}
    yield {"dst": "/etc/sawlog", "type": "dir", "file_info": {"mode": 0o755}}
    yield {"dst": "/var/lib/sawlog", "type": "dir", "file_info": {"mode": 0o700, "owner": "sawlog", "group": "sawlog"}}
    modes = {name: of for service in flavour.services for name, of in CONFIGURATION[service].items()}
    for path in sorted(path for path in staging.rglob("*") if path.is_file()):
        name = path.relative_to(staging)
        if name.parts[0] == "etc":
            mode, group = modes[name.name]
            # A changed one stays when another version is installed.
            info = {"mode": mode, "group": group}
            yield {"src": str(path), "dst": f"/{name}", "type": "config|noreplace", "file_info": info}
        elif name.parts[0] == "usr":
            mode = 0o755 if name.parts[1] == "bin" else 0o644
            yield {"src": str(path), "dst": f"/{name}", "file_info": {"mode": mode}}


def _nfpm() -> Path:
    """Return nfpm's path; it is built by Go, once."""
    folder = ROOT / ".cache" / f"nfpm-{NFPM.rpartition('@')[2]}"
    if not (folder / "nfpm").exists():
        go = shutil.which("go", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/go/bin")
        if go is None:
            raise SystemExit(
                "Go is needed to build nfpm, which writes the packages: install golang-go, or Go from go.dev"
            )
        print(f"building {NFPM}")
        subprocess.run([go, "install", NFPM], env={**os.environ, "GOBIN": str(folder)}, check=True)
    return folder / "nfpm"
