"""What comes next: patterns that fit all samples before those that fit some."""

from __future__ import annotations

from ingest.grok.library import builtin
from ingest.workbench.stepping import next_steps

LINES = [
    "2024-02-03 10:32:11,041 [main] ERROR org.example.App - Failed",
    "2024-02-03 10:32:11,042 [http-1] INFO org.example.B - Good x",
]


def test_the_library_at_the_beginning() -> None:
    found = next_steps("", LINES, builtin(ecs=True))
    first = next(step for step in found.steps if step.name)
    assert (first.name, first.fits, first.text) == ("TIMESTAMP_ISO8601", 2, "2024-02-03 10:32:11,041")
    assert first.names[0] == "timestamp"


def test_literal_text_that_all_rests_begin_with() -> None:
    found = next_steps("^%{TIMESTAMP_ISO8601:timestamp}", LINES, builtin(ecs=True))
    assert found.places == (23, 23)
    assert (found.steps[0].name, found.steps[0].grok) == (None, r" \[")


def test_what_takes_any_text_is_ended_by_a_separator() -> None:
    found = next_steps(r"^%{TIMESTAMP_ISO8601:timestamp} \[%{DATA:thread}", LINES, builtin(ecs=True))
    assert r"\] " in [step.grok for step in found.steps if step.name is None]


def test_what_fits_all_comes_before_what_fits_some() -> None:
    lines = ["17 a", "18 b", "x c"]
    steps = [step for step in next_steps("", lines, builtin()).steps if step.name]
    assert [step.fits for step in steps] == sorted((step.fits for step in steps), reverse=True)
    fits = {step.name: step.fits for step in steps}
    assert (fits["WORD"], fits["INT"]) == (3, 2)
    assert next(step for step in steps if step.name == "INT").types == ("int", "float")


def test_a_beginning_that_matches_only_some() -> None:
    found = next_steps("^%{INT:n}", ["17 a", "b"], builtin())
    assert (found.places, found.matched) == ((2, None), 1)
    assert next_steps("^%{INT:n}", ["b"], builtin()).steps == ()
