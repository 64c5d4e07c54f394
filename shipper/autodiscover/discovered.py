"""The containers that a provider sees: what conditions and templates may ask of each, and what its events carry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sawlog.event import Event
from shipper.containers.docker import Container
from shipper.containers.known import KnownContainers, PodFacts, docker_fields, place_fields
from shipper.containers.labels import dedotted, nested
from shipper.containers.paths import LogPlace, place_of
from shipper.containers.pods import ContainerSpec, Pod
from shipper.settings import AutodiscoverProvider


@dataclass(frozen=True, slots=True)
class Discovered:
    """A container as a provider sees it; one that has several ports comes once for each."""

    key: str
    """Which it is, whatever becomes of it."""
    name: str
    """What it is called in messages."""
    data: Event
    """What ``${data.…}`` and conditions may ask."""
    meta: dict[str, Any]
    """Fields of its events."""
    hints: dict[str, str] = field(default_factory=dict)
    """Labels or annotations that may have hints among them."""
    container: str = ""
    """Its name in its pod."""
    paths: tuple[str, ...] = ()
    """Where its logs are, when nothing says another place."""


def discovered(provider: AutodiscoverProvider, known: KnownContainers) -> Iterator[Discovered]:
    """Yield what a provider sees just now."""
    if provider.kind == "docker":
        for container in known.folder(provider.folder).containers():
            yield from _container(provider, container)
    else:
        yield from _pods(provider, known)


def _container(provider: AutodiscoverProvider, found: Container) -> Iterator[Discovered]:
    labels = nested(found.labels)
    container = {"id": found.id, "name": found.name, "image": found.image, "labels": labels}
    data: Event = {
        "docker": {"container": container},
        "container": {**docker_fields(found, dedot=False), "labels": labels},
        "host": found.address,
    }
    kept = dedotted(found.labels) if provider.made.dedot_labels else labels
    meta = {
        "container": {name: value for name, value in docker_fields(found, dedot=True).items() if name != "labels"},
        "docker": {"container": {"labels": kept}} if kept else {},
    }
    meta = {name: value for name, value in meta.items() if value}
    paths = (f"{provider.folder.rstrip('/')}/{found.id}/*-json.log",)
    for port in found.ports or (None,):
        ported = data if port is None else {**data, "port": port}
        yield Discovered(f"{found.id}:{port}", found.name or found.id[:12], ported, meta, found.labels, "", paths)


def _pods(provider: AutodiscoverProvider, known: KnownContainers) -> Iterator[Discovered]:
    facts = PodFacts(known.cluster(provider.api), known.folder(provider.folder), provider.made)
    if not facts.cluster.ready:
        return
    seen: set[str] = set()
    for pod in facts.cluster.pods():
        for container in pod.containers():
            if container[1]:
                seen.add(container[1])
                yield from _of_pod(provider, facts, pod, container)
    for path in _logs(provider.logs):
        place = place_of(path)
        if not place.container_id or place.container_id in seen or facts.cluster.waits_for(place):
            continue
        seen.add(place.container_id)
        pod_of_it = facts.cluster.pod(place)
        if pod_of_it is not None:
            # An earlier start of the container than its status tells of, or a pod that was deleted.
            spec = facts.cluster.container(place, pod_of_it)
            yield from _of_pod(
                provider, facts, pod_of_it, spec or (ContainerSpec(place.container), place.container_id, "")
            )
        else:
            yield _of_path(path, place)


def _of_pod(
    provider: AutodiscoverProvider, facts: PodFacts, pod: Pod, container: tuple[ContainerSpec, str, str]
) -> Iterator[Discovered]:
    spec, container_id, runtime = container
    meta = facts.pod_fields(pod, container)
    namespace = facts.cluster.namespace(pod.metadata.namespace)
    annotations, defaults = (
        pod.metadata.annotations or {},
        (namespace.metadata.annotations if namespace else None) or {},
    )
    about = {"id": container_id, "name": spec.name, "image": spec.image, "runtime": runtime}
    pod_data = {**meta["kubernetes"], "annotations": nested(annotations), "container": about}
    if defaults:
        pod_data["namespace_annotations"] = nested(defaults)
    data: Event = {"kubernetes": pod_data, "container": {**meta.get("container", {}), "name": spec.name}}
    if pod.status.address:
        data["host"] = pod.status.address
    name = f"{pod.metadata.namespace}/{pod.metadata.name}/{spec.name}"
    paths = (f"{provider.logs.rstrip('/')}/*-{container_id}.log",)
    hints = {**defaults, **annotations}
    for port in spec.ports or (None,):
        ported = data if port is None else {**data, "port": port.container_port}
        key = f"{container_id}:{port.container_port if port else ''}"
        yield Discovered(key, name, ported, meta, hints, spec.name, paths)


def _of_path(path: str, place: LogPlace) -> Discovered:
    meta = place_fields(place)
    about = {"id": place.container_id, "name": place.container}
    data: Event = {"kubernetes": {**meta["kubernetes"], "container": about}, "container": about}
    name = f"{place.namespace}/{place.pod}/{place.container}"
    return Discovered(f"{place.container_id}:", name, data, meta, {}, place.container, (path,))


def _logs(folder: str) -> list[str]:
    try:
        return sorted(f"{folder.rstrip('/')}/{name}" for name in os.listdir(folder) if name.endswith(".log"))  # noqa: PTH208 - one call for many names
    except OSError:
        return []
