"""The agent as one file that needs a Python and nothing else: a PEX, which holds wheels for several Pythons."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from packaging.tags import compatible_tags, cpython_tags

from deploy.packages.libraries import Distribution

LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
"""Minor version of glibc 2 → the name that it had before."""


def make_pex(target: Path, distributions: Sequence[Distribution], machine: str, extras: Sequence[str]) -> Path:
    """Write `target`, with what `extras` need. At its first start it unpacks itself into PEX_ROOT, for its Python."""
    pythons = sorted({python for one in distributions for python in one.pythons})
    with tempfile.TemporaryDirectory(prefix="sawlog-pex-") as folder:
        wheels = Path(folder) / "wheels"
        wheels.mkdir()
        for one in distributions:
            pack(wheels, one)
        for python in pythons:
            (Path(folder) / f"{python}.json").write_text(json.dumps(platform(python, machine)))
        command = [
            *(sys.executable, "-m", "pex", "--pex-root", f"{folder}/root", "--pre-resolved-dists", str(wheels)),
            *(part for python in pythons for part in ("--complete-platform", f"{folder}/{python}.json")),
            # Of what is there, PEX takes only what this asks for.
            *(
                f"sawlog[{','.join(extras)}]",
                "--entry-point",
                "sawlog.cli:main",
                "--venv",
                "prepend",
                "--sh-boot",
                "--include-tools",
            ),
            *("--python-shebang", "/usr/bin/env python3", "--output-file", str(target)),
        ]
        subprocess.run(command, check=True)
    return target


def platform(python: str, machine: str) -> dict[str, object]:
    """Return what PEX asks of a platform that is not here: which wheels run on it, and what markers are told."""
    names = []
    for minor in range(28, 4, -1):
        names += [f"manylinux_2_{minor}_{machine}", *([f"{LEGACY[minor]}_{machine}"] if minor in LEGACY else [])]
    names.append(f"linux_{machine}")
    version = tuple(map(int, python.split(".")))
    tags = [*cpython_tags(version, platforms=names), *compatible_tags(version, f"cp{version[0]}{version[1]}", names)]
    markers = {
        **{"implementation_name": "cpython", "platform_python_implementation": "CPython", "os_name": "posix"},
        **{"sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine},
        **{"python_version": python, "python_full_version": f"{python}.0", "implementation_version": f"{python}.0"},
    }
    return {"compatible_tags": list(map(str, tags)), "marker_environment": markers}


def pack(folder: Path, one: Distribution) -> Path:
    """Write a wheel of what is installed of `one`: what was trimmed is not in it."""
    tags = [tag.split("-") for tag in one.tags]
    wheel = folder / f"{one.info.removesuffix('.dist-info')}-{'-'.join(map(_joined, zip(*tags, strict=True)))}.whl"
    record = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in one.files:
            body = (one.root / name).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
            record.append(f'"{name}",sha256={digest},{len(body)}\n')
            archive.writestr(name, body)
        archive.writestr(f"{one.info}/RECORD", "".join([*record, f"{one.info}/RECORD,,\n"]))
    return wheel


def _joined(values: Sequence[str]) -> str:
    return ".".join(sorted(set(values)))
