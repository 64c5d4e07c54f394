"""The filters that there are beside the default pipeline: listed, with what the workbench opens, and deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ingest.lang.ast import Branch, Statement
from ingest.options import Block
from ingest.pipeline import DEFAULT, Pipeline, files_of
from ingest.samples import batch_of, beside
from ingest.workbench.saving import own_filters
from ingest.workbench.sections import FAILURE
from sawlog.durable import sync_folder
from sawlog.errors import InputError, SawlogError

MAX_FILTERS: Final = 200
MAX_TEXT: Final = 100_000


@dataclass(frozen=True, slots=True)
class KeptFilter:
    """A filter of a file of its own. `groks` and `lines` are what it is made of, as the workbench opens it."""

    name: str
    file: str
    text: str
    groks: tuple[str, ...]
    lines: tuple[str, ...]
    needed: int
    """So many of its samples nothing else of the pipeline reads: they would be indexed as text without it."""
    deletable: bool
    """Whether it is a file of the data folder; those of a pipeline of one's own are one's own to delete."""
    problem: str | None = None
    """Why it cannot be read."""


def kept_filters(pipeline: Sequence[str], data: Path | None) -> list[KeptFilter]:
    """Return the filters that the running pipeline uses, in the order in which they run.

    They are those of the data folder, and of a pipeline of one's own the files that have samples beside them.

    Raises:
        SawlogError: the files cannot be listed.
    """
    files = _files(pipeline, data)
    before: Sequence[Path] = () if pipeline else (Path(DEFAULT),)
    kept = [file for file in files if not pipeline or beside(file).is_file()][:MAX_FILTERS]
    return [_read(file, [*before, *(one for one in files if one != file)], deletable=not pipeline) for file in kept]


def delete(name: str, text: str, pipeline: Sequence[str], data: Path | None) -> Path:
    """Take a filter of the data folder away; it stays beside as ``….conf~`` until another is deleted by its name.

    `text` is what whoever deletes it has seen.

    Raises:
        InputError: there is no such filter, it has changed since, or it is not the data folder's.
    """
    if pipeline or data is None:
        raise InputError("filters in files of a pipeline of your own are not deleted from here: change the files")
    file = next((one for one in own_filters(data) if _name(one) == name), None)
    if file is None:
        raise InputError(f"there is no filter {name[:60]!r} any more")
    try:
        if file.read_text(encoding="utf-8") != text:
            raise InputError(f"{file} has changed since you have looked at it; look again")
        file.replace(file.with_name(f"{file.name}~"))
        samples = beside(file)
        if samples.exists():
            samples.replace(samples.with_name(f"{samples.name}~"))
        sync_folder(file.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be deleted: {error}") from error
    return file


def _files(pipeline: Sequence[str], data: Path | None) -> list[Path]:
    if pipeline:
        return files_of(pipeline)
    return list(own_filters(data)) if data is not None else []


def _name(file: Path) -> str:
    return file.stem.lstrip("0123456789-") or file.stem


def _read(file: Path, others: Sequence[Path], *, deletable: bool) -> KeptFilter:
    text, needed, problem = "", 0, None
    groks: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    try:
        text = file.read_text(encoding="utf-8")
        lines = tuple(_lines(beside(file))) if beside(file).is_file() else ()
        groks = tuple(_groks(Pipeline.from_text(text, str(file))))
        needed = _unread(others, lines)
    except (SawlogError, OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = str(error)
    return KeptFilter(_name(file), str(file), text[:MAX_TEXT], groks, lines, needed, deletable, problem)


def _unread(others: Sequence[Path], lines: Sequence[str]) -> int:
    """Return how many lines nothing reads but the filter itself."""
    if not others:
        return len(lines)
    pipeline = Pipeline.load(others)
    events = [next(iter(pipeline.run(batch_of({"line": line}))), None) for line in lines]
    return sum(event is None or FAILURE in event.get("tags", ()) for event in events)


def _lines(samples: Path) -> Iterator[str]:
    told = yaml.safe_load(samples.read_text(encoding="utf-8"))
    for one in told if isinstance(told, list) else ():
        if not isinstance(one, dict):
            continue
        event = one.get("event")
        line = one.get("line", event.get("message") if isinstance(event, dict) else None)
        if isinstance(line, str):
            yield line


def _groks(pipeline: Pipeline) -> Iterator[str]:
    """Give the expressions of the groks that read the message."""
    for section in pipeline.sections:
        for block in _blocks(section.body):
            for setting in block.settings if block.name == "grok" else ():
                if setting.name == "match":
                    yield from _expressions(setting.value)


def _blocks(body: Iterable[Statement]) -> Iterator[Block]:
    for one in body:
        if isinstance(one, Branch):
            for arm in one.arms:
                yield from _blocks(arm.body)
            yield from _blocks(one.otherwise)
        else:
            yield one


def _expressions(match: Any) -> Iterator[str]:
    told = match.get("message", ()) if isinstance(match, dict) else ()
    for one in [told] if isinstance(told, str) else told:
        if isinstance(one, str):
            yield one
