"""Documents, and what Ruby's XmlSimple and Nokogiri made of them, which Logstash's filter asks.

`python -m tests.ingest.filter.xml.real_xml` records it again; it needs Debian's ruby-xml-simple and ruby-nokogiri.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import subprocess
from pathlib import Path
from typing import Any, Final

HERE = Path(__file__).parent
RECORDED = HERE / "expected.json.gz"
GENERATED: Final = 400

Case = dict[str, Any]

DOCUMENTS: Final = (
    '<foo key="value"/>',
    "<foo><key>value1</key><key>value2</key></foo>",
    "<foo><key1><key2>value</key2></key1></foo>",
    "<foo><key>value1</key><key></key></foo>",
    '<opt><x>text1</x><y a="2">text2</y></opt>',
    "<a>text</a>",
    "<a> </a>",
    '<a b="1"> </a>',
    '<a b="1"><c/></a>',
    "<a><c/></a>",
    "<a/>",
    '<a content="1">x</a>',
    "<a><content>x</content>y</a>",
    '<a b="1"><b>2</b><b>3</b></a>',
    "<a><anon>1</anon><anon>2</anon></a>",
    "<a><b><anon>1</anon></b><b><anon>2</anon></b></a>",
    "<a><anon>1</anon><c>2</c></a>",
    "<a>x<b/>y</a>",
    "<a>x <b>1</b> \n <c/> y</a>",
    "<a>1 &lt; 2 &amp; &#65; &nbsp;<b/></a>",
    "<a>1 &lt; 2 &amp; &#65; &nbsp;</a>",
    '<a b="1 &lt; 2 &amp; &#65; &nbsp;"/>',
    "<a><![CDATA[<x>&nbsp;&amp;]]></a>",
    "<a>t<![CDATA[<x>]]>u<b/></a>",
    "<a><![CDATA[]]></a>",
    "<a>x<!-- no -->y</a>",
    "<a>x<!-- no -->y<b/></a>",
    "<a><!-- no --></a>",
    "<a><?php x ?>t<b/></a>",
    '<a xmlns:h="u"><h:b h:c="1">t</h:b></a>',
    '<a xmlns="d"><b>t</b></a>',
    '<?xml version="1.0" encoding="UTF-8"?>\n<a>é</a>\n',
    "<a>1\r\n2<b/></a>",
    "<a>1\r\n2</a>",
    "<a:b xmlns:a='u'><a:c>1</a:c></a:b>",
    "<!DOCTYPE a><a>x</a>",
    "<a b='x'>y</a>",
    "<a><b>1</b>text<b>2</b></a>",
    "<foo",
    "no XML",
    "<a><b></a>",
    "<a>x & y</a>",
    "<a b=1/>",
)
NAMESPACED: Final = '<f xmlns:h="u"><h:d a="1 &lt; 2">C &amp; D</h:d><h:d><e/></h:d></f>'
DEFAULT: Final = '<f xmlns="d"><e>1</e></f>'
NESTED: Final = '<f><h:d xmlns:h="u">C</h:d></f>'
TEXTS: Final = "<f><k>one</k><k>two &amp; &lt;3&gt;</k><m>x<![CDATA[<y>]]>z</m><n/><l><o>1</o><o>2</o></l></f>"
XPATHS: Final = (
    *[(TEXTS, path, {}, False) for path in (
        "/f/k/text()", "//k", "count(//k)", "sum(//o)", "1 div 2", "1 div 0", "name(/*)", "string(//n)", "boolean(//k)",
        "boolean(//q)", "//q", "//m/text()", "//l", "/f/k[2]/text()", "//comment()", "concat(//k, '&')", "//k[",
        "normalize-space(//m)", "/f/*[self::n or self::k]",
    )],
    *[
        (NAMESPACED, path, {}, bare)
        for path, bare in itertools.product(("//h:d", "//@a", "//h:d/text()", "//d", "/f", "//x:d"), (False, True))
    ],
    (NAMESPACED, "//x:d", {"x": "u"}, False),
    (DEFAULT, "//xmlns:e", {}, False),
    (DEFAULT, "//e", {}, False),
    (DEFAULT, "//e", {}, True),
    (DEFAULT, "//x:e/text()", {"x": "d"}, False),
    (NESTED, "//h:d", {"h": "u"}, False),
    (NESTED, "//h:d", {}, False),
    ("<a><b>x", "//b", {}, False),
)  # fmt: skip


def cases() -> list[Case]:
    """Documents by each of the rules, and XPath expressions."""
    rng = random.Random(1)
    documents = [*DOCUMENTS, *(_element(rng, 0) for _ in range(GENERATED))]
    rules = itertools.product((True, False), repeat=3)
    names = ("force_array", "force_content", "suppress_empty")
    made = [
        {"document": document, **dict(zip(names, choice, strict=True))}
        for choice, document in itertools.product(rules, documents)
    ]
    searched = [
        {"document": document, "xpath": path, "namespaces": namespaces, "bare": bare}
        for document, path, namespaces, bare in XPATHS
    ]
    return [*made, *searched]


def _element(rng: random.Random, depth: int) -> str:
    name = rng.choice(["a", "b", "content", "anon", "x"])
    attributes = "".join(
        f' {one}="{rng.choice(["1", "", " ", "&lt;"])}"' for one in rng.sample("abx", rng.choice([0, 0, 1, 2]))
    )
    inner = "".join(_node(rng, depth + 1) for _ in range(rng.choice([0, 1, 2, 3])))
    return f"<{name}{attributes}>{inner}</{name}>" if inner or rng.random() < 0.5 else f"<{name}{attributes}/>"


def _node(rng: random.Random, depth: int) -> str:
    if depth < 4 and rng.random() < 0.5:
        return _element(rng, depth)
    return rng.choice(["t", " ", "\n  ", "1 &gt; 0", "é", "<!-- c -->", "<![CDATA[d<]]>", "<?p q?>", "&#66;", "&euro;"])


def expected() -> list[Case]:
    """What was recorded, for each of `cases`."""
    found: list[Case] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return found


def record() -> None:
    command = ["ruby", str(HERE / "real_xml.rb")]
    done = subprocess.run(command, input=json.dumps(cases()), capture_output=True, text=True, check=True)
    RECORDED.write_bytes(gzip.compress(done.stdout.encode(), mtime=0))


if __name__ == "__main__":
    record()
