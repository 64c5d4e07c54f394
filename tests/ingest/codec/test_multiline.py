"""multiline: which lines join which, limits, chunks."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.codec.building import cut, decode, make, refused

TRACE = ["2017-07-04 11:11:37.921 ERROR a", "java.lang.X: b", "\tat c.d(E.java:1)", "2017-07-04 11:11:38.000  INFO e"]
DATA = "".join(f"{line}\n" for line in TRACE).encode()


def messages(data: bytes, **settings: object) -> list[str]:
    return [event["message"] for event in decode(make("multiline", **settings), data)]


def test_lines_that_begin_with_space_belong_to_the_one_above() -> None:
    assert messages(b"a\n b\n\tc\nd\n", pattern=r"^\s", what="previous") == ["a\n b\n\tc", "d"]


def test_lines_without_a_timestamp_belong_to_the_one_above() -> None:
    joined = [*["\n".join(TRACE[:3])], TRACE[3]]
    assert messages(DATA, pattern="^%{TIMESTAMP_ISO8601} ", negate=True, what="previous") == joined


def test_a_backslash_joins_the_line_below() -> None:
    assert messages(b"a\\\nb\\\nc\nd", pattern=r"\\$", what="next") == ["a\\\nb\\\nc", "d"]


@given(st.lists(st.integers(0, 200), max_size=9))
def test_chunks_make_no_difference(places: list[int]) -> None:
    codec = make("multiline", pattern="^%{TIMESTAMP_ISO8601} ", negate=True, what="previous")
    assert [event["message"] for event in decode(codec, *cut(DATA, places))] == ["\n".join(TRACE[:3]), TRACE[3]]


def test_the_last_event_waits_for_the_next_line_or_a_pause() -> None:
    codec = make("multiline", pattern=r"^\s", what="previous", auto_flush_interval=2)
    assert codec.auto_flush_interval == 2.0
    assert list(codec.decode(b"a\n b\n")) == []
    assert list(codec.flush()) == [{"message": "a\n b", "tags": ["multiline"]}]
    assert list(codec.decode(b" c\nd\n")) == [{"message": " c"}]
    assert make("multiline", pattern="x", what="next").auto_flush_interval is None


def test_tags() -> None:
    codec = make("multiline", pattern=r"^\s", what="previous", multiline_tag="", max_lines=2)
    assert decode(codec, b"a\n b\n c\n d\n") == [
        {"message": "a\n b\n c", "tags": ["multiline_codec_max_lines_reached"]},
        {"message": " d"},
    ]
    codec = make("multiline", pattern=r"^\s", what="previous", max_bytes="4")
    assert [event.get("tags", []) for event in decode(codec, b"a\n bc\n d\n")] == [
        ["multiline", "multiline_codec_max_bytes_reached"],
        [],
    ]


def test_limits_end_an_event() -> None:
    settings = {"pattern": r"^\s", "what": "previous"}
    assert messages(b"a\n bc\n d\n e\n", **settings, max_bytes="4") == ["a\n bc", " d\n e"]
    assert messages(b"a\n" + b" b\n" * 5, **settings, max_bytes="0.005 KiB") == ["a\n b\n b", " b\n b\n b"]
    assert messages(b"a\nb\nc\nd\n", pattern=".", what="next", max_lines=1) == ["a\nb", "c\nd"]


def test_own_patterns(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("HEAD ==[a-z]+\n")
    assert messages(b"==a\nb\n==c\n", pattern="^%{HEAD}", negate=True, what="previous", patterns_dir=str(tmp_path)) == [
        "==a\nb",
        "==c",
    ]


def test_mistakes_are_explained() -> None:
    assert "needs the option 'what'" in refused("multiline", pattern="x")
    assert "'what' is one of previous, next" in refused("multiline", pattern="x", what="after")
    assert "TIMESTAMP_ISO8601" in refused("multiline", pattern="%{TIMESTAMP_ISO8602}", what="next")
    assert "test.conf:3:5" in refused("multiline", pattern="(", what="next")
    assert "is no size" in refused("multiline", pattern="x", what="next", max_bytes="ten")
