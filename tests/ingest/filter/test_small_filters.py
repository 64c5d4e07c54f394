"""drop, uuid, clone, split, truncate, urldecode, syslog_pri, prune, json_encode, bytes, environment, de_dot."""

from __future__ import annotations

import uuid

import pytest

from tests.ingest.filter.building import make, reason, refused, run, run_all

ID = {"@metadata": {"_id": "k:1"}}


def ids(events: list[dict[str, object]]) -> list[str]:
    return [event["@metadata"]["_id"] for event in events]  # type: ignore[index] # events of these tests have one


def test_drop() -> None:
    events = [{"n": n} for n in range(4000)]
    assert run_all("drop", *events) == []
    assert 1600 < len(run_all("drop", *events, percentage=40)) < 3200
    assert len(run_all("drop", *events, percentage=0)) == 4000
    assert "between 0 and 100" in refused("drop", percentage=101)


def test_uuid() -> None:
    assert uuid.UUID(run("uuid", {}, target="[a][id]")["a"]["id"]).version == 4
    assert run("uuid", {"id": "x"}, target="id") == {"id": "x"}
    assert run("uuid", {"id": "x"}, target="id", overwrite=True)["id"] != "x"


def test_clone() -> None:
    first, second, third = run_all("clone", {"a": 1, **ID}, clones=["x", "y"], add_tag=["copy"])
    assert "tags" not in first
    assert second["tags"] == ["x", "copy"]
    assert third["tags"] == ["y", "copy"]
    assert ids([first, second, third]) == ["k:1", "k:1-1", "k:1-2"]
    assert run_all("clone", {"a": 1}, clones=["x"], ecs_compatibility="disabled")[1] == {"a": 1, "type": "x"}


def test_split() -> None:
    events = run_all("split", {"message": "a\nb\n\nc", "x": 1, **ID}, add_tag=["part"])
    assert [event["message"] for event in events] == ["a", "b", "c"]
    assert ids(events) == ["k:1-1", "k:1-2", "k:1-3"]
    assert events[0]["tags"] == ["part"]
    events = run_all("split", {"r": [{"a": 1}, {"a": 2}]}, field="r", target="[one]")
    assert [event["one"] for event in events] == [{"a": 1}, {"a": 2}]
    assert [event["m"] for event in run_all("split", {"m": "a,b"}, field="m", terminator=",")] == ["a", "b"]
    assert run("split", {"message": "single"}, add_tag=["part"]) == {"message": "single"}
    event = run("split", {"message": 5})
    assert event["tags"] == ["_split_type_failure"]
    assert "int" in reason(event)


def test_no_id_is_made_twice() -> None:
    events = run_all("clone", {"message": "a\nb", **ID}, clones=["x"])
    events = make("clone", clones=["y"]).apply(events)
    events = make("split").apply(events)
    assert len(set(ids(events))) == len(events) == 8


def test_truncate() -> None:
    assert run("truncate", {"m": "hello world", "o": "hello world"}, fields=["m"], length_bytes=10) == {
        "m": "hello worl", "o": "hello world",
    }  # fmt: skip
    assert run("truncate", {"m": "aé", "l": ["abc", 1, {"k": "abc"}], "@timestamp": "2017"}, length_bytes=2) == {
        "m": "a", "l": ["ab", 1, {"k": "ab"}], "@timestamp": "2017",
    }  # fmt: skip
    assert "negative" in refused("truncate", length_bytes=-1)


def test_urldecode() -> None:
    assert run("urldecode", {"message": "%C3%A9+%2F100%"}) == {"message": "é+/100%"}
    assert run("urldecode", {"a": ["%41"], "b": {"c": "%42"}, "n": 1}, all_fields=True) == {
        "a": ["A"], "b": {"c": "B"}, "n": 1,
    }  # fmt: skip
    assert run("urldecode", {"f": "%E9"}, field="f", charset="cp1252")["f"] == "é"
    # Bytes that are no UTF-8 make the whole a text as Ruby inspects it.
    assert run("urldecode", {"message": 'caf%E9 "x" \\'}) == {"message": 'caf\\xE9 \\"x\\" \\\\'}
    event = run("urldecode", {"message": "%81"}, charset="cp1252")
    assert event["message"] == "%81"
    assert event["tags"] == ["_urldecodefailure"]
    assert run("urldecode", {"message": "%81"}, charset="cp1252", tag_on_failure=["x"])["tags"] == ["x"]
    assert "no character set" in refused("urldecode", charset="klingon")


