"""Hints: what labels of a container, or annotations of its pod, say of how its logs are to be read.

``co.elastic.logs/multiline.pattern``, ``co.elastic.logs/1.include_lines``, ``co.elastic.logs.sidecar/enabled``. Who may
start a container may write hints: nothing in them names a file, and none of them sees a variable of the environment.
Source: Filebeat's reference, "Hints based autodiscover".
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sawlog.errors import Position
from sawlog.yaml_tree import Entry, Mapping, Scalar, Sequence, Tree, merge
from shipper.containers.labels import merged, nested

_LISTS: Final = ("include_lines", "exclude_lines")
_SECTIONS: Final = ("multiline", "json", "processors")
_TEXTS: Final = ("pipeline", "springboot")
_ELSEWHERE: Final = ("enabled", "module", "fileset", "raw", "disable")
KNOWN: Final = (*_LISTS, *_SECTIONS, *_TEXTS, *_ELSEWHERE)


@dataclass(frozen=True, slots=True)
class Hints:
    """What the hints of one container say."""

    enabled: bool | None = None
    """None: they say nothing of it."""
    said: dict[str, Any] = field(default_factory=dict)
    module: str = ""
    fileset: str = ""
    problems: tuple[str, ...] = ()
    """What is not done of what they say."""


def hints_of(labels: Table[str, str], container: str, prefix: str) -> Hints:
    """Read the hints among labels; those for this container by name go before those for all of its pod."""
    every, own = f"{prefix}.logs/", f"{prefix}.logs.{container}/"
    said = nested({name.removeprefix(every): value for name, value in labels.items() if name.startswith(every)})
    if container:
        more = nested({name.removeprefix(own): value for name, value in labels.items() if name.startswith(own)})
        said = merged(said, more)
    problems = []
    numbered = sorted(name for name in said if name.isascii() and name.isdigit())
    sets = {name: said.pop(name) for name in numbered}
    if sets and not any(name in said for name in (*_LISTS, *_SECTIONS, *_TEXTS)):
        first = sets.pop(numbered[0])
        said = merged(said, first if isinstance(first, dict) else {})
    if sets:
        left = ", ".join(f"'{name}'" for name in sets)
        problems.append(
            f"the hints numbered {left} are left out: a file is read by one input; use 'processors' with 'when'"
        )
    problems += [f"there is no hint '{name}'" for name in said.keys() - set(KNOWN)]
    if "raw" in said:
        problems.append(
            "the hint 'raw' is left out: an input of its own would let a container name any file of the machine"
        )
    enabled = _boolean(said.get("enabled"))
    if _boolean(said.get("disable")):
        enabled = False
    module, fileset = said.get("module"), said.get("fileset")
    if isinstance(fileset, dict):
        # One of them for what comes from both streams, or for one stream, and the other is of no interest.
        fileset = next(iter(fileset.values())) if len(fileset) == 1 else None
    if isinstance(module, str) and not isinstance(fileset, str):
        problems.append(
            "the hint 'module' is left out: a file is read by one input; name one of its filesets by 'fileset'"
        )
        module = None
    wanted = {name: value for name, value in said.items() if name in KNOWN and name not in _ELSEWHERE}
    return Hints(enabled, wanted, _text(module), _text(fileset), tuple(sorted(problems)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _boolean(value: Any) -> bool | None:
    if not isinstance(value, str):
        return None
    return {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}.get(value.lower())


def with_hints(config: Mapping, hints: Hints, name: str) -> Mapping:
    """Return an input's configuration with what the hints say put in; `name` is the container's, for messages."""
    at = Position(f"container {name}", 1)
    made = Mapping({key: entry for key, entry in config.entries.items() if key != "enabled"}, config.position)
    kind = config.entries.get("type")
    by_parsers = kind is not None and isinstance(kind.tree, Scalar) and kind.tree.text == "filestream"
    parsers: list[Tree] = []
    for key, parser in (("json", "ndjson"), ("multiline", "multiline"), ("springboot", "springboot")):
        if key not in hints.said:
            continue
        tree = _tree(hints.said[key], at)
        if not by_parsers:
            merge(made, key, at, tree)
        elif key != "springboot" or _boolean(hints.said[key]):
            inside = Mapping({}, at) if key == "springboot" else tree
            parsers.append(Mapping({parser: Entry(parser, at, inside)}, at))
    if parsers:
        old = made.entries.get("parsers")
        before = old.tree.items if old is not None and isinstance(old.tree, Sequence) else []
        made.entries["parsers"] = Entry("parsers", at, Sequence([*before, *parsers], at))
    for key in _LISTS:
        if isinstance(text := hints.said.get(key), str):
            items: list[Tree] = [_scalar(one, at) for one in _listed(text)]
            made.entries[key] = Entry(key, at, Sequence(items, at))
    if isinstance(text := hints.said.get("pipeline"), str):
        made.entries["pipeline"] = Entry("pipeline", at, _scalar(text, at))
    if "processors" in hints.said:
        made.entries["processors"] = Entry("processors", at, Sequence(_processors(hints.said["processors"], at), at))
    if not hints.module:
        return made
    fileset = Mapping({"input": Entry("input", at, made)}, at)
    entries = {"module": Entry("module", at, _scalar(hints.module, at))}
    return Mapping(entries | {hints.fileset: Entry(hints.fileset, at, fileset)}, at)


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _processors(said: Any, at: Position) -> list[Tree]:
    """Return the processors: those with numbers by these, each then the names, a name's options perhaps as JSON."""
    if not isinstance(said, dict):
        return [_scalar(str(said), at)]
    numbered = sorted((name for name in said if name.isascii() and name.isdigit()), key=int)
    named = [{name: value} for name, value in said.items() if name not in numbered]
    found: list[Tree] = []
    for one in [*(said[name] for name in numbered), *named]:
        options = {}
        for name, value in one.items() if isinstance(one, dict) else ():
            options[name] = Entry(name, at, _tree(_from_json(value), at))
        found.append(Mapping(options, at) if options else _scalar(str(one), at))
    return found


def _from_json(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _tree(value: Any, at: Position) -> Tree:
    """Return a value as a node; an object whose keys count from nought is the list that labels cannot have."""
    if isinstance(value, dict):
        if value and all(name.isascii() and name.isdigit() for name in value):
            return Sequence([_tree(value[name], at) for name in sorted(value, key=int)], at)
        tree = Mapping({}, at)
        for name, below in value.items():
            # Names with dots, which JSON may have, are nested ones.
            merge(tree, name, at, _tree(below, at))
        return tree
    if isinstance(value, list):
        return Sequence([_tree(one, at) for one in value], at)
    if isinstance(value, bool):
        return _scalar(str(value).lower(), at)
    return _scalar("" if value is None else str(value), at)


def _scalar(text: str, at: Position) -> Scalar:
    return Scalar(text, True, at)
