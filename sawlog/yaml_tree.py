"""YAML as a tree that knows where everything stands, read the way Filebeat and Logstash read it.

Keys with dots and nested keys mean the same and merge; of a key given twice the last wins, with a warning. What
Filebeat's reader does and PyYAML does not: ``0600`` is octal, ``1:30`` and dates are texts. Filebeat's reader is
libyaml in Go; PyYAML's own parser is stricter with tabs behind a value, so libyaml is used wherever it is built in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from sawlog import quotes
from sawlog.errors import ConfigError, Position

NODE_LIMIT: Final = 200_000
"""A file whose aliases multiply to more nodes than this is an attack or a mistake."""
DEPTH_LIMIT: Final = 60

_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})
_NULL = frozenset({"", "~", "null"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0[0-7_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What may not stand in YAML; as libyaml has it, a byte order mark in the middle is among them."""
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(slots=True)
class Scalar:
    """A single value; `plain` when it stood without quotes, and may therefore be a number or a boolean."""

    text: str
    plain: bool
    position: Position

    def value(self) -> Any:
        """The value as YAML 1.1 has it, in Filebeat's reading."""
        return plain_value(self.text) if self.plain else self.text

    @property
    def empty(self) -> bool:
        """Whether nothing (or ``null``, or ``~``) stood there."""
        return self.plain and self.text.lower() in _NULL


@dataclass(slots=True)
class Sequence:
    """A list."""

    items: list[Tree]
    position: Position

    def value(self) -> Any:
        """The plain list."""
        return [item.value() for item in self.items]


@dataclass(slots=True)
class Entry:
    """A key and its value; `position` is the key's."""

    key: str
    position: Position
    tree: Tree


@dataclass(slots=True)
class Mapping:
    """Keys without dots, in the order of the file, each once."""

    entries: dict[str, Entry]
    position: Position

    def value(self) -> Any:
        """The plain dictionary."""
        return {key: entry.tree.value() for key, entry in self.entries.items()}

    def find(self, name: str) -> Entry | None:
        """The entry at a dotted name."""
        node: Tree = self
        entry: Entry | None = None
        for key in name.split("."):
            if not isinstance(node, Mapping) or (entry := node.entries.get(key)) is None:
                return None
            node = entry.tree
        return entry

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """Each entry that is no mapping, under its dotted name."""
        for key, entry in self.entries.items():
            if isinstance(entry.tree, Mapping):
                yield from entry.tree.leaves(f"{prefix}{key}.")
            else:
                yield prefix + key, entry


Tree = Scalar | Sequence | Mapping


def is_empty(tree: Tree) -> bool:
    """Whether there is nothing in it."""
    if isinstance(tree, Scalar):
        return tree.empty
    return not (tree.items if isinstance(tree, Sequence) else tree.entries)


def plain_value(text: str) -> Any:
    """What a text without quotes means: null, boolean, number, or itself."""
    lowered = text.lower()
    if lowered in _NULL:
        return None
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text) and text[-1] != "_":
        return float(text.replace("_", ""))
    return text


def _integer(text: str) -> int | str:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        digits = "0o" + digits[1:]
    try:
        return sign * int(digits, 0)
    except ValueError:  # more digits than Python converts
        return text


@dataclass(slots=True)
class Document:
    """What `parse` makes of a file."""

    tree: Mapping
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parse(text: str, file: str) -> Document:
    """Read the first document of a YAML text whose top is a mapping.

    A Kubernetes ConfigMap stands for the ``filebeat.yml`` inside it.

    Raises:
        ConfigError: the text is no YAML, or no mapping, or too deep, or too large.
    """
    return _manifest(_compose(text, file), text, file) or _document(_first(text, file), file)


def parse_list(text: str, file: str, of: str = "inputs") -> tuple[Sequence, list[str]]:
    """Read a YAML text whose top is a list (a file of inputs); a lone mapping is a list of one."""
    root = _first(text, file)
    if root is None:
        return Sequence([], Position(file, 1)), []
    converter = _TreeMaker(file)
    tree = converter.convert(root)
    if isinstance(tree, Mapping):
        tree = Sequence([tree], tree.position)
    if isinstance(tree, Scalar):
        raise ConfigError(f"a list of {of} is meant here", tree.position)
    return tree, converter.warnings


