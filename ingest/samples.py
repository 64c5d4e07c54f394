"""Samples beside a pipeline: ``NAME.samples.yml`` says what becomes of lines, and ``sawlog check`` holds it to that.

The file is a list; each sample has ``line`` (a text) or ``event`` (an object), and what is wanted of the outcome:
``expect`` (field → value; null when the event is dropped), ``absent`` (fields that must not be there), ``tags``.
A field is written ``log.level`` or ``[log][level]``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from ingest.lang.field import parse_field
from ingest.pipeline import Pipeline
from sawlog.batch import Batch, EventBatch, LineBatch, Source, nobody
from sawlog.errors import ConfigError, Position
from sawlog.event import MISSING, Event, get

_KEYS: Final = {"line", "event", "expect", "absent", "tags"}


def beside(pipeline: Path) -> Path:
    """Return where the samples of a pipeline file are, if it has any."""
    return pipeline.with_name(pipeline.stem + ".samples.yml")


def run_samples(pipeline: Pipeline, file: Path) -> tuple[int, list[ConfigError]]:
    """Run the samples of a file; return how many there are, and what came out otherwise than expected.

    Raises:
        ConfigError: the file is no list of samples.
    """
    samples = _read(file)
    errors = [
        ConfigError(f"sample {number}: {problem}", position)
        for number, (sample, position) in enumerate(samples, 1)
        for problem in _problems(pipeline, sample)
    ]
    return len(samples), errors


def batch_of(sample: dict[str, Any]) -> Batch:
    """Make the batch of one sample: its line as a file would give it, or its event."""
    source = Source("sample", "sample.log")
    if "line" in sample:
        text = str(sample["line"])
        return LineBatch(source, [text], [0], len(text), nobody)
    event = {"@metadata": {"_id": "sample:0"}, **sample["event"]}
    return EventBatch(source, [event], 0, nobody)


def _read(file: Path) -> list[tuple[dict[str, Any], Position]]:
    try:
        text = file.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = Position(str(file), mark.line + 1, mark.column + 1) if mark else Position(str(file), 1)
        raise ConfigError(f"is no YAML: {error.problem}", at) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"is no YAML: {error}", Position(str(file), 1)) from None
    if not isinstance(values, list) or not isinstance(node, yaml.SequenceNode):
        raise ConfigError("samples are a list", Position(str(file), 1))
    samples = []
    for value, place in zip(values, node.value, strict=True):
        at = Position(str(file), place.start_mark.line + 1, place.start_mark.column + 1)
        if not isinstance(value, dict) or ("line" in value) is ("event" in value) or set(value) - _KEYS:
            raise ConfigError("a sample has line or event, and any of expect, absent, tags", at)
        samples.append((value, at))
    return samples


def _problems(pipeline: Pipeline, sample: dict[str, Any]) -> list[str]:
    events = pipeline.run(batch_of(sample))
    expect = sample.get("expect", {})
    if expect is None:
        return [f"was to be dropped, and is {len(events)} events"] if events else []
    if not events:
        return ["the event was dropped"]
    event = events[0]
    problems = []
    for name, wanted in expect.items():
        found = _find(event, str(name))
        if found is MISSING:
            problems.append(f"{name} is missing, expected {wanted!r}")
        elif found != wanted:
            problems.append(f"{name} is {found!r}, expected {wanted!r}")
    problems += [
        f"{name} is {_find(event, name)!r}, expected none"
        for name in sample.get("absent", [])
        if _find(event, name) is not MISSING
    ]
    if "tags" in sample and event.get("tags", []) != sample["tags"]:
        problems.append(f"tags are {event.get('tags', [])!r}, expected {sample['tags']!r}")
    return problems


def _find(event: Event, name: str) -> Any:
    if name in event:
        return event[name]
    return get(event, parse_field(name) if name.startswith("[") else tuple(name.split(".")), MISSING)
