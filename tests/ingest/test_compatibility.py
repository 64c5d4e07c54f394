"""docs/reference/logstash-compatibility.md names every option that a plugin declares, and no other."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

from ingest import not_offered, plugins
from ingest.node.reference import chapter
from ingest.options import Option
from ingest.pipeline import Pipeline
from sawlog.errors import ConfigError, Position
from tests.ingest.logstash_defaults import DEFAULTS
from tests.ingest.logstash_plugins import PLUGINS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/logstash-compatibility.md").read_text(encoding="utf-8")
KINDS = {"input": "Inputs", "filter": "Filters", "output": "Outputs", "codec": "Codecs"}
ROW = re.compile(r"^\| (\w+ \w+) \| `(\w+)` \| (.+) \|$", re.MULTILINE)
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


def options_of(kind: str) -> dict[str, dict[str, Option]]:
    return {f"{kind} {name}": options for name, options in declared(kind).items()}


ALL = {name: options for kind in KINDS for name, options in options_of(kind).items()}


def test_a_default_is_logstashs_or_says_what_differs() -> None:
    for name, theirs in DEFAULTS.items():
        for option, default in theirs.items():
            if option != "codec":
                ours = ALL[name][option]
                assert (ours.default != default) == (ours.differs is not None) or ours.default is True, (name, option)


def test_every_default_was_compared() -> None:
    for name in ALL.keys() - {"input mqtt", "input otlp", "filter modules", "filter springboot", "output embedded"}:
        for option, ours in ALL[name].items():
            if ours.differs or (ours.default not in (None, [], {}, "") and not (ours.noted or ours.refused)):
                assert option in DEFAULTS.get(name, {}), (name, option)


@pytest.mark.parametrize("kind", ["input", "output"])
def test_the_codecs_are_logstashs(kind: str) -> None:
    for name in declared(kind):
        if (theirs := DEFAULTS.get(f"{kind} {name}", {}).get("codec")) is not None:
            assert plugins.lookup(kind, name, Position("", 1, 1)).default_codec == theirs  # type: ignore[arg-type, union-attr] # inputs and outputs have one


def test_the_page_lists_the_defaults_that_differ() -> None:
    chapter = PAGE.partition("## Defaults that differ\n")[2].partition("\n## ")[0]
    rows = {f"{name} {option}": words for name, option, words in re.findall(ROW, chapter)}
    assert rows == {
        f"{name} {option}": ours.differs
        for name, options in ALL.items()
        for option, ours in options.items()
        if ours.differs
    }


def test_a_default_that_differs_is_said_once() -> None:
    pipeline = Pipeline.from_text(
        'input { beats { port => 1 } tcp { port => 2 codec => plain { ecs_compatibility => "disabled" } } }'
        ' filter { date { match => ["a", "ISO8601"] } date { match => ["b", "ISO8601"] } }'
        ' output { elasticsearch { action => "index" document_id => "%{a}" } stdout { codec => line } }'
    )
    told = [note for note in pipeline.notes if "without '" in note]
    assert [note.partition(",")[0] for note in told] == [
        "plain: without 'ecs_compatibility'",
        "elasticsearch: without 'compression_level'",
        "elasticsearch: without 'manage_template'",
        "date: without 'locale'",
    ]
    assert Pipeline.default().notes == []


def test_the_chapter_on_settings_is_that_of_the_code() -> None:
    told = "made by: python -m ingest.node.reference"
    assert PAGE.partition("\n## logstash.yml")[1:] == (
        "\n## logstash.yml",
        chapter().removeprefix("## logstash.yml"),
    ), told


def test_the_chapter_on_plugins_that_are_refused_is_that_of_the_code() -> None:
    """Whoever adds a plugin takes its name out of `ingest.not_offered`, and its row out of the page."""
    told = "made by: python -m ingest.not_offered"
    rest = PAGE.partition("## Plugins that are refused\n")
    assert "".join(rest[1:]).partition("\n\n## ")[0] + "\n" == not_offered.chapter(), told


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_of_the_default_distribution_has_its_place(kind: plugins.PluginKind) -> None:
    """A table of its options, or a line on what to do instead; never both."""
    refused = set(not_offered.NOT_OFFERED[kind])
    assert set(PLUGINS[kind].split()) - set(documented(kind)) - refused == set()
    assert refused & set(plugins.known(kind)) == set()


def test_the_filter_multiline_is_refused_with_what_joins_lines() -> None:
    """The most frequent of them in pipelines of before."""
    with pytest.raises(ConfigError) as caught:
        plugins.lookup("filter", "multiline", Position("a.conf", 2, 3))
    assert str(caught.value).startswith("a.conf:2:3: the filter 'multiline' is not offered")
    assert "codec multiline of the input" in str(caught.value)
    assert "multiline in filebeat.yml" in str(caught.value)
