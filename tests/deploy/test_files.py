"""What is in deploy/ and the compose files: consistent with the code, and, where a server can run, tried on it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shlex
import stat
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import click
import pytest
import yaml

from examples import generate
from sawlog.cli import sawlog
from sawlog.errors import StoreError, StoreUnavailableError
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore
from tests.deploy.tools import ROOT, made_env, variables
from tests.services import ElasticsearchServer

COMPOSE_FILES = ("docker-compose.yml", "compose.embedded.yml")
PROJECTS = {file: yaml.safe_load((ROOT / file).read_text()) for file in COMPOSE_FILES}
SERVICES = [
    pytest.param(service, id=f"{file}:{name}")
    for file, project in PROJECTS.items()
    for name, service in project["services"].items()
]
ROLES = ("certificates", "setup", "dashboards", "ingest", "shipper", "orders", "payments", "inventory", "sawlog")
"""The services of our own image."""
OUR_IMAGE = "${SAWLOG_IMAGE:-sawlog}"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .env that `make env` writes."""
    return made_env(tmp_path_factory.mktemp("project"))


def test_secrets_are_random_and_nobody_else_s(env: Path) -> None:
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    secrets = list(variables(env).values())
    assert len(set(secrets)) == len(secrets) == 7
    # Kibana wants 32 characters; nothing in them needs quotes in a shell, in YAML or in a URL.
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in secrets)
    before = env.read_text()
    subprocess.run([env.parent / "deploy" / "make-env"], check=True)
    assert env.read_text() == before
    ignored = (ROOT / ".gitignore").read_text().split()
    assert ".env" in ignored


def test_an_older_env_gets_what_it_lacks_and_keeps_the_rest(tmp_path: Path) -> None:
    env = made_env(tmp_path)
    before = variables(env)
    env.write_text("# mine\nELASTIC_PASSWORD=mine\nOTHER=1")
    subprocess.run([tmp_path / "deploy" / "make-env"], check=True)
    after = variables(env)
    assert (after["ELASTIC_PASSWORD"], after["OTHER"]) == ("mine", "1")
    assert set(after) == {*before, "OTHER"}
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_each_variable_is_in_the_env_file_or_has_a_default(env: Path, file: str) -> None:
    known = variables(env)
    text = re.sub(r"(?m)^\s*#.*$", "", (ROOT / file).read_text()).replace("$$", "")
    found = VARIABLE.findall(text)
    assert found
    for name, kind, _ in found:
        assert kind == "-" or (kind == "?" and name in known), name


@pytest.mark.parametrize("service", SERVICES)
def test_a_command_line_is_one_of_ours(service: dict[str, Any]) -> None:
    entrypoint, command = service.get("entrypoint", []), service.get("command", [])
    if entrypoint[:2] == ["python", "/generate.py"]:
        assert "./examples/generate.py:/generate.py:ro" in service["volumes"]
        with pytest.raises(SystemExit) as ended:
            generate.main([*entrypoint[2:], *command, "--help"])
        assert ended.value.code == 0
    elif service["image"] == OUR_IMAGE and not entrypoint:
        group: click.Group = sawlog
        context = click.Context(sawlog)
        while True:
            name, chosen, command = group.resolve_command(context, command)
            assert chosen is not None
            if not isinstance(chosen, click.Group):
                break
            group = chosen
        # Its files are those of the container.
        for parameter in chosen.params:
            if isinstance(parameter.type, click.Path):
                parameter.type = click.STRING
        chosen.make_context(name, list(command))
    else:
        assert not command or entrypoint[0] == "bash"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_bounded_and_not_open(service: dict[str, Any]) -> None:
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert all(port.startswith(("127.0.0.1:", "${MQTT_ADDRESS:-127.0.0.1}:")) for port in service.get("ports", []))
    assert service["restart"] == "no" or "stop_grace_period" in service
    assert ":latest" not in service["image"]
    # Elastic's own images write beside their configuration when they start.
    assert service.get("read_only") or service["image"].startswith(("${ELASTICSEARCH", "${KIBANA"))


def test_an_image_is_built_once() -> None:
    # Compose builds at the same time what several services build, and all but one fail: the name is taken.
    for project in PROJECTS.values():
        builders = {name for name, one in project["services"].items() if "build" in one}
        assert len(builders) == 1
        (builder,) = builders
        assert project["services"][builder]["image"] == OUR_IMAGE
        # Who builds is among those that any of the others needs, so that `up SERVICE` builds, too.
        for name, service in project["services"].items():
            if service["image"] == OUR_IMAGE and "profiles" not in service:
                assert builder in _needed(project["services"], name), name
            if service["image"] == OUR_IMAGE and name != builder:
                assert service["pull_policy"] == "never", name


def _needed(services: dict[str, Any], name: str) -> set[str]:
    others = services[name].get("depends_on", {})
    return {name}.union(*(_needed(services, other) for other in others))


def test_a_machine_with_one_core_can_start_everything() -> None:
    # Docker makes no container with more CPUs than there are.
    for service in SERVICES:
        cpus = service.values[0]["deploy"]["resources"]["limits"].get("cpus", "1")
        assert float(re.sub(r"\$\{\w+:-(.+)\}", r"\1", cpus)) <= 1.0, service.id


def test_the_parts_of_the_stack_are_there() -> None:
    services = PROJECTS["docker-compose.yml"]["services"]
    assert {name for name, service in services.items() if service["image"] == OUR_IMAGE} == {*ROLES} - {"sawlog"}
    assert {name for name in services if name not in ROLES} == {"accounts", "elasticsearch", "kibana", "mosquitto"}
    assert [name for name, service in services.items() if service.get("profiles") == ["demo"]] == [*ROLES[5:8]]
    # What is scaled has no name, port or offsets of its own.
    assert not {"container_name", "hostname", "ports"} & set(services["ingest"])


