"""From where this sawlog was installed, and so how another extra comes here: the same again, with the extra's name."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

ODD: Final = frozenset("#;")
"""What ends a path where a requirement is read: pip and uv take such a one as a URL only."""


def bringing(extras: Sequence[str]) -> str:
    """Return what installs `extras` where this runs: a command for a shell, or which package has them."""
    names = ",".join(extras)
    try:
        metadata = importlib.metadata.distribution("sawlog")
    except importlib.metadata.PackageNotFoundError:
        return _clone(Path(__file__).resolve().parents[1], names, editable=False)
    installer = (metadata.read_text("INSTALLER") or "").strip()
    if installer == "pex":
        asked = "".join(f" --agent-extras {extra}" for extra in extras)
        return f"in a clone, make dist DIST_OPTIONS='--only pex{asked}' makes such a file"
    if not installer:
        return "install the package sawlog in the place of sawlog-agent"
    # PEP 610: what pip and uv have installed from elsewhere than an index.
    origin = json.loads(metadata.read_text("direct_url.json") or "{}")
    if not origin:
        return f"{_install(f'sawlog[{names}]=={metadata.version}')}, from the index where sawlog is from"
    return _again(origin, names)


def _again(origin: dict[str, Any], names: str) -> str:
    url = urlsplit(origin["url"])
    if url.scheme != "file" and (version_control := origin.get("vcs_info")):
        below = f"#subdirectory={origin['subdirectory']}" if "subdirectory" in origin else ""
        where = f"{version_control['vcs']}+{origin['url']}@{version_control['commit_id']}{below}"
        return _install(f"sawlog[{names}] @ {where}")
    if url.scheme != "file":
        return _install(f"sawlog[{names}] @ {origin['url']}")
    path = Path(url2pathname(url.path))
    if "archive_info" not in origin:
        return _clone(path, names, editable=origin.get("dir_info", {}).get("editable", False))
    if path.is_file():
        return _install(_local(path, names))
    return f"{_install(f'./{path.name}[{names}]')}, with this file, which is no longer in {path.parent}"


def _clone(path: Path, names: str, *, editable: bool) -> str:
    if not (path / "pyproject.toml").is_file():
        return f"{_install(f'.[{names}]')}, in a clone"
    if editable and _has_pip():
        # pip takes no URL as editable, but any path.
        return _install("-e", f"{path}[{names}]")
    return _install(*(["-e"] if editable else []), _local(path, names))


def _local(path: Path, names: str) -> str:
    return f"sawlog[{names}] @ {path.as_uri()}" if ODD & set(str(path)) else f"{path}[{names}]"


def _install(*what: str) -> str:
    pip = (
        [sys.executable, "-m", "pip", "install"] if _has_pip() else ["uv", "pip", "install", "--python", sys.executable]
    )
    return shlex.join([*pip, *what])


def _has_pip() -> bool:
    return find_spec("pip") is not None
