"""What real Spring Boot applications logged is what `sawlog up --once` indexes."""

from __future__ import annotations

from collections import Counter

from tests.corpus.compare import Documents, compare
from tests.corpus.truth import Capture

EQUAL_ENOUGH = 0.995
"""The part of all events that is to be equal in every field; docs/design/joining.md names what is left."""


def test_every_field_of_every_event_is_what_was_logged(captures: list[Capture], at_once: Documents) -> None:
    counts, differences = compare(captures, at_once)
    events = sum(counts.values())
    assert events > 20_000
    assert len(differences) <= (1 - EQUAL_ENOUGH) * events, [(one.capture, one.kind) for one in differences][:50]


def test_no_form_makes_up_for_another(captures: list[Capture], at_once: Documents) -> None:
    counts, differences = compare(captures, at_once)
    wrong = Counter(difference.capture for difference in differences)
    assert not {name: wrong[name] for name, count in counts.items() if wrong[name] > max(1, 0.03 * count)}
