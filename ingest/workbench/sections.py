"""Expressions as a section of a pipeline file, with samples beside it that `sawlog check` holds it to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from ingest.grok.compiler import Expression
from ingest.grok.library import Patterns
from ingest.pipeline import Pipeline
from ingest.samples import batch_of
from ingest.workbench.pieces import TIMES
from ingest.workbench.slots import by_shape
from ingest.workbench.trying import try_lines
from sawlog.errors import InputError
from sawlog.event import METADATA, TIMESTAMP, Event

FAILURE: Final = "_grokparsefailure"
MAX_SAMPLES: Final = 8
_TIME_FIELD: Final = "timestamp"
_SET_BEFORE: Final = ("message", "[service]", "[log]", "[host]")
"""Fields that an event may have before it is parsed, by its file: what is captured counts, not a list of both."""
_MILLISECONDS: Final = 1_000
"""How long the filter tries one line: what takes longer runs away."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d)([T ])\d\d:\d\d:\d\d(?:([.,])(\d+))?(Z|[+-]\d\d:?\d\d)?")
_FRACTION: Final = re.compile(r"([.,])(\d+)(?: \d{4})?$")
_FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "HTTPDATE": ("dd/MMM/yyyy:HH:mm:ss Z",),
    "SLASHED": ("yyyy/MM/dd HH:mm:ss",),
    "TOMCAT": ("dd-MMM-yyyy HH:mm:ss",),
    "HTTPDERROR_DATE": ("EEE MMM dd HH:mm:ss yyyy",),
    "SYSLOGTIMESTAMP": ("MMM  d HH:mm:ss", "MMM dd HH:mm:ss"),
    "EUROPEAN": ("dd.MM.yyyy HH:mm:ss",),
    "AMERICAN": ("MM/dd/yyyy HH:mm:ss",),
}


@dataclass(frozen=True, slots=True)
class PipelineSection:
    """The text of a filter section and of its samples file, made of `lines`; `notes` say what it leaves to its user."""

    text: str
    samples: str
    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()


def section_of(
    groks: Sequence[str], lines: Sequence[str], patterns: Patterns, *, after_failure: bool = True
) -> PipelineSection:
    """Write the filter section for expressions, and samples of lines that they match.

    With `after_failure` it is for events that an earlier filter could not parse, which have the tag of grok and
    springboot; the tag goes when an expression matches.

    Raises:
        InputError: none of the lines is matched, or an expression cannot stand in a pipeline file.
        GrokError: an expression is none.
    """
    tried = try_lines(groks, lines, patterns)
    good = [line for line, one in zip(lines, tried, strict=True) if one.grok is not None]
    if not good:
        raise InputError("the expression matches none of the samples, so there is nothing to hold the filter to")
    times = {
        str(span.value) for one in tried if one.grok is not None for span in one.spans if span.field == _TIME_FIELD
    }
    captured = {capture.field: None for grok in groks for capture in Expression(grok, patterns).captures}
    overwritten = [field for field in captured if field.startswith(_SET_BEFORE)]
    formats = time_formats(times)
    text = _text(groks, good[0], formats, after_failure, overwritten)
    chosen = _chosen(good)
    pipeline = Pipeline.from_text(text, "the filter")
    timed = bool(formats) and all(map(_has_zone, times))
    samples = [_sample(pipeline, line, after_failure, timed=timed) for line in chosen]
    notes = []
    if times and not formats:
        notes.append("timestamp stays a text: its format has no date, or none that is known; add a filter date for it")
    elif any(not _has_zone(time) for time in times):
        notes.append(
            "times that name no zone are read in the machine's; add timezone => to the filter date for another"
        )
    return PipelineSection(text, _samples_text(samples), tuple(chosen), tuple(notes))


def time_formats(times: Iterable[str]) -> list[str]:
    """Return the formats of the filter date for these times; none if one of them is of no known form."""
    formats: dict[str, None] = {}
    for time in times:
        found = _formats_of(time)
        if not found:
            return []
        formats |= dict.fromkeys(found)
    return list(formats)[:6]


