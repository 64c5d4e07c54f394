"""Programs that know the formats say that the compose files, the Dockerfile, the units and the manifests are good."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.pipeline import Pipeline
from shipper.config import load
from tests.conftest import need
from tests.deploy.tools import ROOT, made_env, runs, tool
from tests.services import program

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
KUBERNETES = DEPLOY / "kubernetes"
MANIFESTS = {str(path.relative_to(KUBERNETES)): path for path in sorted(KUBERNETES.rglob("*.yaml"))}
WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
ROLE = DEPLOY / "ansible" / "roles" / "sawlog_shipper"


@pytest.mark.parametrize("profiles", [(), ("--profile", "*")], ids=["default", "all profiles"])
@pytest.mark.parametrize("file", ["docker-compose.yml", "compose.embedded.yml"])
def test_compose_takes_the_files(file: str, profiles: tuple[str, ...], tmp_path: Path) -> None:
    compose: tuple[str | Path, ...] = (
        tool("docker-compose"),
        "--env-file",
        made_env(tmp_path),
        "-f",
        ROOT / file,
        *profiles,
    )
    assert runs(*compose, "config", "--quiet") == ""
    resolved = yaml.safe_load(runs(*compose, "config"))
    known = yaml.safe_load((ROOT / file).read_text())["services"]
    assert set(resolved["services"]) == {name for name, one in known.items() if profiles or "profiles" not in one}


def test_compose_says_which_password_is_missing(tmp_path: Path) -> None:
    (empty := tmp_path / ".env").touch()
    command = [tool("docker-compose"), "--env-file", str(empty), "-f", str(ROOT / "docker-compose.yml"), "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "run make env" in done.stderr


def test_the_dockerfile_is_clean() -> None:
    assert runs(tool("hadolint"), DEPLOY / "Dockerfile") == ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_a_unit(unit: Path) -> None:
    analyze = need(lambda: program("systemd-analyze"))
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    told = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
    # The program is not on this machine; nothing else may be wrong.
    assert all("/opt/sawlog/current/bin/sawlog is not executable" in line for line in told), told
    exposure = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True, check=False
    ).stdout
    level = re.search(r"exposure level for \S+: ([\d.]+)", exposure)
    if level is not None:
        assert float(level[1]) <= 2.0


def test_the_unit_by_hand_is_the_one_that_ansible_writes() -> None:
    jinja2: Any = pytest.importorskip("jinja2")
    values: dict[str, Any] = {"sawlog_shipper_version": "1", "ansible_facts": {}}
    for part in ("defaults", "vars"):
        values |= yaml.safe_load((ROLE / part / "main.yml").read_text())
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)

    def full(text: str) -> str:
        while "{{" in text or "{%" in text:
            text = str(environment.from_string(text).render(values))
        return text

    for name in ("home", "etc", "data", "prefix", "user", "group", "current", "config", "variables", "arguments"):
        values[f"sawlog_shipper_{name}"] = full(values[f"sawlog_shipper_{name}"])
    written = full((ROLE / "templates" / "sawlog-shipper.service.j2").read_text())
    assert written == (DEPLOY / "systemd" / "sawlog-shipper.service").read_text()


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_kubernetes_takes_a_manifest(manifest: str) -> None:
    told = runs(tool("kubernetes-validate"), "--strict", MANIFESTS[manifest])
    documents = [one for one in yaml.safe_load_all(MANIFESTS[manifest].read_text()) if one]
    assert told.count("passed for resource") == len(documents) >= 3


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_keeps_secrets_elsewhere_and_bounds_its_pods(manifest: str) -> None:
    documents = {one["kind"]: one for one in yaml.safe_load_all(MANIFESTS[manifest].read_text()) if one}
    assert "Secret" not in documents
    (workload,) = (one["spec"] for kind, one in documents.items() if kind in WORKLOADS)
    template = workload["template"]
    pod, pod_labels = template["spec"], template["metadata"]["labels"]
    assert workload["selector"]["matchLabels"].items() <= pod_labels.items()
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["memory"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    probes = {name: one["exec"]["command"][-1] for name, one in container.items() if name.endswith("Probe")}
    for name, probe in probes.items():
        compile(probe, name, "exec")
    policy = documents["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    if "StatefulSet" in documents:
        # The page answers, with a login or without; its store is its own. Shippers alone send to it.
        assert all("(204, 401)" in probe for probe in probes.values())
        ports = {one["name"] for one in container["ports"]}
        assert ports == {one["ports"][0]["port"] for one in policy["ingress"]} == {"page", "beats"}
        (claim,) = (one["metadata"]["name"] for one in workload["volumeClaimTemplates"])
        assert {"name": claim, "mountPath": "/var/lib/sawlog"} in container["volumeMounts"]
    else:
        # A rollout goes on only when the new pod delivers; that a destination is away starts nothing again.
        assert "urlopen" in probes["readinessProbe"]
        assert "getresponse" in probes["livenessProbe"]
        assert "ingress" not in policy
    assert documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= pod_labels.items()
    assert not [one for one in container["env"] if "PASSWORD" in one["name"] and "value" in one]
    volumes = {one["name"] for one in pod["volumes"]}
    volumes |= {one["metadata"]["name"] for one in workload.get("volumeClaimTemplates", ())}
    assert {one["name"] for one in container["volumeMounts"]} == volumes
    # Of the node nothing is written to but the offsets.
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    for volume in pod["volumes"]:
        assert "hostPath" not in volume or volume["name"] == "data" or mounts[volume["name"]]["readOnly"]
    # Each variable of the configuration is one that the container has.
    known = {one["name"] for one in container["env"]}
    for text in documents["ConfigMap"]["data"].values():
        assert set(re.findall(r"\$\{(\w+)\}", text)) <= known


def test_the_configurations_are_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {path.name: path.read_text() for path in (DEPLOY / "compose").iterdir() if path.is_file()}
    for manifest, path in MANIFESTS.items():
        for document in yaml.safe_load_all(path.read_text()):
            own = manifest.replace("/", "-")
            texts |= {f"{own}-{name}": text for name, text in (document or {}).get("data", {}).items()}
    assert len(texts) == 6
    for variable in ("MQTT_SHIPPER_PASSWORD", "MQTT_INGEST_PASSWORD", "SAWLOG_PASSWORD", "ELASTICSEARCH_API_KEY"):
        monkeypatch.setenv(variable, "id:secret")
    monkeypatch.setenv("NODE_NAME", "node-1")
    authority = tmp_path / "ca.crt"
    authority.write_text("")
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(re.sub(r"/certificates(/ca)?/ca\.crt", str(authority), text))
        if path.suffix == ".yml":
            assert load(path, syntax_only=True).output is not None
        else:
            pipeline = Pipeline.load([str(path)])
            alone = name.startswith("embedded")
            assert [one.name for one in pipeline.inputs] == ["beats" if alone else "mqtt"]
            assert [one.name for one in pipeline.outputs] == ([] if alone else ["elasticsearch"])
