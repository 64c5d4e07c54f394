"""Autodiscover beside a real Docker engine: containers that start, stop and are removed while they are followed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import Engine
from tests.services import program
from tests.shipper.autodiscover.following import Follower
from tests.shipper.rig import until

pytestmark = pytest.mark.docker
IMAGE = "shop/orders:1.4.2"
PROGRAM = """package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	fmt.Println("2026-11-28T11:15:38.748Z ERROR 1 --- [main] a.B : failed")
	fmt.Println("java.lang.Error: y")
	fmt.Println(strings.Repeat("x", 40000))
	fmt.Fprintln(os.Stderr, "2026-11-28 a warning")
	fmt.Println("2026-11-28T11:15:39.000Z DEBUG 1 --- [main] a.B : asked")
}
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("image")
    (folder / "main.go").write_text(PROGRAM)
    build = [program("go"), "build", "-o", str(folder / "orders"), str(folder / "main.go")]
    subprocess.run(build, check=True, env={"CGO_ENABLED": "0", "PATH": os.environ["PATH"], "HOME": str(folder)})
    subprocess.run(["tar", "-C", str(folder), "-cf", str(folder / "image.tar"), "orders"], check=True)
    engine = Engine()
    try:
        engine.start(building=True)
        engine.docker("import", "--change", 'ENTRYPOINT ["/orders"]', folder / "image.tar", IMAGE)
        yield engine
    finally:
        engine.close()


def start(engine: Engine, name: str, *labels: str) -> str:
    options = [option for label in labels for option in ("--label", label)]
    return engine.docker("run", "-d", "--network", "none", "--name", name, *options, IMAGE).strip()


async def test_what_a_container_logged_is_read_as_its_labels_say_also_when_it_is_removed(
    engine: Engine, tmp_path: Path
) -> None:
    folder = engine.folder / "data" / "containers"
    config = (
        "filebeat.autodiscover.providers:\n"
        f"- {{type: docker, containers.path: {folder}, hints.enabled: true, cleanup_timeout: 0s}}\n"
    )
    hints = (
        *(r"co.elastic.logs/multiline.pattern=^\d{4}-", "co.elastic.logs/multiline.negate=true"),
        *("co.elastic.logs/multiline.match=after", "co.elastic.logs/exclude_lines=DEBUG", "tier=one"),
    )
    follower = Follower(tmp_path, config)
    first = start(engine, "before", *hints)
    async with follower.live():
        await until(lambda: len(follower.events) == 2)
        start(engine, "noise", "co.elastic.logs/enabled=false")
        second = start(engine, "meanwhile", *hints)
        await until(lambda: len(follower.events) == 4)
        engine.docker("rm", "--force", "before", "meanwhile", "noise")
        third = start(engine, "after")
        await until(lambda: len(follower.events) == 4 + 5)
    by_id = {
        one: [event for event in follower.events if event["container"]["id"] == one] for one in (first, second, third)
    }
    for one, name in ((first, "before"), (second, "meanwhile")):
        trace, warning = sorted(by_id[one], key=lambda event: event["stream"], reverse=True)
        assert trace["message"].splitlines()[1:] == ["java.lang.Error: y", "x" * 40000]
        assert warning["message"] == "2026-11-28 a warning"
        assert trace["container"] == {"id": one, "name": name, "image": {"name": IMAGE}}
        assert trace["docker"]["container"]["labels"]["tier"] == "one"
    assert "docker" not in by_id[third][0]
