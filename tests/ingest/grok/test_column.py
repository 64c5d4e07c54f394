"""A column of texts against several expressions: what each text alone would give, time-outs and all."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.grok import Grok
from ingest.grok.column import Column, Outcome
from ingest.grok.compiler import Expression

RUNAWAY = "a" * 40 + "b"


def column(*groks: str, seconds: float = 0.2) -> Column:
    return Column(Grok(groks).expressions, seconds)


def one_by_one(expressions: tuple[Expression, ...], texts: list[str]) -> list[tuple[str, ...] | None]:
    answers: list[tuple[str, ...] | None] = []
    for text in texts:
        matches = (one.search()(text) for one in expressions)
        groups = next((match.groups() for match in matches if match is not None), None)
        answers.append(groups)  # type: ignore[arg-type] # the groups of these expressions all take part
    return answers


def answers_of(outcome: Outcome, count: int) -> list[tuple[str, ...] | None]:
    answers: dict[int, object] = dict.fromkeys(outcome.missed)
    for hits in outcome.hits:
        answers |= {place: match.groups() for place, match in zip(hits.places, hits.found, strict=True)}
    assert not outcome.late
    assert sorted(answers) == list(range(count))
    return [answers[place] for place in range(count)]  # type: ignore[misc]


@given(
    st.lists(st.sampled_from((r"\A%{INT:a} x", "%{WORD:b}=", r"=(?<c>\d)", "never", "(?<d>)")), min_size=1, max_size=4),
    st.lists(st.lists(st.sampled_from(("1 x", "k=2", "=3", "", "é", "12 y")), max_size=6), max_size=5),
)
def test_as_one_by_one(groks: list[str], batches: list[list[str]]) -> None:
    expressions = Grok(groks).expressions
    searched = Column(expressions, 30)
    # Batch after batch: what has mostly failed is tried with its quick test first.
    for texts in batches:
        assert answers_of(searched.search(texts), len(texts)) == one_by_one(expressions, texts)


def test_a_quick_test_comes_where_most_fail_and_goes_where_it_sees_nothing() -> None:
    searched = column("abc(?<n>[0-9])")
    (trial,) = searched._trials
    assert trial.likely_in(["x"]) is None
    searched.search(["x"] * 10)
    assert trial.likely_in(["x", "abc"]) == [False, True]
    searched.search(["abc"] * 10)
    assert trial.likely_in(["x"]) is None
    searched.search(["x"] * 10)
    searched.search(["abc1"] * 10)
    assert trial.likely_in(["x"]) is None


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(?<!a{2,3})^(?:a|aa)+$"])
def test_what_takes_too_long_is_late_and_all_else_is_found(pattern: str) -> None:
    texts = ["aaa", RUNAWAY, "aa", "zz", RUNAWAY, "z"]
    outcome = column(pattern, "zz").search(texts)
    assert [list(hits.places) for hits in outcome.hits] == [[0, 2], [3]]
    assert (list(outcome.missed), outcome.late) == ([5], [1, 4])


def test_what_is_late_first_and_last() -> None:
    assert column("^(a+)+$").search([RUNAWAY]).late == [0]
    outcome = column("never", "^(a+)+$").search(["x", RUNAWAY])
    assert (outcome.hits, list(outcome.missed), outcome.late) == ([], [0], [1])


def test_time_runs_for_each_text_anew() -> None:
    """Texts of which each takes half of the time are all answered, although together they take longer."""
    texts = ["a" * length + "b" for length in range(10, 30)]
    durations = []
    for text in texts:
        begin = time.perf_counter()
        Grok("^(a+)+$").match(text)
        durations.append(time.perf_counter() - begin)
        if durations[-1] > 0.05:
            break
    slow = texts[len(durations) - 1]
    assert column("^(a+)+$", "^(a+)+c$", seconds=40 * durations[-1]).search([slow] * 12).late == []


def test_off_the_main_thread() -> None:
    late: list[int] = []
    thread = threading.Thread(target=lambda: late.extend(column("^(?:a|aa)+$").search(["aa", RUNAWAY, "b"]).late))
    thread.start()
    thread.join()
    assert late == [1]


def test_no_texts() -> None:
    outcome = column("a", "b").search([])
    assert (outcome.hits, list(outcome.missed), outcome.late) == ([], [], [])
