"""Errors that are the same problem."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sawlog.cli import sawlog
from sawlog.paths import index_directory
from sawlog.search.error_groups import LIBRARIES, USUAL, own_place
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore

ROOT = Path(__file__).parents[3]
TRACE = """java.lang.IllegalStateException: Order 17 is paid
\tat org.springframework.aop.Proxy.invoke(Proxy.java:1)
\tat com.acme.orders.web.OrderController.pay(OrderController.java:30)
Caused by: java.sql.SQLException: gone
\tat app//org.postgresql.Driver.connect(Driver.java:99)
\tat com.acme.orders.db.OrderStore.save(OrderStore.java:42)
\t... 30 more
"""


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Order 17 failed after 3.5 s", "Order <n> failed after <n> s"),
        ("user 'bob' from 10.0.0.1:80", "user <text> from <address>"),
        ("id 123e4567-e89b-12d3-a456-426614174000 gone", "id <id> gone"),
        ("trace 4bf92f3577b34da6a3ce929d0e0e4736", "trace <id>"),
        ("at 2025-03-01T10:00:00.123Z: no", "at <time>: no"),
        ("deadbeef café\nsecond line", "deadbeef café"),
    ],
)
def test_a_shape_masks_what_differs(text: str, masked: str) -> None:
    assert USUAL.shape(text) == masked


@given(st.text(max_size=60), st.integers(0, 10**12), st.integers(0, 10**12))
def test_messages_that_differ_in_a_number_have_one_shape(text: str, one: int, other: int) -> None:
    assert USUAL.shape(f"order no {one}: {text}") == USUAL.shape(f"order no {other}: {text}")


def test_own_code_stands_in_the_root_cause() -> None:
    assert own_place(TRACE) == "OrderStore.java:42"
    assert own_place(TRACE.partition("Caused by")[0]) == "OrderController.java:30"
    assert own_place("java.lang.Error\n\tat java.lang.Thread.run(Thread.java:1)") is None


def test_a_trace_of_nothing_but_line_ends_holds_nobody_up() -> None:
    assert own_place("\n" * 300_000) is None
    assert own_place("\tat " + "a." * 300_000) is None


def test_the_page_knows_the_same_libraries() -> None:
    told = (ROOT / "dashboards" / "web" / "static" / "libraries.js").read_text()
    listed = told[told.index("export const LIBRARIES") : told.index("];")]
    assert tuple(re.findall(r'\["([^"]+)",', listed)) == LIBRARIES


def event(number: int, message: str, level: str = "ERROR", **error: str) -> dict[str, Any]:
    return {
        "@timestamp": f"2025-03-01T10:00:{number:02d}.000Z",
        "message": message,
        "log": {"level": level, "offset": number},
        "service": {"name": ("orders", "conta")[number % 2]},
        **({"error": error} if error else {}),
    }


def test_problems_are_grouped_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAWLOG_ELASTICSEARCH_URL", raising=False)
    broken = {"type": "java.lang.IllegalStateException", "stack_trace": TRACE}
    events = [
        *(event(number, f"Order {number} could not be placed", **broken) for number in range(4)),
        *(event(number, f"Reservation {number} \x1b[31mfailed") for number in range(10, 13)),
        event(20, "all well 1", "INFO"),
    ]

    async def fill() -> None:
        async with EmbeddedStore(index_directory(tmp_path)) as store:
            await store.bulk(Bulk([f"e{number}" for number in range(len(events))], events))

    asyncio.run(fill())
    options = ["--data", str(tmp_path), "--zone", "UTC"]
    result = CliRunner().invoke(sawlog, ["problems", *options])
    assert result.stdout == (
        "4  IllegalStateException at OrderStore.java:42  [conta, orders]"
        "  2025-03-01 10:00:00.000 – 2025-03-01 10:00:03.000\n"
        "3  Reservation <n> \\x1b[<n>mfailed  [conta, orders]  2025-03-01 10:00:10.000 – 2025-03-01 10:00:12.000\n"
    )
    assert result.stderr == "7 errors; 2 problems\n"
    asked = CliRunner().invoke(sawlog, ["problems", *options, "--json", "--size", "1", "--service", "orders"])
    [one] = [json.loads(line) for line in asked.stdout.splitlines()]
    assert (one["kind"], one["count"], one["services"], one["sample"]) == ("exception", 2, ["orders"], "e2")
    nothing = CliRunner().invoke(sawlog, ["problems", *options, "--service", "order"])
    assert "no event has order as service.name; orders exists" in nothing.stderr
