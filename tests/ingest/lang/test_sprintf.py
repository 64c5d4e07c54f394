from typing import Any

import pytest

from ingest.lang.decorate import decorate
from ingest.lang.field import field_name, parse_field
from ingest.lang.sprintf import compile_sprintf, is_constant
from sawlog.errors import ConfigError

EVENT: dict[str, Any] = {
    "@timestamp": "2017-07-04T09:05:07.921Z",
    "@metadata": {"x": "meta"},
    "message": "m",
    "n": 3,
    "f": 1.5,
    "yes": True,
    "null": None,
    "list": ["a", 1],
    "o": {"p": "q"},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain 100%", "plain 100%"),
        ("%{message}", "m"),
        ("%{n} %{f} %{yes}", "3 1.5 true"),
        ("%{list}", "a,1"),
        ("%{[list][0]}", "a"),
        ("%{o}", '{"p":"q"}'),
        ("%{[o][p]}-%{[@metadata][x]}", "q-meta"),
        ("%{missing} %{[o][z]} %{null}", "%{missing} %{[o][z]} %{null}"),
        ("logs-%{+YYYY.MM.dd}", "logs-2017.07.04"),
        ("%{+yyyy-MM-dd'T'HH:mm:ss.SSSZ}", "2017-07-04T09:05:07.921+0000"),
        ("%{+EEE MMM d h a}", "Tue Jul 4 9 AM"),
        ("%{+xxxx.ww}", "2017.27"),
        ("%{+%s}", "1499159107"),
        ("%{{uuuu-MM-dd'T'HH:mm:ss.SSSX}}", "2017-07-04T09:05:07.921Z"),
        ("%{{yyyy}}", "2017"),
        ("100% of %{message}%", "100% of m%"),
    ],
)
def test_sprintf(template: str, text: str) -> None:
    assert compile_sprintf(template)(EVENT) == text
    assert is_constant(template) is ("%{" not in template)


def test_dates_without_a_timestamp_stay() -> None:
    assert compile_sprintf("x-%{+YYYY}")({}) == "x-%{+YYYY}"
    assert compile_sprintf("x-%{+YYYY}")({"@timestamp": "yesterday"}) == "x-%{+YYYY}"


@pytest.mark.parametrize("template", ["%{+bbb}", "%{[a}", "%{+yyyy'}"])
def test_illegal_templates(template: str) -> None:
    with pytest.raises(ConfigError):
        compile_sprintf(template)


def test_field_references() -> None:
    assert parse_field("[a][b]") == ("a", "b")
    assert parse_field("[[a][b]]") == ("a", "b")
    assert parse_field("log.level") == ("log.level",)
    assert field_name(("a", "b")) == "[a][b]"
    assert field_name(("a",)) == "a"
    for bad in ("", "[]", "[a]b", "a[b]", "[a"):
        with pytest.raises(ConfigError):
            parse_field(bad)


def test_decorate_in_logstash_order() -> None:
    shared = {"q": 1}
    event: dict[str, Any] = {"message": "m", "o": shared, "tags": ["old", "gone"]}
    decorate(
        add_field={"a": "%{message}", "[o][p]": "x", "message": ["1", "2"], "dyn-%{message}": "y"},
        remove_field=["a"],
        add_tag=["old", "new-%{[o][p]}"],
        remove_tag=["gone"],
    )(event)
    assert event == {
        "message": ["m", "1", "2"],
        "o": {"q": 1, "p": "x"},
        "dyn-m,1,2": "y",
        "tags": ["old", "new-x"],
    }
    assert shared == {"q": 1}