def test_the_health_check_of_each_service_asks_it_itself() -> None:
    for project in PROJECTS.values():
        for name, service in project["services"].items():
            check = service.get("healthcheck", {})
            if service["restart"] == "no" or "profiles" in service:
                assert check == {"disable": True}, name
            elif name != "sawlog":
                assert re.search(r"localhost|127\.0\.0\.1", check["test"][-1]), name


def test_what_compose_mounts_and_waits_for_exists() -> None:
    for project in PROJECTS.values():
        for service in project["services"].values():
            for volume in service.get("volumes", []):
                source = re.sub(r"^\$\{\w+:-(.+?)\}", r"\1", volume).split(":")[0]
                if source.startswith("./") and source != "./logs":
                    assert (ROOT / source).exists(), volume
                elif source != "./logs":
                    assert source in project["volumes"], volume
            for name, wait in service.get("depends_on", {}).items():
                other = project["services"][name]
                assert wait["condition"] != "service_healthy" or "healthcheck" in other, name


def test_the_dockerfile_copies_what_is_there() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE)
    assert copied
    for source in " ".join(copied).split():
        path = source.rstrip("/")
        assert (ROOT / path).exists(), source
        assert f"!{path}" in ignored, source
    packages = re.search(r"(?m)^packages = (.+)$", (ROOT / "pyproject.toml").read_text())
    assert packages is not None
    assert set(re.findall(r'"(\w+)"', packages[1])) <= {source.rstrip("/") for source in " ".join(copied).split()}


def test_the_image_runs_as_somebody_and_tells_its_health() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"(?m)^USER (?!0\b|root)\S+$", final)
    check = re.search(r"(?m)^HEALTHCHECK .*CMD (\[.+\])$", final)
    assert check is not None
    program = yaml.safe_load(check[1])
    compile(program[-1], "healthcheck", "exec")
    assert re.search(r"(?m)^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+$", DOCKERFILE)
    assert re.findall(r"(?m)^FROM (\S+)", DOCKERFILE) == ["${PYTHON_IMAGE}"] * 2 + ["scratch"]


def test_scripts_are_sound() -> None:
    scripts = [path for path in (ROOT / "deploy").iterdir() if path.is_file() and path.read_text().startswith("#!")]
    assert len(scripts) >= 4
    for script in scripts:
        assert os.access(script, os.X_OK), script
        subprocess.run(["bash", "-n", script], check=True)
        assert "set -euo pipefail" in script.read_text(), script


def test_make_names_only_scripts_that_exist() -> None:
    named = re.findall(r"@(deploy/[\w-]+)", (ROOT / "Makefile").read_text())
    assert named
    for script in named:
        assert (ROOT / shlex.split(script)[0]).is_file(), script


ACCOUNTS = (ROOT / "deploy" / "accounts").read_text()


def test_accounts_are_made_with_the_secrets() -> None:
    # The server of the tests cannot keep users of its own: their index needs a module that it lacks.
    asked: list[tuple[str, str, dict[str, Any]]] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, base64.b64decode(self.headers["Authorization"].split()[1]).decode(), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        secrets = {"ELASTIC_PASSWORD": "e1", "KIBANA_PASSWORD": "k1", "SAWLOG_PASSWORD": "s1"}
        environment = {**os.environ, **secrets, "ELASTICSEARCH_URL": f"http://127.0.0.1:{server.server_port}"}
        subprocess.run([ROOT / "deploy" / "accounts"], check=True, env=environment)
        server.shutdown()
    assert [path for path, _, _ in asked] == [
        "/_security/user/kibana_system/_password",
        "/_security/role/sawlog",
        "/_security/user/sawlog",
    ]
    assert {credentials for _, credentials, _ in asked} == {"elastic:e1"}
    assert asked[0][2] == {"password": "k1"}
    assert (asked[2][2]["password"], asked[2][2]["roles"]) == ("s1", ["sawlog"])


async def test_the_role_of_sawlog_suffices_to_write_and_read_logs_and_for_nothing_else(
    secure_elasticsearch: ElasticsearchServer,
) -> None:
    server = secure_elasticsearch
    role = re.search(r"put role/sawlog '(.+?)'", ACCOUNTS, re.DOTALL)
    assert role is not None
    server.set_role("sawlog", json.loads(role[1]))
    server._run("elasticsearch-users", "useradd", "limited", "-p", "limited-secret", "-r", "sawlog")
    async with ElasticsearchStore(
        server.url, username=server.USER, password=server.PASSWORD, ca_certs=str(server.ca_certs)
    ):
        pass  # As `sawlog setup` does, it brings the templates, which the limited account may not.
    account = ElasticsearchStore(
        server.url, username="limited", password="limited-secret", ca_certs=str(server.ca_certs)
    )
    async with await _once_known(account) as store:
        bulk = Bulk(["deploy:0"], [{"@timestamp": "2025-03-01T10:15:30.123Z", "message": "hello"}])
        assert (await store.bulk(bulk)).created == 1
        assert (await store.bulk(bulk)).existing == 1
        await store.refresh()
        assert await store.count({"ids": {"values": ["deploy:0"]}}) == 1
        with pytest.raises(StoreUnavailableError, match=r"HTTP 403.*unauthorized for user .limited."):
            await store.bulk(Bulk(["x"], [{"a": 1}], "somebody-elses"))


async def _once_known(store: ElasticsearchStore) -> ElasticsearchStore:
    """Wait for the server to look at its files of users and roles, which it does every few seconds."""
    for _ in range(60):
        try:
            await store.open()
        except StoreError:
            await asyncio.sleep(0.5)
        else:
            return store
    raise AssertionError("the server does not know the account")
