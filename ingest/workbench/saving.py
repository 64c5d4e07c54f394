"""A section saved where a running pipeline reads it: checked with all that is there; written whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from ingest.pipeline import DEFAULT, Pipeline, files_of
from ingest.samples import batch_of, beside, run_samples
from ingest.workbench.sections import FAILURE, PipelineSection
from sawlog.durable import sync_folder
from sawlog.errors import ConfigErrors, InputError
from sawlog.private import make_folder

FOLDER: Final = "pipelines"
"""In the data folder: filters that `sawlog up` runs after its own, when no pipeline is named."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a section goes: a file of its own, or the end of the only file that there is (`appends`).

    `before` are the files that run before it.
    """

    file: Path
    before: tuple[Path, ...]
    appends: bool = False

    @property
    def samples(self) -> Path:
        """The file of its samples."""
        return beside(self.file)


def destination(name: str, pipeline: Sequence[str], data: Path | None) -> Destination:
    """Say where a section of that name goes: beside the files of `pipeline` (files, folders and globs), else in `data`.

    Raises:
        InputError: the name is no good, or is taken.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a filter: small letters, digits, '-' and '_', such as 'orders'")
    if not pipeline:
        if data is None:
            raise InputError("there is no folder to save filters in")
        folder = data / FOLDER
        there = own_filters(data)
        return _new(folder, name, (DEFAULT, *there), there, numbered=True)
    files = tuple(files_of(pipeline))
    last = Path(pipeline[-1])
    if last.is_dir():
        return _new(last, name, files, files)
    if not last.exists():
        # A glob, whose folder takes another file if its name fits.
        if not fnmatchcase(f"{name}.conf", last.name):
            raise InputError(f"a file {name}.conf would not be read, as the pipeline is {last}; choose another name")
        return _new(last.parent, name, files, files)
    return Destination(last.resolve(), files, appends=True)


def own_filters(data: Path) -> tuple[Path, ...]:
    """Return the files of filters in the data folder, in the order in which they run."""
    return tuple(sorted(file for file in (data / FOLDER).glob("*.conf") if not file.name.startswith(".")))


def save(section: PipelineSection, to: Destination) -> None:
    """Write a section and its samples, when the pipeline with it is good and the samples hold in all of it.

    Raises:
        ConfigErrors: what is wrong; nothing was written.
        InputError: it cannot be written, or the pipeline reads such lines without it.
    """
    before = Pipeline.load(to.before)
    for line in section.lines:
        if all(FAILURE not in event.get("tags", ()) for event in before.run(batch_of({"line": line}))):
            raise InputError(
                f"the pipeline reads such lines already, and the filter would never see them: {line[:200]}"
            )
    addition = Pipeline.from_text(section.text, str(to.file))
    pipeline = Pipeline([*before.sections, *addition.sections])
    try:
        make_folder(to.file.parent)
        samples = _hidden(to.samples)
        _write(samples, _appended(to.samples, section.samples) if to.appends else section.samples)
        try:
            _, wrong = run_samples(pipeline, samples)
            if wrong:
                raise ConfigErrors(wrong)
            text = section.text
            if to.appends:
                text = _appended(to.file, section.text)
                shutil.copy2(to.file, to.file.with_name(f"{to.file.name}~"))
            part = _hidden(to.file)
            _write(part, text)
            if to.appends:
                shutil.copymode(to.file, part)
            samples.replace(to.samples)
            part.replace(to.file)
        finally:
            samples.unlink(missing_ok=True)
            _hidden(to.file).unlink(missing_ok=True)
        sync_folder(to.file.parent)
    except OSError as error:
        raise InputError(f"{to.file} cannot be written: {error.strerror}") from error


def _new(
    folder: Path, name: str, running: tuple[Path, ...], beside_it: Sequence[Path], *, numbered: bool = False
) -> Destination:
    """Return a file of its own that runs after all the others, which is where unparsed events come from."""
    names = sorted(file.name for file in beside_it)
    if any(name == one.removesuffix(".conf").lstrip("0123456789-") for one in names):
        raise InputError(f"there is a filter '{name}' in {folder} already; choose another name")
    file = f"{name}.conf"
    number = re.match(r"\d+", names[-1] if names else "0" if numbered else "")
    if number and (numbered or file < names[-1]):
        file = f"{int(number[0]) + 1:02d}-{file}"
    elif names and file < names[-1]:
        file = f"{Path(names[-1]).stem}_{file}"
    if (folder / file).exists() or (names and file < names[-1]):
        raise InputError(f"{folder} has no place for a filter '{name}' after {names[-1]}; choose another name")
    return Destination(folder / file, running)


def _appended(file: Path, text: str) -> str:
    there = file.read_text(encoding="utf-8") if file.exists() else ""
    return f"{there.rstrip()}\n\n{text}" if there.strip() else text


def _hidden(file: Path) -> Path:
    return file.with_name(f".{file.name}.part")


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
