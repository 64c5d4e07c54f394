"""Pods: the provider kubernetes and add_kubernetes_metadata, with the API (a stand-in) and by the paths alone."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from sawlog.errors import InputError
from shipper.containers.access import ApiSettings, access_of
from tests.ingesting import ROOT
from tests.patience import SECONDS
from tests.shipper.autodiscover.following import Follower
from tests.shipper.containers.kubernetes_api import KubernetesApi, kubeconfig
from tests.shipper.rig import until

ID = "a1" * 32
UID = "5c1a1b9e-8d0b-4d5c-9a52-0d0d5a0f2c11"
POD = "orders-7d9c5b6f4-x2x8k"
TEXT = "2026-11-28T11:15:38.748722475Z stdout F "
PROCESSOR = "processors: [{{add_kubernetes_metadata: {{kube_config: {config}, host: node-1}}}}]\n"


def allowed() -> set[str]:
    """Return what the service account of the manifests may list and watch."""
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/shipper.yaml").read_text())
    (role,) = (one for one in documents if one["kind"] == "ClusterRole")
    (rule,) = role["rules"]
    assert rule["apiGroups"] == [""]
    assert set(rule["verbs"]) == {"get", "list", "watch"}
    return set(rule["resources"])


class Logs:
    """The kubelet's folders."""

    def __init__(self, folder: Path) -> None:
        self.pods, self.links = folder / "pods", folder / "log"
        self.links.mkdir()

    def write(self, *lines: str, pod: str = POD, container: str = "app", container_id: str = ID) -> Path:
        file = self.pods / f"shop_{pod}_{UID}" / container / "0.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as log:
            log.writelines(f"{TEXT}{line}\n" for line in lines)
        link = self.links / f"{pod}_shop_{container}-{container_id}.log"
        if not link.is_symlink():
            link.symlink_to(file)
        return link

    def provider(self, config: Path | None, more: str = "hints.enabled: true") -> str:
        api = f"kube_config: {config}" if config else "scope: node"
        return (
            "filebeat.autodiscover.providers:\n- type: kubernetes\n  node: node-1\n"
            f"  logs_path: {self.links}\n  {api}\n  {more}\n"
        )

    def input(self, config: Path | None) -> str:
        processors = PROCESSOR.format(config=config) if config else "processors: [{add_kubernetes_metadata: ~}]\n"
        return (
            f"filebeat.inputs: [{{type: container, paths: ['{self.links}/*.log'], scan_frequency: 1s}}]\n{processors}"
        )


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logs:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NODE_NAME"):
        monkeypatch.delenv(name, raising=False)
    # However slow the machine is, files wait for what the API tells.
    for name in ("SYNC_SECONDS", "POD_SECONDS"):
        monkeypatch.setattr(f"shipper.containers.cluster.{name}", SECONDS)
    return Logs(tmp_path)


async def put_pod(api: KubernetesApi, node: str = "node-1", container_id: str = ID, **metadata: Any) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "orders-7d9c5b6f4", "controller": True, "uid": "r"}
    about = {
        "uid": UID,
        "labels": {"app.kubernetes.io/name": "orders", "pod-template-hash": "7d9c5b6f4"},
        "annotations": {},
        "ownerReferences": [owner],
    }
    await api.put(
        "pods", POD, "shop",
        metadata=about | metadata,
        spec={"nodeName": node, "containers": [{"name": "app", "image": "shop/orders:1.4.2"}]},
        status={
            "phase": "Running", "podIP": "10.0.0.7",
            "containerStatuses": [{"name": "app", "containerID": f"containerd://{container_id}"}],
        },
    )  # fmt: skip


async def put_rest(api: KubernetesApi) -> None:
    node = {"uid": "n-1", "labels": {"kubernetes.io/hostname": "node-1.example", "zone": "a"}}
    await api.put("nodes", "node-1", metadata=node)
    await api.put("namespaces", "shop", metadata={"uid": "ns-1", "labels": {"team": "shop"}})


