"""sawlog is on no package index: nothing tells anybody to install it by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.sessions import ROOT

FOLDERS = ("docs", "examples", "deploy", "sawlog", "shipper", "ingest", "dashboards", "bench")
KINDS = {".md", ".py", ".yml", ".yaml", ".conf", ".ini", ".html", ".js", ".j2", ".sh", ".txt", ".service", ""}
BY_NAME = re.compile(r"""\b(?:pipx?3?|uvx?|uv tool) install\b[^\n`|#]*?[\s'"]sawlog(?![\w./-]|(?:\[[^\]\n]*\])?\s*@)""")
"""What is installed is the name alone, or with extras and a version; not a path, a file or a URL."""


def texts() -> list[Path]:
    found = [path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.suffix in KINDS and path.is_file()]
    return [*ROOT.glob("*.md"), ROOT / "Makefile", *ROOT.glob("*.yml"), *found]


def test_nothing_says_to_install_it_by_name() -> None:
    told = []
    for path in texts():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        told += [f"{path.relative_to(ROOT)}: {found[0]}" for found in BY_NAME.finditer(text)]
    assert not told


@pytest.mark.parametrize(
    ("command", "by_name"),
    [
        ("pip install sawlog", True),
        ("bin/pip install 'sawlog[kafka,s3]==0.1.0'", True),
        ("python -m pip install -U sawlog", True),
        ('uv pip install "sawlog[all]"', True),
        ("pipx install sawlog", True),
        ("uv tool install sawlog", True),
        ("pip install '.[kafka]'", False),
        ("pip install './sawlog-0.1.0-py3-none-any.whl[kafka]'", False),
        ("pip install '/srv/sawlog[kafka]'", False),
        ("pip install 'sawlog[kafka] @ file:///srv/C%23'", False),
        ("dnf install sawlog", False),
    ],
)
def test_what_is_by_name(command: str, by_name: bool) -> None:
    assert bool(BY_NAME.search(command)) == by_name
