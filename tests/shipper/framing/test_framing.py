"""Every framing: the same bytes become the same events, however they come in."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipper.framing import Framing, LineFraming, SpringBootFraming
from shipper.framing.multiline import MultilineFraming
from shipper.framing.spring_boot import SpringBootRule
from shipper.settings import MultilineSettings

LINE = "2025-01-01 10:00:00.000  INFO 1 --- [main] a.b.C : number"
TRACE = "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: disk\n\t... 12 more"


def pattern(**settings: object) -> MultilineFraming:
    return MultilineFraming(LineFraming(), MultilineSettings(**settings))  # type: ignore[arg-type] - a table's values


HEADS = [
    "2025-01-01 10:00:00,000 INFO  [pool [orders] : 3] order audit : x",
    "10:00:00.000 [main] INFO  a.b.C:audit - x",
    "2025-01-01T10:00:00.000+02:00  INFO 1 --- [orders] [           main] a.b.C                                    : x",
    "2025-01-01 10:00:00,000 ERROR [orders,65f0c165f0c165f0,a1b2a1b2a1b2a1b2,true]  --- [http [a] 1] x.Y : no",
    "\x1b[2m2025-01-01T10:00:00.000Z\x1b[0;39m \x1b[32m INFO\x1b[0;39m \x1b[35m1\x1b[0;39m \x1b[2m---\x1b[0;39m "
    "\x1b[2m[main]\x1b[0;39m \x1b[36ma.b.C\x1b[0;39m \x1b[2m:\x1b[0;39m x",
    "10:00:00.000 [main] WARN  a.b.C - x",
    "2025-01-01 10:00:00,000 [http-1] [65f0c165f0c165f0] INFO  a.b.C -",
    "2025-01-01 10:00:00,000 DEBUG [main] o.a.c.c.C.[Tomcat].[localhost].[/] : x",
    "2025-01-01 10:00:00,000 DEBUG C:42 - x",
    "10:00:00.000 [main] \x1b[34mINFO \x1b[0;39m \x1b[36ma.b.C\x1b[0;39m - x",
]
NO_HEADS = [
    "  .   ____          _            __ _ _",
    "2025-01-01T10:00:00.000Z started",
    "2025-01-01 10:00:00 ERROR in three lines",
    "10:00:00 all is well",
    "2025-01-01 | INFO | main | x",
    '{"a": 1}',
]
FOREIGN = [
    'Exception in thread "main" java.lang.IllegalStateException: no',
    "Hibernate: ",
    "OpenJDK 64-Bit Server VM warning: Sharing is only supported for boot loader classes",
    "Picked up JAVA_TOOL_OPTIONS: -Xmx1g",
    "[0.012s][info][gc] Using G1",
    "SLF4J: Failed to load class",
    "WARNING: An illegal reflective access operation has occurred",
    '{"@timestamp":"2025-01-01T10:00:00Z"',
    '{"version":"1.1","short_message":"m"',
    "\n  .   ____          _            __ _ _",
    "Jan 01, 2025 10:00:00 AM org.apache.catalina.core.StandardService startInternal",
]

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
        [
            *(
                "",
                "a",
                " b",
                "\tc",
                "{d",
                "1 e",
                "f;",
                "g\\",
                "Start",
                "x End",
                "Caused by: h",
                "a.b.C: i",
                "é\r",
                "\r",
            ),
            *("j" * 30, LINE, '{"a":1}', '{"@timestamp":1}', "{", "12:00:00.000 [main] WARN c.D - hi", "  .   ____ "),
            "12:00:00,000 |-INFO in c.D - hi",
        ]
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


@given(texts=TEXTS, max_lines=st.sampled_from([2, 3, 100]))
def test_the_rule_for_lines_is_the_framing_of_bytes(texts: list[str], max_lines: int) -> None:
    data = "\n".join([*texts, ""]).encode()
    lines = data.split(b"\n")[:-1]
    starts = [sum(map(len, lines[:at])) + at for at in range(len(lines))]
    begins, _ = SpringBootRule(max_lines).begins([line.decode() for line in lines])
    frames = SpringBootFraming(max_lines=max_lines).frame(data, 0, True)
    assert list(frames.offsets) == [starts[at] for at in begins]


@st.composite
def nearly_plain(draw: st.DrawFn) -> str:
    """A line of which most begin as plain heads do, for the ways that look at such as columns."""
    zone = draw(st.sampled_from(["", "Z", "+02:00", " +0200"]))
    head = f"2025-01-01 10:00:00.000{zone}  INFO {draw(st.integers(0, 10**9))} --- [main] a.b.C : x"
    at, cut = draw(st.integers(0, 60)), draw(st.integers(0, 8))
    return head[:at] + draw(st.sampled_from(["", "a", "-", " ", ":", "[", "|", "7"])) + head[at + cut % 4 :]


@example(texts=[LINE, f"x{LINE[1:]}", LINE])
@example(texts=[LINE, LINE.replace("INFO", "info"), LINE])
@example(texts=[LINE, LINE[:23], LINE])
@given(texts=st.lists(nearly_plain(), min_size=1, max_size=6))
def test_nearly_plain_lines_are_cut_by_the_same_rule(texts: list[str]) -> None:
    lines = [f"{text}{'.' * (at % 3)}" for at, text in enumerate(texts)]
    begins, _ = SpringBootRule().begins(lines)
    data = "\n".join([*lines, ""]).encode()
    starts = [sum(map(len, lines[:at])) + at for at in range(len(lines))]
    assert list(SpringBootFraming().frame(data, 0, True).offsets) == [starts[at] for at in begins]


@example(texts=['{"a":1}', "", "", " b"], max_lines=2)
@given(texts=TEXTS, max_lines=st.sampled_from([2, 3, 100]))
def test_reading_can_begin_at_each_event(texts: list[str], max_lines: int) -> None:
    framing = SpringBootFraming(max_lines=max_lines)
    data = "\n".join([*texts, ""]).encode()
    offsets = list(framing.frame(data, 0, True).offsets)
    for at, offset in enumerate(offsets):
        assert list(framing.frame(data[offset:], offset, True).offsets) == offsets[at:]


class TestSpringBoot:
    def frame(self, text: str) -> list[str]:
        return list(SpringBootFraming().frame(text.encode(), 0, True).texts)

    def test_a_trace_joins_the_event_above(self) -> None:
        assert self.frame(f"{LINE} 1\n{TRACE}\n{LINE} 2\n") == [f"{LINE} 1\n{TRACE}", f"{LINE} 2"]

    def test_a_head_takes_all_lines_until_the_next(self) -> None:
        table = 'report:\n\nid | state\n2025-01-01T00:00:00Z started\n{"a": 1}\ncom.acme.Foo did it\n'
        assert self.frame(f"{LINE} {table}\n{LINE} 2\n") == [f"{LINE} {table}", f"{LINE} 2"]

    def test_blank_lines_around_a_trace_belong_to_it(self) -> None:
        assert self.frame(f"{LINE} 1\n\n{TRACE}\n\n{LINE} 2\n") == [f"{LINE} 1\n\n{TRACE}\n", f"{LINE} 2"]

    @pytest.mark.parametrize("head", HEADS)
    def test_heads(self, head: str) -> None:
        assert self.frame(f"{LINE}\n{head}\nmore\n{LINE}\n") == [LINE, f"{head}\nmore", LINE]

    @pytest.mark.parametrize("line", NO_HEADS)
    def test_lines_that_only_look_like_heads(self, line: str) -> None:
        assert self.frame(f"{LINE}\n{line}\n{LINE}\n") == [f"{LINE}\n{line}", LINE]

    @pytest.mark.parametrize("line", FOREIGN)
    def test_what_no_logger_wrote_ends_an_event_and_takes_little(self, line: str) -> None:
        assert self.frame(f"{LINE}\n{line}\n\tindented\nmore\n") == [LINE, f"{line}\n\tindented", "more"]

    def test_lines_of_no_known_kind_stay_alone(self) -> None:
        assert self.frame("nonsense\n\nmore\n") == ["nonsense\n", "more"]

    def test_a_trace_below_a_structured_line_leaves_it_alone(self) -> None:
        line = '{"@timestamp":"2025-01-01T10:00:00Z","message":"m"}'
        assert self.frame(f"{line}\n{TRACE}\n{line}\n\n{line}\n") == [line, TRACE, f"{line}\n", line]

    @pytest.mark.parametrize(
        "line",
        [
            "1" * 40 + " [" + "]" * 400,
            "1 " * 20 + "[]" * 200,
            "11:11:11 INFO [" + "] " * 200,
            "11:11:11 INFO " + "a" * 400,
        ],
    )
    def test_lines_that_are_nearly_heads_are_cut_soon(self, line: str) -> None:
        assert len(self.frame(f"{line}\n" * 2000)) == 2000

    def test_an_event_ends_at_so_many_lines(self) -> None:
        deep = "java.lang.StackOverflowError: null\n" + "\tat a.B.c(B.java:1)\n" * 1024
        assert len(self.frame(f"{LINE}\n\n{deep}\n{LINE}\n")) == 2
        assert len(self.frame(LINE + "\n" + "\tat a.B.c(B.java:1)\n" * 3000)) == 2

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

    @pytest.mark.parametrize(
        ("encoding", "mark", "order"),
        [
            ("utf-8", "utf-8-sig", "utf-8"),
            ("utf-16", "utf-16-le", "utf-16-le"),
            ("utf-16", "utf-16-be", "utf-16-be"),
            ("utf-16-le", "utf-16-le", "utf-16-le"),
            ("utf-16-be", "utf-16-be", "utf-16-be"),
        ],
    )
    def test_a_byte_order_mark_is_no_part_of_the_first_line(self, encoding: str, mark: str, order: str) -> None:
        texts = ["one", "二", "三 Ċ", "four"]
        data = ("" if mark == "utf-8-sig" else "\ufeff").encode(order) + "".join(f"{text}\n" for text in texts).encode(
            mark
        )
        framing = LineFraming(encoding)
        frames = framing.frame(data, 0, False)
        assert list(frames.texts) == texts
        assert frames.consumed == framing.whole(data, 0) == len(data)
        # From any line on, where no mark is at hand.
        for at, offset in enumerate(frames.offsets):
            assert list(framing.frame(data[offset:], offset, False).texts) == texts[at:]

    def test_a_mark_hides_no_head(self) -> None:
        data = b"\xef\xbb\xbf" + f"{LINE}\nmore\n{LINE}\n".encode()
        assert list(SpringBootFraming().frame(data, 0, True).texts) == [f"{LINE}\nmore", LINE]

    def test_wide_lines_are_whole_where_a_unit_ends(self) -> None:
        data = "a\nb".encode("utf-16-le")
        assert LineFraming("utf-16-le").whole(data[:3], 0) == 0
        assert LineFraming("utf-16-le").whole(data, 0) == 4
        assert MultilineFraming(LineFraming("utf-16-le"), MultilineSettings(pattern="^b")).whole(data[:3], 0) == 0

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
