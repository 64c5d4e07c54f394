"""What the shipper may do in a container is enough to read the logs of others, and to keep its offsets."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import need
from tests.deploy.tools import ROOT, made_env, runs, tool
from tests.ingesting import SAWLOG
from tests.patience import SECONDS
from tests.services import program

KNOWN = {"DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2}
"""Capabilities by their numbers."""
IMAGE_USER = 10001
LINE = '{"log":"hello\\n","stream":"stdout","time":"2025-03-01T10:15:30.126789012Z"}\n'


def containers_file() -> str:
    """Return the file for containers that the guide shows, for beside the compose file."""
    page = (ROOT / "docs/how-to/containers.md").read_text()
    (found,) = re.findall(r"```yaml\n(# compose\.containers\.yml.*?)```", page, re.DOTALL)
    return str(found)


def compose() -> tuple[list[str], int]:
    """Return its capabilities, and whose its data folder is: the image's user's, as a new volume is made."""
    service: dict[str, Any] = yaml.safe_load(containers_file())["services"]["shipper"]
    assert service["user"] == "0"
    return service["cap_add"], IMAGE_USER


def kubernetes() -> tuple[list[str], int]:
    """Return its capabilities, and whose its data folder is: root's, as the kubelet makes it."""
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/shipper.yaml").read_text())
    (daemon,) = (one for one in documents if one["kind"] == "DaemonSet")
    context = daemon["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert (context["runAsUser"], context["capabilities"]["drop"]) == (0, ["ALL"])
    return context["capabilities"]["add"], 0


@pytest.mark.parametrize("where", [compose, kubernetes])
def test_they_suffice(where: Any, tmp_path: Path) -> None:
    capabilities, owner = where()
    setpriv = need(lambda: program("setpriv"))
    bound = int(re.findall(r"CapBnd:\s*([0-9a-f]+)", Path("/proc/self/status").read_text())[0], 16)
    if os.geteuid() or not all(bound >> KNOWN[name] & 1 for name in capabilities):
        pytest.skip("only root can have these rights, and not everywhere")
    (logs := tmp_path / "logs").mkdir()
    (logs / "x-json.log").write_text(LINE)
    (data := tmp_path / "data").mkdir()
    for path, user, mode in ((logs / "x-json.log", 4711, 0o600), (logs, 4711, 0o700), (data, owner, 0o700)):
        os.chown(path, user, user)
        path.chmod(mode)
    (config := tmp_path / "filebeat.yml").write_text(
        f"filebeat.inputs: [{{type: container, paths: ['{logs}/*.log']}}]\noutput.console: {{}}\npath.data: {data}\n"
    )
    kept = ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)])
    done = subprocess.run(
        [setpriv, f"--bounding-set={kept}", "--inh-caps=-all", SAWLOG, "ship", "-c", config, "--once"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, '"message":"hello"' in done.stdout) == (0, True), done.stderr


def test_compose_takes_the_file_for_containers(tmp_path: Path) -> None:
    (more := tmp_path / "compose.containers.yml").write_text(containers_file())
    files = ("-f", ROOT / "docker-compose.yml", "-f", more)
    command = (tool("docker-compose"), "--env-file", made_env(tmp_path), *files, "config")
    shipper = yaml.safe_load(runs(*command))["services"]["shipper"]
    assert (shipper["user"], shipper["cap_add"], shipper["cap_drop"]) == ("0", ["DAC_OVERRIDE"], ["ALL"])
