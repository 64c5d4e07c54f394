"""Heads that are remembered: batch after batch the same as reading every line by itself, whatever is in brackets."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.filter.springboot import Springboot
from sawlog.batch import LineBatch, Source, nobody
from tests.ingest.filter.building import make

SOURCE = Source("s", "/var/log/orders.log", {"log": {"file": {"path": "/var/log/orders.log"}}})
TRACE, SPAN = "78e510617311d8a3c2ce6f447ed4d57b", "612e7696a6cecc1b"

BRACKETS = st.sampled_from(
    [
        "",
        f" [{TRACE}-{SPAN}]",
        f" [{TRACE[::-1]}-{SPAN[::-1]}]",
        f" [{SPAN}-{SPAN}]",
        f" [{'':49}]",
        f" [{'':33}]",
        f" [{TRACE}-{SPAN[:-1]}G]",
        f" [{TRACE}_{SPAN}]",
        f" [{TRACE},{SPAN}]",
        f" [orders,{TRACE},{SPAN},true]",
    ]
)
THREADS = st.sampled_from(["main", "http-nio-8080-exec-1", "http-nio-8080-exec-11", "a : b"])
LOGGERS = st.sampled_from(["c.a.orders.OrderService", "o.a.c.c.C.[Tomcat].[localhost].[/]", "a.B", ""])
WIDTHS = st.sampled_from([("15", "40"), ("0", "40"), ("0", "0")])
MESSAGES = st.sampled_from(["Started", "a : b", "", f"[{TRACE}-{SPAN}] x : y", "first\nsecond", "\x1b[31mred\x1b[0m"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line of Spring Boot 3, or one that is nearly that."""
    thread, logger = draw(WIDTHS)
    head = f"[{draw(THREADS):>{thread}}]{draw(BRACKETS)} {draw(LOGGERS):{logger}}"
    application = draw(st.sampled_from(["", "[orders] ", "[payments] "]))
    divider = draw(st.sampled_from([" : ", " : ", " : ", " :"]))
    time = f"2025-03-01T10:00:00.{draw(st.integers(0, 999)):03}Z"
    return f"{time}  INFO 4711 --- {application}{head}{divider}{draw(MESSAGES)}"


def springboot() -> Springboot:
    made = make("springboot", timezone="UTC")
    assert isinstance(made, Springboot)
    return made


def usual(brackets: str, message: str = "Started") -> str:
    return f"2025-03-01T10:00:00.001Z  INFO 4711 --- [orders] [{'main':>15}]{brackets} {'a.B':40} : {message}"


IDS = f" [{TRACE}-{SPAN}]"


@example(batches=[[usual(IDS)], [usual(IDS), usual(f" [{'':49}]")], [usual(f" [{'':49}]"), usual(IDS), usual("")]])
@example(batches=[[usual(IDS)], [usual(f" [{SPAN}-{SPAN}]"), usual(IDS), usual(f" [{TRACE}_{SPAN}]")]])
@given(batches=st.lists(st.lists(lines(), min_size=1, max_size=12), min_size=1, max_size=4))
def test_batch_after_batch_is_what_every_line_is_alone(batches: list[list[str]]) -> None:
    together, alone = springboot(), springboot()
    for texts in batches:
        batch = LineBatch(SOURCE, texts, range(len(texts)), 0, nobody, time="2026-01-02T03:04:05.000Z")
        assert list(together.lines(batch)) == alone.apply(batch.events())


def test_ids_are_found_where_the_widths_of_names_vary() -> None:
    filter_ = springboot()
    for thread in ("main", "http-nio-8080-exec-1", "http-nio-8080-exec-11", "scheduling-1", "main") * 2:
        text = f"2025-03-01T10:00:00.001Z  INFO 4711 --- [orders] [{thread}]{IDS} {'a.B':40} : Started"
        (event,) = filter_.lines(LineBatch(SOURCE, [text], [0], 0, nobody))
        assert (event["trace"], event["span"]) == ({"id": TRACE}, {"id": SPAN})
        assert event["process"] == {"pid": 4711, "thread": {"name": thread}}
