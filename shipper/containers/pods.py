"""Kubernetes' pods, nodes and namespaces, as far as events tell of them; and the fields that they make.

Sources: the reference of the Kubernetes API (core/v1); Filebeat's fields ``kubernetes.*`` and ``container.*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shipper.containers.labels import dedotted, nested

_CONTROLLERS: Final = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"})
_RUN: Final = re.compile(r"(.+)-\d{8,}")
"""The name of a job that a cron job has started: its own, and the minute since 1970 for which it was planned."""


class Owner(msgspec.Struct, frozen=True):
    """Who keeps a pod running."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What every object of the API has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[Owner, ...] = ()


class Port(msgspec.Struct, frozen=True, rename="camel"):
    """A port that a container names."""

    container_port: int = 0


class ContainerSpec(msgspec.Struct, frozen=True):
    """A container as it is asked for."""

    name: str = ""
    image: str = ""
    ports: tuple[Port, ...] = ()


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a pod is to be."""

    node_name: str = ""
    containers: tuple[ContainerSpec, ...] = ()
    init_containers: tuple[ContainerSpec, ...] = ()
    ephemeral_containers: tuple[ContainerSpec, ...] = ()


class ContainerStatus(msgspec.Struct, frozen=True):
    """A container as it runs; its id is ``containerd://…``."""

    name: str = ""
    container_id: str = msgspec.field(default="", name="containerID")


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What has become of a pod."""

    address: str = msgspec.field(default="", name="podIP")
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def containers(self) -> Iterator[tuple[ContainerSpec, str, str]]:
        """Yield each container with its id and its runtime, which are empty until it was started once."""
        spec, status = self.spec, self.status
        statuses = (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses)
        ids = {one.name: one.container_id for one in statuses}
        for one in (*spec.containers, *spec.init_containers, *spec.ephemeral_containers):
            runtime, _, container_id = ids.get(one.name, "").rpartition("://")
            yield one, container_id, runtime


class ClusterNode(msgspec.Struct, frozen=True):
    """A node."""

    metadata: Metadata


class Namespace(msgspec.Struct, frozen=True):
    """A namespace."""

    metadata: Metadata


@dataclass(frozen=True, slots=True)
class PodFields:
    """Which labels and annotations become fields, and how their names are written."""

    dedot_labels: bool = True
    dedot_annotations: bool = True
    include_labels: tuple[str, ...] = ()
    """Only these, when there are any."""
    exclude_labels: tuple[str, ...] = ()
    include_annotations: tuple[str, ...] = ()
    deployment: bool = True
    cronjob: bool = True

    def of(self, pod: Pod, node: ClusterNode | None, namespace: Namespace | None) -> dict[str, Any]:
        """Return what stands under ``kubernetes``."""
        meta = pod.metadata
        found: dict[str, Any] = {"pod": {"name": meta.name, "uid": meta.uid}, "namespace": meta.namespace}
        if pod.status.address:
            found["pod"]["ip"] = pod.status.address
        if namespace is not None:
            found["namespace_uid"] = namespace.metadata.uid
            self._labels(found, namespace.metadata, "namespace_")
        for kind, name in self._owners(meta):
            found[kind] = {"name": name}
        self._labels(found, meta, "")
        if pod.spec.node_name:
            found["node"] = {"name": pod.spec.node_name}
        if node is not None:
            labels = node.metadata.labels or {}
            found["node"] |= {"uid": node.metadata.uid, "hostname": labels.get("kubernetes.io/hostname", "")}
            self._labels(found["node"], node.metadata, "")
        return found

    def _owners(self, meta: Metadata) -> Iterator[tuple[str, str]]:
        for owner in meta.owner_references:
            if not owner.controller or owner.kind not in _CONTROLLERS:
                continue
            yield owner.kind.lower(), owner.name
            ending = f"-{(meta.labels or {}).get('pod-template-hash', '')}"
            if owner.kind == "ReplicaSet" and self.deployment and len(ending) > 1 and owner.name.endswith(ending):
                yield "deployment", owner.name.removesuffix(ending)
            if owner.kind == "Job" and self.cronjob and (run := _RUN.fullmatch(owner.name)):
                yield "cronjob", run[1]

    def _labels(self, into: dict[str, Any], meta: Metadata, prefix: str) -> None:
        labels = {
            name: value
            for name, value in (meta.labels or {}).items()
            if name not in self.exclude_labels and (not self.include_labels or name in self.include_labels)
        }
        annotations = {
            name: value for name, value in (meta.annotations or {}).items() if name in self.include_annotations
        }
        if labels:
            into[f"{prefix}labels"] = (dedotted if self.dedot_labels else nested)(labels)
        if annotations:
            into[f"{prefix}annotations"] = (dedotted if self.dedot_annotations else nested)(annotations)
