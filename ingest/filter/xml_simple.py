"""XML as objects and lists, by the rules of Ruby's XmlSimple, which Logstash's filter takes.

An element is a text if it has nothing but text, else an object of its attributes and children; its own text among
children is in ``content``, as it is written, in pieces. What stands here was compared with what the library makes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

DEPTH: Final = 250
"""So deeply elements may stand in one another: each makes two levels of the event."""

_CONTENT: Final = "content"
_ANONYMOUS: Final = "anon"
_UNKNOWN: Final = re.compile(
    r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|&(?!(?:amp|lt|gt|quot|apos);)(?=[A-Za-z_][\w.-]*;)", re.DOTALL
)
"""What begins a reference to an entity that XML does not know, such as ``&nbsp;``; and where such are none."""
_MARK: Final = "\ue000"
_LINE_END: Final = re.compile(r"\r\n?")

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class XmlRules:
    """The library's options: ForceArray, ForceContent and SuppressEmpty."""

    force_array: bool = True
    force_content: bool = False
    suppress_empty: bool = True


def objects_of(text: str, rules: XmlRules) -> Any:
    """Return what the root of a document becomes.

    Raises:
        ValueError: it is no XML, nests too deeply, or declares entities, of which a few bytes may make gigabytes.
    """
    marked = text
    if "&" in text and _MARK not in text:
        marked = _UNKNOWN.sub(lambda found: _MARK if found[0] == "&" else found[0], text)
    reading = _Reading(marked.encode("utf-8", "replace"), rules)
    try:
        return reading.root()
    except expat.ExpatError as error:
        raise ValueError(f"no XML: {error}") from None


@dataclass(slots=True)
class _Element:
    """An element whose end has not come: what it is made of so far, and its texts with where each began and ended."""

    name: str
    made: Members
    has_attributes: bool
    has_elements: bool = False
    texts: list[str] = field(default_factory=list)
    written: list[tuple[int, int]] = field(default_factory=list)


class _Reading:
    """One document on its way through the parser."""

    def __init__(self, data: bytes, rules: XmlRules) -> None:
        self._data = data
        self._rules = rules
        self._open: list[_Element] = []
        self._root: Any = None
        self._text: list[str] = []
        self._began = -1
        """Where the text began that is being read; -1 if none is."""
        parser = self._parser = expat.ParserCreate("UTF-8")
        parser.ordered_attributes = True
        parser.EntityDeclHandler = _no_entities
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_text
        parser.CommentHandler = self._interrupt
        parser.ProcessingInstructionHandler = self._interrupt

    def root(self) -> Any:
        self._parser.Parse(self._data, True)
        return self._root

    def _start(self, name: str, attributes: list[str]) -> None:
        self._end_text()
        if len(self._open) >= DEPTH:
            raise ValueError(f"more than {DEPTH} elements stand in one another")
        if self._open:
            self._open[-1].has_elements = True
        made: Members = dict(zip(attributes[::2], map(_unmarked, attributes[1::2]), strict=True))
        self._open.append(_Element(name.rpartition(":")[2], made, bool(made)))

    def _end(self, _name: str) -> None:
        self._end_text()
        element = self._open.pop()
        value = self._value(element)
        if not self._open:
            self._root = value
            return
        parent = self._open[-1]
        if self._rules.suppress_empty and not parent.has_attributes and _is_empty(value):
            return
        self._add(parent.made, element.name, value)

    def _characters(self, text: str) -> None:
        if self._began < 0:
            self._began = self._parser.CurrentByteIndex
        self._text.append(text)

    def _start_cdata(self) -> None:
        self._end_text()
        self._began = self._parser.CurrentByteIndex + len("<![CDATA[")

    def _interrupt(self, *_given: str) -> None:
        self._end_text()

    def _end_text(self) -> None:
        if self._began >= 0 and self._open:
            self._open[-1].texts.append("".join(self._text))
            self._open[-1].written.append((self._began, self._parser.CurrentByteIndex))
        self._text.clear()
        self._began = -1

    def _value(self, element: _Element) -> Any:
        made = element.made
        if element.has_elements:
            written = [self._as_written(*place) for place in element.written]
            if "".join(written).strip():
                made[_CONTENT] = written[0] if len(written) == 1 else written
        elif element.texts:
            return self._text_value(element)
        lists = [key for key, value in made.items() if isinstance(value, list)]
        if lists == [_ANONYMOUS]:
            return made[_ANONYMOUS]
        return None if self._rules.suppress_empty and not made else made

    def _text_value(self, element: _Element) -> Any:
        text = _unmarked("".join(element.texts))
        if not element.has_attributes and _is_empty(text):
            return {}
        if not element.has_attributes and not self._rules.force_content:
            return text
        self._add(element.made, _CONTENT, text)
        return element.made

    def _as_written(self, begin: int, end: int) -> str:
        return _LINE_END.sub("\n", _unmarked(self._data[begin:end].decode()))

    def _add(self, made: Members, key: str, value: Any) -> None:
        if key in made:
            old = made[key]
            made[key] = [*old, value] if isinstance(old, list) else [old, value]
        elif isinstance(value, list) or (self._rules.force_array and key != _CONTENT):
            made[key] = [value]
        else:
            made[key] = value


def _is_empty(value: Any) -> bool:
    return value is None or value == {} or (isinstance(value, str) and not value.strip())


def _unmarked(text: str) -> str:
    return text.replace(_MARK, "&") if _MARK in text else text


def _no_entities(name: str, *_about: object) -> None:
    raise ValueError(f"the document declares entities ('{name}'), which are not read")
