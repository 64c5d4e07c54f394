"""What docs/comparison.md says of sawlog is so, and what it says of others has a source."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import Final

import click
import pytest

from ingest.not_offered import NOT_OFFERED
from ingest.plugin import PluginKind
from ingest.plugins import known
from sawlog import __version__
from sawlog.cli import sawlog
from shipper.config.inputs import KNOWN_TYPES, OTHER_TYPES
from tests.ingesting import ROOT

PAGE: Final = ROOT / "docs" / "comparison.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
MISSING: Final[dict[str, PluginKind]] = {"Logstash's inputs": "input", "its filters": "filter", "its outputs": "output"}


def _rows() -> list[list[str]]:
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if "---" not in line]


def _cell(name: str) -> str:
    """What the table says of sawlog in a row."""
    (found,) = (row[1] for row in _rows() if row[0] == name)
    return found


def test_each_tool_has_a_word_in_each_row() -> None:
    tools = ["sawlog", "Vector", "Fluent Bit", "Filebeat + Logstash", "VictoriaLogs + vlagent", "OpenObserve"]
    head, *rows = _rows()
    assert head[1:] == tools
    assert rows
    for row in rows:
        assert len(row) == len(head), row
        assert all(row), row


def test_what_is_said_of_others_has_a_source() -> None:
    sources = dict(re.findall(r"(?m)^\[([\w-]+)\]: (https://\S+)$", TEXT))
    used = set(re.findall(r"\]\[([\w-]+)\]", TEXT))
    assert used == set(sources)
    for row in _rows()[1:]:
        for cell in row[2:]:
            assert "][" in cell or cell.startswith(("none", "its own: what sawlog reads")), f"{row[0]}: {cell}"


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`(sawlog [^`]+)`", TEXT))))
def test_a_command_that_is_named_is_there(line: str) -> None:
    context: click.Context = click.Context(sawlog)
    name, command, arguments = sawlog.resolve_command(context, shlex.split(line)[1:])
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert name in line
    assert {word for word in arguments if word.startswith("-")} <= options


def test_links_lead_to_chapters() -> None:
    for target, anchor in re.findall(r"\]\(([^)#]+)#([\w-]+)\)", TEXT):
        page = (PAGE.parent / target).read_text(encoding="utf-8")
        titles = re.findall(r"(?m)^#+ (.+)$", page)
        assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, (
            target,
            anchor,
        )


def test_what_is_called_missing_is_missing() -> None:
    (chapter,) = re.findall(r"(?s)\*\*Many integrations\.\*\*(.*?):\n", TEXT)
    of_logstash, _, of_filebeat = chapter.partition("of Filebeat's inputs,")
    named = re.findall(r"(?s)(Logstash's inputs|its filters|its outputs),?((?:[\s,]|and|`\w+`)+)", of_logstash)
    assert {whose for whose, _ in named} == set(MISSING)
    for whose, names in named:
        found = re.findall(r"`(\w+)`", names)
        assert found
        assert set(found) <= set(NOT_OFFERED[MISSING[whose]]), whose
    inputs = set(re.findall(r"`([\w-]+)`", of_filebeat))
    assert inputs
    assert inputs <= set(OTHER_TYPES)
    assert not inputs & set(KNOWN_TYPES)


def test_facts_of_the_project_are_its_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == _cell("licence").partition(",")[0].replace(" ", "-")
    assert _cell("age").partition(",")[0] == __version__
    (platforms,) = re.findall(r"(?m)^\| platforms \| (.*?) \|", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert _cell("runs on") == platforms


def test_what_pipelines_do_with_object_storage_is_offered() -> None:
    (name,) = re.findall(r"`(\w+)`", _cell("data in object storage"))
    assert name in known("input")
    assert name in known("output")


def test_the_agents_memory_is_what_was_measured() -> None:
    ((said, page),) = re.findall(r"\[(\d+ MB)\]\(([\w/-]+\.md)", TEXT)
    assert f"**{said}**" in (PAGE.parent / page).read_text(encoding="utf-8")
