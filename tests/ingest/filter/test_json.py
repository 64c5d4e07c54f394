"""json: into the event, into a target, text that is no JSON, timestamps."""

from __future__ import annotations

from tests.ingest.filter.building import reason, run


def test_into_the_event_and_into_a_target() -> None:
    assert run("json", {"message": '{"a": {"b": [1, null]}}'}, source="message", remove_field=["message"]) == {
        "a": {"b": [1, None]}
    }
    assert run("json", {"m": "[1]"}, source="m", target="[x][y]")["x"] == {"y": [1]}
    assert run("json", {}, source="m") == {}


def test_timestamps() -> None:
    event = run("json", {"m": '{"@timestamp": "2017-07-04T11:11:37.921+02:00"}'}, source="m")
    assert event["@timestamp"] == "2017-07-04T09:11:37.921Z"
    event = run("json", {"m": '{"@timestamp": "noon"}'}, source="m")
    assert event["_@timestamp"] == "noon"
    assert event["tags"] == ["_timestampparsefailure"]
    assert event["@timestamp"].endswith("Z")


def test_failures() -> None:
    event = run("json", {"m": "{"}, source="m", add_tag=["ok"])
    assert event["tags"] == ["_jsonparsefailure"]
    assert reason(event).startswith("json: ")
    assert run("json", {"m": "5"}, source="m")["tags"] == ["_jsonparsefailure"]
    assert run("json", {"m": 5}, source="m", tag_on_failure=["x"])["tags"] == ["x"]
    assert run("json", {"m": "{"}, source="m", skip_on_invalid_json=True) == {"m": "{"}


def test_half_a_surrogate_pair_is_no_failure() -> None:
    event = run("json", {"m": r'{"a": "cut \ud83d", "b": "\ud83d\ude00", "\udc00": 1}'}, source="m")
    assert (event["a"], event["b"], event["\ufffd"], event.get("tags")) == ("cut \ufffd", "\U0001f600", 1, None)


def test_a_line_sets_nothing_in_metadata() -> None:
    text = '{"@metadata": {"_id": "x", "_index": "y", "pipeline": "z"}, "a": 1}'
    event = run("json", {"m": text, "@metadata": {"_id": "1"}}, source="m")
    assert event["@metadata"]["_id"] == "1"
    assert not event["@metadata"].keys() & {"_index", "pipeline"}
    assert event["a"] == 1


def test_tags_that_are_no_texts_are_kept_beside() -> None:
    event = run("json", {"m": '{"tags": {"a": 1}}', "tags": ["t"]}, source="m")
    assert event["_tags"] == {"a": 1}
    assert event["tags"] == ["t", "_tagsparsefailure"]
    assert run("json", {"m": '{"tags": ["a"]}', "tags": ["t"]}, source="m")["tags"] == ["a"]
