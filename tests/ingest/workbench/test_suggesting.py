"""Expressions that are proposed: each matches every sample, and takes out of it what people expect."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.grok import Grok
from ingest.workbench.suggesting import are_json, suggest

CORPUS = Path(__file__).parents[2] / "corpus" / "captured.tar.xz"
LOGS = Path(__file__).parent / "logs"

ACCESS = [
    '192.0.2.7 - bob [10/Oct/2023:13:55:36 +0000] "GET /a HTTP/1.1" 200 23 "-" "curl/7.88.1"',
    '192.0.2.8 - - [10/Oct/2023:13:55:37 +0000] "POST /b?x=1 HTTP/1.1" 404 - "https://x.y/" "Mozilla/5.0 (X11)"',
]
PIPED = [
    "10.0.0.7 | 2024-02-03T10:32:11Z | orders | user=bob took=12 ms | OK created it",
    "10.0.0.8 | 2024-02-03T10:32:12Z | billing | user=alice took=7 ms | FAILED not found here",
]


def holds(lines: list[str]) -> None:
    """Each expression matches to the end of the line; of several, one does."""
    proposed = suggest(lines)
    assert proposed
    assert [one.parts for one in proposed] == sorted(one.parts for one in proposed)
    for one in proposed:
        compiled = Grok(list(one.groks), ecs=True)
        for line in lines:
            ends = [found.end() for e in compiled.expressions if (found := e.search()(line)) is not None]
            assert len(line) in ends, (one.groks, line)


def fields(lines: list[str], number: int = -1, line: int = 0) -> dict[str, Any]:
    found = Grok(list(suggest(lines)[number].groks), ecs=True).match(lines[line])
    assert found is not None
    return found


def test_the_library_knows_the_format_of_access_logs() -> None:
    first = suggest(ACCESS)[0]
    assert first.groks == ("^%{NGINXACCESS}$",)
    assert fields(ACCESS, 0)["http"]["response"] == {"status_code": 200, "body": {"bytes": 23}}


def test_parts_of_an_access_log_have_ecs_names_and_types() -> None:
    assert fields(ACCESS) == {
        "word": "bob",
        "timestamp": "10/Oct/2023:13:55:36 +0000",
        "source": {"ip": "192.0.2.7"},
        "http": {
            "version": "1.1",
            "request": {"method": "GET"},
            "response": {"status_code": 200, "body": {"bytes": 23}},
        },
        "url": {"original": "/a"},
        "user_agent": {"original": "curl/7.88.1"},
    }
    assert "bytes" not in fields(ACCESS, line=1)["http"]["response"]


def test_keys_name_their_values_and_the_rest_is_the_message() -> None:
    head = next(one for one in suggest(PIPED) if "message" in one.about)
    assert head.groks == (
        r"^%{IP:[source][ip]} \| %{TIMESTAMP_ISO8601:timestamp} \| %{WORD:word} \| "
        r"user=%{WORD:user} took=%{INT:took:int} ms \| %{GREEDYDATA:message}",
    )


def test_one_line_is_enough() -> None:
    line = "2024-02-03 10:32:11,041 [http-nio-8080-exec-1] ERROR org.example.App - Failed to open order 17 in 23 ms"
    assert fields([line]) == {
        "timestamp": "2024-02-03 10:32:11,041",
        "process": {"thread": {"name": "http-nio-8080-exec-1"}},
        "log": {"level": "ERROR", "logger": "org.example.App"},
        "order": 17,
        "event": {"duration_ms": 23},
    }


def test_a_part_that_some_lines_lack_is_optional() -> None:
    lines = [
        "2025-03-01T10:15:30.123Z  INFO 1 --- [orders] [nio-1] c.a.App : hello there",
        "2025-03-01T10:15:30.123Z  INFO 1 --- [main] c.a.App : hello again you",
    ]
    assert any("(?:" in one.groks[0] and ")?" in one.groks[0] for one in suggest(lines))
    holds(lines)


def test_lines_of_several_sorts_get_an_expression_each() -> None:
    lines = ["2025-03-01T10:15:30.123Z INFO started", "Feb  3 10:32:11 web-1 sshd[811]: Accepted key", "17 % of it"]
    assert len(suggest(lines)[-1].groks) > 1
    holds(lines)


def test_lines_that_have_nothing_in_common() -> None:
    assert suggest(["hello world this is", "nothing at all"])[0].groks == ("^%{GREEDYDATA:message}",)
    assert suggest(["", "  "]) == []


def test_json_has_a_filter_of_its_own() -> None:
    assert are_json(['{"a": 1}', "{}"])
    assert not are_json(['{"a": 1}', "x"])
    assert not are_json(["1"])
    assert not are_json([])


@pytest.mark.parametrize("name", ["boot-1.5", "boot-3.5-jar", "boot-2.7-colours", "boot-2.7-windows"])
def test_what_spring_boot_wrote(name: str) -> None:
    with tarfile.open(CORPUS) as archive:
        file = archive.extractfile(f"{name}.log")
        assert file is not None
        lines = [line for line in file.read(60_000).decode(errors="replace").splitlines() if line.strip()]
    holds(lines)


@pytest.mark.parametrize("name", ["nginx-access", "nginx-error", "rsyslog"])
def test_what_servers_wrote(name: str) -> None:
    lines = (LOGS / f"{name}.log").read_text().splitlines()
    holds(lines)
    assert suggest(lines)[0].captures >= 3


PARTS = st.sampled_from(
    [
        *("2024-02-03T10:32:11Z", "10/Oct/2023:13:55:36 +0000", "Feb  3 10:32:11", "INFO", "ERROR", "17", "-3.5"),
        *(
            "192.0.2.7",
            "::1",
            "a.b.Cee",
            "[main]",
            "[]",
            "[x] y]",
            '"quoted \\" text"',
            '"',
            "(a)",
            "user=bob",
            "took=12ms",
        ),
        *("/a/b?c=d", "http://x.y/z", "-", "word", "Wörter", "a-b_c", "%{X}", "${HOME}", "\\", "^$.*", "\t", "é́", "%"),
    ]
)
LINES = st.lists(
    st.lists(st.one_of(PARTS, st.text(max_size=6)), min_size=1, max_size=9).map(" ".join), min_size=1, max_size=6
)


@given(LINES)
def test_every_sample_is_matched(lines: list[str]) -> None:
    lines = [line for line in lines if line.strip()]
    if lines:
        holds(lines)


@given(
    st.lists(st.tuples(PARTS, PARTS, st.text(max_size=4)), min_size=2, max_size=5), st.sampled_from([" ", " | ", ";"])
)
def test_columns_are_matched(rows: list[tuple[str, str, str]], separator: str) -> None:
    lines = [line for row in rows if (line := separator.join(row)).strip()]
    if lines:
        holds(lines)


def test_hostile_lines_take_no_longer_than_they_may() -> None:
    holds(["x" * 1_000_000, "a " * 50_000, "[" * 5_000, '"' * 5_001, "=" * 3_000, "1." * 5_000])
