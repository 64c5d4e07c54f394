from typing import Any

import pytest

from ingest.lang.ast import Branch
from ingest.lang.condition import compile_condition
from ingest.lang.parser import parse

EVENT: dict[str, Any] = {
    "s": "text",
    "empty": "",
    "false": "false",
    "no": False,
    "yes": True,
    "zero": 0,
    "n": 404,
    "f": 1.5,
    "null": None,
    "list": ["a", "b", 3],
    "none": [],
    "tags": ["x"],
    "o": {"p": "q"},
    "digits": "404",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("[s]", True),
        ("[empty]", False),
        ("[false]", False),
        ("[no]", False),
        ("[yes]", True),
        ("[zero]", True),
        ("[none]", True),
        ("[null]", False),
        ("[missing]", False),
        ("[o][p]", True),
        ("[o][p][q]", False),
        ("![missing]", True),
        ('[s] == "text"', True),
        ('"text" == [s]', True),
        ('[o][p] != "q"', False),
        ('[missing] == "x"', False),
        ('[missing] != "x"', True),
        ("[n] == 404", True),
        ('[n] == "404"', False),
        ("[digits] == 404", False),
        ("[yes] == 1", False),
        ("[missing] == [null]", False),
        ("[n] > 400 and [n] <= 404", True),
        ("[f] < 2", True),
        ('[s] > "tex"', True),
        ("[s] > 1", False),
        ("[digits] >= 1", False),
        ('[n] < "5"', False),
        ("[missing] < 1", False),
        ("[missing] >= 0", False),
        ("[s] =~ /^te/", True),
        ('[s] =~ "x.$"', True),
        ("[s] !~ /z/", True),
        ("[n] =~ /4/", False),
        ("[missing] !~ /x/", True),
        (r'[s] =~ "^\w+$"', True),
        ('"x" in [tags]', True),
        ('"y" in [tags]', False),
        ('"y" not in [tags]', True),
        ('!("x" in [tags])', False),
        ('"ex" in [s]', True),
        ('"x" in [missing]', False),
        ("3 in [list]", True),
        ('[o][p] in ["q"]', True),
        ('[n] in ["404", "500"]', True),
        ('[s] in "some text here"', True),
        ("[missing] in [list]", False),
        ('[missing] not in ["a", "b"]', True),
        ("[tags][0] in [tags]", True),
        ("[s] or [missing]", True),
        ("[s] and [missing]", False),
        ("[s] nand [missing]", True),
        ("[s] nand [s]", False),
        ("[s] xor [s]", False),
        ("[s] xor [missing]", True),
        ("[missing] and [missing] or [s]", True),
        ("[s] or [missing] and [missing]", True),
        ("([s] or [s]) and [missing]", False),
        ("!([s] and ([missing] or [n] == 404))", False),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    ((branch,),) = (section.body for section in parse(f"filter {{ if {condition} {{ }} }}", "f"))
    assert isinstance(branch, Branch)
    mask = compile_condition(branch.arms[0].condition)
    # Beside an event without any field, so that values which differ from event to event are told apart.
    assert mask([EVENT, {}, EVENT])[::2] == [holds, holds]
    assert mask([]) == []