def test_syslog_pri() -> None:
    event = run("syslog_pri", {"log": {"syslog": {"priority": "165"}}})
    assert event["log"]["syslog"] == {
        "priority": "165",
        "facility": {"code": 20, "name": "local4"},
        "severity": {"code": 5, "name": "notice"},
    }
    assert run("syslog_pri", {}, ecs_compatibility="disabled") == {
        "syslog_facility_code": 1, "syslog_severity_code": 5,
        "syslog_facility": "user-level", "syslog_severity": "notice",
    }  # fmt: skip
    options = {"ecs_compatibility": "disabled", "use_labels": False, "syslog_pri_field_name": "p"}
    assert run("syslog_pri", {"p": [34]}, **options) == {
        "p": [34], "syslog_facility_code": 4, "syslog_severity_code": 2,
    }  # fmt: skip
    labels = {"facility_labels": ["k", "u"], "severity_labels": ["e"] * 8}
    assert run("syslog_pri", {}, **labels)["log"]["syslog"]["facility"]["name"] == "u"


def test_prune() -> None:
    event = {"msg": "hello", "msg_short": "hw", "x": "y", "@timestamp": "2017"}
    assert set(run("prune", dict(event), whitelist_names=["msg"])) == {"msg", "msg_short", "@timestamp"}
    assert set(run("prune", dict(event), whitelist_names=["^msg$"])) == {"msg", "@timestamp"}
    assert set(run("prune", dict(event), blacklist_names=["x", "(short|long)"])) == {"msg", "@timestamp"}
    assert run("prune", {"%{gone}": 1, "a": 1}) == {"a": 1}
    values = {"uri": "/index.php", "method": ["GET", "HEAD"], "status": 404}
    assert run("prune", dict(values), blacklist_values={"uri": "/index.php", "method": "HEAD", "status": "^[^2]"}) == {
        "method": ["GET"]
    }
    assert run("prune", dict(values), whitelist_values={"uri": "/home", "method": "(GET|POST)", "status": "^4"}) == {
        "method": ["GET"], "status": 404,
    }  # fmt: skip
    assert run("prune", {"n": "a", "a": 1, "b": 2}, blacklist_names=["^%{n}$"], interpolate=True) == {"n": "a", "b": 2}
    assert "no regular expression" in refused("prune", blacklist_names=["("])


def test_json_encode() -> None:
    value = {"whoa": [1, 2.5, None, "é"]}
    text = '{"whoa":[1,2.5,null,"é"]}'
    assert run("json_encode", {"hello": value}, source="hello", target="fancy") == {"hello": value, "fancy": text}
    assert run("json_encode", {"a": {"b": value}}, source="[a][b]") == {"a": {"b": text}}
    assert run("json_encode", {}, source="gone", add_tag=["done"]) == {"gone": "null", "tags": ["done"]}
    event = run("json_encode", {"a": [1]}, source="a", target="@timestamp", add_tag=["done"])
    assert event["tags"] == ["_jsongeneratefailure"]
    assert "ISO 8601" in reason(event)