def parse_value(text: str, file: str) -> Tree:
    """Read one value, as in ``-E key=value``."""
    root = _first(text, file)
    return Scalar("", True, Position(file, 1)) if root is None else _TreeMaker(file).convert(root)


def merge(into: Mapping, key: str, position: Position, tree: Tree, warnings: list[str] | None = None) -> None:
    """Set a dotted `key`; mappings merge, anything else is replaced (and warned of when `warnings` is given)."""
    first, _, rest = key.partition(".")
    if rest and first:
        below = Mapping({}, position)
        merge(below, rest, position, tree)
        tree, key = below, first
    old = into.entries.get(key)
    if old is None:
        into.entries[key] = Entry(key, position, tree)
    elif isinstance(old.tree, Mapping) and isinstance(tree, Mapping):
        # A copy, because an alias may share the old one.
        merged = Mapping(dict(old.tree.entries), old.tree.position)
        for entry in tree.entries.values():
            merge(merged, entry.key, entry.position, entry.tree, warnings)
        into.entries[key] = Entry(key, old.position, merged)
    elif not is_empty(tree) or not isinstance(old.tree, Mapping):
        if warnings is not None and not is_empty(old.tree):
            warnings.append(f"{position}: '{key}' is given again and replaces that of line {old.position.line}")
        into.entries[key] = Entry(key, position, tree)


def _document(root: yaml.Node | None, file: str, line: int = 0, column: int = 0) -> Document:
    if root is None:
        return Document(Mapping({}, Position(file, 1)))
    converter = _TreeMaker(file, line, column)
    tree = converter.convert(root)
    if not isinstance(tree, Mapping):
        raise ConfigError("settings are meant here: 'key: value' lines", tree.position)
    return Document(tree, converter.warnings)


def _first(text: str, file: str) -> yaml.Node | None:
    return next(iter(_compose(text, file)), None)


