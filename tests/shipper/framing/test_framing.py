"""Every framing: the same bytes become the same events, however they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.framing import Framing, LineFraming, SpringBootFraming
from shipper.framing.multiline import MultilineFraming
from shipper.settings import Multiline

LINE = "2025-01-01 10:00:00.000  INFO 1 --- [main] a.b.C : number"
TRACE = "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: disk\n\t... 12 more"


def pattern(**settings: object) -> MultilineFraming:
    return MultilineFraming(LineFraming(), Multiline(**settings))  # type: ignore[arg-type] - a table's values


FRAMINGS: dict[str, Framing] = {
    "lines": LineFraming(),
    "spring boot": SpringBootFraming(),
    "spring boot, few lines": SpringBootFraming(max_lines=3),
    "spring boot, few bytes": SpringBootFraming(max_bytes=20),
    "after": pattern(pattern="^[ \t]", match="after"),
    "after, negated": pattern(pattern=r"^\d", negate=True, match="after"),
    "before": pattern(pattern=r"\\$", match="before"),
    "before, negated": pattern(pattern=";$", negate=True, match="before"),
    "while": pattern(type="while_pattern", pattern="^[{ ]"),
    "count": pattern(type="count", count_lines=3),
    "flush": pattern(pattern="^Start", negate=True, match="after", flush_pattern="End$"),
}

TEXTS = st.lists(
    st.sampled_from(
        ["", "a", " b", "\tc", "{d", "1 e", "f;", "g\\", "Start", "x End", "Caused by: h", "a.b.C: i", "é\r", "j" * 30]
    ),
    max_size=30,
)


def in_chunks(framing: Framing, data: bytes, sizes: list[int]) -> list[tuple[int, str]]:
    """Feed the bytes piece by piece, as a growing file would give them."""
    events: list[tuple[int, str]] = []
    position = read = 0
    buffer = b""
    for size in [*sizes, len(data)]:
        buffer += data[read : read + size]
        read = min(len(data), read + size)
        frames = framing.frame(buffer, position, False)
        events += zip(frames.offsets, frames.texts, strict=True)
        buffer = buffer[frames.consumed :]
        position += frames.consumed
    frames = framing.frame(buffer, position, True)
    assert frames.consumed == len(buffer)
    return events + list(zip(frames.offsets, frames.texts, strict=True))


@pytest.mark.parametrize("name", FRAMINGS)
@given(texts=TEXTS, sizes=st.lists(st.integers(1, 40), max_size=20), ended=st.booleans())
def test_the_same_bytes_become_the_same_events(name: str, texts: list[str], sizes: list[int], ended: bool) -> None:
    framing = FRAMINGS[name]
    data = "\n".join(texts).encode() + (b"\n" if ended else b"")
    whole = framing.frame(data, 0, True)
    assert in_chunks(framing, data, sizes) == list(zip(whole.offsets, whole.texts, strict=True))
    assert whole.consumed == len(data)


@pytest.mark.parametrize("name", ["lines", "spring boot", "spring boot, few lines"])
@given(texts=TEXTS)
def test_nothing_is_lost_and_offsets_are_where_the_text_stands(name: str, texts: list[str]) -> None:
    data = "\n".join([*texts, ""]).encode()
    frames = FRAMINGS[name].frame(data, 1000, True)
    for offset, text in zip(frames.offsets, frames.texts, strict=True):
        assert data[offset - 1000 :].decode().replace("\r\n", "\n").startswith(text)
    assert "\n".join(frames.texts).replace("\r", "") == "\n".join(texts).replace("\r", "")


class TestSpringBoot:
    def frame(self, text: str) -> list[str]:
        return list(SpringBootFraming().frame(text.encode(), 0, True).texts)

    def test_a_trace_joins_the_event_above(self) -> None:
        assert self.frame(f"{LINE} 1\n{TRACE}\n{LINE} 2\n") == [f"{LINE} 1\n{TRACE}", f"{LINE} 2"]

    def test_a_line_of_its_own_stays_alone(self) -> None:
        assert self.frame(f"{LINE}\nnonsense\nmore\n") == [LINE, "nonsense", "more"]

    def test_a_class_name_in_a_sentence_is_no_trace(self) -> None:
        assert self.frame("a\ncom.acme.Foo did it\n") == ["a", "com.acme.Foo did it"]

    def test_carriage_returns_go(self) -> None:
        assert self.frame("a\r\n\tb\r\nc\r\n") == ["a\n\tb", "c"]

    def test_the_last_event_waits(self) -> None:
        frames = SpringBootFraming().frame(f"{LINE}\n{LINE}\n\tat x".encode(), 0, False)
        assert list(frames.texts) == [LINE]
        assert frames.consumed == len(LINE) + 1


class TestLines:
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "latin-1", "cp1252", "utf-32-le", "shift_jis"])
    def test_encodings(self, encoding: str) -> None:
        framing = LineFraming(encoding)
        data = "one\r\ntwo Ċ\nthree\n".replace("Ċ", "Ċ" if "utf" in encoding else "x").encode(encoding)
        frames = framing.frame(data, 0, False)
        assert [text.replace("Ċ", "x") for text in frames.texts] == ["one", "two x", "three"]
        assert frames.consumed == len(data)
        for offset, text in zip(frames.offsets, frames.texts, strict=True):
            assert data[offset:].decode(encoding).startswith(text)

    def test_a_long_line_is_cut_and_flagged(self) -> None:
        frames = LineFraming(max_bytes=5).frame(b"short\nlonger one\nx\n", 0, True)
        assert list(frames.texts) == ["short", "longe", "x"]
        assert frames.truncated == {1}


class TestMultiline:
    @pytest.mark.parametrize(
        ("settings", "lines", "events"),
        [
            ({"pattern": "^b"}, "abbcbb", ["abb", "cbb"]),
            ({"pattern": "^b", "match": "before"}, "bbabbc", ["bba", "bbc"]),
            ({"pattern": "^b", "negate": True}, "bacbde", ["bac", "bde"]),
            ({"pattern": "^b", "negate": True, "match": "before"}, "acbdeb", ["acb", "deb"]),
            ({"type": "count", "count_lines": 2}, "abcde", ["ab", "cd", "e"]),
            ({"type": "while_pattern", "pattern": "^b"}, "abbabc", ["a", "bb", "a", "b", "c"]),
            ({"type": "while_pattern", "pattern": "^b", "negate": True}, "babcb", ["b", "a", "b", "c", "b"]),
            ({"pattern": "^b", "negate": True, "flush_pattern": "^e"}, "baexb", ["bae", "x", "b"]),
            ({"pattern": "^b", "max_lines": 2}, "abbbc", ["ab", "c"]),
        ],
    )
    def test_variants(self, settings: dict[str, object], lines: str, events: list[str]) -> None:
        frames = pattern(**settings).frame("".join(f"{line}\n" for line in lines).encode(), 0, True)
        assert [text.replace("\n", "") for text in frames.texts] == events

    def test_what_goes_beyond_the_limits_is_flagged(self) -> None:
        frames = pattern(pattern="^b", max_lines=2).frame(b"a\nb\nb\nc\n", 0, True)
        assert frames.truncated == {0}
