"""drop, uuid, clone, split, truncate, urldecode, syslog_pri, prune."""

from __future__ import annotations

import uuid

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