def _compose(text: str, file: str, line: int = 0, column: int = 0) -> Iterator[yaml.Node]:
    """Compose the documents one by one, with PyYAML's errors turned into ours."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    forbidden = _FORBIDDEN.search(text)
    if forbidden is not None:
        before = text[: forbidden.start()]
        position = Position(file, line + before.count("\n") + 1, column + len(before) - before.rfind("\n"))
        raise ConfigError(f"the character U+{ord(forbidden[0]):04X} is not allowed in YAML", position)
    try:
        _check_depth(text, file, line, column)
        yield from yaml.compose_all(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if error.problem == _NO_COLON:
            # Which is noticed only where the next line begins.
            mark = error.context_mark
        place = Position(file, line + mark.line + 1, column + mark.column + 1) if mark else Position(file, 1)
        raise ConfigError(f"no valid YAML: {_words(error)}", place, _advice(error, text)) from None


def _check_depth(text: str, file: str, line: int, column: int) -> None:
    """Refuse what is nested too deep before nodes are made of it, which takes a stack frame a level."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                mark = event.start_mark
                assert mark is not None  # the parser sets it; the type allows for events made by hand
                raise ConfigError("nested too deep", Position(file, line + mark.line + 1, column + mark.column + 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _words(error: yaml.MarkedYAMLError) -> str:
    words = error.problem or error.context or "it cannot be read"
    if error.problem and error.context and error.context_mark:
        return f"{words}, {error.context} that began in line {error.context_mark.line + 1}"
    return words


def _advice(error: yaml.MarkedYAMLError, text: str) -> str | None:
    mark = error.problem_mark
    lines = text.split("\n")
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "YAML is indented with spaces, not with tabs"
    if error.problem == _NO_COLON:
        return "a setting is 'key: value', with a space behind the colon"
    return _TEMPLATE if "{{" in text or "{%" in text else None


_NO_COLON: Final = "could not find expected ':'"
_TEMPLATE: Final = "a template ('{{ … }}', '{% … %}') has to be filled in first"


def _manifest(documents: Iterator[yaml.Node], text: str, file: str) -> Document | None:
    """Find the ``filebeat.yml`` in a Kubernetes ConfigMap, and read it with the positions of the manifest."""
    manifest: yaml.Node | None = None
    for number, root in enumerate(documents):
        values = _top(root)
        if "apiVersion" not in values or "kind" not in values:
            if number == 0:
                return None
            continue
        manifest = manifest or root
        for name, node in _top(values.get("data")).items():
            if name.endswith((".yml", ".yaml")) and "filebeat" in name and isinstance(node, yaml.ScalarNode):
                line, column = node.start_mark.line + 1, 0
                lines = text.replace("\r\n", "\n").split("\n")
                if node.style in ("|", ">") and line < len(lines):
                    column = len(lines[line]) - len(lines[line].lstrip(" "))
                inner = next(_compose(node.value, file, line, column), None)
                document = _document(inner, file, line, column)
                document.notes.append(
                    f"{Position(file, node.start_mark.line + 1)}: this is a Kubernetes manifest; "
                    f"'{name}' of its ConfigMap is read"
                )
                return document
    if manifest is None:
        return None
    raise ConfigError(
        "this is a Kubernetes manifest without a 'filebeat.yml' in a ConfigMap's data",
        Position(file, manifest.start_mark.line + 1, manifest.start_mark.column + 1),
    )


def _top(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


class _TreeMaker:
    """Turns PyYAML's nodes into ours; an alias's node is turned once and shared."""

    def __init__(self, file: str, line: int = 0, column: int = 0) -> None:
        self.warnings: list[str] = []
        self._file = file
        self._line = line
        self._column = column
        self._done: dict[int, tuple[Tree, int]] = {}
        self._open: set[int] = set()

    def convert(self, root: yaml.Node) -> Tree:
        return self._convert(root)[0]

    def _convert(self, node: yaml.Node) -> tuple[Tree, int]:
        """Return the tree and the number of nodes in it, aliases counted each time."""
        known = self._done.get(id(node))
        if known is not None:
            return known
        position = self._position(node)
        if id(node) in self._open:
            raise ConfigError("an alias stands inside of what it names", position)
        if len(self._open) > DEPTH_LIMIT:
            raise ConfigError("nested too deep", position)
        self._open.add(id(node))
        tree: Tree
        if isinstance(node, yaml.MappingNode):
            tree, size = self._mapping(node, position)
        elif isinstance(node, yaml.SequenceNode):
            parts = [self._convert(item) for item in node.value]
            tree, size = Sequence([part for part, _ in parts], position), 1 + sum(count for _, count in parts)
        else:
            assert isinstance(node, yaml.ScalarNode)
            if not node.style and quotes.is_quoted(node.value):
                raise ConfigError(f"{node.value} is in no quotes of YAML", position, quotes.ADVICE)
            tree, size = Scalar(node.value, not node.style, position), 1
        if size > NODE_LIMIT:
            raise ConfigError("the aliases here multiply to too much", position)
        self._open.discard(id(node))
        self._done[id(node)] = tree, size
        return tree, size

    def _mapping(self, node: yaml.MappingNode, position: Position) -> tuple[Mapping, int]:
        mapping = Mapping({}, position)
        size = 1
        for key, value in self._merged(node):
            if not isinstance(key, yaml.ScalarNode):
                hint = _TEMPLATE if isinstance(key, yaml.MappingNode) else None
                raise ConfigError("a key has to be a single word", self._position(key), hint)
            tree, count = self._convert(value)
            size += count
            merge(mapping, key.value, self._position(key), tree, self.warnings)
        return mapping, size

    def _merged(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The pairs of a mapping, ``<<: *alias`` filled in; the mapping's own keys win without a warning."""
        own = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                yield key, value
                continue
            for base in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(base, yaml.MappingNode):
                    raise ConfigError("'<<' takes a mapping", self._position(value))
                if id(base) in self._open:
                    raise ConfigError("an alias stands inside of what it names", self._position(value))
                for base_key, base_value in base.value:
                    if base_key.value not in own:
                        yield base_key, base_value

    def _position(self, node: yaml.Node) -> Position:
        mark = node.start_mark
        return Position(self._file, self._line + mark.line + 1, self._column + mark.column + 1)
