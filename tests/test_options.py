"""An option works, is noted or is refused: none is taken and then read by nobody."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import pytest

import shipper.input.settings
import shipper.settings
from ingest import plugins
from shipper.config import inputs, outputs, processors, receivers, root
from shipper.config import tls as shipper_tls
from shipper.config.schema import SectionOption, Support
from tests.test_layout import MODULES, imported, is_in

DECLARING = {"Option", "done", "noted", "refused", "renamed"}
NOT_OF_A_PLUGIN = ("ingest.plugins", "ingest.options", "ingest.not_offered", "ingest.plugin")


def words(node: ast.AST) -> Iterator[str]:
    """Return expressions for the texts in a program, but for the keys of tables that declare options."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if not (_declares(value) or key is None):
                yield from words(key)
            yield from words(value)
    elif isinstance(node, ast.JoinedStr):
        parts = (re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w.]+" for part in node.values)
        yield "".join(parts)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from words(part.value)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield re.escape(node.value)
    elif not (isinstance(node, ast.Call) and getattr(node.func, "id", "") in DECLARING):
        for child in ast.iter_child_nodes(node):
            yield from words(child)


def _declares(value: ast.expr) -> bool:
    """Whether a value of a table declares an option: a call, or the name of an option that several have."""
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", "") in DECLARING
    return isinstance(value, ast.Name | ast.Attribute | ast.Subscript)


@cache
def read_in(name: str) -> frozenset[str]:
    return frozenset(words(ast.parse(MODULES[name].read_text(encoding="utf-8"))))


def unread(names: set[str], found: set[str]) -> set[str]:
    """Return the names of which no text speaks; a text made of nothing but gaps speaks of none."""
    literal = {re.sub(r"\\(.)", r"\1", word) for word in found if r"[\w.]+" not in word}
    made = [word for word in found if r"[\w.]+" in word and re.search(r"[a-z]{3}", word.replace(r"[\w.]+", ""))]
    return {name for name in names - literal if not any(re.fullmatch(word, name) for word in made)}


def _closure(module: str) -> set[str]:
    found: set[str] = set()
    waiting = {module}
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting |= {
            other for other in imported(one) if is_in(other, "ingest") and not is_in(other, *NOT_OF_A_PLUGIN)
        } - found
    return found


@pytest.mark.parametrize("kind", ["input", "filter", "output", "codec"])
def test_a_plugin_reads_its_options(kind: plugins.PluginKind) -> None:
    """Or what it is made of does; whether names are ECS's is asked by `is_ecs` alone."""
    for name in plugins.known(kind):
        plugin = plugins.lookup(kind, name, None)  # type: ignore[arg-type] # no message needs the place
        declared = {
            option
            for option, about in plugins.declared(plugin).items()
            if not (about.noted or about.refused or about.replaced_by)
        }
        modules = _closure(plugin.__module__)
        found = {word for module in modules if module != "ingest.settings" for word in read_in(module)}
        if "is_ecs(" in MODULES[plugin.__module__].read_text(encoding="utf-8"):
            found.add("ecs_compatibility")
        assert unread(declared, found) == set(), f"{kind} {name}"


def test_the_tables_of_the_shipper_are_read() -> None:
    """By their names, or as the fields of the settings that are made of them."""
    found = {word for module in MODULES if is_in(module, "shipper.config") for word in read_in(module)}
    found |= {field.name for settings in SETTINGS for field in fields(settings)}
    for options in _tables():
        done = {name for name, one in options.items() if one.answer is Support.DONE and one.now is None}
        assert unread(done, found) == set()


def _tables() -> list[Mapping[str, SectionOption]]:
    named = (inputs.INPUT, inputs.JSON, inputs.MULTILINE, inputs.CONTAINER, inputs.SPRING_BOOT, root.ROOT)
    named = (*named, *receivers.RECEIVERS.values(), *receivers.PROTOCOLS.values())
    return [*named, shipper_tls.TLS, outputs.RULE, *outputs.OUTPUTS.values(), *processors.PROCESSORS.values()]


NAMED = {**vars(shipper.settings), **vars(shipper.input.settings)}
SETTINGS = [one for one in NAMED.values() if is_dataclass(one) and isinstance(one, type)]


READERS_OF_FILES = (
    "shipper.config.inputs",
    "shipper.config.outputs",
    "shipper.config.processors",
    "shipper.config.receivers",
    "shipper.config.root",
    "shipper.config.tls",
    "shipper.input.settings",
    "shipper.settings",
)


def test_what_is_configured_is_used() -> None:
    """Each field of the shipper's settings is read by whoever has to do with these settings."""
    texts = {
        name: path.read_text(encoding="utf-8")
        for name, path in MODULES.items()
        if is_in(name, "shipper", "sawlog") and not is_in(name, *READERS_OF_FILES)
    }
    for settings in SETTINGS:
        named = re.compile(rf"\b{settings.__name__}\b")
        readers = "\n".join(text for text in texts.values() if named.search(text))
        for field in fields(settings):
            wanted = rf"\.{field.name}\b|\"{field.name}\""
            # What is a part of the configuration is read of it, without a word of the part's type.
            assert re.search(wanted, readers) or re.search(
                rf"\b{settings.__name__.lower()}\.{field.name}\b", "\n".join(texts.values())
            ), f"{settings.__name__}.{field.name}"


def test_a_field_that_nobody_reads_is_found(tmp_path: Path) -> None:
    tree = ast.parse('OPTIONS = {"lost": Option(STRING, "x"), "kept": Option(STRING, "x")}\nprint(options["kept"])')
    assert unread({"lost", "kept"}, set(words(tree))) == {"lost"}
