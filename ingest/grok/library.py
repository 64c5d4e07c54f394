"""The pattern library: NAME → expression, from files of lines ``NAME expression``.

Three layers, each redefining names of the one before: the files that pygrok brings, those in the folder ``patterns``
beside this file (what Logstash 8 has and pygrok lacks or defines differently, and Spring Boot's and its
neighbours' formats), and the user's own. Under ECS compatibility the captures of ours and pygrok's get the names in
the tables of ``patterns/renames``, and the folder ``patterns/ecs`` comes on top.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sawlog.errors import ConfigError

Patterns = Mapping[str, str]

_OURS: Final = Path(__file__).parent / "patterns"
_CAPTURE: Final = re.compile(r"(%\{\w+:|\(\?<(?![=!]))([\w-]+)(:\w+)?([}>])")
_LINE: Final = re.compile(r"\s*([^\s#]\S*)\s+(\S.*)")


@cache
def builtin(ecs: bool = False) -> Patterns:
    """Return the patterns that need no configuration; `ecs` takes those whose captures have ECS names."""
    patterns = {**_read_folder(_pygrok()), **_read_folder(_OURS)}
    if ecs:
        for file in _files(_OURS / "renames", "*"):
            patterns |= _renamed(patterns, file)
        patterns |= _read_folder(_OURS / "ecs")
    return MappingProxyType(patterns)


def load(
    patterns_dir: Iterable[str | Path] = (),
    definitions: Mapping[str, str] | None = None,
    *,
    files_glob: str = "*",
    ecs: bool = False,
) -> Patterns:
    """Return the built-in patterns with the user's on top: files of the folders by name, then `definitions`.

    An entry of `patterns_dir` is a folder, of which the files that fit `files_glob` are read, or a file, or a glob.

    Raises:
        ConfigError: a folder or file does not exist or is not UTF-8.
    """
    patterns: dict[str, str] = {}
    for entry in patterns_dir:
        for file in _files(Path(entry), files_glob):
            patterns |= read_file(file)
    patterns |= definitions or {}
    return MappingProxyType({**builtin(ecs), **patterns}) if patterns else builtin(ecs)


def read_file(file: Path) -> dict[str, str]:
    """Read a file of patterns, UTF-8; blank lines, comments and lines without an expression are passed over.

    Raises:
        ConfigError: the file cannot be read or is not UTF-8.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"the pattern file {file} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"the pattern file {file} cannot be read: {error.strerror}") from None
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match.group(1): match.group(2).rstrip() for match in found if match}


def _files(entry: Path, files_glob: str) -> list[Path]:
    if entry.is_dir():
        return sorted(file for file in entry.glob(files_glob) if file.is_file())
    if entry.is_file():
        return [entry]
    files = sorted(file for file in entry.parent.glob(entry.name) if file.is_file()) if entry.name else []
    if not files:
        raise ConfigError(f"patterns_dir: {entry} does not exist")
    return files


def _read_folder(folder: Path) -> dict[str, str]:
    patterns: dict[str, str] = {}
    for file in _files(folder, "*"):
        patterns |= read_file(file)
    return patterns


def _renamed(patterns: Patterns, file: Path) -> dict[str, str]:
    """Return the patterns that a table is for, with the names of its second column for those of its first.

    A line ``[GLOB …]`` says which patterns the lines below it are for; a later block goes before an earlier one.
    """
    tables: dict[str, dict[str, str]] = {}
    table: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            table = {}
            tables |= dict.fromkeys(line.strip("[]").split(), table)
        elif line and not line.startswith("#"):
            old, new = line.split()
            table[old] = new
    renamed: dict[str, str] = {}
    for name, expression in patterns.items():
        names: dict[str, str] = {}
        for glob, table in tables.items():
            if fnmatchcase(name, glob):
                names |= table
        if names:
            renamed[name] = _CAPTURE.sub(partial(_rename, names), expression)
    return renamed


def _rename(names: Mapping[str, str], capture: re.Match[str]) -> str:
    head, field, kind, tail = capture.groups()
    new = names.get(field, field + (kind or ""))
    # A group's name is read as ``PATTERN:field:type``.
    return f"{head}{new}{tail}" if tail == "}" or ":" not in new else f"{head}_:{new}{tail}"


def _pygrok() -> Path:
    """Find pygrok's folder of patterns without importing it: its module wants setuptools, which may be absent."""
    spec = importlib.util.find_spec("pygrok")
    if spec is None or spec.origin is None:
        raise ConfigError("the package pygrok, which brings the pattern library, is not installed")
    return Path(spec.origin).parent / "patterns"
