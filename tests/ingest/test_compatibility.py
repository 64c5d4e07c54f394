"""docs/reference/logstash-compatibility.md names every option that a plugin declares, and no other."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

from ingest.options import Option

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/logstash-compatibility.md").read_text(encoding="utf-8")
KINDS = {"input": "Inputs", "filter": "Filters", "output": "Outputs", "codec": "Codecs"}
STATES = re.compile(r"(works|differs|noted|refused)\b")


def declared(kind: str) -> dict[str, dict[str, Option]]:
    """Plugin → options, of the classes with a `name` in the modules of a kind."""
    package = importlib.import_module(f"ingest.{kind}")
    found: dict[str, dict[str, Option]] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module: Any = importlib.import_module(f"ingest.{kind}.{module_info.name}")
        for _, plugin in inspect.getmembers(module, inspect.isclass):
            if plugin.__module__ == module.__name__ and getattr(plugin, "name", None) == module_info.name:
                found[plugin.name] = plugin.options
    return found


def documented(kind: str) -> dict[str, dict[str, str]]:
    """Plugin → option → what the page says, of the chapter of a kind."""
    chapter = re.search(rf"^## {KINDS[kind]}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    sections = re.split(r"^### ", chapter[1], flags=re.MULTILINE)[1:] if chapter else []
    return {
        section.splitlines()[0]: dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE))
        for section in sections
    }


@pytest.mark.parametrize("kind", [kind for kind, title in KINDS.items() if f"\n## {title}\n" in PAGE])
def test_the_tables_are_those_of_the_plugins(kind: str) -> None:
    tables = documented(kind)
    common = tables.pop(f"All {KINDS[kind].lower()}")
    assert set(common) == set(importlib.import_module(f"ingest.{kind}.base").COMMON_OPTIONS)
    plugins = declared(kind)
    assert set(tables) == set(plugins)
    for name, options in plugins.items():
        assert set(tables[name]) == set(options), name
        for option, state in tables[name].items():
            assert STATES.match(state), (name, option)
            assert (options[option].noted is not None) == state.startswith("noted"), (name, option)
            assert (options[option].refused is not None) == state.startswith("refused"), (name, option)


def test_the_filters_have_their_chapter() -> None:
    assert len(documented("filter")) > 15
