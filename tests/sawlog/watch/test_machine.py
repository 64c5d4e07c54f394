"""The state machine of groups, against a model that looks at one group's whole past at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.watch.machine import FIRES, FORGOTTEN, RECOVERED, STILL, GroupFinding, advance
from sawlog.watch.memory import GroupState
from sawlog.watch.reading import read_alerts
from sawlog.watch.rules import AlertRule

EVERY: Final = 30_000
GROUPS: Final = ("orders", "payments", "stock")


@pytest.fixture(scope="module")
def rule(tmp_path_factory: pytest.TempPathFactory) -> AlertRule:
    file = tmp_path_factory.mktemp("rules") / "alerts.yml"
    file.write_text("rules: [{name: errors, more_than: 5, within: 1m, every: 30s, by: service.name}]")
    return read_alerts(file).rules[0]


windows = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(GROUPS), st.integers(0, 9)), st.booleans()), min_size=1, max_size=30
)
"""What is found of each group, and whether not all groups were looked at."""


def told_by_model(
    rule: AlertRule, found: list[tuple[dict[str, int], bool]], group: str
) -> tuple[list[tuple[int, str]], list[tuple[int, int | None]]]:
    """Return when somebody is told what of a group, and from when to when it fires."""
    runs: list[tuple[int, int | None]] = []
    for number, (counts, is_partial) in enumerate(found, 1):
        at, n = number * EVERY, counts.get(group, 0)
        is_open = bool(runs) and runs[-1][1] is None
        if n > rule.limit:
            runs += [] if is_open else [(at, None)]
        elif is_open and (group in counts or not is_partial):
            runs[-1] = (runs[-1][0], at)
    told: list[tuple[int, str]] = []
    last: int | None = None
    for start, end in runs:
        announced = False
        bad = [n * EVERY for n, (counts, _) in enumerate(found, 1) if counts.get(group, 0) > rule.limit]
        for at in (at for at in bad if start <= at and (end is None or at < end)):
            pause = rule.repeat if announced else rule.cool_down
            if last is None or (pause is not None and at - last >= pause):
                told.append((at, STILL if announced else FIRES))
                last, announced = at, True
        if announced and end is not None and rule.recovery:
            told.append((end, RECOVERED))
    return told, runs


@given(
    windows,
    st.integers(0, 6),
    st.none() | st.integers(1, 6),
    st.booleans(),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_as_the_model_says_whatever_comes_and_whenever_it_starts_again(
    rule: AlertRule,
    found: list[tuple[dict[str, int], bool]],
    cool_down: int,
    repeat: int | None,
    recovery: bool,
    restarts: list[bool],
) -> None:
    rule = replace(
        rule, cool_down=cool_down * EVERY, repeat=None if repeat is None else repeat * EVERY, recovery=recovery
    )
    states: dict[str, GroupState] = {}
    told: dict[str, list[tuple[int, str]]] = {group: [] for group in GROUPS}
    for number, (counts, is_partial) in enumerate(found, 1):
        if restarts[number - 1]:
            states = msgspec.json.decode(msgspec.json.encode(states), type=dict[str, GroupState])
        findings = {group: GroupFinding(n, n > rule.limit) for group, n in counts.items()}
        for change in advance(rule, states, number * EVERY, findings, is_partial=is_partial):
            assert change.at == number * EVERY
            if change.is_told:
                told[change.group].append((change.at, change.kind))
    for group in GROUPS:
        expected, runs = told_by_model(rule, found, group)
        assert told[group] == expected
        state = states.get(group)
        fires = bool(runs) and runs[-1][1] is None
        assert (state is not None and state.since is not None) == fires
        if fires:
            assert state is not None
            assert state.since == runs[-1][0]
            start = runs[-1][0] // EVERY
            assert state.peak == max(
                counts.get(group, 0) for counts, _ in found[start - 1 :] if counts.get(group, 0) > 5
            )


@given(windows)
def test_nothing_is_kept_of_what_is_over(rule: AlertRule, found: list[tuple[dict[str, int], bool]]) -> None:
    states: dict[str, GroupState] = {}
    at = 0
    for counts, is_partial in found:
        at += EVERY
        advance(rule, states, at, {g: GroupFinding(n, n > 5) for g, n in counts.items()}, is_partial=is_partial)
    advance(rule, states, at + EVERY, {})
    advance(rule, states, at + EVERY + rule.cool_down, {})
    assert states == {}


@given(st.lists(st.dictionaries(st.integers(0, 20).map(str), st.integers(0, 9)), max_size=30))
def test_there_are_never_more_groups_than_are_watched(rule: AlertRule, found: list[dict[str, int]]) -> None:
    rule = replace(rule, groups=3)
    states: dict[str, GroupState] = {}
    for number, counts in enumerate(found, 1):
        firing = {group for group, state in states.items() if state.since is not None}
        advance(rule, states, number * EVERY, {group: GroupFinding(n, n > 5) for group, n in counts.items()})
        assert len(states) <= 3
        # What fires is not put out by another group.
        assert {group for group in firing if counts.get(group, 0) > 5} <= states.keys()
        bad = sum(n > 5 for n in counts.values())
        assert sum(state.since is not None for state in states.values()) == min(3, bad)


def test_what_is_forgotten_is_told_and_gone(rule: AlertRule) -> None:
    states: dict[str, GroupState] = {}
    assert [one.kind for one in advance(rule, states, EVERY, {"orders": GroupFinding(9, True)})] == [FIRES]
    # Even where not all groups were looked at.
    changes = advance(rule, states, 2 * EVERY, {}, is_partial=True, forgotten=["orders"])
    assert [(one.kind, one.is_told) for one in changes] == [(FORGOTTEN, True)]
    assert states["orders"].since is None


def test_the_least_is_the_peak_of_silence(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yml"
    file.write_text("rules: [{name: silent, fewer_than: 5}]")
    rule = read_alerts(file).rules[0]
    states: dict[str, GroupState] = {}
    for number, n in enumerate((4, 1, 3), 1):
        advance(rule, states, number * EVERY, {"": GroupFinding(n, True)})
    assert (states[""].count, states[""].peak) == (3, 1)
