"""`problems.yml`: whose code is one's own, what differs in messages, and what is said of what cannot be."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sawlog.errors import ConfigErrors, Position
from sawlog.search import problem_rules
from sawlog.search.error_groups import own_place
from sawlog.search.problem_rules import OwnMask, ProblemRules, read_rules

TRACE = """java.lang.IllegalStateException: no
\tat org.apache.acme.Deep.call(Deep.java:7)
\tat com.partner.Client.send(Client.java:9)
\tat com.acme.Orders.save(Orders.java:42)
"""


def rules_of(folder: Path, text: str) -> ProblemRules:
    (folder / "problems.yml").write_text(text, "utf-8")
    return read_rules(folder)


def test_without_a_file_the_usual_holds(tmp_path: Path) -> None:
    assert read_rules(tmp_path) == ProblemRules()
    assert read_rules(tmp_path / "none") == ProblemRules()
    assert rules_of(tmp_path, "# nothing yet\n") == ProblemRules()
    assert own_place(TRACE, ProblemRules()) == "Client.java:9"


def test_whose_code_is_whose(tmp_path: Path) -> None:
    assert own_place(TRACE, rules_of(tmp_path, "own: [org.apache.acme.]")) == "Deep.java:7"
    assert own_place(TRACE, rules_of(tmp_path, "libraries: {com.partner.: Partner}")) == "Orders.java:42"


def test_masks_of_ones_own_come_first_and_built_in_ones_can_be_left_out(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "masks:\n  - {name: order, pattern: 'ORD-\\w+'}\nwithout: [text]\n")
    shape = rules.shape("cannot place ORD-17a for 'bob' in 12 ms")
    assert shape == "cannot place <order> for 'bob' in <n> ms"
    assert rules.words(shape) == "for 'bob' in"
    assert rules.words("cannot place <order>") == "cannot place"
    assert ProblemRules().words("cannot <place> 1") == "cannot <place> 1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "own: [com.acme.]\nowm: [x.]",
            "problems.yml:2:1: there is no 'owm'; there are own, libraries, masks, without",
        ),
        ("owm: []", "did you mean 'own'?"),
        ("without: [id, nn]", ":1:15: there is no built-in mask 'nn'"),
        ("own: [com.acme., 'a b']", ":1:18: 'a b' is no beginning of a class"),
        ("masks: [{name: x, patern: y}]", "did you mean 'pattern'?"),
        ("masks: [{name: x}]", ":1:9: a mask has a 'name' and a 'pattern'"),
        ("masks: [{name: X y, pattern: y}]", ":1:16: 'X y' is no name of a mask"),
        ("masks:\n- {name: x, pattern: '(a'}", ":2:22: the pattern is no regular expression: missing )"),
        ("masks: [{name: x, pattern: 'a*'}]", "matches nothing at all"),
        ("masks: [{name: x, pattern: '(?:a|aa)+[?,]$'}]", "the pattern runs away"),
        ("masks: 7", "is a list"),
        ("[a]", "has own, libraries, masks, without"),
        ("own: [", "is no YAML"),
        ("libraries: {com.x.: [a]}", "what 'com.x.' is called is a text"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        rules_of(tmp_path, text)
    assert said in str(refused.value)


def test_a_mask_that_runs_away_all_the_same_is_used_no_more(caplog: pytest.LogCaptureFixture) -> None:
    mask = OwnMask("x", problem_rules.regex.compile(r"(?:z|zz)+[!?]"), Position("problems.yml", 3, 5))
    rules = ProblemRules(masks=(mask,))
    with caplog.at_level(logging.WARNING):
        assert rules.shape("z" * 290 + " 7") == "z" * 290 + " <n>"
        assert rules.shape("z?") == "z?"
    assert [record.getMessage()[:56] for record in caplog.records] == [
        "problems.yml:3:5: the mask 'x' runs away and is not used",
    ]
