"""Folders of containers as engines lay them out, made of what a Docker engine wrote (docker/README.md)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

HERE = Path(__file__).parent / "docker"
ORDERS = "f54fa521b83b9343cd6e3f89b157359194b4d4d7f4fea4e3720af0523d2f3c89"
NOISE = "2e8baf749f4c53e638194fd9671311058e967f9c30c1809b0c6b75dc955e7026"
LABELS = {
    "co_elastic_logs/exclude_lines": "DEBUG 1",
    "co_elastic_logs/multiline_match": "after",
    "co_elastic_logs/multiline_negate": "true",
    "co_elastic_logs/multiline_pattern": r"^\d{4}-\d{2}-\d{2}",
    "com_docker_compose_project": "shop",
    "com_docker_compose_service": "orders",
    "org_opencontainers_image_title": "orders",
}


def docker_folder(folder: Path) -> Path:
    """Copy the recorded containers into a folder."""
    made = folder / "containers"
    for one in (ORDERS, NOISE):
        shutil.copytree(HERE / one, made / one)
    return made


def container(folder: Path, number: int, lines: list[str], labels: dict[str, str], name: str = "") -> str:
    """Add a container like the recorded one, with other labels and lines; return its id."""
    container_id = f"{number:064x}"
    described = json.loads((HERE / NOISE / "config.v2.json").read_text())
    described |= {"ID": container_id, "Name": f"/{name or f'c{number}'}"}
    described["Config"]["Labels"] = labels
    (folder / container_id).mkdir(parents=True)
    (folder / container_id / "config.v2.json").write_text(json.dumps(described))
    write(folder, container_id, lines)
    return container_id


def write(folder: Path, container_id: str, lines: list[str], stream: str = "stdout") -> None:
    """Write lines as Docker does."""
    with (folder / container_id / f"{container_id}-json.log").open("a") as log:
        for line in lines:
            log.write(
                json.dumps({"log": f"{line}\n", "stream": stream, "time": "2026-11-28T11:15:38.748722475Z"}) + "\n"
            )
