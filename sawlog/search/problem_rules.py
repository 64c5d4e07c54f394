"""`problems.yml` in the data folder: whose code is one's own, and what differs in messages that are the same problem.

own: [com.acme., org.apache.acme.]        # beginnings of classes that are one's own, whatever libraries say
libraries: {com.partner.: Partner}        # further beginnings that are nobody's own code, and what they are called
masks:                                    # further parts of messages that differ, tried before the built-in ones
  - {name: order, pattern: 'ORD-\\w+'}
without: [text]                           # built-in masks that are left out: id, time, address, text, n
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import regex
import yaml

from sawlog.errors import ConfigError, ConfigErrors, Position, nearest

NAME: Final = "problems.yml"
LONGEST: Final = 300
"""Characters of a message that its shape is made of."""
MOST: Final = 100
"""Masks, and beginnings of classes of a kind."""
SECONDS: Final = 0.25
"""How long a mask may take for a message."""
KEYS: Final = ("own", "libraries", "masks", "without")
BUILT_IN: Final = (
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "id"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "time"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "address"),
    (re.compile(r"\"[^\"]*\"|'[^']*'"), "text"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{8,}\b"), "id"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "n"),
)
_BEGINNING: Final = re.compile(r"(?:[\w$]+\.)*[\w$]+\.?")
_MASK_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_PATHOLOGICAL: Final = tuple(
    (text * LONGEST)[: LONGEST - 1] + end
    for text in ("a", "1", "a1", "a ", "a.", "-", " ", "1,", "ab-")
    for end in "!a"
)
"""Messages on which expressions that can run away do."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class OwnMask:
    """A mask of `problems.yml`. One that takes too long for a message is used no more, which the log says once."""

    name: str
    pattern: regex.Pattern[str]
    position: Position
    is_late: bool = False

    def masked(self, text: str) -> str:
        """Return the text with what matches replaced by the name in angle brackets."""
        if self.is_late:
            return text
        try:
            return self.pattern.sub(lambda _: f"<{self.name}>", text, timeout=SECONDS)
        except TimeoutError:
            self.is_late = True
            log.warning("%s: the mask '%s' runs away and is not used any more: %s", self.position, self.name, text)
            return text


