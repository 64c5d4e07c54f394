"""What ingest's file input tells the shipper's tailing."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.running.tailing import _expression
from shipper.expression import Expressions


@given(st.text(alphabet="ab*?[]!-.$é^\\\n", max_size=6), st.text(alphabet="ab[]!-.$é^\\\n", min_size=1, max_size=4))
def test_a_shell_pattern_names_what_the_shell_names(pattern: str, name: str) -> None:
    found = bool(Expressions([_expression(pattern)]).search(f"/var/log/{name}"))
    assert found is fnmatch.fnmatchcase(name, pattern)


@pytest.mark.parametrize(("pattern", "named"), [("*.log", True), ("v*", False), ("[!a]*", True), ("[z-a]*", False)])
def test_a_pattern_names_files_not_folders(pattern: str, named: bool) -> None:
    assert bool(Expressions([_expression(pattern)]).search("/var/x/b.log")) is named
