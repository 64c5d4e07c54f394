"""What an input's paths name: a pattern that names nothing to read says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipper.discovery import Discovery
from shipper.settings import FileInput


def look(pattern: str, **settings: bool) -> tuple[list[str], list[str]]:
    complaints: list[str] = []
    discovery = Discovery(FileInput(paths=(pattern,), **settings))  # type: ignore[arg-type] - a flag's value
    found = [one.path for one in discovery.files(lambda _, why: complaints.append(why))]
    return found, complaints


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "real.txt").write_text("x")
    (tmp_path / "a.log").symlink_to(tmp_path / "real.txt")
    (tmp_path / "b.log").mkdir()
    return tmp_path


def test_nothing_but_links_or_folders(folder: Path) -> None:
    found, (why,) = look(f"{folder}/*.log")
    assert not found
    assert "nothing but folders and links" in why
    assert "symlinks: true" in why
    assert look(f"{folder}/b*") == ([], ["it names nothing but folders"])


def test_a_file_beside_them_is_enough(folder: Path) -> None:
    assert look(f"{folder}/*") == ([f"{folder}/real.txt"], [])
    assert look(f"{folder}/*.log", symlinks=True) == ([f"{folder}/a.log"], [])
