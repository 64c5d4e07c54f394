"""The playbooks, run for real against this machine, below a temporary folder: install, refuse, roll back, take away."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import signal
import site
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.tools import ROOT, runs, tool
from tests.services import free_port

ANSIBLE = ROOT / "deploy" / "ansible"
SECONDS = 60.0
BROKEN_AGENT = 'raise SystemExit("this version does not start")\n'


def test_ansible_s_linter_is_content() -> None:
    linter = tool("ansible-lint")
    environment = {**os.environ, "NO_COLOR": "1", "PATH": f"{Path(linter).parent}:{os.environ['PATH']}"}
    assert "0 failure(s), 0 warning(s)" in runs(linter, "--offline", cwd=ANSIBLE, env=environment)


def wheel(folder: Path, version: str, agent: str = "") -> Path:
    """Build this checkout as another version; `agent` replaces the module that ships."""
    source = folder / version
    for name in ("sawlog", "shipper", "ingest", "dashboards"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    module = source / "sawlog" / "__init__.py"
    module.write_text(re.sub(r'__version__ = ".+"', f'__version__ = "{version}"', module.read_text()))
    if agent:
        (source / "shipper" / "service.py").write_text(agent)
    runs(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    (built,) = folder.glob(f"sawlog-{version}-*.whl")
    return built


def play(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run Ansible in the folder of the playbooks, with a home of its own."""
    more = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(home)}
    return subprocess.run(
        command, cwd=ANSIBLE, env={**os.environ, **more}, capture_output=True, text=True, timeout=600, check=False
    )


class Machine:
    """A folder that the playbooks take for a machine, an agent that writes into a file, and what it has shipped."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "machine"
        self.configs = folder / "configs"
        self.logs = folder / "logs"
        self.shipped = folder / "shipped"
        self.wheels = folder / "wheels"
        for made in (self.configs, self.logs, self.wheels):
            made.mkdir()
        self.port = free_port()
        self.before_crash: set[str] = set()
        self.playbook = tool("ansible-playbook")
        self.configure()
        (self.logs / "app.log").touch()

    def configure(self, more: str = "") -> None:
        """Write the configuration of ENV test."""
        (self.configs / "filebeat.conf-test.yml").write_text(
            f"filebeat.inputs:\n"
            f"  - type: filestream\n"
            f"    id: app\n"
            f"    paths: ['{self.logs}/*.log']\n"
            f"fields: {{secret: '${{SECRET}}'}}\n"
            f"output.file: {{path: '{self.shipped}', filename: events}}\n"
            # As on most machines with Filebeat: a folder that is not the agent's.
            f"logging.to_files: true\n"
            f"logging.files.path: /proc/filebeat\n"
            f"{more}"
        )

    def variables(self, version: str) -> dict[str, Any]:
        """Return what the role has to know of this machine."""
        return {
            "ansible_python_interpreter": sys.executable,
            "sawlog_shipper_prefix": str(self.prefix),
            "sawlog_shipper_manager": "sysv",
            "sawlog_shipper_create_user": False,
            "sawlog_shipper_user": getpass.getuser(),
            "sawlog_shipper_python": sys.executable,
            "sawlog_shipper_requirement": str(next(iter(self.wheels.glob(f"sawlog-{version}-*.whl")), "")),
            # What it depends on is in this environment already.
            "sawlog_shipper_pip_arguments": "--no-deps --no-index",
            "sawlog_shipper_environment": {
                "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
                "SECRET": 'a "b" $c `d` \\ \'e',
            },
            "sawlog_shipper_config_location": str(self.configs),
            "sawlog_shipper_health_port": self.port,
            "sawlog_shipper_healthy_seconds": 60,
        }

    def run(self, playbook: str, version: str, *more: str, fails: str = "", **values: Any) -> dict[str, int]:
        """Run a playbook; return what its recap counts. `fails` is what it must say when it must fail."""
        given = {"HOST": "localhost", "ENV": "test", "VERSION": version, **self.variables(version), **values}
        command = [self.playbook, "-i", "localhost,", "-c", "local", playbook, "-e", json.dumps(given), *more]
        done = play(command, self.wheels)
        told = f"{done.stdout}\n{done.stderr}\n{self.log}"
        assert (done.returncode != 0) == bool(fails), told
        assert fails in told, told
        assert given["sawlog_shipper_environment"]["SECRET"] not in done.stdout + done.stderr
        recap = re.search(r"localhost +: (ok=.+)", done.stdout)
        assert recap is not None, told
        return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", recap[1])}

    @property
    def log(self) -> str:
        path = self.prefix / "var/log/sawlog-shipper.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        return int((self.prefix / "run/sawlog-shipper.pid").read_text())

    @property
    def version(self) -> str:
        return (self.prefix / "opt/sawlog/current").readlink().name

    @property
    def events(self) -> list[dict[str, Any]]:
        # The newest file has no number, the oldest the highest.
        files = sorted(self.shipped.glob("events*"), key=lambda path: -int(path.suffix[1:] or 0))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def ships(self, text: str) -> None:
        """See that a new line arrives, and nothing twice but what a crash may repeat."""
        with (self.logs / "app.log").open("a") as file:
            file.write(f"{text}\n")
        end = time.monotonic() + SECONDS
        while text not in (texts := [event["message"] for event in self.events]):
            assert time.monotonic() < end, f"{texts}\n{self.log}"
            time.sleep(0.1)
        repeated = {text for text, count in Counter(texts).items() if count > 1 + (text in self.before_crash)}
        assert not repeated

    def crash(self) -> None:
        """End the agent as a fault would: what it had delivered without noting it in its registry, it sends again."""
        os.kill(self.pid, signal.SIGKILL)
        self.before_crash = {event["message"] for event in self.events}

    def close(self) -> None:
        """End the agent, whatever became of the test."""
        if (self.prefix / "run/sawlog-shipper.pid").exists():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def is_gone(pid: int) -> bool:
    """Whether a process is no more, or waits for nothing but that somebody takes note of its end."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine that has nothing yet."""
    _need_root()
    machine = Machine(tmp_path)
    try:
        yield machine
    finally:
        machine.close()


