"""The function that is made of a plan stores what walking the plan does, whatever the event holds."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.grok.compiler import Capture, to_float, to_int
from ingest.grok.plan import plans_of
from ingest.grok.prepared import is_plain, prepare
from ingest.grok.store import FieldConflictError, compile_store, store_by_plan
from sawlog.event import Event

PATHS = st.lists(st.sampled_from(("a", "b", "tags", "@timestamp", 'it\'s "x"\n{}', "groups")), min_size=1, max_size=3)
CAPTURES = st.lists(
    st.tuples(PATHS.map(tuple), st.sampled_from((None, None, to_int, to_float))), min_size=1, max_size=6
)
TEXTS = st.sampled_from((None, "", "5", "x", "5.5"))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from((None, "old", "", 7, ["old"], {})),
    lambda below: st.dictionaries(st.sampled_from(("a", "b", "groups")), below, max_size=3),
    max_leaves=6,
)
EVENTS = st.dictionaries(st.sampled_from(("a", "b", "tags", "@timestamp", "groups", "c")), VALUES, max_size=5)


def captures_of(fields: list[tuple[tuple[str, ...], Any]]) -> list[Capture]:
    return [Capture(number, ".".join(path), path, convert) for number, (path, convert) in enumerate(fields)]


@given(CAPTURES, st.lists(TEXTS, min_size=6, max_size=6), EVENTS, st.booleans(), st.sampled_from(((), ("a",), ("t",))))
def test_as_by_the_plan(
    fields: list[tuple[tuple[str, ...], Any]],
    texts: list[str | None],
    event: Event,
    over: bool,
    target: tuple[str, ...],
) -> None:
    captures = captures_of(fields)
    overwrite = frozenset(one.field for one in captures) if over else frozenset()
    plan, *more = plans_of(captures, target, overwrite)
    if more or not is_plain(plan):
        return
    gave_up = []

    def slowly(groups: Any, node: Event) -> None:
        gave_up.append(True)
        assert node == event, "nothing has changed where it gives up"
        store_by_plan(plan, False, groups, node)

    before, prepared, walked = copy.deepcopy(event), dict(event), copy.deepcopy(event)
    conflicts = 0
    for store, node in ((prepare(plan, slowly), prepared), (lambda *to: store_by_plan(plan, False, *to), walked)):
        try:
            store(tuple(texts), node)
        except FieldConflictError:
            conflicts += 1
    assert prepared == walked
    assert conflicts in (0, 2)
    assert event == before, "what it shares with others has not changed"


def test_what_is_there_is_no_reason_to_give_up_where_nothing_is_in_the_way() -> None:
    """An event has `log` from its shipper; a level beside it is stored by the prepared function."""
    (plan,) = plans_of(captures_of([(("log", "level"), None), (("took",), to_int)]), (), frozenset())

    def slowly(_groups: Any, _event: Event) -> None:
        pytest.fail("it gave up")

    event: Event = {"log": {"offset": 1}, "message": "x"}
    prepare(plan, slowly)(("INFO", "5"), event)
    assert event == {"log": {"offset": 1, "level": "INFO"}, "message": "x", "took": 5}


@pytest.mark.parametrize(
    "text", ["0", "12", "007", "-3", "+4", " 5", "1_000", "5.5", "abc", "", "٣", "1٣", "²", "9" * 5000]
)
def test_a_number_is_read_the_same_on_the_short_way(text: str) -> None:
    # A character behind it takes the long way, and is passed over.
    assert to_int(text) == to_int(f"{text}x")


@given(st.lists(TEXTS, min_size=2, max_size=2))
def test_a_name_that_captures_twice_makes_a_list(texts: list[str | None]) -> None:
    event: Event = {}
    compile_store(captures_of([(("a",), None), (("a",), None)]))(texts, event)
    values = [text for text in texts if text]
    assert event == ({} if not values else {"a": values[0] if len(values) == 1 else values})
