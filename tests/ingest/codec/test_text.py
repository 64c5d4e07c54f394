"""plain and line: character sets, delimiters, formats, chunks cut anywhere."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import plugins
from ingest.codec.settings import LineCutter
from ingest.options import Block, Setting
from sawlog.errors import ConfigError
from sawlog.event import Event
from tests.ingest.codec.building import POSITION, cut, decode, make, refused

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1), max_size=8)
PLACES = st.lists(st.integers(0, 10_000), max_size=12)
FULL: Event = {
    "@timestamp": "2017-07-04T11:11:37.921Z",
    "host": {"name": "a"},
    "message": "hello",
    "@metadata": {"_id": "x:0"},
}


@given(TEXTS, PLACES, st.sampled_from(["UTF-8", "UTF-16LE", "UTF-32BE"]))
def test_lines_survive_any_chunking(texts: list[str], places: list[int], charset: str) -> None:
    codec = make("line", charset=charset, format="%{message}")
    data = codec.encode([{"message": text} for text in texts])
    assert [event["message"] for event in decode(codec, *cut(data, places))] == texts


@given(st.lists(st.text("ab\r\n|", max_size=9), max_size=9), PLACES)
def test_a_delimiter_of_several_characters(texts: list[str], places: list[int]) -> None:
    data = "\r\n".join(texts)
    lines = data.split("\r\n")
    expected = lines if lines[-1] else lines[:-1]
    codec = make("line", delimiter="\r\n")
    assert [event["message"] for event in decode(codec, *cut(data.encode(), places))] == expected


def test_the_last_line_may_lack_its_end_and_carriage_returns_stay() -> None:
    codec = make("line")
    assert list(codec.decode(b"one\r\n\ntw")) == [{"message": "one\r"}, {"message": ""}]
    assert list(codec.flush()) == [{"message": "tw"}]
    assert list(codec.flush()) == []
    assert list(codec.decode(b"o\n")) == [{"message": "o"}]


def test_bytes_that_are_not_legal_stay_visible() -> None:
    assert decode(make("line"), b"caf\xe9\n") == [{"message": "caf\\xE9"}]
    assert decode(make("line", charset="CP1252"), b"caf\xe9 \x80\n") == [{"message": "café €"}]
    assert decode(make("plain", charset="ASCII-8BIT"), b"\xe9") == [{"message": "é"}]


def test_a_line_without_end_comes_in_pieces() -> None:
    lines = LineCutter("utf-8", limit=10)
    assert [lines.feed(b"x" * 6), lines.feed(b"y" * 6), lines.feed(b"z\n")] == [[], ["x" * 6 + "y" * 6], ["z"]]


def test_plain_takes_a_stream_as_one() -> None:
    codec = make("plain")
    assert list(codec.decode("zwei\nZeilen ü".encode()[:-1])) == []
    assert decode(codec, "ü".encode()[1:]) == [{"message": "zwei\nZeilen ü"}]
    assert decode(codec) == []


def test_events_are_written_as_logstash_writes_them() -> None:
    text = '2017-07-04T11:11:37.921Z {"name":"a"} hello'
    assert make("plain").encode([FULL, FULL]) == (text * 2).encode()
    assert make("line").encode([FULL]) == (text + "\n").encode()
    assert make("line").encode([{}]) == b"%{host} %{message}\n"
    assert make("plain", format="<%{[host][name]}>").encode([FULL, FULL]) == b"<a><a>"
    assert make("line", delimiter=";", charset="ISO-8859-1", format="é€").encode([{}]) == b"\xe9?;"


def test_the_original_is_kept_on_request_only() -> None:
    assert decode(make("line", ecs_compatibility="v8"), b"a\n") == [{"message": "a", "event": {"original": "a"}}]
    assert decode(make("line", ecs_compatibility="disabled"), b"a\n") == [{"message": "a"}]


def test_which_codecs_leave_lines_as_they_are() -> None:
    assert make("plain").texts_only
    assert make("line").texts_only
    assert not make("line", charset="CP1252").texts_only
    assert not make("line", delimiter=";").texts_only
    assert not make("plain", ecs_compatibility="v1").texts_only
    assert not make("json").texts_only


def test_dots() -> None:
    assert make("dots").encode([FULL, FULL]) == b".."


def test_mistakes_are_explained() -> None:
    assert "there is no character set 'UTF-88'" in refused("line", charset="UTF-88")
    assert "at least one character" in refused("line", delimiter="")
    assert "is no field reference" in refused("line", format="%{[a}")
    assert "did you mean 'delimiter'" in refused("line", delimeter=";")


@pytest.mark.parametrize("name", ["dots", "rubydebug"])
def test_a_codec_that_only_writes_is_refused_in_an_input(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.input.base import Input  # noqa: PLC0415

    class Stub(Input):
        name = "stub"

        async def run(self, deliver: object) -> None:
            raise AssertionError

    lookup = plugins.lookup
    monkeypatch.setattr(plugins, "lookup", lambda kind, *rest: Stub if kind == "input" else lookup(kind, *rest))
    with pytest.raises(ConfigError, match=f"test.conf:3:5: the codec '{name}' only writes"):
        plugins.check("input", Block("stub", [Setting("codec", name, POSITION)], POSITION))
    assert cast("str", plugins.check("input", Block("stub", [Setting("codec", "line", POSITION)], POSITION))["codec"])