def _need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("the playbooks give files to root, which takes root")


def test_a_rollout_ships_and_a_configuration_is_refused(machine: Machine) -> None:
    wheel(machine.wheels, "1.0")
    # As on Ubuntu, where rsyslog makes its files there.
    (shared := machine.prefix / "var" / "log").mkdir(parents=True)
    shared.chmod(0o775)
    assert machine.run("site.yml", "1.0")["changed"] > 5
    assert shared.stat().st_mode & 0o777 == 0o775
    assert machine.version == "1.0"
    machine.ships("the first line")
    assert machine.events[-1]["fields"]["secret"] == 'a "b" $c `d` \\ \'e'
    first = machine.pid

    machine.configure("filebeat.inptus: []\n")
    machine.run("site.yml", "1.0", fails="filebeat.conf-test.yml is refused; the agent that runs stays as it is")
    assert machine.pid == first
    machine.ships("a line after the refusal")


@pytest.mark.slow
def test_a_rollout_is_idempotent_and_rolls_back(machine: Machine) -> None:
    wheel(machine.wheels, "1.0")
    wheel(machine.wheels, "2.0", BROKEN_AGENT)
    machine.run("site.yml", "1.0")
    machine.ships("the first line")
    first = machine.pid

    assert machine.run("site.yml", "1.0")["changed"] == 0
    assert machine.pid == first

    machine.configure("tags: [new]\n")
    words = "2.0 is not well"
    machine.run("site.yml", "2.0", fails=words, sawlog_shipper_healthy_seconds=5)
    assert machine.version == "1.0"
    assert machine.pid != first
    machine.ships("a line after the way back")
    assert "tags" not in machine.events[-1]


def test_what_cannot_be_is_refused_before_anything_is_touched(machine: Machine, tmp_path: Path) -> None:
    (old := tmp_path / "python3").write_text("#!/bin/sh\necho 3.9\n")
    old.chmod(0o755)
    nothing = {"sawlog_shipper_requirement": "", "sawlog_shipper_pex": str(tmp_path / "agent.pex")}
    for given, words in (
        ({"VERSION": "../1.0"}, "VERSION (sawlog_shipper_version) is '../1.0', which is no version"),
        ({"sawlog_shipper_manager": "sytemd"}, "sawlog_shipper_manager is 'sytemd': it is systemd or sysv"),
        ({"sawlog_shipper_grups": ["adm"]}, "sawlog_shipper_grups: the role has no such variable"),
        (nothing, f"sawlog_shipper_pex is {tmp_path}/agent.pex, which is not there"),
        (
            {"sawlog_shipper_python": str(old)},
            f"sawlog_shipper_python is {old}, which is Python 3.9; the agent needs 3.11",
        ),
        (
            {"sawlog_shipper_python": "python3.99"},
            "sawlog_shipper_python is python3.99, which is no Python on this host",
        ),
    ):
        machine.run("site.yml", "1.0", fails=words, **{"sawlog_shipper_requirement": "sawlog", **given})
    assert not (machine.prefix / "opt/sawlog/versions/1.0").exists()


def test_the_script_does_not_take_another_program_for_the_agent(machine: Machine) -> None:
    wheel(machine.wheels, "1.0")
    machine.run("site.yml", "1.0")
    machine.ships("the first line")
    script = machine.prefix / "etc/init.d/sawlog-shipper"
    assert "start-stop-daemon" not in script.read_text()
    status = [script, "status"]
    assert subprocess.run(status, check=False).returncode == 0

    # It crashes, and its number is given to another program.
    machine.crash()
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            for text in (str(other.pid), "", "4194305"):
                (machine.prefix / "run/sawlog-shipper.pid").write_text(text)
                assert subprocess.run(status, check=False).returncode == 3
            (machine.prefix / "run/sawlog-shipper.pid").write_text(str(other.pid))
            runs(script, "stop")
            assert other.poll() is None
            (machine.prefix / "run/sawlog-shipper.pid").write_text(str(other.pid))
            assert subprocess.run([script, "reload"], check=False).returncode != 0
            runs(script, "start")
            assert machine.pid != other.pid
            machine.ships("a line after the crash")
            again = machine.pid
            runs(script, "restart")
            assert machine.pid != again
            assert is_gone(again)
            machine.ships("a line after the restart")
            assert other.poll() is None
        finally:
            other.kill()
    runs(script, "stop")
    assert not (machine.prefix / "run/sawlog-shipper.pid").exists()


