"""The page's modules by themselves: their unit tests, their types, and what a linter says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import playwright

from dashboards.web.static_files import FOLDER
from tests.conftest import need
from tests.services import MissingServiceError, MissingToolError

FRONT = Path(__file__).parents[1] / "front"
OWN = sorted(FOLDER.glob("*.js"))


def node() -> str:
    """Where Node is: the machine's, or that which Playwright brings along."""
    found = shutil.which("node") or shutil.which("node", path=Path(playwright.__file__).parent / "driver")
    if found is None:
        raise MissingServiceError("there is no Node")
    return found


def tool(name: str) -> Path:
    """A tool of package.json, which `make setup-test` installs."""
    found = FRONT / "node_modules" / ".bin" / name
    if not found.exists():
        raise MissingToolError(f"{name} is not installed: npm ci in {FRONT}")
    return found


def run(*command: object) -> None:
    done = subprocess.run([str(one) for one in command], cwd=FRONT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_state_query_and_time() -> None:
    run(need(node), "--test", *sorted(FRONT.glob("*.test.mjs")))


def test_types() -> None:
    run(need(lambda: tool("tsc")), "--project", FRONT)


def test_style() -> None:
    run(
        need(lambda: tool("biome")),
        "lint",
        "--error-on-warnings",
        "--config-path",
        FRONT,
        *OWN,
        *sorted(FRONT.glob("*.mjs")),
    )


def test_nothing_is_put_into_the_page_as_markup() -> None:
    for module in OWN:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", module.read_text("utf-8")
        ), module


def test_each_module_is_used() -> None:
    texts = {module.name: module.read_text("utf-8") for module in OWN}
    pages = "".join(page.read_text("utf-8") for page in FOLDER.glob("*.html"))
    for name in texts:
        others = pages + "".join(text for other, text in texts.items() if other != name)
        assert f'{name}"' in others, f"nothing uses {name}"


def test_the_vendored_renderer_says_what_it_is() -> None:
    head = (FOLDER / "vendor" / "preact.js").read_text("utf-8").splitlines()[0]
    version = re.search(r"Preact ([\d.]+)", head)
    assert version is not None
    licence = (FOLDER / "vendor" / "LICENSE").read_text("utf-8")
    assert f"preact {version[1]}" in licence
    assert "MIT License" in licence
