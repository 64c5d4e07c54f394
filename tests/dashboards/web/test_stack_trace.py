"""The page's reader of stack traces, in Chromium, on what real Spring Boot applications wrote (tests/corpus)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page

from dashboards.web.static_files import FOLDER
from tests.corpus.compare import packed

FRONT = "http://front.test/"
FRAME = re.compile(r"^\s*at [^\s\[(].*\)\s*(?:~?\[.*\])?$", re.MULTILINE)

# As `kubectl logs` shows it: Logback's pattern of Spring Boot, shortened in the middle.
WEB = """\
jakarta.servlet.ServletException: Request processing failed: java.lang.IllegalStateException: no rate for EUR
\tat org.springframework.web.servlet.FrameworkServlet.doGet(FrameworkServlet.java:1022) ~[spring-webmvc.jar:6]
\tat jakarta.servlet.http.HttpServlet.service(HttpServlet.java:564) ~[tomcat-embed-core-10.1.48.jar:6.0]
\tat com.acme.orders.web.Audit.doFilter(Audit.java:31) ~[!/:1.4.0]
\tat org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:138) ~[tomcat.jar:10]
\tat java.base/java.lang.Thread.run(Thread.java:840) ~[na:na]
Caused by: java.lang.IllegalStateException: no rate for EUR
in any table
\tat com.acme.orders.Rates.of(Rates.java:42) ~[!/:1.4.0]
\tat com.acme.orders.Rates$$SpringCGLIB$$0.of(<generated>) ~[!/:1.4.0]
\tat app//com.acme.orders.Orders$$Lambda$214/0x00007f2a5c1e3d08.apply(Unknown Source) ~[na:na]
\t... 3 common frames omitted
\tSuppressed: java.io.IOException: could not close
\t\tat com.acme.orders.Rates.close(Rates.java:60) ~[!/:1.4.0]
\t\t... 4 common frames omitted
\tCaused by: java.net.SocketException: Broken pipe
\t\t... 5 common frames omitted
Caused by: java.sql.SQLException: null
\tat org.postgresql.core.v3.QueryExecutorImpl.execute(QueryExecutorImpl.java:368)
\tat com.acme.orders.Rates.of(Rates.java:40) ~[!/:1.4.0]
\t... 5 common frames omitted
"""

WRAPPED = """\
java.io.IOException: disk is full
\tat com.acme.Disk.write(Disk.java:9)
\t... 2 common frames omitted
Wrapped by: java.lang.RuntimeException: java.io.IOException: disk is full
\tat com.acme.Store.put(Store.java:7)
\tat com.acme.Main.main(Main.java:3)
"""

CIRCLE = """\
java.lang.Exception: first of a circle
\tat com.acme.Circle.one(Circle.java:1)
Caused by: java.lang.Exception: second of a circle
\tat com.acme.Circle.two(Circle.java:2)
\t... 1 more
Caused by: [CIRCULAR REFERENCE: java.lang.Exception: first of a circle]
"""


@pytest.fixture
async def front(blank: Page) -> Page:
    """A tab that can load the page's modules, without a server."""

    async def serve(route: Any) -> None:
        name = route.request.url.removeprefix(FRONT)
        if name:
            await route.fulfill(path=FOLDER / name, content_type="text/javascript")
        else:
            await route.fulfill(body="<!doctype html><link rel=icon href=data:>", content_type="text/html")

    await blank.route(f"{FRONT}**", serve)
    await blank.goto(FRONT)
    return blank


async def call(front: Page, expression: str, argument: object) -> Any:
    return await front.evaluate(
        f"""async (given) => {{
            const trace = await import("/stack-trace.js");
            return ({expression})(trace, given);
        }}""",
        argument,
    )


