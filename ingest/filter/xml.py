"""xml: fields of XML text, as objects, or what XPath expressions find in it.

Nothing that a document refers to is fetched, and documents that declare entities are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.filter.xml_simple import XmlRules, objects_of
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event
from sawlog.extras import library

_TAGS: Final = ["_xmlparsefailure"]
_ESCAPED: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
_ENTITY: Final = re.compile(r"<!ENTITY\s+(?:%\s*)?([^\s%]+)")


class Xml(Filter):
    """The objects are those of XmlSimple, as in Logstash; XPath, by libxml2, needs the extra `xml`."""

    name = "xml"
    parses = True
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the XML.", required=True),
        "target": Option(Kind.FIELD, "The field for the objects."),
        "store_xml": Option(Kind.BOOLEAN, "Whether the objects are wanted.", True),
        "xpath": Option(Kind.HASH, "XPath expression → field to which what it finds is added, as a list.", {}),
        "force_array": Option(Kind.BOOLEAN, "Whether an element that is there once is a list of one, too.", True),
        "force_content": Option(Kind.BOOLEAN, "Whether the text of an element is an object with `content`.", False),
        "suppress_empty": Option(Kind.BOOLEAN, "Whether empty elements are left out.", True),
        "namespaces": Option(Kind.HASH, "Prefix → namespace for the XPath; the root's if not given.", {}),
        "remove_namespaces": Option(Kind.BOOLEAN, "Whether the XPath sees names without namespaces.", False),
        "parse_options": Option(
            Kind.STRING, "strict: XPath looks for nothing in XML that is broken.", one_of=("strict",)
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._read = settings.reader(settings.field(options, "source"))
        self._store: bool = options["store_xml"]
        if self._store and not options["target"]:
            raise options.error("xml needs the option 'target', or store_xml => false")
        self._target = settings.field(options, "target") if options["target"] else ()
        self._rules = XmlRules(options["force_array"], options["force_content"], options["suppress_empty"])
        self._search = _Search(options) if options["xpath"] else None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            value = self._read(event)
            if value is MISSING or value is None or value is False:
                continue
            try:
                matched = self._one(event, _text_of(value))
            except ValueError as error:
                fail(event, _TAGS, f"xml: {error}")
                continue
            if matched and self.succeeded:
                self.succeeded(event)
        return events

    def _one(self, event: Event, text: str) -> bool:
        if not text.strip():
            return False
        matched = self._search is not None and self._search(event, text)
        if self._store:
            settings.put_field(event, self._target, objects_of(text, self._rules))
        return matched or self._store


def _text_of(value: Any) -> str:
    if isinstance(value, list):
        if len(value) != 1:
            raise ValueError(f"{len(value)} values are not read, only one")
        value = value[0]
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} is no XML text")
    return value


class _Search:
    """The XPath expressions and the fields for what they find."""

    def __init__(self, options: Options) -> None:
        self._etree = library("lxml.etree", "xml", "the option 'xpath' of the xml filter")
        self._given = {str(prefix): str(uri) for prefix, uri in options["namespaces"].items()}
        self._bare: bool = options["remove_namespaces"]
        self._strict = options["parse_options"] is not None
        self._compiled = lru_cache(maxsize=256)(self._compile)
        self._expressions = [
            (self._checked(options, expression), settings.field(options, "xpath", name))
            for expression, name in options["xpath"].items()
        ]

    def __call__(self, event: Event, text: str) -> bool:
        """Add what is found to the event's fields; say whether something was.

        Raises:
            ValueError: it is no XML, or an expression has a prefix that the document does not declare.
        """
        root = self._root(text)
        namespaces = self._given or {prefix or "xmlns": uri for prefix, uri in root.nsmap.items()}
        matched = False
        for expression, path in self._expressions:
            try:
                found = self._compiled(expression, tuple(namespaces.items()))(root)
            except self._etree.XPathError as error:
                raise ValueError(f"'{expression}': {error}") from None
            values = list(self._texts(found, text))
            if values:
                matched = True
                old = settings.reader(path)(event)
                before = old if isinstance(old, list) else [] if old is MISSING or old is None else [old]
                settings.put_field(event, path, [*before, *values])
        return matched

    def _root(self, text: str) -> Any:
        if (declared := _ENTITY.search(text)) is not None:
            raise ValueError(f"the document declares entities ('{declared[1]}'), which are not read")
        # Small, and a parser that has met broken XML is of no more use.
        parser = self._etree.XMLParser(
            encoding="utf-8",
            recover=not self._strict,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            strip_cdata=False,
        )
        try:
            root = self._etree.fromstring(text.encode("utf-8", "replace"), parser)
        except self._etree.XMLSyntaxError as error:
            raise ValueError(f"no XML: {error}") from None
        if root is None:
            raise ValueError("no XML: there is no element")
        if self._bare:
            self._remove_namespaces(root)
        return root

    def _remove_namespaces(self, root: Any) -> None:
        for element in root.iter("*"):
            element.tag = _local(element.tag)
            for name, value in list(element.attrib.items()):
                if name.startswith("{"):
                    del element.attrib[name]
                    element.attrib[_local(name)] = value
        self._etree.cleanup_namespaces(root)

    def _checked(self, options: Options, expression: str) -> str:
        try:
            self._etree.XPath(expression)
        except self._etree.XPathSyntaxError as error:
            raise options.error(f"xml: '{expression}' is no XPath expression: {error}", "xpath") from None
        return expression

    def _compile(self, expression: str, namespaces: tuple[tuple[str, str], ...]) -> Any:
        return self._etree.XPath(expression, namespaces=dict(namespaces))

    def _texts(self, found: Any, source: str) -> Iterator[str]:
        """What is found, written as Nokogiri does, which Logstash asks."""
        if isinstance(found, bool):
            if found:
                yield "true"
        elif isinstance(found, list):
            for node in found:
                yield self._text(node, source)
        else:
            yield str(found) if isinstance(found, str) else _number(found)

    def _text(self, node: Any, source: str) -> str:
        if isinstance(node, str):
            if not (node.is_text or node.is_tail):  # type: ignore[attr-defined] # lxml's texts know what they are
                return str(node)
            section = f"<![CDATA[{node}]]>"
            return section if section in source else node.translate(_ESCAPED)
        if isinstance(node, tuple):
            return str(node[1])  # a namespace
        text: str = self._etree.tostring(node, encoding="unicode", with_tail=False, pretty_print=True)
        return _without(node, text.rstrip("\n"))


def _without(node: Any, text: str) -> str:
    """Take the namespaces out of a written element that are declared above it."""
    parent = node.getparent()
    if parent is None or not isinstance(node.tag, str):
        return text
    head, end, rest = text.partition(">")
    for prefix, uri in parent.nsmap.items():
        if node.nsmap.get(prefix) == uri:
            name = f"xmlns:{prefix}" if prefix else "xmlns"
            head = head.replace(f' {name}="{uri.translate(_ESCAPED)}"', "", 1)
    return head + end + rest


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _number(value: float) -> str:
    """Write a number as Ruby does."""
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return ruby.inspect(value)