def test_a_host_that_nobody_knows_is_no_success(machine: Machine) -> None:
    for playbook in ("site.yml", "uninstall.yml"):
        machine.run(playbook, "1.0", HOST="lcoalhost", fails="HOST=lcoalhost names no host of the inventory")
    machine.run("site.yml", "1.0", SERIAL="a tenth", fails="SERIAL is a tenth, which is neither a number of hosts")
    assert not machine.prefix.exists()


@pytest.mark.slow
def test_a_host_on_which_it_fails_is_the_last_one(tmp_path: Path) -> None:
    _need_root()
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    machines = [Machine(folder) for folder in folders]
    first, second, third = machines
    try:
        for machine in machines:
            machine.wheels = first.wheels
        wheel(first.wheels, "1.0")
        second.configure("filebeat.inptus: []\n")
        inventory = tmp_path / "hosts.yml"
        # The group says what runs on it, so that HOST alone is asked for.
        hosts = {one.prefix.parent.name: {"ansible_connection": "local", **one.variables("1.0")} for one in machines}
        group = {"hosts": hosts, "vars": {"ENV": "test", "VERSION": "1.0"}}
        inventory.write_text(json.dumps({"all": {"children": {"web": group}}}))
        done = play(
            [first.playbook, "-i", str(inventory), "site.yml", "-e", "HOST=web", "-e", "SERIAL=2"], first.wheels
        )
        assert done.returncode != 0
        assert "filebeat.conf-test.yml is refused" in done.stdout
        first.ships("a line of the first")
        assert (second.prefix / "opt/sawlog/versions/1.0").is_dir()
        assert not (second.prefix / "opt/sawlog/current").exists()
        assert not third.prefix.exists()
        assert re.search(r"^third +: .* changed=0 ", done.stdout, re.MULTILINE)
    finally:
        for machine in machines:
            machine.close()


@pytest.mark.slow
def test_a_check_changes_nothing_an_upgrade_does_and_an_uninstall_undoes(machine: Machine) -> None:
    for version in ("1.0", "1.1", "1.2"):
        wheel(machine.wheels, version)
    # Where nothing is, a check says so and makes nothing.
    assert machine.run("site.yml", "1.0", "--check")["failed"] == 0
    assert not machine.prefix.exists()
    machine.run("site.yml", "1.0")
    machine.ships("the first line")
    first = machine.pid

    machine.configure("tags: [new]\n")
    assert machine.run("site.yml", "1.0", "--check")["changed"] > 0
    assert machine.pid == first
    assert "tags" not in (machine.prefix / "etc/sawlog/filebeat.yml").read_text()

    machine.run("site.yml", "1.1")
    assert machine.version == "1.1"
    machine.ships("a line after the upgrade")
    assert machine.events[-1]["tags"] == ["new"]
    assert "tags" not in (machine.prefix / "opt/sawlog/previous/filebeat.yml").read_text()

    machine.run("site.yml", "1.2")
    versions = {path.name for path in (machine.prefix / "opt/sawlog/versions").iterdir()}
    assert versions == {"1.1", "1.2"}

    last = machine.pid
    machine.run("uninstall.yml", "1.2")
    assert is_gone(last)
    assert not (machine.prefix / "opt/sawlog").exists()
    assert (machine.prefix / "var/lib/sawlog").is_dir()
    machine.run("uninstall.yml", "1.2", sawlog_shipper_purge=True)
    assert not (machine.prefix / "etc/sawlog").exists()
    assert machine.run("uninstall.yml", "1.2", sawlog_shipper_purge=True)["changed"] == 0


@pytest.mark.slow
def test_a_configuration_comes_from_s3(machine: Machine) -> None:
    moto: Any = pytest.importorskip("moto.server", reason="moto is not installed")
    boto3: Any = pytest.importorskip("boto3", reason="boto3 is not installed")
    wheel(machine.wheels, "1.0")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        client.create_bucket(Bucket="logging")
        body = (machine.configs / "filebeat.conf-test.yml").read_bytes()
        client.put_object(Bucket="logging", Key="shippers/filebeat.conf-test.yml", Body=body)
        given: dict[str, Any] = {
            "sawlog_shipper_config_location": "s3://logging/shippers",
            "sawlog_shipper_s3_environment": {
                **credentials,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_DEFAULT_REGION": "us-east-1",
                "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
            },
        }
        machine.run("site.yml", "1.0", **given)
        machine.ships("the first line")
        assert machine.run("site.yml", "1.0", **given)["changed"] == 0
        machine.run(
            "site.yml",
            "1.0",
            **given,
            ENV="tset",
            fails="s3://logging/shippers/filebeat.conf-tset.yml cannot be read: FileNotFoundError",
        )
        machine.ships("a line after a configuration that is not there")
    finally:
        server.stop()