async def test_reads_what_real_applications_threw(front: Page) -> None:
    """Type and number of frames are those that the applications' own record says, in all forms of the corpus."""
    events = [event for capture in packed() for event in capture.events if event.fields.get("error.stack_trace")]
    traces = {str(event.fields["error.stack_trace"]): event.fields["error.type"] for event in events}
    told = await call(
        front,
        """({ parse }, traces) => {
            const frames = (one) => one.frames.length + (one.cause ? frames(one.cause) : 0)
                + one.suppressed.reduce((sum, other) => sum + frames(other), 0);
            return traces.map((text) => {
                const read = parse(text);
                return read && [read.thrown.type, frames(read.thrown)];
            });
        }""",
        list(traces),
    )
    assert len(told) > 500
    wrong = [
        (text, found)
        for (text, type_), found in zip(traces.items(), told, strict=True)
        if found != [type_, len(FRAME.findall(text))]
    ]
    assert wrong == []


async def test_the_chain_begins_with_the_root_cause(front: Page) -> None:
    told = await call(
        front,
        """({ parse, chain, completed }, text) => {
            const chained = chain(parse(text).thrown);
            const whole = completed(chained);
            return chained.map(({ type, message, suppressed }, place) => ({
                type, message, suppressed: suppressed.map(({ type, cause }) => [type, cause?.type]),
                frames: whole[place].frames.map(({ method }) => method),
                shared: whole[place].shared.map(({ method }) => method),
            }));
        }""",
        WEB,
    )
    assert [one["type"] for one in told] == [
        "java.sql.SQLException",
        "java.lang.IllegalStateException",
        "jakarta.servlet.ServletException",
    ]
    root, state, servlet = told
    assert (root["message"], root["frames"]) == ("", ["execute", "of"])
    assert root["shared"] == ["of", "apply", "doFilter", "doFilter", "run"]
    assert state["message"] == "no rate for EUR\nin any table"
    assert state["suppressed"] == [["java.io.IOException", "java.net.SocketException"]]
    assert state["shared"] == servlet["frames"][-3:]
    assert servlet["shared"] == []


async def test_own_code_is_told_from_libraries_and_generated_code(front: Page) -> None:
    told = await call(
        front,
        """({ parse, chain, grouped, place }, text) => {
            const { thrown } = parse(text);
            return {
                groups: chain(thrown).map((one) => grouped(one.frames).map(({ own, frames }) =>
                    [own, frames.map(({ library }) => library)])),
                place: place(thrown), from: thrown.frames[0].from,
            };
        }""",
        WEB,
    )
    assert told["groups"] == [
        [[False, ["PostgreSQL"]], [True, [None]]],
        [[True, [None]], [False, ["generated code", "generated code"]]],
        [[False, ["Spring", "Jakarta EE"]], [True, [None]], [False, ["Tomcat", "Java"]]],
    ]
    assert (told["place"]["file"], told["place"]["line"]) == ("Rates.java", 40)
    assert told["from"] == "spring-webmvc.jar"


async def test_root_causes_that_are_written_first_and_circles(front: Page) -> None:
    expression = """({ parse, chain }, text) =>
        chain(parse(text).thrown).map(({ type, message, circular }) => [type, message, circular])"""
    assert await call(front, expression, WRAPPED) == [
        ["java.io.IOException", "disk is full", False],
        ["java.lang.RuntimeException", "java.io.IOException: disk is full", False],
    ]
    circle = await call(front, expression, CIRCLE)
    assert [(message, circular) for _, message, circular in circle] == [
        ("first of a circle", True),
        ("second of a circle", False),
        ("first of a circle", False),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "Order 42 is late", "one\ntwo: three", "Error 1\n-------\nat line 3: unexpected token", "at home (in bed)"],
)
async def test_other_text_is_no_trace(front: Page, text: str) -> None:
    assert await call(front, "({ parse }, text) => parse(text)", text) is None


async def test_lines_before_a_trace_are_kept(front: Page) -> None:
    text = "Order 7 failed\n\ncom.acme.Problem: no\n\tat com.acme.Order.pay(Order.java:7)"
    before, type_ = await call(front, "({ parse }, text) => [parse(text).before, parse(text).thrown.type]", text)
    assert (before, type_) == (["Order 7 failed", ""], "com.acme.Problem")
