"""What is said of a missing extra installs it, wherever sawlog was installed from."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.packages.__main__ import make_wheel
from sawlog import __version__
from tests.conftest import need
from tests.environment import PACKAGES, ROOT, closure, make_environment, needed, wheel_of
from tests.patience import SECONDS
from tests.services import program

ASK = "from sawlog.installation import bringing; print(bringing(['memcached']))"
SEEN = "import pymemcache, sawlog; print(sawlog.__file__)"
WHEEL = f"sawlog-{__version__}-py3-none-any.whl"
PLACES = ['it\'s "a [clone]" in $HOME %20', "C# ; ~"]


class Environment:
    """An environment of its own and what installs into it, pip or uv, with no other index than a folder of wheels."""

    def __init__(self, folder: Path, tool: str, wheels: Path) -> None:
        self.folder = folder
        self.tool = tool
        self.python = folder / "bin" / "python"
        self.pip = [self.python, "-m", "pip"]
        if tool == "uv":
            self.pip = [shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"), "pip"]
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
        self.variables |= {
            **{
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(wheels),
                "PIP_NO_COMPILE": "1",
                "PIP_NO_BUILD_ISOLATION": "0",
                "PIP_CACHE_DIR": f"{wheels}/pip",
            },
            **{"UV_CONFIG_FILE": str(wheels / "uv.toml"), "UV_FIND_LINKS": str(wheels), "UV_CACHE_DIR": f"{wheels}/uv"},
            **{"VIRTUAL_ENV": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        }

    def remove(self) -> None:
        """Uninstall what the test before has installed."""
        self._run([*self.pip, "uninstall", *([] if self.tool == "uv" else ["-y"]), "sawlog", "pymemcache"])

    def prepare(self) -> None:
        """Install what builds sawlog, which pip would do anew each time."""
        self._run([*self.pip, "install", "hatchling", "editables"])

    def install(self, *what: str | Path, where: Path | None = None) -> None:
        """Install sawlog without its libraries."""
        self.remove()
        self._run([*self.pip, "install", "--no-deps", *what], where)

    def asks(self, clone: Path | None = None) -> str:
        """Return what is said when the extra `memcached` is missing; with `clone`, by what is there."""
        return self._run([self.python, "-c" if clone else "-Pc", ASK], clone).strip()

    def follows(self, command: str) -> Path:
        """Do as a user who copies `command` into a shell; return where sawlog is imported from then."""
        self._run(["bash", "-c", command])
        return Path(self._run([self.python, "-P", "-c", SEEN]).strip()).parent

    @property
    def origin(self) -> dict[str, object]:
        (found,) = self.folder.glob("lib/*/site-packages/sawlog-*.dist-info/direct_url.json")
        told: dict[str, object] = json.loads(found.read_text())
        return told

    def _run(self, command: list[str | Path], where: Path | None = None) -> str:
        done = subprocess.run(
            command, env=self.variables, cwd=where or self.folder,
            capture_output=True, text=True, check=False, timeout=SECONDS * 6,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is installed here, as wheels: for sawlog, its extra `memcached`, and what builds it."""
    folder = tmp_path_factory.mktemp("wheels")
    for name in needed(("memcached",)) | closure("hatchling", "editables"):
        wheel_of(name, folder)
    (folder / "uv.toml").write_text("no-index = true\n")
    return folder


@pytest.fixture(scope="module", params=["pip", "uv"])
def environment(request: pytest.FixtureRequest, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environments") / f"an environment's {request.param}"
    need(lambda: make_environment(folder, pip=request.param == "pip"))
    made = Environment(folder, request.param, wheels)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wheel(tmp_path_factory.mktemp("dist"))


def clone(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def bring_in(environment: Environment, there: Path, *options: str) -> None:
    # By its name within its folder: a path with `#` is another thing for uv.
    environment.install(
        *options, f"./{there.name}" if there.suffix else ".", where=there.parent if there.suffix else there
    )


@pytest.mark.parametrize("place", PLACES)
def test_from_a_clone_that_is_worked_on(environment: Environment, tmp_path: Path, place: str) -> None:
    there = clone(tmp_path / place)
    bring_in(environment, there, "-e")
    assert environment.follows(environment.asks()) == there / "sawlog"


def test_from_a_clone(environment: Environment, tmp_path: Path) -> None:
    bring_in(environment, clone(tmp_path / PLACES[1]))
    assert environment.follows(environment.asks()).is_relative_to(environment.folder)
    assert environment.origin["dir_info"] == {}


@pytest.mark.parametrize("place", PLACES)
def test_from_a_wheel(environment: Environment, wheel: Path, tmp_path: Path, place: str) -> None:
    (there := tmp_path / place).mkdir()
    bring_in(environment, Path(shutil.copy(wheel, there)))
    assert environment.follows(environment.asks()).is_relative_to(environment.folder)
    assert str(environment.origin["url"]).endswith(WHEEL)


def test_from_a_wheel_and_a_clone_that_are_gone(environment: Environment, wheel: Path, tmp_path: Path) -> None:
    (there := tmp_path / "dist").mkdir()
    bring_in(environment, Path(shutil.copy(wheel, there)))
    shutil.rmtree(there)
    command, told = environment.asks().split(", with this file")
    assert told == f", which is no longer in {there}"
    shutil.copy(wheel, environment.folder)
    environment.follows(command)

    bring_in(environment, clone(tmp_path / "clone"))
    shutil.rmtree(tmp_path / "clone")
    command = environment.asks().removesuffix(", in a clone")
    again = clone(tmp_path / "another")
    environment.follows(f"cd {again} && {command}")


def test_from_an_address(environment: Environment, wheel: Path) -> None:
    with served(wheel.parent) as address:
        environment.install(f"sawlog @ {address}/{WHEEL}")
        assert environment.follows(environment.asks()).is_relative_to(environment.folder)


def test_from_a_repository(environment: Environment, tmp_path: Path) -> None:
    need(lambda: program("git"))
    there = clone(tmp_path / "clone")
    commit = "git -c user.name=a -c user.email=a@example.org commit --quiet --message a"
    made = f"git init --quiet && git add . && {commit} && git update-server-info"
    subprocess.run(["bash", "-ec", made], cwd=there, check=True)
    with served(there) as address:
        environment.install(f"sawlog @ git+{address}/.git")
        command = environment.asks()
        assert re.search(r"git@[0-9a-f]{40}'$", command)
        assert environment.follows(command).is_relative_to(environment.folder)
    # That of a folder is the folder: no pip before 23.3 takes its address behind a name.
    environment.install(f"git+{there.as_uri()}")
    assert environment.asks().endswith(f" '{there}[memcached]'")
    environment.follows(environment.asks())


def test_from_an_index_of_ones_own(environment: Environment, wheel: Path, wheels: Path) -> None:
    (there := wheels / WHEEL).write_bytes(wheel.read_bytes())
    environment.install("sawlog")
    command = environment.asks().removesuffix(", from the index where sawlog is from")
    environment.follows(command)
    there.unlink()


def test_from_a_clone_that_is_not_installed(environment: Environment, tmp_path: Path) -> None:
    there = clone(tmp_path / "a clone")
    environment.remove()
    assert environment.follows(environment.asks(there)).is_relative_to(environment.folder)


def test_from_a_package(environment: Environment, wheel: Path) -> None:
    """What dpkg and rpm have installed says of no installer; tests/packages has the real ones."""
    environment.install(wheel)
    (installer,) = environment.folder.glob("lib/*/site-packages/sawlog-*.dist-info/INSTALLER")
    installer.unlink()
    assert environment.asks() == "install the package sawlog in the place of sawlog-agent"
