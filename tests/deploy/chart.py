"""What is made of the Helm chart by ``python -m tests.deploy.chart``: plain manifests, and its README's table."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.services import MissingServiceError

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "sawlog"
PLAIN: Final = ROOT / "deploy" / "kubernetes"
README: Final = CHART / "README.md"
KUBERNETES: Final = "1.31.0"
"""Helm, when it is built as a Go module, takes the cluster for a very old one."""
MADE: Final = re.compile(r"(?<=<!-- made of values.yaml by make manifests -->\n).*?(?=<!-- end -->)", re.DOTALL)
_ORDER: Final = ("account", "configuration", "daemonset", "deployment", "statefulset", "network")
_OF_HELM: Final = re.compile(
    r"(?m)^ *(app.kubernetes.io/managed-by|helm.sh/chart): .*\n"
    r"|^ *annotations:\n *# A changed configuration is a new pod.\n *checksum/configuration: .*\n"
)
_SECRETS: Final = "kubectl -n logging create secret generic"
_HEADS: Final = {
    "shipper.yaml": f"""\
# The shipper on every node: follows the containers' logs and sends them to the broker.
#
#   kubectl create namespace logging
#   {_SECRETS} sawlog-shipper --from-literal=mqtt-password=…
#   kubectl -n logging create configmap sawlog-ca --from-file=ca.crt
#   kubectl apply -f shipper.yaml
""",
    "ingest.yaml": f"""\
# Ingest: takes batches from the broker, parses them, and writes them to Elasticsearch. More replicas share the work.
#
#   {_SECRETS} sawlog-ingest \\
#       --from-literal=mqtt-password=… --from-literal=elasticsearch-api-key=…
#   kubectl apply -f ingest.yaml
""",
    "embedded/shipper.yaml": """\
# The shipper on every node: follows the containers' logs and sends them to what index.yaml starts.
#
#   kubectl create namespace logging
#   kubectl apply -f shipper.yaml
""",
    "embedded/index.yaml": f"""\
# sawlog with an index and a search page of its own: takes what the shippers send, and nothing else is needed.
#
#   {_SECRETS} sawlog-index --from-literal=web-password=…
#   kubectl apply -f index.yaml
#   kubectl -n logging port-forward svc/sawlog-index 5601        then http://localhost:5601, as user sawlog
""",
}


def helm() -> str:
    """Return the path of Helm.

    Raises:
        MissingServiceError: it is not there.
    """
    found = shutil.which("helm", path=f"{ROOT}/.cache/bin:{os.environ.get('PATH', os.defpath)}")
    if found is None:
        raise MissingServiceError("Helm is not installed: make test-helm builds it with Go")
    return found


def template(*options: str, release: str = "sawlog", namespace: str = "logging") -> subprocess.CompletedProcess[str]:
    """Render the chart as ``helm template`` does."""
    command = [helm(), "template", release, str(CHART), "-n", namespace, "--kube-version", KUBERNETES, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def manifests() -> dict[str, str]:
    """Render the plain manifests, by their paths below `PLAIN`."""
    found = {}
    for name, head in _HEADS.items():
        folder, _, part = name.rpartition("/")
        done = template("--set", f"store={folder or 'elasticsearch'}")
        assert not done.returncode, done.stderr
        pieces = re.findall(r"(?ms)^---\n# Source: sawlog/templates/(\w+)/(\w+)\.yaml\n(.*?)(?=^---\n|\Z)", done.stdout)
        own = [(_ORDER.index(kind), text) for owner, kind, text in pieces if f"{owner}.yaml" == part]
        texts = [re.sub(r"(?m)^ +$", "", _OF_HELM.sub("", text)) for _, text in sorted(own, key=lambda one: one[0])]
        found[name] = head + f"#\n# Made of deploy/helm/sawlog by make manifests, {digest()}\n" + "---\n".join(texts)
    return found


def digest() -> str:
    """Return what tells whether the manifests were made of the chart as it is."""
    files = [CHART / "Chart.yaml", CHART / "values.yaml", *CHART.glob("templates/**/*"), *CHART.glob("files/*")]
    together = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        together.update(f"{path.relative_to(CHART)}\n".encode() + path.read_bytes())
    return f"sha256:{together.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Value:
    """A line of values.yaml: where it stands, what it is, and what the comment above it says."""

    path: tuple[str, ...]
    default: Any
    comment: str
    section: bool
    """Whether what it holds stands in lines of its own."""


def values() -> Iterator[Value]:
    """Read values.yaml, in its order."""
    text = (CHART / "values.yaml").read_text()
    tree = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if said := re.fullmatch(r" *# (.*)", line):
            comment.append(said[1])
            continue
        if key := re.fullmatch(r"( *)([\w-]+):(.*)", line):
            path[len(key[1]) // 2 :] = [key[2]]
            default = tree
            for name in path:
                default = default[name]
            yield Value(tuple(path), default, " ".join(comment), not key[3].strip())
        comment = []


def table() -> str:
    """Write the README's table."""
    rows, told = ["| value | default | |", "| --- | --- | --- |"], ""
    for value in values():
        name = ".".join(value.path)
        if told and name.startswith(told):
            continue
        told = ""
        if value.section and len(value.path) > 1:
            told = f"{name}."
        default = "" if value.section and not told else f"`{json.dumps(value.default)}`"
        rows.append(f"| `{name}` | {default} | {value.comment.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def readme() -> str:
    """Return the README with its table as it should be."""
    return MADE.sub(lambda _: f"\n{table()}\n", README.read_text())


def main() -> None:
    """Write all of it."""
    for name, text in manifests().items():
        (PLAIN / name).parent.mkdir(exist_ok=True)
        (PLAIN / name).write_text(text)
    README.write_text(readme())


if __name__ == "__main__":
    main()
