"""Other names of plugins, and a plugin that an option turns into another: what a pipeline file may say instead.

`python -m ingest.aliases` writes the chapter on them in docs/reference/logstash-compatibility.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ingest.options import Block, Setting
from ingest.plugin import PluginKind


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of the plugin `plugin`; `defaults` are options that mean something else when they are left out."""

    plugin: str
    defaults: Mapping[str, object] = field(default_factory=dict)


ALIASES: Final[dict[PluginKind, dict[str, Alias]]] = {
    "input": {"java_generator": Alias("generator"), "java_stdin": Alias("stdin")},
    "filter": {"java_uuid": Alias("uuid")},
    "output": {
        "elasticsearch_http": Alias("elasticsearch"),
        "java_stdout": Alias("stdout", {"codec": "line"}),
        "sink": Alias("null"),
    },
    "codec": {"java_line": Alias("line"), "java_plain": Alias("plain")},
}


def resolved(kind: PluginKind, block: Block) -> tuple[Block, list[str]]:
    """Return a block under its plugin's own name, and what is to be said about that."""
    if kind == "output" and block.name == "elasticsearch" and _is_embedded(block):
        return _embedded(block)
    alias = ALIASES[kind].get(block.name)
    if alias is None:
        return block, []
    given = {setting.name for setting in block.settings}
    added = [Setting(name, value, block.position) for name, value in alias.defaults.items() if name not in given]
    note = f"{block.position}: the {kind} '{block.name}' is the {kind} '{alias.plugin}' here"
    return replace(block, name=alias.plugin, settings=[*block.settings, *added]), [note]


def _is_embedded(block: Block) -> bool:
    return any(setting.name == "embedded" and setting.value in (True, "true") for setting in block.settings)


def _embedded(block: Block) -> tuple[Block, list[str]]:
    """Logstash 1 began an Elasticsearch of its own for ``embedded => true``: that is the embedded index."""
    kept = [setting for setting in block.settings if setting.name in ("id", "enable_metric", "codec", "workers")]
    others = [setting.name for setting in block.settings if setting not in kept and setting.name != "embedded"]
    note = f"{block.position}: elasticsearch with 'embedded' is the output 'embedded' here"
    without = f"; without effect there: {', '.join(others)}" if others else ""
    return replace(block, name="embedded", settings=kept), [note + without]


def chapter() -> str:
    """Return the chapter on other names, as the page has it."""
    rows = [
        f"| {kind} `{name}` | {kind} `{alias.plugin}`{_told(alias)} |\n"
        for kind, aliases in ALIASES.items()
        for name, alias in aliases.items()
    ]
    rows.append(f"| output `elasticsearch` with `embedded => true` | {_EMBEDDED} |\n")
    return f"{_TITLE}{_INTRODUCTION}| In a pipeline | Here |\n|---|---|\n{''.join(rows)}"


def _told(alias: Alias) -> str:
    return "".join(f"; without `{name}`: `{value}`" for name, value in alias.defaults.items())


_EMBEDDED: Final = "output `embedded`; what is said of a server has no effect"
_TITLE: Final = "## Other names\n\n"
_INTRODUCTION: Final = "Each is said once at the start. The options are those of the plugin that it stands for.\n\n"

if __name__ == "__main__":
    print(chapter(), end="")