def quoted(text: str) -> str:
    """Write an expression as a string of a pipeline file, where nothing in it is an environment's variable.

    Raises:
        InputError: a control character is in it.
    """
    if _CONTROL.search(text):
        raise InputError("the expression has a control character in it; write it as an escape, such as \\t")
    text = text.replace("${", r"$\{").rstrip("\n")
    # A string does not end at a quote after a backslash.
    text += "(?:)" if text.endswith("\\") else ""
    if '"' not in text:
        return f'"{text}"'
    return "'" + re.sub(r"(?<!\\)'", r"\\'", text) + "'"


def _formats_of(time: str) -> tuple[str, ...]:
    for kind, expression in TIMES.items():
        if not re.fullmatch(expression, time):
            continue
        if kind == "TIMESTAMP_ISO8601":
            return (_iso_format(time),)
        fraction = _FRACTION.search(time) if kind != "HTTPDATE" else None
        seconds = "ss" if fraction is None else f"ss{fraction[1]}{'S' * len(fraction[2])}"
        return tuple(one.replace("ss", seconds) for one in _FORMATS.get(kind, ()))
    return ()


def _iso_format(time: str) -> str:
    found = _ISO.fullmatch(time)
    if found is None or (found[2] == "T" and found[3] != ","):
        return "ISO8601"
    day = "yyyy-MM-dd'T'" if found[2] == "T" else "yyyy-MM-dd "
    fraction = f"{found[3]}{'S' * len(found[4])}" if found[3] else ""
    return f"{day}HH:mm:ss{fraction}" + ("ZZ" if found[5] else "")


def _has_zone(time: str) -> bool:
    return re.search(r"(?:Z|[+-]\d\d:?\d\d)$", time) is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", time)


def _text(groks: Sequence[str], line: str, formats: list[str], after_failure: bool, overwritten: list[str]) -> str:
    expressions = [quoted(grok) for grok in groks]
    matched = expressions[0] if len(groks) == 1 else "[\n" + ",\n".join(f"  {one}" for one in expressions) + "\n]"
    body = ["grok {", *_indented(f'match => {{ "message" => {matched} }}'), f"  timeout_millis => {_MILLISECONDS}"]
    if overwritten:
        body.append("  overwrite => [" + ", ".join(f'"{field}"' for field in overwritten) + "]")
    if after_failure:
        body.append(f'  remove_tag => ["{FAILURE}"]')
    body.append("}")
    if formats:
        names = ", ".join(f'"{one}"' for one in (_TIME_FIELD, *formats))
        body += ["date {", f"  match => [{names}]", f'  remove_field => ["{_TIME_FIELD}"]', "}"]
    if after_failure:
        body = [f'if "{FAILURE}" in [tags] {{', *(f"  {one}" for one in body), "}"]
    example = "".join(char if char.isprintable() else " " for char in line.split("\n", maxsplit=1)[0][:160])
    head = ["# Made by sawlog's grok workbench, for lines such as", f"#   {example}", "filter {"]
    return "\n".join([*head, *(f"  {one}" for one in body), "}", ""])


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.split("\n")]


def _chosen(lines: Sequence[str]) -> list[str]:
    """Choose one line of each shape, those of the most frequent shapes first."""
    return [group[0] for group in by_shape(dict.fromkeys(lines)).values()][:MAX_SAMPLES]


def _sample(pipeline: Pipeline, line: str, after_failure: bool, *, timed: bool) -> dict[str, Any]:
    given = {"event": {"message": line, "tags": [FAILURE]}} if after_failure else {"line": line}
    event = next(iter(pipeline.run(batch_of(given))))
    expect = {name: value for name, value in _flat(event) if name != TIMESTAMP or timed}
    return {**given, "expect": expect, "tags": []}


def _flat(event: Event, before: str = "") -> Iterable[tuple[str, Any]]:
    """Give the fields of an event that a sample can expect, with dots."""
    for key, value in event.items():
        if key == METADATA:
            continue
        name = f"{before}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif name not in _OF_SAMPLES and isinstance(value, str | int | float):
            yield name, value


_OF_SAMPLES: Final = frozenset({"log.offset", "log.file.path", "host.name", "event.ingested", "input.type"})
"""What a sample's event has of the file that it stands for."""


def _samples_text(samples: list[dict[str, Any]]) -> str:
    head = "# Lines that the filter beside this file must read, each with what is expected of it.\n"
    return head + yaml.safe_dump(samples, allow_unicode=True, sort_keys=False, width=1_000)
