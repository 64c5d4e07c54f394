"""The tree that is installed below /usr/lib/sawlog: libraries for several Pythons, with one copy of what several share.

python3.11/bin/python          → /usr/bin/python3.11, which may be missing
python3.11/pyvenv.cfg          makes that a Python with libraries of its own, as the module venv does
python3.11/lib/…/site-packages what was compiled for this Python alone
shared-3.11-3.12/              what is the same for these; a .pth file of each of them names the folder
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from deploy.packages.flavour import ROOT
from deploy.packages.libraries import Distribution


def make_tree(target: Path, distributions: Sequence[Distribution]) -> None:
    """Write the tree of what is installed into `target`, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    used: dict[str, set[Path]] = defaultdict(set)
    for one in distributions:
        alone = len(one.pythons) == 1
        place = _libraries(target, one.pythons[0]) if alone else target / f"shared-{'-'.join(one.pythons)}"
        for python in one.pythons:
            used[python].add(place)
        for name in one.files:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one.root / name, place / name)
    for python, places in used.items():
        _environment(target, python, places)
    shutil.copy(ROOT / "deploy" / "packages" / "files" / "main", target / "sawlog")


def _libraries(target: Path, python: str) -> Path:
    return target / f"python{python}" / "lib" / f"python{python}" / "site-packages"


def _environment(target: Path, python: str, places: set[Path]) -> None:
    home = target / f"python{python}"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(f"/usr/bin/python{python}")
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n")
    libraries = _libraries(target, python)
    libraries.mkdir(parents=True, exist_ok=True)
    lines = [f"{os.path.relpath(place, libraries)}\n" for place in sorted(places - {libraries})]
    (libraries / "sawlog-shared.pth").write_text("".join(lines))
