"""xml: what XmlSimple and Nokogiri make, options, and what nobody should send."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from sawlog.event import Event
from tests.ingest.filter.building import make, reason, refused, run
from tests.ingest.filter.xml import real_xml
from tests.ingest.filter.xml.real_xml import Case

PAIRS = list(zip(real_xml.cases(), real_xml.expected(), strict=True))
MADE = [(case, expected) for case, expected in PAIRS if "xpath" not in case]
FOUND = [(case, expected) for case, expected in PAIRS if "xpath" in case]


def ours(case: Case) -> Case:
    if "xpath" in case:
        options = {"store_xml": False, "xpath": {case["xpath"]: "found"}, "namespaces": case["namespaces"]}
        event = run("xml", {"m": case["document"]}, source="m", remove_namespaces=case["bare"], **options)
        return {"error": True} if "tags" in event else {"found": event.get("found", [])}
    rules = {name: case[name] for name in ("force_array", "force_content", "suppress_empty")}
    event = run("xml", {"m": case["document"]}, source="m", target="made", **rules)
    return {"error": True} if "tags" in event else {"made": event["made"]}


def test_objects_are_those_of_xml_simple() -> None:
    differing = [(case, expected, found) for case, expected in MADE if (found := ours(case)) != expected]
    assert not differing, f"{len(differing)} of {len(MADE)}, such as {differing[0]}"


@pytest.mark.parametrize(("case", "expected"), FOUND, ids=[f"{case['xpath']} {case['bare']}" for case, _ in FOUND])
def test_xpath_finds_what_nokogiri_finds(case: Case, expected: Case) -> None:
    if case["xpath"].endswith("["):
        assert "no XPath expression" in refused("xml", source="m", store_xml=False, xpath={case["xpath"]: "found"})
    else:
        assert ours(case) == expected


def test_what_stays_as_it_is() -> None:
    for value in ("", "  ", None):
        event = {"m": value}
        assert run("xml", dict(event), source="m", target="x", add_tag=["done"]) == event
    assert run("xml", {}, source="m", target="x") == {}


def test_one_value_of_a_list_is_read_and_others_are_tagged() -> None:
    assert run("xml", {"m": ['<foo bar="baz"/>']}, source="m", target="x")["x"] == {"bar": "baz"}
    for value in (["<a/>", "<b/>"], [], {"a": "b"}, [{"a": "b"}], 1, True):
        event = run("xml", {"m": value}, source="m", target="x", add_tag=["done"])
        assert event["tags"] == ["_xmlparsefailure"], value
        assert reason(event).startswith("xml: ")


def test_xpath_adds_to_what_is_there() -> None:
    options = {"source": "m", "store_xml": False, "xpath": {"//b/text()": "[x][y]"}, "add_tag": ["done"]}
    event = run("xml", {"m": "<a><b>1</b><b>2</b></a>", "x": {"y": "0"}}, **options)
    assert event == {"m": "<a><b>1</b><b>2</b></a>", "x": {"y": ["0", "1", "2"]}, "tags": ["done"]}
    # Nothing was found: the common options do not apply.
    assert run("xml", {"m": "<a/>"}, **options) == {"m": "<a/>"}


def test_broken_xml() -> None:
    options: dict[str, Any] = {"source": "m", "store_xml": False, "xpath": {"//b/text()": "x"}}
    assert run("xml", {"m": "<a><b>1"}, **options)["x"] == ["1"]
    for broken, more in (("<a><b>1", {"parse_options": "strict"}), ("no XML", {})):
        event = run("xml", {"m": broken}, **options, **more)
        assert event["tags"] == ["_xmlparsefailure"]
        assert "no XML" in reason(event)
    event = run("xml", {"m": "<a><b>1"}, source="m", target="y", xpath={"//b/text()": "x"})
    assert (event["x"], event["tags"]) == (["1"], ["_xmlparsefailure"])
    assert "y" not in event


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "a bomb of entities": f'<!DOCTYPE a [<!ENTITY e0 "lol">{BOMB}]><a>&e9;</a>',
    "a file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "a file as DTD": '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>&x;</a>',
    "a parameter entity": '<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><a>1</a>',
    "depth": "<a>" * 100_000 + "</a>" * 100_000,
    "depth without ends": "<a>" * 100_000,
    "surrogates": "<a>\ud800</a>",
    "zeros": "<a>\0</a>",
    "our own mark": "<a>\ue000nbsp; &nbsp;</a>",
    "an id": "<a>" + "x" * 1_000_000 + "</a>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents(name: str) -> None:
    event: Event = {"m": HOSTILE[name]}
    run("xml", event, source="m", target="x", xpath={"//a/text()": "y"})
    assert "root:" not in str(event)
    assert "lol" * 10 not in str({key: value for key, value in event.items() if key != "m"})
    assert set(event) <= {"m", "x", "y", "tags", "@metadata", "sawlog"}
    if "DOCTYPE" in HOSTILE[name] and "ENTITY" in HOSTILE[name]:
        assert "declares entities" in reason(event)


def test_deep_documents_are_told() -> None:
    assert "250 elements" in reason(run("xml", {"m": HOSTILE["depth"]}, source="m", target="x"))


def test_what_a_line_may_not_set() -> None:
    event = run("xml", {"m": "<a>x</a>", "@timestamp": "2026"}, source="m", target="@timestamp")
    assert (event["@timestamp"], event["tags"]) == ("2026", ["_xmlparsefailure"])


def test_what_xml_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "needs the option 'target'" in refused("xml", source="m")
    assert "strict" in refused("xml", source="m", target="x", parse_options="lenient")
    monkeypatch.setitem(sys.modules, "lxml.etree", None)
    assert make("xml", source="m", target="x")
    assert "needs the extra 'xml': " in refused("xml", source="m", store_xml=False, xpath={"/a": "x"})
