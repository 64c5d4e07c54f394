"""Images for the names that our compose files and the Dockerfile pull, made on this machine out of Debian's packages.

So the tests need no registry of images. One root of Debian 12 serves for all: Python, Mosquitto, and Java for the
Elasticsearch that the tests have anyway. Kibana's place takes the stand-in of `tests.dashboards`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.deploy.tools import ROOT
from tests.docker.engine import Engine, run, unmount
from tests.services import elasticsearch_home, program

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("python3", "python3-venv", "python3-pip", "openssl", "ca-certificates", "curl"),
    *("mosquitto", "netcat-openbsd", "openjdk-17-jre-headless"),
)
BASE = "sawlog-tests-debian"
SAWLOG = "sawlog"
BUNDLE = Path("etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
HERE = Path(__file__).parent


def make_images(engine: Engine) -> None:
    """Make all images, sawlog's own by its Dockerfile among them."""
    _import_base(engine)
    images = _images()
    engine.docker("tag", BASE, _python_image())
    # No lines for BuildKit's frontend, which would be pulled.
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text().partition("\n")[2]
    engine.docker(*("build", "--network", "host", "--tag", SAWLOG, "--file", "-", str(ROOT)), stdin=dockerfile.encode())
    _build(engine, images["mosquitto"], f"FROM {BASE}\nRUN install -d -o 1883 -g 1883 /mosquitto/data\n", {})
    _build(
        engine,
        images["elasticsearch"],
        f"FROM {BASE}\n"
        "COPY --chown=1000:0 home /usr/share/elasticsearch\n"
        "COPY start role.yml /\n"
        "RUN useradd --uid 1000 --gid 0 --home-dir /usr/share/elasticsearch elasticsearch"
        " && install -d -o 1000 -g 0 -m 0770 /usr/share/elasticsearch /usr/share/elasticsearch/data\n"
        "USER 1000:0\n"
        'ENTRYPOINT ["bash", "/start"]\n',
        {"home": elasticsearch_home(), "start": HERE / "elasticsearch", "role.yml": _role()},
    )
    _build(
        engine,
        images["kibana"],
        # It looks after itself by curl, as Kibana's own image does.
        f"FROM {BASE}\n"
        f"COPY --from={SAWLOG} /opt/sawlog /opt/sawlog\n"
        "ENV PATH=/opt/sawlog/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "RUN install -d -o 1000 -g 0 /usr/share/kibana/data\n"
        "COPY kibana.py start.py /stand-in/\n"
        "USER 1000:0\n"
        'ENTRYPOINT ["python", "/stand-in/start.py"]\n',
        {"kibana.py": ROOT / "tests" / "dashboards" / "kibana.py", "start.py": HERE / "kibana.py"},
    )


def _images() -> dict[str, str]:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {
        name: re.sub(r"^\$\{\w+:-(.+)\}$", r"\1", services[name]["image"])
        for name in ("mosquitto", "elasticsearch", "kibana")
    }


def _python_image() -> str:
    found = re.search(r"(?m)^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "deploy" / "Dockerfile").read_text())
    assert found is not None
    return found[1]


def _import_base(engine: Engine) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sawlog-debian-"))
    root = folder / "root"
    try:
        run(program("debootstrap"), "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root, MIRROR)
        shutil.rmtree(root / "var" / "cache" / "apt")
        (root / "usr" / "bin" / "python").symlink_to("python3")
        _settings_of_pip(root)
        # Root's own programs, such as Mosquitto, are on the path of the image that this one stands for.
        path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        with (
            engine.piped("import", "--change", path, "-", BASE) as client,
            subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=client.stdin) as tar,
        ):
            assert client.stdin is not None
            client.stdin.close()
        assert tar.returncode == 0
    finally:
        unmount(folder)
        shutil.rmtree(folder)


def _settings_of_pip(root: Path) -> None:
    """Let pip in the image find packages as it does on this machine: index, proxy, authorities."""
    settings = {name: value for name in PIP_SETTINGS if (value := _setting_of_pip(name))}
    authorities = _setting_of_pip("cert")
    if authorities:
        with (root / BUNDLE).open("ab") as bundle:
            bundle.write(b"\n" + Path(authorities).read_bytes())
    # Otherwise pip trusts its own list.
    settings["cert"] = f"/{BUNDLE}"
    lines = [f"{name} = {value}\n" for name, value in settings.items()]
    (root / "etc" / "pip.conf").write_text("[global]\n" + "".join(lines))


def _setting_of_pip(name: str) -> str:
    given = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
    if given:
        return given
    asked = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _role() -> str:
    """Return roles.yml with the role that deploy/accounts makes; JSON is YAML."""
    found = re.search(r"put role/(\w+) '(.+?)'", (ROOT / "deploy" / "accounts").read_text(), re.DOTALL)
    assert found is not None
    return f"{found[1]}: {' '.join(found[2].split())}\n"


def _build(engine: Engine, name: str, dockerfile: str, files: dict[str, Path | str]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sawlog-image-"))
    try:
        for place, content in files.items():
            if isinstance(content, str):
                (folder / place).write_text(content)
            elif content.is_dir():
                shutil.copytree(content, folder / place)
            else:
                shutil.copy(content, folder / place)
        engine.docker(
            "build", "--network", "host", "--tag", name, "--file", "-", str(folder), stdin=dockerfile.encode()
        )
    finally:
        shutil.rmtree(folder)
