"""The pages of docs/reference and docs/dependencies.md say what the code has."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from sawlog.cli import COMMANDS, reference, sawlog
from sawlog.store.embedded.layout import KINDS
from sawlog.store.mappings import FIELDS

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


def test_the_page_of_the_command_line_is_that_of_the_commands() -> None:
    # In a process of its own, as it is made: other tests leave their mark on what help pages say.
    command = [sys.executable, "-m", "sawlog.cli.reference"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    told = "run: python -m sawlog.cli.reference > docs/reference/command-line.md"
    assert (DOCS / "reference" / "command-line.md").read_text() == printed.stdout, told


def test_each_command_has_its_section() -> None:
    titles = set(re.findall(r"(?m)^## sawlog (\S+)$", reference.page()))
    assert titles == set(COMMANDS)


def test_the_package_runs_and_knows_what_was_meant() -> None:
    command = [sys.executable, "-m", "sawlog", "serach", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 2
    assert done.stderr.endswith("No such command 'serach'. Did you mean 'search'?\n")
    done = subprocess.run([*command[:3], "search", "--sise", "3"], capture_output=True, text=True, check=False, cwd="/")
    assert "'--size'?" in done.stderr


def test_the_table_of_fields_is_complete() -> None:
    rows = dict(re.findall(r"(?m)^\| `([^`]+)` \| (\w+) \|", (DOCS / "reference" / "fields.md").read_text()))
    assert rows == {name: str(mapping["type"]) for name, mapping in FIELDS.items()}
    fixed = set(re.findall(r"(?m)^\| `([^`]+)` \| \w+ \| yes", (DOCS / "reference" / "fields.md").read_text()))
    assert fixed == {name for name in KINDS if not name.startswith("_")}


def test_each_dependency_has_its_reason_and_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = list(project["project"]["dependencies"])
    for more in (*project["project"].get("optional-dependencies", {}).values(), *project["dependency-groups"].values()):
        asked += [one for one in more if isinstance(one, str) and not one.startswith("sawlog[")]
    wanted: dict[str, str] = {}
    for one in asked:
        found = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[\w,]+\])?(?:>=([\d.]+))?(?:,[^;]*)?(?:; .*)?", one)
        assert found is not None, one
        wanted[found[1]] = found[2] or ""
    told = re.findall(r"(?m)^- \*\*([\w.-]+)\*\*(?: ≥ ([\d.]+\d))?.*: \S", (DOCS / "dependencies.md").read_text())
    assert dict(told) == wanted
    assert len(told) == len(dict(told))


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} → {target}"


def _shown() -> list[str]:
    pages = [ROOT / "README.md", *(DOCS / "tutorial").glob("*.md"), *(DOCS / "how-to").glob("*.md")]
    lines = [line for page in pages for line in re.findall(r"(?m)^\$ (?:\.venv/bin/)?(sawlog .*)$", page.read_text())]
    assert lines
    return sorted(set(lines))


@pytest.mark.parametrize("line", _shown())
def test_a_command_that_the_pages_show_is_one(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.log").touch()
    monkeypatch.setenv("SAWLOG_ELASTICSEARCH_URL", "https://es1:9200")
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(line.partition(" <")[0], comments=True)[1:]
    context: click.Context = click.Context(sawlog)
    group: click.Group = sawlog
    while True:
        name, command, arguments = group.resolve_command(context, arguments)
        assert command is not None
        if not isinstance(command, click.Group):
            break
        group = command
    command.make_context(name, list(arguments))
