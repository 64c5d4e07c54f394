"""Other names of plugins: the plugin that is made, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import aliases, plugins
from ingest.aliases import ALIASES
from ingest.options import Block, Setting
from ingest.output.embedded import Embedded
from ingest.output.stdout import Stdout
from ingest.pipeline import Pipeline
from ingest.plugin import PluginKind
from sawlog.errors import ConfigError, Position

AT = Position("p.conf", 1, 1)
PAGE = Path(__file__).parents[2] / "docs/reference/logstash-compatibility.md"
NAMES = [(kind, name) for kind, some in ALIASES.items() for name in some]
NEEDED = {"java_uuid": [Setting("target", "id", AT)]}


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_it_is_the_plugin_that_it_stands_for(kind: PluginKind, name: str) -> None:
    block = Block(name, NEEDED.get(name, []), AT)
    made, notes = plugins.make(kind, block)
    plugin = ALIASES[kind][name].plugin
    assert type(made) is plugins.lookup(kind, plugin, AT)
    assert notes[0] == f"p.conf:1:1: the {kind} '{name}' is the {kind} '{plugin}' here"


def test_what_is_left_out_means_what_it_means_there(capsys: pytest.CaptureFixture[str]) -> None:
    made, _ = plugins.make("output", Block("java_stdout", [], AT))
    assert isinstance(made, Stdout)
    options = plugins.check("output", Block("java_stdout", [], AT))
    assert options["codec"] == "line"
    given = plugins.check("output", Block("java_stdout", [Setting("codec", "json", AT)], AT))
    assert given["codec"] == "json"


def test_an_embedded_elasticsearch_is_the_embedded_index() -> None:
    settings = [Setting("embedded", True, AT), Setting("host", ["a"], AT), Setting("id", "x", AT)]
    made, notes = plugins.make("output", Block("elasticsearch", settings, AT))
    assert isinstance(made, Embedded)
    assert notes[0] == (
        "p.conf:1:1: elasticsearch with 'embedded' is the output 'embedded' here; without effect there: host"
    )


def test_a_wrong_option_is_told_with_the_plugins_own_name() -> None:
    with pytest.raises(ConfigError, match="generator has no option 'lnes'") as caught:
        plugins.check("input", Block("java_generator", [Setting("lnes", [], AT)], AT))
    assert caught.value.hint is not None
    assert "lines" in caught.value.hint
    with pytest.raises(ConfigError) as unknown:
        plugins.check("output", Block("java_stdot", [], AT))
    assert unknown.value.hint is not None
    assert "java_stdout" in unknown.value.hint


def test_a_whole_pipeline_says_it_once() -> None:
    pipeline = Pipeline.from_text(
        "input { java_stdin { } } filter { java_uuid { target => 'id' } } output { java_stdout { codec => java_line } }"
    )
    assert {note.partition(": ")[2] for note in pipeline.notes if " is the " in note} == {
        "the input 'java_stdin' is the input 'stdin' here",
        "the filter 'java_uuid' is the filter 'uuid' here",
        "the output 'java_stdout' is the output 'stdout' here",
        "the codec 'java_line' is the codec 'line' here",
    }


def test_the_page_has_the_chapter_of_the_code() -> None:
    assert aliases.chapter() in PAGE.read_text(encoding="utf-8"), "made by: python -m ingest.aliases"