FIELDS = {
    "namespace": "shop",
    "namespace_uid": "ns-1",
    "namespace_labels": {"team": "shop"},
    "pod": {"name": POD, "uid": UID, "ip": "10.0.0.7"},
    "replicaset": {"name": "orders-7d9c5b6f4"},
    "deployment": {"name": "orders"},
    "labels": {"app_kubernetes_io/name": "orders", "pod-template-hash": "7d9c5b6f4"},
    "node": {
        "name": "node-1", "uid": "n-1", "hostname": "node-1.example",
        "labels": {"kubernetes_io/hostname": "node-1.example", "zone": "a"},
    },
    "container": {"name": "app"},
}  # fmt: skip
CONTAINER = {"id": ID, "runtime": "containerd", "image": {"name": "shop/orders:1.4.2"}}


class TestWithoutApi:
    def test_the_path_says_what_it_can(self, logs: Logs, tmp_path: Path) -> None:
        logs.write("a")
        (event,) = Follower(tmp_path, logs.input(None)).once()
        assert event["kubernetes"] == {
            "namespace": "shop", "pod": {"name": POD, "uid": UID}, "container": {"name": "app"},
        }  # fmt: skip
        assert event["container"] == {"id": ID}
        assert event["message"] == "a"

    def test_autodiscover(self, logs: Logs, tmp_path: Path) -> None:
        logs.write("a")
        more = (
            "templates: [{condition: {equals: {kubernetes.namespace: shop}}, config: [{type: container,"
            f" paths: ['{logs.links}/*-${{data.kubernetes.container.id}}.log'],"
            " fields: {who: '${data.kubernetes.pod.name}'}}]}]"
        )
        (event,) = Follower(tmp_path, logs.provider(None, more)).once()
        assert event["fields"] == {"who": POD}
        assert event["kubernetes"]["container"] == {"name": "app"}