@dataclass(frozen=True, slots=True)
class ProblemRules:
    """What tells problems from one another; without a file, what is built in."""

    own: tuple[str, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    masks: tuple[OwnMask, ...] = ()
    without: frozenset[str] = frozenset()

    def shape(self, text: str) -> str:
        """Return a message's first line with what differs in messages of a kind masked."""
        masked = text.lstrip().partition("\n")[0][:LONGEST]
        for mask in self.masks:
            masked = mask.masked(masked)
        for pattern, name in BUILT_IN:
            if name not in self.without:
                masked = pattern.sub(f"<{name}>", masked)
        return masked.strip()

    def words(self, shape: str) -> str:
        """Return the longest words that all messages of a shape have."""
        names = "|".join({*(name for _, name in BUILT_IN), *(mask.name for mask in self.masks)})
        return max(re.split(f"<(?:{names})>", shape), key=len).strip() or shape


def read_rules(folder: Path) -> ProblemRules:
    """Read the file of a data folder; none is as an empty one.

    Raises:
        ConfigErrors: something in it cannot be honoured; with file, line and the nearest known name.
    """
    file = folder / NAME
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ProblemRules()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigErrors([ConfigError(f"cannot be read: {error}", Position(str(file), 1))]) from None
    reader = _Reader(file)
    rules = reader.rules(text)
    if reader.errors:
        raise ConfigErrors(reader.errors)
    return rules


class _Reader:
    """Reads one file, and gathers what is wrong with it."""

    def __init__(self, file: Path) -> None:
        self.errors: list[ConfigError] = []
        self._file = file

    def rules(self, text: str) -> ProblemRules:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            self.errors.append(ConfigError(f"is no YAML: {error.problem}", self._at(mark)))
            return ProblemRules()
        except yaml.YAMLError as error:
            self.errors.append(ConfigError(f"is no YAML: {error}", self._at(None)))
            return ProblemRules()
        told = dict(self._entries(root, KEYS)) if root is not None else {}
        return ProblemRules(
            own=tuple(one for one, _ in self._texts(told.get("own"), self._beginning)),
            libraries=dict(self._libraries(told.get("libraries"))),
            masks=tuple(self._masks(told.get("masks"))),
            without=frozenset(one for one, _ in self._texts(told.get("without"), self._built_in)),
        )

    def _libraries(self, node: yaml.Node | None) -> Iterator[tuple[str, str]]:
        if node is None:
            return
        for name, value in self._entries(node, None):
            if self._beginning(name, value) and isinstance(value, yaml.ScalarNode):
                yield name, value.value
            elif not isinstance(value, yaml.ScalarNode):
                self._wrong(f"what '{name}' is called is a text", value)

    def _masks(self, node: yaml.Node | None) -> Iterator[OwnMask]:
        for one in self._list(node):
            told = dict(self._entries(one, ("name", "pattern")))
            texts = {key: value.value for key, value in told.items() if isinstance(value, yaml.ScalarNode)}
            if set(texts) != {"name", "pattern"}:
                if not self.errors:
                    self._wrong("a mask has a 'name' and a 'pattern', which are texts", one)
            elif not _MASK_NAME.fullmatch(texts["name"]):
                self._wrong(
                    f"'{texts['name'][:60]}' is no name of a mask: small letters, digits, '-', '_'", told["name"]
                )
            elif (pattern := self._pattern(texts["pattern"], told["pattern"])) is not None:
                yield OwnMask(texts["name"], pattern, self._at(told["pattern"].start_mark))

    def _pattern(self, text: str, node: yaml.Node) -> regex.Pattern[str] | None:
        try:
            pattern = regex.compile(text)
        except regex.error as error:
            self._wrong(f"the pattern is no regular expression: {error}", node)
            return None
        if pattern.search("", timeout=SECONDS):
            self._wrong("the pattern matches nothing at all, so it would be everywhere", node)
            return None
        try:
            for message in _PATHOLOGICAL:
                pattern.sub("", message, timeout=SECONDS)
        except TimeoutError:
            self._wrong("the pattern runs away: it takes too long for messages that it does not match", node)
            return None
        return pattern

    def _beginning(self, text: str, node: yaml.Node) -> bool:
        if _BEGINNING.fullmatch(text):
            return True
        self._wrong(f"'{text[:60]}' is no beginning of a class such as 'com.acme.'", node)
        return False

    def _built_in(self, text: str, node: yaml.Node) -> bool:
        known = dict.fromkeys(name for _, name in BUILT_IN)
        if text in known:
            return True
        self._wrong(
            f"there is no built-in mask '{text[:60]}'; there are {', '.join(known)}", node, nearest(text, known)
        )
        return False

    def _texts(self, node: yaml.Node | None, is_good: Any) -> Iterator[tuple[str, yaml.Node]]:
        for one in self._list(node):
            if not isinstance(one, yaml.ScalarNode):
                self._wrong("is a list of texts", one)
            elif is_good(one.value, one):
                yield one.value, one

    def _list(self, node: yaml.Node | None) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._wrong("is a list", node)
            return []
        if len(node.value) > MOST:
            self._wrong(f"there are {len(node.value)}; at most {MOST}", node)
        return list(node.value[:MOST])

    def _entries(self, node: yaml.Node, known: tuple[str, ...] | None) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._wrong("has names and values" if known is None else f"has {', '.join(known)}", node)
            return
        for key, value in node.value:
            name = str(key.value)
            if known is not None and name not in known:
                self._wrong(f"there is no '{name[:60]}'; there are {', '.join(known)}", key, nearest(name, known))
            else:
                yield name, value

    def _wrong(self, message: str, node: yaml.Node, hint: str | None = None) -> None:
        self.errors.append(ConfigError(message, self._at(node.start_mark), hint))

    def _at(self, mark: Any) -> Position:
        return Position(str(self._file), mark.line + 1, mark.column + 1) if mark else Position(str(self._file), 1)
