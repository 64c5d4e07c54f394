"""What `make dist` makes, installed into clean roots: it runs, is upgraded, removed and purged."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.packages import nfpm
from deploy.packages.flavour import PYTHONS, agent
from sawlog import __version__
from tests.conftest import need
from tests.deploy.test_ansible import Machine, is_gone
from tests.deploy.tools import ROOT, runs
from tests.packages.root import CONFIGURATION, SHIP, Root, make_root
from tests.services import MissingServiceError, program

pytestmark = pytest.mark.packages
MACHINE = os.uname().machine
NEWER = "99.1"
LINE = "2025-03-01T10:15:30.123Z  INFO 1 --- [orders] [main] c.a.o.OrderService : Order {} placed"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make dist` fills, with packages of a newer version beside, which bring another filebeat.yml."""
    need(_tools)
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "deploy.packages", "--folder", folder], cwd=ROOT, check=True)
    files = tmp_path_factory.mktemp("files") / "files"
    shutil.copytree(nfpm.FILES, files)
    with (files / "filebeat.yml").open("a") as file:
        file.write("# of the newer version\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nfpm, "FILES", files)
        tree = ROOT / "build" / "packages" / f"sawlog-agent-{MACHINE}"
        nfpm.make_packages(folder, agent(), tree, version=NEWER, machine=MACHINE, pythons=PYTHONS)
    return folder


def _tools() -> None:
    if os.geteuid() != 0:
        raise MissingServiceError("packages are installed by root only")
    for name in ("debootstrap", "rpm", "dpkg", "chroot"):
        program(name)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root with nothing but Debian and its Python."""
    need(_tools)
    folder = tmp_path_factory.mktemp("clean")
    yield make_root(folder / "root")
    shutil.rmtree(folder)


@pytest.fixture
def root(clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Root]:
    """A copy of it."""
    # rpm's scripts are given this environment: systemctl then asks no systemd of this machine.
    monkeypatch.setenv("SYSTEMD_OFFLINE", "1")
    yield Root(clean, tmp_path / "root")
    shutil.rmtree(tmp_path / "root")


def deb(folder: Path, name: str, version: str = __version__) -> Path:
    (found,) = folder.glob(f"{name}_{version}_*.deb")
    return found


def rpm(folder: Path, name: str, version: str = __version__) -> Path:
    return folder / f"{name}-{version}-1.{MACHINE}.rpm"


def test_the_deb_of_the_agent(dist: Path, root: Root) -> None:
    dpkg = ("dpkg", "--force-confold", "--install")
    root.runs(*dpkg, root.bring(deb(dist, "sawlog-agent")))
    _works_at_first(root)
    assert root.runs("dpkg", "--verify", "sawlog-agent") == "??5?????? c /etc/sawlog/filebeat.yml\n"

    root.runs(*dpkg, root.bring(deb(dist, "sawlog-agent", NEWER)))
    _goes_on(root, kept_beside="etc/sawlog/filebeat.yml.dpkg-dist")

    root.runs("dpkg", "--remove", "sawlog-agent")
    assert not root.has("usr/lib/sawlog")
    assert not root.has("usr/bin/sawlog")
    assert root.has("etc/sawlog/filebeat.yml")
    assert root.has("var/lib/sawlog/registry.sqlite")
    # Installed again, it knows how far it has read.
    root.runs(*dpkg, root.bring(deb(dist, "sawlog-agent")))
    assert len(root.ship()) == 3

    root.runs("dpkg", "--purge", "sawlog-agent")
    assert not root.has("etc/sawlog")
    assert not root.has("var/lib/sawlog")


def test_the_rpm_of_the_agent(dist: Path, root: Root) -> None:
    # Its database knows nothing of Debian's Python, so what is required is looked at by itself.
    called = ("rpm", "--root", root.path, "--nodeps")
    needed = runs("rpm", "-qp", "--requires", rpm(dist, "sawlog-agent")).splitlines()
    assert {f"python(abi) >= {PYTHONS[0]}", "glibc >= 2.28", "shadow-utils"} <= set(needed)
    runs("rpm", "--root", root.path, "--initdb")
    runs(*called, "--install", rpm(dist, "sawlog-agent"))
    _works_at_first(root)

    runs(*called, "--upgrade", rpm(dist, "sawlog-agent", NEWER))
    _goes_on(root, kept_beside="etc/sawlog/filebeat.yml.rpmnew")

    runs(*called, "--erase", "sawlog-agent")
    assert not root.has("usr/lib/sawlog")
    assert not root.has("usr/bin/sawlog")
    assert root.has("etc/sawlog/filebeat.yml.rpmsave")
    assert root.has("var/lib/sawlog/registry.sqlite")


def test_the_one_deb_takes_the_place_of_the_other(dist: Path, root: Root) -> None:
    dpkg = ("dpkg", "--force-confold", "--install")
    root.runs(*dpkg, root.bring(deb(dist, "sawlog-agent")))
    root.configure()
    root.log(LINE.format(1))
    root.runs("systemctl", "enable", "sawlog-shipper")
    assert len(root.ship()) == 1

    root.runs(*dpkg, root.bring(deb(dist, "sawlog")))
    # What is left of the first one goes; offsets and configuration are the second one's now.
    root.runs("dpkg", "--purge", "sawlog-agent")
    assert (root.path / "etc/sawlog/filebeat.yml").read_text() == CONFIGURATION
    root.log(LINE.format(2))
    assert root.ship() == [LINE.format(1), LINE.format(2)]
    assert root.enabled() == ["sawlog-shipper.service"]

    # As apt does it: the one is removed, then the other is installed.
    root.runs("systemctl", "enable", "sawlog-ingest")
    root.runs("dpkg", "--remove", "sawlog")
    root.runs(*dpkg, root.bring(deb(dist, "sawlog-agent")))
    root.runs("dpkg", "--purge", "sawlog")
    assert root.enabled() == ["sawlog-shipper.service"]
    assert not root.has("etc/sawlog/pipeline.conf")
    root.log(LINE.format(3))
    assert root.ship() == [LINE.format(number) for number in (1, 2, 3)]
    root.runs("dpkg", "--purge", "sawlog-agent")
    assert root.enabled() == []
    assert not root.has("var/lib/sawlog")


def test_the_one_rpm_takes_the_place_of_the_other(dist: Path, root: Root) -> None:
    called = ("rpm", "--root", root.path, "--nodeps")
    runs("rpm", "--root", root.path, "--initdb")
    runs(*called, "--install", rpm(dist, "sawlog-agent"))
    root.configure()
    root.log(LINE.format(1))
    root.runs("systemctl", "enable", "sawlog-shipper")
    assert len(root.ship()) == 1
    # The order of one transaction of dnf: the other is there before the one goes.
    runs(*called, "--install", "--replacefiles", rpm(dist, "sawlog"))
    runs(*called, "--erase", "sawlog-agent")
    assert root.enabled() == ["sawlog-shipper.service"]
    assert (root.path / "etc/sawlog/filebeat.yml").read_text() == CONFIGURATION
    root.log(LINE.format(2))
    assert root.ship() == [LINE.format(1), LINE.format(2)]
    runs(*called, "--erase", "sawlog")
    assert root.enabled() == []


def _works_at_first(root: Root) -> None:
    """Look at what is installed for the first time, and ship with it."""
    assert root.runs("sawlog", "--version").split()[-1] == __version__
    assert root.runs("id", "--groups", "--name", "sawlog").split() == ["sawlog", "adm"]
    unit = (root.path / "usr/lib/systemd/system/sawlog-shipper.service").read_text()
    assert (
        f"ExecStart=/usr/bin/sawlog {' '.join(SHIP[:2])} -c {SHIP[4]} -E path.config=/etc/sawlog -E {SHIP[-1]}" in unit
    )
    assert (root.path / "etc/sawlog/environment").stat().st_mode & 0o777 == 0o600
    for name in ("share/man/man1/sawlog.1.gz", "share/bash-completion/completions/sawlog", "share/doc/sawlog-agent"):
        assert root.has(f"usr/{name}")
    # Started as another user it need not compile anything: that is done.
    assert list((root.path / "usr/lib/sawlog").rglob("shipper/__pycache__/service.*.pyc"))
    assert "Config OK" in root.runs("sawlog", "test", "config", "-c", SHIP[4], user="sawlog")
    told = root.runs("sh", "-c", "sawlog search x 2>&1 || true")
    assert told.endswith(" needs the extra 'search': install the package sawlog in the place of sawlog-agent\n")
    root.configure()
    root.log(LINE.format(1), LINE.format(2))
    assert root.ship() == [LINE.format(1), LINE.format(2)]


def _goes_on(root: Root, kept_beside: str) -> None:
    """See that an upgrade has changed neither configuration nor offsets."""
    assert "# of the newer version" in (root.path / kept_beside).read_text()
    assert "output.file" in (root.path / "etc/sawlog/filebeat.yml").read_text()
    assert list((root.path / "usr/lib/sawlog").rglob("shipper/__pycache__/service.*.pyc"))
    root.log(LINE.format(3))
    assert root.ship() == [LINE.format(number) for number in (1, 2, 3)]


def test_the_whole_sawlog(dist: Path, root: Root) -> None:
    assert "Conflicts: sawlog-agent" in runs("dpkg", "--info", deb(dist, "sawlog"))
    root.runs("dpkg", "--install", root.bring(deb(dist, "sawlog")))
    root.log(LINE.format(1))
    root.runs("sawlog", "up", "--once", "--no-web", "--data", "/tmp/data", "/var/log/services/*.log")
    assert "Order 1 placed" in root.runs("sawlog", "search", "--data", "/tmp/data", "service.name:orders")
    assert "good" in root.runs("sawlog", "check", "-f", "/etc/sawlog/pipeline.conf", user="sawlog")
    for service in ("sawlog-shipper", "sawlog-ingest"):
        assert root.has(f"usr/lib/systemd/system/{service}.service")
    listed = runs("rpm", "-qp", "--configfiles", rpm(dist, "sawlog")).split()
    names = ("environment", "filebeat.yml", "ingest-environment", "pipeline.conf")
    assert listed == [f"/etc/sawlog/{name}" for name in names]
    root.runs("dpkg", "--purge", "sawlog")
    assert not root.has("etc/sawlog")
    assert not root.has("usr/lib/sawlog")


def test_the_agent_as_one_file(dist: Path, root: Root) -> None:
    program_there = root.bring(dist / f"sawlog-agent-{__version__}-{MACHINE}.pex")
    (root.path / "etc/sawlog").mkdir()
    (root.path / "etc/sawlog/filebeat.yml").write_text(CONFIGURATION)
    root.log(LINE.format(1))
    root.runs("env", "PEX_ROOT=/var/lib/sawlog/pex", program_there, *SHIP)
    assert "Order 1 placed" in (root.path / "var/lib/sawlog/out/events").read_text()
    for name in ("elasticsearch", "kafka", "redis"):
        output = f"output.{name}: {{hosts: [localhost], topic: a, key: a}}"
        (root.path / "tmp/filebeat.yml").write_text(f"filebeat.inputs: [{{type: stdin}}]\n{output}\n")
        checked = (program_there, "test", "config", "-c", "/tmp/filebeat.yml")
        assert "Config OK" in root.runs("env", "PEX_ROOT=/var/lib/sawlog/pex", *checked)
    told = root.runs("env", "PEX_ROOT=/var/lib/sawlog/pex", "sh", "-c", f"{program_there} search x 2>&1 || true")
    assert told.endswith(": in a clone, make dist DIST_OPTIONS='--only pex --agent-extras search' makes such a file\n")
    # And on the other Pythons of this machine.
    for python in filter(None, (shutil.which(f"python{version}") for version in PYTHONS)):
        if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
            continue
        environment = {"PATH": os.defpath, "PEX_ROOT": str(root.path / "pex")}
        told = runs(python, dist / f"sawlog-agent-{__version__}-{MACHINE}.pex", "--version", env=environment)
        assert told.split()[-1] == __version__


def test_the_digests(dist: Path) -> None:
    told = runs("sha256sum", "--check", "SHA256SUMS", cwd=dist)
    # Wheel, sdist, one file, and two packages in two formats.
    assert told.count(": OK") == 7


def test_the_role_rolls_the_one_file_out(dist: Path, tmp_path: Path) -> None:
    """As to a host without pip, without venv and without a network."""
    machine = Machine(tmp_path)
    try:
        [made] = dist.glob("sawlog-agent-*.pex")
        # What others may use, too, stays where it is.
        _rolled_out(machine, Path(shutil.copy(made, machine.wheels)))
    finally:
        machine.close()


def _rolled_out(machine: Machine, pex: Path) -> None:
    shutil.copy(pex, newer := machine.wheels / "newer.pex")
    given = {"sawlog_shipper_requirement": "", "sawlog_shipper_pex": str(pex)}
    assert machine.run("site.yml", "1.0", "--check", **given)["failed"] == 0
    assert not machine.prefix.exists()
    machine.run("site.yml", "1.0", **given)
    machine.ships("the first line")
    first = machine.pid
    release = machine.prefix / "opt/sawlog/versions/1.0"
    assert (release / ".complete").read_text() == f"{pex.name}\n"
    assert (Path(f"/proc/{first}/exe")).resolve() == Path(sys.executable).resolve()
    assert (
        "No module named pip"
        in subprocess.run([release / "bin/python", "-m", "pip"], capture_output=True, text=True, check=False).stderr
    )
    # What it came in is not needed any more, and a second run changes nothing.
    pex.unlink()
    assert machine.run("site.yml", "1.0", **given)["changed"] == 0
    assert machine.pid == first

    # An upgrade that is not well goes back.
    upgrade = {**given, "sawlog_shipper_pex": str(newer)}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broken = {**upgrade, "sawlog_shipper_health_port": taken.getsockname()[1], "sawlog_shipper_healthy_seconds": 1}
        machine.run("site.yml", "1.1", fails="1.1 is not well", **broken)
    assert machine.version == "1.0"
    machine.ships("a line after the way back")
    machine.configure("tags: [new]\n")
    machine.run("site.yml", "1.1", **upgrade)
    assert machine.version == "1.1"
    machine.ships("a line after the upgrade")
    assert machine.events[-1]["tags"] == ["new"]
    last = machine.pid
    machine.run("uninstall.yml", "1.1", sawlog_shipper_purge=True)
    assert is_gone(last)
    assert not (machine.prefix / "opt/sawlog").exists()