class TestWithApi:
    async def test_all_that_it_tells(self, logs: Logs, tmp_path: Path) -> None:
        async with KubernetesApi().serving() as api:
            await put_rest(api)
            await put_pod(api)
            for number in range(5):
                await api.put(
                    "pods", f"other-{number}", "shop", metadata={"uid": f"o{number}"}, spec={"nodeName": "node-1"}
                )
            await api.put("pods", "elsewhere", "shop", metadata={"uid": "e"}, spec={"nodeName": "node-2"})
            logs.write("a")
            follower = Follower(tmp_path, logs.input(kubeconfig(tmp_path, api.url, api.token)))
            async with follower.live():
                await until(lambda: follower.texts() == ["a"])
        (event,) = follower.events
        assert event["kubernetes"] == FIELDS
        assert event["container"] == CONTAINER
        assert "/api/v1/pods?limit=500&fieldSelector=spec.nodeName%3Dnode-1" in api.asked
        assert any("continue=" in one for one in api.asked), "the list has pages"
        kinds = {one.partition("?")[0].removeprefix("/api/v1/") for one in api.asked}
        assert {"pods"} <= kinds <= allowed(), "the role of the manifests has it"

    async def test_a_watch_tells_of_changes_and_their_ends_lose_nothing(self, logs: Logs, tmp_path: Path) -> None:
        async with KubernetesApi().serving() as api:
            await put_rest(api)
            follower = Follower(tmp_path, logs.input(kubeconfig(tmp_path, api.url, api.token)))
            async with follower.live():
                await until(lambda: any("watch=1" in one and "/pods" in one for one in api.asked))
                await put_pod(api)
                logs.write("a")
                await until(lambda: follower.texts() == ["a"])
                assert follower.events[0]["kubernetes"] == FIELDS

                async def told(labels: dict[str, str]) -> None:
                    await put_pod(api, labels=labels)

                    def read() -> bool:
                        logs.write("b")
                        return bool(follower.events[-1]["kubernetes"].get("labels") == labels)

                    await until(read)

                await told({"version": "2"})
                await api.bookmark()
                await api.break_off()
                await told({"version": "3"})
                await api.forget()
                await told({"version": "4"})
                await api.delete("pods", POD, "shop")
                before = len(follower.events)
                logs.write("the end")
                await until(lambda: follower.texts()[-1] == "the end")
        assert all(event["kubernetes"]["labels"] == {"version": "4"} for event in follower.events[before:])

    async def test_a_token_that_is_renewed_is_read_anew(self, logs: Logs, tmp_path: Path) -> None:
        async with KubernetesApi().serving() as api:
            await put_rest(api)
            await put_pod(api)
            config = kubeconfig(tmp_path, api.url, "an old one")
            follower = Follower(tmp_path, logs.input(config))
            logs.write("a")
            async with follower.live():
                await until(lambda: len(api.asked) >= 3)
                assert follower.events == []
                (tmp_path / "token").write_text(f"{api.token}\n")
                await until(lambda: follower.texts() == ["a"])
        assert "kubernetes" in follower.events[0]

    async def test_what_a_role_does_not_give_is_done_without(
        self, logs: Logs, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with KubernetesApi().serving() as api:
            api.forbidden = {"nodes", "namespaces"}
            await put_pod(api)
            logs.write("a")
            follower = Follower(tmp_path, logs.input(kubeconfig(tmp_path, api.url, api.token)))
            with caplog.at_level(logging.WARNING):
                async with follower.live():
                    await until(lambda: follower.texts() == ["a"])
        assert follower.events[0]["kubernetes"]["labels"] == FIELDS["labels"]
        assert follower.events[0]["kubernetes"]["node"] == {"name": "node-1"}
        assert "/api/v1/nodes cannot be read: 403 Forbidden: nodes is forbidden" in caplog.text

    async def test_hints_in_annotations(self, logs: Logs, tmp_path: Path) -> None:
        async with KubernetesApi().serving() as api:
            await put_rest(api)
            await api.put(
                "namespaces",
                "shop",
                metadata={"uid": "ns-1", "annotations": {"co.elastic.logs/exclude_lines": "^TRACE"}},
            )
            await put_pod(
                api,
                annotations={"co.elastic.logs/include_lines": "^[A-Z]", "co.elastic.logs.app/exclude_lines": "^DBG"},
            )
            logs.write("A", "b", "DBG", "C")
            follower = Follower(tmp_path, logs.provider(kubeconfig(tmp_path, api.url, api.token)))
            async with follower.live():
                await until(lambda: follower.texts() == ["A", "C"])
                # Another start of the container: another file, with the same hints.
                second = "b2" * 32
                await put_pod(api, container_id=second, annotations={"co.elastic.logs/exclude_lines": "^C"})
                logs.write("C", "D", pod=f"{POD}2", container_id=second)
                await until(lambda: follower.texts()[-1] == "D")
        assert "kubernetes" in follower.events[-1]
        assert follower.texts() == ["A", "C", "D"]

    async def test_a_server_that_is_away_is_said_and_files_are_read_all_the_same(
        self, logs: Logs, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shipper.containers.cluster.SYNC_SECONDS", 0.5)
        logs.write("a")
        follower = Follower(tmp_path, logs.input(kubeconfig(tmp_path, "http://127.0.0.1:1", "x")))
        with caplog.at_level(logging.WARNING):
            async with follower.live():
                await until(lambda: follower.texts() == ["a"])
        assert follower.events[0]["kubernetes"]["pod"]["name"] == POD
        assert "Kubernetes' /api/v1/pods cannot be read: Cannot connect" in caplog.text


class TestAccess:
    def test_the_service_account(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        settings = ApiSettings(account=str(tmp_path))
        assert access_of(settings) is None
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
        assert access_of(settings) is None
        (tmp_path / "token").write_text("t\n")
        (tmp_path / "namespace").write_text("logging")
        access = access_of(settings)
        assert access is not None
        assert (access.url, access.namespace) == ("https://[fd00::1]:6443", "logging")
        assert access.authorities == (f"{tmp_path}/ca.crt",)
        assert access.headers()["Authorization"] == "Bearer t"
        (tmp_path / "token").write_text("another")
        assert access.headers()["Authorization"] == "Bearer another"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "no kubeconfig that could be used"),
            ("a: [", "no kubeconfig that could be used"),
            ("current-context: x\ncontexts: []", "there is no context 'x'"),
            ("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]", "it lacks 'clusters'"),
            (
                "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
                "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"
                "users: [{name: u, user: {exec: {command: aws}}}]",
                "name a 'tokenFile'",
            ),
        ],
    )
    def test_what_is_no_kubeconfig_is_refused(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / "config").write_text(text)
        with pytest.raises(InputError) as refused:
            access_of(ApiSettings(str(tmp_path / "config")))
        assert words in str(refused.value)

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="No such file"):
            access_of(ApiSettings(str(tmp_path / "none")))
