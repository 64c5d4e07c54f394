"""All of our regular expressions: none of them uses what Python 3.11.2, which Debian 12 brings, does otherwise.

There a possessive repetition matches wrongly when what it repeats has several ways to match, as in ``(?:\\w+\\.)++``;
Python 3.11.5 mended it. An atomic group says the same and always worked: ``(?>(?:\\w+\\.)+)``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from re import _parser as parser  # type: ignore[attr-defined] # an expression's syntax tree is found nowhere else
from typing import Any

import pytest

from ingest.grok import Grok
from ingest.grok.expand import Expander
from ingest.grok.library import load
from ingest.grok.translate import translate

PACKAGES = ("sawlog", "shipper", "ingest", "dashboards")
# Notes each expression, with the module that compiles it, while all modules are imported.
RECORDER = """
import importlib, json, pkgutil, sys
import re._compiler as compiler

made, compile_ = [], compiler.compile

def recording(pattern, flags=0):
    if not isinstance(pattern, str | bytes):
        return compile_(pattern, flags)
    frame = sys._getframe(1)
    # Code that a library makes as it goes has no module.
    while frame.f_globals.get("__name__", "").split(".")[0] == "re":
        frame = frame.f_back
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    made.append((frame.f_globals.get("__name__", ""), text, int(flags)))
    return compile_(pattern, flags)

compiler.compile = recording
for package in sys.argv[1:]:
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, package + "."):
        importlib.import_module(module.name)
print(json.dumps(made))
"""


def unsafe(pattern: str, flags: int = 0) -> list[str]:
    """Return what the expression repeats possessively and is more than one character or class."""
    return list(_unsafe(parser.parse(pattern, flags & ~re.DEBUG & (re.VERBOSE | re.IGNORECASE))))


def _unsafe(node: Any) -> Iterator[str]:
    if isinstance(node, parser.SubPattern):
        for operation, argument in node.data:
            if str(operation) == "POSSESSIVE_REPEAT" and (
                len(argument[2]) != 1 or str(argument[2][0][0]) not in ("IN", "LITERAL", "NOT_LITERAL", "ANY")
            ):
                yield str(argument[2])
            yield from _unsafe(argument)
    elif isinstance(node, tuple | list):
        for part in node:
            yield from _unsafe(part)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        (r"(?:[a-z]*+\.)++", 1),
        (r"(?:a|(?:b?c)?+)", 1),
        (r"(?P<a>Z|\d)?+", 1),
        (r"(?>(?:[a-z]*+\.)+) ++.*+\w?+[ab]{2,3}+", 0),
    ],
)
def test_the_check_sees_them(pattern: str, count: int) -> None:
    assert len(unsafe(pattern)) == count


def test_none_of_our_expressions_repeats_a_group_possessively() -> None:
    made = subprocess.run([sys.executable, "-c", RECORDER, *PACKAGES], check=True, capture_output=True, text=True)
    ours = [row for row in json.loads(made.stdout) if row[0].split(".")[0] in PACKAGES]
    assert len(ours) > 100
    assert [(module, text) for module, text, flags in ours if unsafe(text, flags)] == []


@pytest.mark.parametrize("ecs", [True, False])
def test_nor_does_the_pattern_library_in_python_s_words(ecs: bool) -> None:
    patterns = load([], {}, ecs=ecs)
    translations = {name: translate(Expander(patterns).expand(f"%{{{name}}}")) for name in patterns}
    assert [name for name, made in translations.items() if not made.needs_regex and unsafe(made.text)] == []


@pytest.mark.parametrize(
    ("ruby", "text", "found"),
    [
        (r"(?:[A-Za-z_][\w$]*+\.)++[A-Z]", "com.acme.A", "com.acme.A"),
        (r"(?:\.[\w$]++)*+$", "com.acme.A", ".acme.A"),
        (r"a(?:b?c)?+b", "ab", "ab"),
        (r"(?:ab?)++b", "abab", None),
        (r"(?<n>ab?)++c", "abac", "abac"),
        (r"(?:a{1,2}+)++b", "aaab", "aaab"),
    ],
)
def test_a_pipeline_may_repeat_a_group_possessively(ruby: str, text: str, found: str | None) -> None:
    assert unsafe(translate(ruby).text) == []
    match = Grok(ruby).expressions[0].search()(text)
    assert (None if match is None else match[0]) == found  # type: ignore[index]  # both modules' matches have it
