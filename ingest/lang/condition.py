"""Conditions compiled to masks: from a list of events to a list of true and false, in one pass per test.

What a test means follows Logstash 8 (its compiled conditions), and where that raises, the answer is false:

- a field alone holds unless it is missing, null, false, ``""`` or ``"false"``; 0 and empty lists hold;
- ``==`` compares type and value (404 is not ``"404"``); a missing field equals nothing, and differs from all;
- ``< > <= >=`` compare two numbers or two texts; anything else, or nothing, is false;
- ``=~`` looks for a match in a text; anything but a text never matches;
- ``in`` a text looks for a part of it, ``in`` a list for an element; a list written in the file is compared by
  its elements' texts, so that 404 is in ``["404", "500"]``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from ingest import timeout
from ingest.failure import fail
from ingest.lang.ast import Compare, ConditionTree, Constant, Field, Logic, Matches, Membership, Negation, Operand
from ingest.lang.ruby import Regex
from ingest.lang.sprintf import render
from sawlog.columns import Columns
from sawlog.errors import ConfigError
from sawlog.event import METADATA, TIMESTAMP, Event, Path, get

Mask = Callable[[Sequence[Event]], list[bool]]
"""Says of each event whether a condition holds; events may be columns."""
Test = Callable[[Any], bool]
OperandValues = Callable[[Sequence[Event]], list[Any]]

_OF_LINES: Final = frozenset({TIMESTAMP, METADATA, "message", "log"})
"""What a line has of its own, or may have."""
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def compile_condition(condition: ConditionTree) -> Mask:
    """Compile a condition to a function that says of each event whether it holds.

    Raises:
        ConfigError: a regular expression is malformed.
    """
    match condition:
        case Logic():
            return _logic(condition)
        case Negation():
            inner = compile_condition(condition.condition)
            return lambda events: [not held for held in inner(events)]
        case Field():
            return _tested(condition, _truthy)
        case Constant():
            held = _truthy(condition.value)
            return lambda events: [held] * len(events)
        case Matches():
            return _matches(condition)
        case Compare():
            return _compare(condition)
        case Membership():
            return _contains(condition)


def asks_of_source(condition: ConditionTree) -> bool:
    """Whether a condition asks only for what all lines of a file have in common, so that one answer is for all."""
    match condition:
        case Logic():
            return asks_of_source(condition.left) and asks_of_source(condition.right)
        case Negation():
            return asks_of_source(condition.condition)
        case Field():
            return condition.path[0] not in _OF_LINES
        case Constant():
            return True
        case Matches():
            return asks_of_source(condition.operand)
        case Compare():
            return asks_of_source(condition.left) and asks_of_source(condition.right)
        case Membership():
            return asks_of_source(condition.item) and asks_of_source(condition.container)


def _logic(logic: Logic) -> Mask:
    left, right = compile_condition(logic.left), compile_condition(logic.right)
    if logic.operator == "xor":
        return lambda events: list(map(operator.ne, left(events), right(events)))
    # `a or b` is asked of b only where a does not hold; `a and b` only where it does.
    needed = logic.operator != "or"

    def both(events: Sequence[Event]) -> list[bool]:
        mask = left(events)
        if needed not in mask:
            return mask
        answers = iter(_asked_of(events, [at for at, held in enumerate(mask) if held is needed], right))
        return [next(answers) if held is needed else held for held in mask]

    if logic.operator == "nand":
        return lambda events: [not held for held in both(events)]
    return both


def _asked_of(events: Sequence[Event], places: list[int], condition: Mask) -> list[bool]:
    """Ask a condition of some of the events."""
    if not isinstance(events, Columns):
        return condition([events[at] for at in places])
    some = events.take(places)
    answers = condition(some)
    for at, event in some.events.items():
        # It may have been tagged.
        if places[at] not in events.events:
            events.put(places[at], event)
    return answers


def _compare(compare: Compare) -> Mask:
    left, right = compare.left, compare.right
    if compare.operator in _ORDER:
        ordered = _ORDER[compare.operator]
        return _pairwise(left, right, lambda a, b: _comparable(a, b) and ordered(a, b))
    if isinstance(left, Constant) and isinstance(right, Field):
        left, right = right, left
    if isinstance(left, Field) and isinstance(right, Constant) and isinstance(right.value, str):
        # By far the most frequent condition there is.
        values, text = _values(left), right.value
        if compare.operator == "==":
            return lambda events: [value == text for value in values(events)]
        return lambda events: [value != text for value in values(events)]
    if compare.operator == "==":
        return _pairwise(left, right, _equal)
    return _pairwise(left, right, lambda a, b: not _equal(a, b))


def _matches(matches: Matches) -> Mask:
    try:
        search = Regex(matches.pattern).search
    except ConfigError as error:
        raise ConfigError(error.message, matches.position, error.hint) from None
    values = _values(matches.operand)
    reason = f"the condition =~ /{matches.pattern[:200]}/ took longer than {timeout.SECONDS:.0f} s, and counts as false"

    def found(value: Any) -> bool:
        return isinstance(value, str) and search(value) is not None

    return lambda events: timeout.answers(
        values(events), found, lambda at: fail(_kept(events, at), ["_condition_timeout"], reason)
    )


def _kept(events: Sequence[Event], at: int) -> Event:
    """Return the event at a position, so that what is changed in it stays."""
    return events.own(at) if isinstance(events, Columns) else events[at]


def _contains(contains: Membership) -> Mask:
    item, container = contains.item, contains.container
    if isinstance(container, Constant) and isinstance(container.value, list):
        texts = frozenset(render(value) for value in container.value)
        return _tested(item, lambda value: value is not None and render(value) in texts)
    if isinstance(item, Constant):
        wanted = item.value
        return _tested(container, lambda value: _is_in(wanted, value))
    return _pairwise(item, container, _is_in)


def _tested(operand: Operand, test: Test) -> Mask:
    """Test one operand of each event; a value that many events share is tested once."""
    values = _values(operand)

    def mask(events: Sequence[Event]) -> list[bool]:
        last: Any = None
        answer = test(None)
        answers = []
        for value in values(events):
            if value is not last:
                last = value
                answer = test(value)
            answers.append(answer)
        return answers

    return mask


def _pairwise(left: Operand, right: Operand, test: Callable[[Any, Any], bool]) -> Mask:
    lefts, rights = _values(left), _values(right)
    return lambda events: list(map(test, lefts(events), rights(events)))


def _values(operand: Operand) -> OperandValues:
    """Make the function that reads the operand of each event; None where there is nothing."""
    if isinstance(operand, Constant):
        constant = operand.value
        return lambda events: [constant] * len(events)
    path = operand.path
    of_events = _reader(path)
    return lambda events: events.column(path) if isinstance(events, Columns) else of_events(events)


def _reader(path: Path) -> OperandValues:
    """Make the function that reads a field of each event, one by one."""
    if len(path) == 1:
        (key,) = path
        return lambda events: [event.get(key) for event in events]
    if len(path) == 2:
        outer, inner = path

        def read(event: Event) -> Any:
            node = event.get(outer)
            return node.get(inner) if node.__class__ is dict else get(event, path)

        return lambda events: [read(event) for event in events]
    return lambda events: [get(event, path) for event in events]


def _truthy(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", "false")


def _equal(left: Any, right: Any) -> bool:
    if left is None or right is None or isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str)
    return _is_number(left) and _is_number(right)


def _is_in(item: Any, container: Any) -> bool:
    if item is None or container is None:
        return False
    if isinstance(container, str):
        return isinstance(item, str) and item in container
    if isinstance(container, list):
        return any(_equal(item, element) for element in container)
    return _equal(item, container)
