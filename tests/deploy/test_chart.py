"""The Helm chart: what it says of itself, and, with Helm (``make test-helm``), what it renders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.pipeline import Pipeline
from sawlog import __version__
from shipper.config import load
from tests.conftest import need
from tests.deploy import chart
from tests.deploy.chart import CHART, PLAIN
from tests.deploy.tools import runs, tool

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
WAYS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "alone": ("store=embedded",),
    "alone, over TLS, reached from without": (
        "store=embedded", "index.tlsSecret=tls", "index.service.type=LoadBalancer", "index.retention=50GB",
        "index.ingress.host=logs.example.org", "index.ingress.className=nginx", "index.ingress.tlsSecret=page",
    ),
    "alone, with what is there": (
        "store=embedded", "index.storage.claim=logs", "index.alerts=rules: []", "index.serviceAccount.name=mine",
        "authority=", "index.tlsSecret=tls", "index.retention=",
    ),
    "other names": ("fullnameOverride=logs", "image.digest=sha256:" + "0f" * 32, "imagePullSecrets[0].name=registry"),
    "without an authority": ("authority=",),
    "in the open": ("broker.tls=false", "elasticsearch.hosts={http://es:9200}", "authority=", "networkPolicy=false"),
    "ingest alone, that is reached": (
        "shipper.enabled=false", "ingest.ports[0].name=beats", "ingest.ports[0].port=5044",
        "ingest.ports[1].name=syslog", "ingest.ports[1].port=5514", "ingest.ports[1].protocol=UDP",
        "ingest.deadLettersClaim=letters",
    ),
    "shippers alone": (
        "ingest.enabled=false", "shipper.rbac=false", "shipper.dockerPath=", "shipper.serviceAccount.name=mine",
        "shipper.nodeSelector.pool=shop", "shipper.podLabels.team=shop", "shipper.podAnnotations.a=b",
        "shipper.priorityClassName=system-node-critical", "shipper.env[0].name=A", "shipper.env[0].value=b",
        "shipper.volumes[0].name=x", "shipper.volumes[0].hostPath.path=/x", "shipper.volumeMounts[0].name=x",
        "shipper.volumeMounts[0].mountPath=/x", "shipper.args={-E,logging.level=debug}",
    ),
}  # fmt: skip


def leaves(tree: dict[str, Any], schema: dict[str, Any], before: str = "") -> Iterator[str]:
    """Yield the names of the values that the chart itself knows."""
    for name, value in tree.items():
        inner = schema["properties"][name]
        inner = SCHEMA["definitions"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
        if value and isinstance(value, dict) and "properties" in inner and "requests" not in value:
            yield from leaves(value, inner, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def test_its_version_is_that_of_sawlog() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (about["version"], about["appVersion"]) == (__version__, __version__)


def test_values_are_what_the_schema_says() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    known = jsonschema.Draft7Validator(SCHEMA)
    assert not list(known.iter_errors(VALUES))
    for wrong in (
        {"stor": "embedded"},
        {"store": "files"},
        {"shipper": {**VALUES["shipper"], "tolerance": []}},
        {"broker": {**VALUES["broker"], "port": "8883"}},
        {"elasticsearch": {**VALUES["elasticsearch"], "hosts": ["es:9200"]}},
        {"ingest": {**VALUES["ingest"], "ports": [{"port": 5044}]}},
    ):
        assert list(known.iter_errors(VALUES | wrong)), wrong


def test_each_value_has_a_place_in_schema_and_templates() -> None:
    def check(tree: dict[str, Any], schema: dict[str, Any]) -> None:
        assert set(tree) == set(schema["properties"]) - {"global"}
        for name, value in tree.items():
            if isinstance(value, dict) and "properties" in schema["properties"][name]:
                check(value, schema["properties"][name])

    check(VALUES, SCHEMA)
    texts = {path: path.read_text() for path in [*CHART.glob("templates/**/*.*"), *CHART.glob("files/*")]}
    used: set[str] = set()
    for path, text in texts.items():
        used |= set(re.findall(r"\.Values\.([\w.]+)", text))
        # A part's values by a name of its own, and in the helpers.
        used |= {f"{part}.{name}" for part, name in re.findall(r"\$(shipper|ingest|index)\.([\w.]+)", text)}
        if path.name == "_helpers.tpl":
            own = {*re.findall(r"\$part\.(\w+)", text), "config", "serviceAccount.name"}
            used |= {f"{part}.{name}" for part in ("shipper", "ingest", "index") for name in own}
            used |= {f"image.{name}" for name in re.findall(r"\$image\.(\w+)", text)}
        if path.parent.name == "index" and "with .Values.index.ingress" in text:
            used |= {f"index.ingress.{name}" for name in ("className", "tlsSecret", "annotations")}
    known = set(leaves(VALUES, SCHEMA))
    assert not {name for name in known if name not in used}
    groups = {name.rpartition(".")[0] for name in known} | {"shipper", "ingest", "index"}
    assert not {name for name in used if name not in known and name not in groups}


def test_the_readme_has_the_values() -> None:
    assert chart.README.read_text() == chart.readme(), "run: make manifests"


@pytest.mark.parametrize("path", sorted(PLAIN.rglob("*.yaml")), ids=lambda path: str(path.relative_to(PLAIN)))
def test_the_plain_manifests_are_made_of_the_chart_as_it_is(path: Path) -> None:
    assert f"make manifests, {chart.digest()}\n" in path.read_text(), "run: make manifests"


@pytest.mark.helm
def test_the_plain_manifests_are_what_helm_makes() -> None:
    need(chart.helm)
    for name, text in chart.manifests().items():
        assert (PLAIN / name).read_text() == text, f"{name}: run make manifests"
    assert {str(path.relative_to(PLAIN)) for path in PLAIN.rglob("*.yaml")} == set(chart.manifests())


@pytest.mark.helm
@pytest.mark.parametrize("way", WAYS)
def test_what_helm_makes_is_good(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = [word for one in WAYS[way] for word in ("--set", one)]
    runs(need(chart.helm), "lint", "--strict", CHART, *options)
    done = chart.template(*options, release="obs", namespace="obs")
    assert not done.returncode, done.stderr
    (rendered := tmp_path / "rendered.yaml").write_text(done.stdout)
    documents = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert runs(tool("kubernetes-validate"), "--strict", rendered).count("passed for resource") == len(documents) > 1
    assert "Secret" not in {one["kind"] for one in documents}
    assert {one["metadata"].get("namespace", "obs") for one in documents} == {"obs"}
    by_kind = {kind: [one for one in documents if one["kind"] == kind] for kind in ("ConfigMap", "Service")}
    monkeypatch.setenv("NODE_NAME", "node-1")
    for variable in ("MQTT_SHIPPER_PASSWORD", "MQTT_INGEST_PASSWORD", "ELASTICSEARCH_API_KEY"):
        monkeypatch.setenv(variable, "id:secret")
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (tmp_path / name).touch()
    for one in by_kind["ConfigMap"]:
        for name, text in one["data"].items():
            (path := tmp_path / name).write_text(re.sub(r"/(certificates|tls)/(?=\w+\.\w+\")", f"{tmp_path}/", text))
            if name == "filebeat.yml":
                assert load(path, syntax_only=True).output is not None
            elif name == "pipeline.conf":
                Pipeline.load([str(path)])
    # A pod mounts what it has, a configuration that is there, and a Service finds the ports that it names.
    pods = [
        one["spec"]["template"]["spec"]
        for one in documents
        if one["kind"] in ("DaemonSet", "Deployment", "StatefulSet")
    ]
    maps = {one["metadata"]["name"] for one in by_kind["ConfigMap"]}
    for pod in pods:
        named = {one["configMap"]["name"] for one in pod["volumes"] if one["name"] == "configuration"}
        assert named <= maps
    ports = {port["name"] for pod in pods for port in pod["containers"][0].get("ports", ())}
    assert {port["targetPort"] for one in by_kind["Service"] for port in one["spec"]["ports"]} <= ports


@pytest.mark.helm
def test_a_file_of_one_s_own_is_taken_as_it_is(tmp_path: Path) -> None:
    need(chart.helm)
    text = "filebeat.inputs:\n- {type: container, paths: ['/var/log/containers/*_shop_*.log']}\noutput.console: {}\n"
    (own := tmp_path / "filebeat.yml").write_text(text)
    (pipeline := tmp_path / "own.conf").write_text('filter { mutate { add_field => { "a" => "{{ b }} %{c}" } } }\n')
    done = chart.template("--set-file", f"shipper.config={own}", "--set-file", f"ingest.config={pipeline}")
    assert not done.returncode, done.stderr
    maps = [one["data"] for one in yaml.safe_load_all(done.stdout) if one and one["kind"] == "ConfigMap"]
    written = {name: text.rstrip("\n") for one in maps for name, text in one.items()}
    assert written == {"filebeat.yml": text.rstrip("\n"), "pipeline.conf": pipeline.read_text().rstrip("\n")}


@pytest.mark.helm
@pytest.mark.parametrize("option", ["store=files", "shipper.tolerance=1", "broker.port=none", "index.storage.size=big"])
def test_a_value_that_the_chart_does_not_know_is_refused(option: str) -> None:
    need(chart.helm)
    done = chart.template("--set", option)
    assert done.returncode
    assert option.partition("=")[0].rpartition(".")[2] in done.stderr
