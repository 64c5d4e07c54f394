"""Lines that name no time take that of the event above them in their file."""

from typing import Any

from ingest.filter.springboot import Springboot
from ingest.options import Block, resolve
from sawlog.batch import LineBatch, Source
from sawlog.errors import Position
from sawlog.event import Event

HEAD = "2017-07-04 11:11:37.921Z  INFO 1 --- [main] a.B : hi"
TIME = "2017-07-04T11:11:37.921Z"
TAG = "timestamp_from_above"


def springboot() -> Springboot:
    return Springboot(resolve("springboot", Springboot.options, Block("springboot", [], Position("test.conf", 1))))


def lines(path: str, *texts: str) -> LineBatch:
    source = Source(path.replace("/", ""), path, {"log": {"file": {"path": path}}, "agent": {"id": "a"}})
    return LineBatch(source, texts, range(len(texts)), 1, lambda _: None)


def event(path: str, message: str, **fields: Any) -> Event:
    return {"message": message, "log": {"file": {"path": path}, "offset": 1}, "agent": {"id": "a"}, **fields}


def test_within_a_batch_and_in_the_next() -> None:
    filter_ = springboot()
    first = filter_.lines(lines("/a", "odd", HEAD, "Hibernate: select", "odd"))
    assert [found["@timestamp"] == TIME for found in first] == [False, True, True, True]
    assert [TAG in found.get("tags", []) for found in first] == [False, False, True, True]
    (second,) = filter_.lines(lines("/a", "odd"))
    assert second["@timestamp"] == TIME
    (other,) = filter_.lines(lines("/b", "odd"))
    assert other["@timestamp"] != TIME
    assert TAG not in other["tags"]


def test_a_file_without_times_has_those_of_reading() -> None:
    filter_ = springboot()
    events = filter_.lines(lines("/a", "odd", "odder"))
    assert all(TAG not in found["tags"] for found in events)


def test_files_side_by_side_and_the_times_of_agents() -> None:
    read = "2026-01-01T00:00:00.000Z"
    events = [event("/a", HEAD), event("/b", HEAD.replace("2017", "2018")), event("/a", "odd", **{"@timestamp": read})]
    _, _, odd = springboot().apply(events)
    assert odd["@timestamp"] == TIME
    container = event("/a", "odd", **{"@timestamp": read, "stream": "stdout"})
    _, odd = springboot().apply([event("/a", HEAD), container])
    assert odd["@timestamp"] == read
