"""The commands of the Dockerfile, run without an engine in folders of their own, with what this machine has."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from sawlog import __version__
from tests.conftest import need
from tests.deploy.tools import ROOT, runs
from tests.services import program

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_the_build_makes_a_program_that_runs(tmp_path: Path) -> None:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("pip is not installed")
    source, target = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) (\S+)$", DOCKERFILE.partition("\nFROM ${PYTHON_IMAGE} AS root\n")[0])
    for names, place in copied:
        for name in names.split():
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / place, ignore=ignored)
            else:
                shutil.copy(ROOT / name, source / place)
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    commands = [part.strip() for line in lines if line.startswith("RUN ") for part in line[4:].split("&&")]
    # What it depends on is in this environment already; without that, the commands are those of the image.
    assert [("--require-hashes" in one, one.split()[-1]) for one in commands if " install --" in one] == [
        (True, "build.lock"), (True, "requirements.lock"), (False, "."),
    ]  # fmt: skip
    made = next(one for one in commands if "python -m venv" in one).partition("python -m venv")[2]
    installed = next(one for one in commands if one.endswith(" ."))
    python = shlex.quote(sys.executable)
    pip = installed.replace("pip --python", f"{python} -m pip --python")
    command = f"{python} -m venv {made} && {pip}".replace("/opt/sawlog", str(target))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(site.getsitepackages())}
    runs("bash", "-euc", command, cwd=source, env=environment)
    assert runs(target / "bin" / "sawlog", "--version", env=environment).split()[-1] == __version__
    assert "Tail PATHS" in runs(target / "bin" / "sawlog", "up", "--help", env=environment)
    assert not (target / "bin" / "pip").exists()


def test_certificates_are_made_once_and_verify(tmp_path: Path) -> None:
    need(lambda: program("openssl"))
    command = (ROOT / "deploy" / "certificates", tmp_path, "elasticsearch", "mosquitto")
    assert runs(*command).count("made") == 3
    for name in ("elasticsearch", "mosquitto"):
        certificate = tmp_path / name / "server.crt"
        runs("openssl", "verify", "-CAfile", tmp_path / "ca" / "ca.crt", "-verify_hostname", name, certificate)
        runs("openssl", "verify", "-CAfile", tmp_path / "ca" / "ca.crt", "-verify_ip", "127.0.0.1", certificate)
        assert (tmp_path / name / "server.key").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "authority" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ca" / "ca.crt").stat().st_mode & 0o777 == 0o644
    before = (tmp_path / "mosquitto" / "server.crt").read_bytes()
    assert runs(*command).count("kept") == 2
    assert (tmp_path / "mosquitto" / "server.crt").read_bytes() == before
    # Another name needs another certificate; another authority needs them all.
    environment = {**os.environ, "CERTIFICATE_NAMES": "logs.example.org 192.0.2.7 2001:db8::7"}
    assert runs(*command, env=environment).count("made for") == 2
    for address in ("192.0.2.7", "2001:db8::7"):
        runs("openssl", "verify", "-CAfile", tmp_path / "ca" / "ca.crt", "-verify_ip", address,
             tmp_path / "mosquitto" / "server.crt")  # fmt: skip
    (tmp_path / "authority" / "ca.key").unlink()
    assert runs(*command).count("made") == 3
    runs("openssl", "verify", "-CAfile", tmp_path / "ca" / "ca.crt", tmp_path / "mosquitto" / "server.crt")
