"""The pipelines of Filebeat's modules: which files parse the events of which dataset, compiled when one first comes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ingest.pipeline import Pipeline

FOLDER: Final = Path(__file__).with_name("pipelines") / "modules"
_SHARED: Final[dict[str, tuple[str, ...]]] = {
    "apache.access": ("apache.access", "web"),
    "elasticsearch.deprecation": ("elasticsearch.head",),
    "elasticsearch.server": ("elasticsearch.head", "elasticsearch.server"),
    "elasticsearch.slowlog": ("elasticsearch.head", "elasticsearch.slowlog"),
    "nginx.access": ("nginx.access", "web"),
    "nginx.ingress_controller": ("nginx.ingress_controller", "web"),
    "system.auth": ("system.head", "system.auth"),
    "system.syslog": ("system.head",),
    "traefik.access": ("traefik.access", "web"),
}
"""The files of a dataset that is not parsed by the one of its name alone."""


def files_of_dataset(dataset: str) -> list[Path]:
    """Return the files of a dataset's pipeline in their order; none if there is no such pipeline."""
    files = [FOLDER / f"{name}.conf" for name in _SHARED.get(dataset, (dataset,))]
    return files if dataset in datasets() else []


def datasets() -> list[str]:
    """Return the datasets for which there are pipelines."""
    alone = {path.stem for path in FOLDER.glob("*.*.conf") if path.stem.partition(".")[2] != "head"}
    return sorted(alone | _SHARED.keys())


def pipeline_of(dataset: str) -> Pipeline | None:
    """Compile the pipeline of a dataset; None if there is none."""
    files = files_of_dataset(dataset)
    return Pipeline.load(files) if files else None
