"""luqum's grammar is loaded in silence, whatever its tables say of themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import luqum

ROOT = Path(__file__).parents[3]
PROGRAM = "from sawlog.store.lucene import parse; print(repr(parse('a:b AND NOT \"c d\" OR e:[1 TO 2]')))"


def test_tables_of_another_signature_are_taken_as_they_are(tmp_path: Path) -> None:
    # As luqum's own are for Python 3.13, whose docstrings have no indent.
    copy = tmp_path / "luqum"
    shutil.copytree(Path(luqum.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__", "parser.out"))
    tables = copy / "parsetab.py"
    changed, count = re.subn(r"(?m)^_lr_signature = .", r"\g<0>other ", tables.read_text())
    assert count == 1
    tables.write_text(changed)
    before = {path: path.read_bytes() for path in copy.rglob("*.*")}
    lookup = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=lookup, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == (
        "OrOperation(AndOperation(SearchField('a', Word('b')), Not(Phrase('\"c d\"'))),"
        " SearchField('e', Range(Word('1'), Word('2'))))\n"
    )
    assert {path: path.read_bytes() for path in copy.rglob("*.*")} == before
