"""The pattern library: samples of every file of ours, names in both modes, layers, and what is in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.grok.compiler import Expression
from ingest.grok.library import builtin, load, read_file
from ingest.grok.store import compile_store
from sawlog.errors import ConfigError

ROOT = Path(__file__).parents[3]
BANKS = ROOT.parent / "shared" / "conformance" / "patterns"
SAMPLES = [
    pytest.param(name, sample, ecs, id=f"{name}-{'ecs' if ecs else 'legacy'}-{number}")
    for file in sorted((Path(__file__).parent / "samples").glob("*.yml"))
    for name, samples in yaml.safe_load(file.read_text("utf-8")).items()
    for number, sample in enumerate(samples)
    for ecs in (False, True)
    if sample.get("only", "ecs" if ecs else "legacy") == ("ecs" if ecs else "legacy")
]


def match(pattern: str, text: str, ecs: bool) -> dict[str, Any] | None:
    expression = Expression(pattern, builtin(ecs))
    found = expression.search()(text)
    if found is None:
        return None
    fields: dict[str, Any] = {}
    compile_store(expression.captures)(found.groups(), fields)
    return fields


def value(fields: Any, name: str) -> Any:
    for key in name.split("."):
        fields = fields.get(key) if isinstance(fields, dict) else None
    return fields


@pytest.mark.parametrize(("name", "sample", "ecs"), SAMPLES)
def test_sample(name: str, sample: dict[str, Any], ecs: bool) -> None:
    fields = match(f"%{{{name}}}", sample["line"], ecs)
    if sample["expect"] is None:
        assert fields is None
        return
    assert fields is not None
    assert {key: value(fields, key) for key in sample["expect"]} == sample["expect"]


@pytest.mark.parametrize("ecs", [False, True])
def test_every_pattern_compiles(ecs: bool) -> None:
    patterns = builtin(ecs)
    for name in patterns:
        Expression(f"%{{{name}}}", patterns)


@pytest.mark.skipif(not BANKS.is_dir(), reason="the folder of conformance cases is not here")
@pytest.mark.parametrize(("bank", "ecs"), [("legacy", False), ("ecs-v1", True)])
def test_no_name_is_missing(bank: str, ecs: bool) -> None:
    names = {name for file in (BANKS / bank).iterdir() for name in read_file(file)}
    assert names <= builtin(ecs).keys()


def test_the_users_patterns_go_first(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("WORD a\nMINE x\n")
    (tmp_path / "b").write_text("MINE y\n")
    assert load([tmp_path])["MINE"] == "y"
    assert load([tmp_path])["WORD"] == "a"
    assert load([tmp_path], {"WORD": "b"})["WORD"] == "b"
    assert load()["WORD"] == builtin()["WORD"] != "a"


def test_one_file_and_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a.grok").write_text("ONE 1\r\n\n# comment\nLONELY\n")
    assert load([tmp_path / "a.grok"])["ONE"] == load([tmp_path / "*.grok"])["ONE"] == "1"
    assert "LONELY" not in load([tmp_path])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load([tmp_path / "none"])
    (tmp_path / "latin").write_bytes(b"NAME \xe4\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load([tmp_path])


def test_the_wheel_holds_the_pattern_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    here = {file.relative_to(ROOT).as_posix() for file in (ROOT / "ingest/grok/patterns").rglob("*") if file.is_file()}
    assert here <= set(zipfile.ZipFile(wheel).namelist())
