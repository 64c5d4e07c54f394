"""What is known of all containers, in one place for those who ask: the metadata of files, and autodiscover."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shipper.containers.access import ApiSettings
from shipper.containers.cluster import PodCluster
from shipper.containers.docker import FOLDER, Container, DockerFolder
from shipper.containers.labels import dedotted, merged, nested
from shipper.containers.paths import LogPlace, place_of
from shipper.containers.pods import ContainerSpec, Pod, PodFields


class KnownContainers:
    """The engines' folders and the clusters that a configuration names, each once."""

    def __init__(self) -> None:
        self._folders: dict[str, DockerFolder] = {}
        self._clusters: dict[ApiSettings, PodCluster] = {}

    def folder(self, path: str = FOLDER) -> DockerFolder:
        """Return what is known of the engine that keeps its containers in a folder."""
        return self._folders.setdefault(path, DockerFolder(path))

    def cluster(self, settings: ApiSettings) -> PodCluster:
        """Return what is known of a cluster's pods; nothing until `run` was called."""
        return self._clusters.setdefault(settings, PodCluster(settings))

    async def run(self, changed: Callable[[], None]) -> None:
        """Keep the clusters up to date until cancelled; `changed` hears of what is new."""
        await asyncio.gather(*(cluster.run(changed) for cluster in self._clusters.values()))


@dataclass(frozen=True, slots=True)
class Facts:
    """Fields that all events of a file have for what is known of its container."""

    fields: dict[str, Any] = field(default_factory=dict)
    sources: int = 0
    """How many of those asked know the container: fewer than before, and it is gone; then what was known stays true."""


class FileFacts(ABC):
    """Tells of the container that writes a file."""

    @abstractmethod
    def of(self, path: str) -> Facts:
        """Return what is known just now."""

    def waits(self, path: str) -> bool:
        """Whether more is about to be known, so that the file is better read a moment later."""
        return False


class AllFacts(FileFacts):
    """Several that know something; a later one does not take back what an earlier one has said."""

    def __init__(self, parts: Sequence[FileFacts]) -> None:
        self._parts = parts

    def of(self, path: str) -> Facts:  # noqa: D102 - FileFacts.of
        fields: dict[str, Any] = {}
        sources = 0
        for part in self._parts:
            found = part.of(path)
            fields, sources = merged(fields, found.fields), sources + found.sources
        return Facts(fields, sources)

    def waits(self, path: str) -> bool:  # noqa: D102 - FileFacts.waits
        return any(part.waits(path) for part in self._parts)


@dataclass(frozen=True, slots=True)
class DockerFacts(FileFacts):
    """What Docker keeps of the container beside its log."""

    folder: DockerFolder
    dedot: bool = True
    short_ids: bool = False
    index: int | None = None
    """Which part of the path is the id; None: the one that looks like one."""

    def of(self, path: str) -> Facts:  # noqa: D102 - FileFacts.of
        if self.index is not None:
            parts = path.split("/")
            return self.of_id(parts[self.index] if self.index < len(parts) else "")
        return self.of_id(place_of(path).container_id)

    def of_id(self, container_id: str) -> Facts:
        """Return what is known of a container by its id."""
        found = self.folder.container(container_id)
        if found is None and self.short_ids:
            found = self.folder.starting_with(container_id)
        if found is not None:
            return Facts({"container": docker_fields(found, dedot=self.dedot)}, 1)
        return Facts({"container": {"id": container_id}} if container_id else {})


def docker_fields(found: Container, *, dedot: bool) -> dict[str, Any]:
    """Return what stands under ``container``."""
    fields: dict[str, Any] = {"id": found.id, "image": {"name": found.image}, "name": found.name}
    if found.labels:
        fields["labels"] = dedotted(found.labels) if dedot else nested(found.labels)
    return fields


@dataclass(frozen=True, slots=True)
class PodFacts(FileFacts):
    """What Kubernetes tells of the pod, or, without its API, what the path and the kubelet's labels say."""

    cluster: PodCluster
    folder: DockerFolder
    made: PodFields = field(default_factory=PodFields)

    def of(self, path: str) -> Facts:  # noqa: D102 - FileFacts.of
        place = self.whole(place_of(path))
        if not place:
            return Facts()
        pod = self.cluster.pod(place)
        if pod is not None:
            return Facts(self.pod_fields(pod, self.cluster.container(place, pod)), 1)
        return Facts(place_fields(place))

    def whole(self, place: LogPlace) -> LogPlace:
        """Fill in what the kubelet has told Docker of a container, when the path is Docker's."""
        if place.container_id and not place.pod and (found := self.folder.container(place.container_id)):
            say = [found.labels.get(f"io.kubernetes.{one}", "") for one in _TOLD]
            return LogPlace(place.container_id, *say)
        return place

    def pod_fields(self, pod: Pod, container: tuple[ContainerSpec, str, str] | None) -> dict[str, Any]:
        """Return the fields of a pod's container, or of the whole pod."""
        node = self.cluster.node(pod.spec.node_name)
        namespace = self.cluster.namespace(pod.metadata.namespace)
        fields: dict[str, Any] = {"kubernetes": self.made.of(pod, node, namespace)}
        if container is not None:
            spec, container_id, runtime = container
            fields["kubernetes"]["container"] = {"name": spec.name}
            about = {"id": container_id, "runtime": runtime, "image": {"name": spec.image} if spec.image else None}
            fields["container"] = {name: value for name, value in about.items() if value}
        return fields

    def waits(self, path: str) -> bool:  # noqa: D102 - FileFacts.waits
        place = place_of(path)
        return bool(place) and self.cluster.waits_for(place)


_TOLD = ("pod.namespace", "pod.name", "pod.uid", "container.name")


def place_fields(place: LogPlace) -> dict[str, Any]:
    """Return the fields that a path alone makes."""
    pod = {name: value for name, value in (("name", place.pod), ("uid", place.uid)) if value}
    about: dict[str, Any] = {"pod": pod, "namespace": place.namespace}
    about["container"] = {"name": place.container} if place.container else {}
    fields: dict[str, Any] = {"kubernetes": {name: value for name, value in about.items() if value}}
    if not fields["kubernetes"]:
        return {}
    if place.container_id:
        fields["container"] = {"id": place.container_id}
    return fields