def test_bytes() -> None:
    for text, size in (
        ("123 MB", 128974848.0), ("5.3GB", 5690831667.2), ("1 024", 1024.0), (" 7k ", 7168.0), ("2E", 2.0 * 1024**6),
        ("12b", 12.0), (".5K", 512.0),
    ):  # fmt: skip
        assert run("bytes", {"message": text}, target="n")["n"] == size, text
    options = {"target": "n", "prefix_system": "metric", "digit_group_separator": ".", "decimal_separator": ","}
    assert run("bytes", {"message": "1.234,5 kB"}, **options)["n"] == 1234500.0
    for value in ("", "MB", "many", 12, None, "1.5.x"):
        event = run("bytes", {"message": value}, target="n")
        assert event["tags"] == ["_bytesparsefailure"], value
    assert run("bytes", {}, target="n", tag_on_failure=["x"])["tags"] == ["x"]
    assert "both separators" in refused("bytes", target="n", decimal_separator=" ")
    assert "needs the option 'target'" in refused("bytes")


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAWLOG_TEST", "value")
    given = {"a": "SAWLOG_TEST", "[b][c]": "SAWLOG_TEST", "gone": "SAWLOG_GONE"}
    event = run("environment", {**ID}, add_metadata_from_env=given, add_field={"copy": "%{[@metadata][b][c]}"})
    assert event == {"@metadata": {"_id": "k:1", "a": "value", "b": {"c": "value"}}, "copy": "value"}
    assert ID == {"@metadata": {"_id": "k:1"}}
    assert "the event's id" in refused("environment", add_metadata_from_env={"_id": "SAWLOG_TEST"})
    assert "add_metadata_from_env" in refused("environment", add_field_from_env={"a": "SAWLOG_TEST"})


def test_de_dot() -> None:
    event = {"acme.roller.skates": 1, "no_dot": 2, "a": {"b.c": 3}}
    assert run("de_dot", dict(event)) == {"acme_roller_skates": 1, "no_dot": 2, "a": {"b.c": 3}}
    assert run("de_dot", dict(event), separator="__")["acme__roller__skates"] == 1
    assert run("de_dot", dict(event), nested=True)["acme"] == {"roller": {"skates": 1}}
    assert run("de_dot", dict(event), recursive=True)["a"] == {"b_c": 3}
    assert run("de_dot", {"x.y": {"b.c": {"d.e": 3}}}, recursive=True, nested=True) == {
        "x": {"y": {"b": {"c": {"d": {"e": 3}}}}}
    }
    assert run("de_dot", {"f.g": False}) == {"f_g": False}
    assert "separator with a dot" in refused("de_dot", separator="a.b")


def test_de_dot_of_some_fields() -> None:
    fields = ["[acme][roller.skates]", "foo.bar", "[a.b][c.d][e.f]"]
    event = {"acme": {"roller.skates": 1}, "a.b": {"c.d": {"e.f": 2}}, "x.y": 3}
    assert run("de_dot", dict(event), fields=fields, nested=True) == {
        "acme": {"roller": {"skates": 1}}, "a": {"b": {"c": {"d": {"e": {"f": 2}}}}}, "x.y": 3,
    }  # fmt: skip
    # What else stands there stays, where Logstash would drop it.
    assert run("de_dot", {"a.b": {"c.d": 1, "other": 2}}, fields=["[a.b][c.d]"]) == {
        "a.b": {"other": 2}, "a_b": {"c_d": 1},
    }  # fmt: skip


def test_de_dot_replaces_nothing_that_is_not_its_own() -> None:
    event = run("de_dot", {"a.b": 1, "a": "text"}, nested=True)
    assert (event["a.b"], event["a"], event["tags"]) == (1, "text", ["_fieldconflict"])
    event = run("de_dot", {"@metadata._id": "mine", **ID}, nested=True)
    assert event["@metadata"]["_id"] == "k:1"
    assert event["tags"] == ["_fieldconflict"]


def test_what_nests_too_deeply_is_told() -> None:
    deep: object = "x"
    for _ in range(2000):
        deep = {"a": deep}
    assert reason(run("truncate", {"a": deep}, length_bytes=1)) == "truncate: the event nests too deeply"
    event = run("urldecode", {"a": deep}, all_fields=True)
    assert (event["tags"], reason(event)) == (["_urldecodefailure"], "urldecode: the event nests too deeply")
