"""What ``add_kubernetes_metadata`` and the provider ``kubernetes`` have in common: the API, and the fields of a pod."""

from __future__ import annotations

from typing import Final

from shipper.config.schema import SectionOption, SectionOptions, Values, done, noted
from shipper.config.values import ValueKind
from shipper.containers.access import ApiSettings
from shipper.containers.docker import FOLDER
from shipper.containers.pods import PodFields

DOCKER_FOLDER: Final[SectionOption] = done(
    ValueKind.TEXT, FOLDER, word="sawlog's own: where Docker keeps its containers"
)
_LISTS: Final = "what comes is watched, and listed anew when that ends"
KUBERNETES: Final[SectionOptions] = {
    "scope": done(ValueKind.TEXT, "node", one_of=("node", "cluster")),
    "namespace": done(ValueKind.TEXT),
    "kube_config": done(ValueKind.TEXT, word="`KUBECONFIG` by default, else the service account of the pod"),
    "kube_client_options.*": noted("there are three requests, each of which stays open"),
    "use_kubeadm": noted("`orchestrator.cluster.name` is not asked for", False),
    "sync_period": noted(_LISTS),
    "wait_for_sync": noted(_LISTS),
    "include_labels": done(ValueKind.TEXTS, ()),
    "exclude_labels": done(ValueKind.TEXTS, ()),
    "include_annotations": done(ValueKind.TEXTS, ()),
    "include_creation_metadata": noted("times of creation are not kept", False),
    "include_pod_uid": noted("the uid is always there"),
    "labels.dedot": done(ValueKind.BOOL, True),
    "annotations.dedot": done(ValueKind.BOOL, True),
    "add_resource_metadata.deployment": done(
        ValueKind.BOOL, True, word="by the name of the replica set, without a request"
    ),
    "add_resource_metadata.cronjob": done(ValueKind.BOOL, True, word="by the name of the job, without a request"),
    "add_resource_metadata.namespace.*": noted(
        "labels of the namespace are kept, and hints in its annotations are read"
    ),
    "add_resource_metadata.node.*": noted("labels of the node are kept"),
    "containers.path": DOCKER_FOLDER,
}


def api_of(values: Values, node: str | None) -> ApiSettings:
    """Return which API is asked."""
    return ApiSettings(values["kube_config"], node or None, values["scope"] == "cluster", values["namespace"] or None)


def pod_fields_of(values: Values) -> PodFields:
    """Return what becomes of a pod's labels and annotations."""
    return PodFields(
        values["labels.dedot"],
        values["annotations.dedot"],
        values["include_labels"],
        values["exclude_labels"],
        values["include_annotations"],
        values["add_resource_metadata.deployment"],
        values["add_resource_metadata.cronjob"],
    )
