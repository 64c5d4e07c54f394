"""``sawlog ingest --inspect``: what each filter does to a few events."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from typing import Any, Final, cast

import click
import msgspec
from rich.console import Console
from rich.text import Text

from ingest.input.base import Input
from ingest.inspection import Inspected, Inspector, Step
from ingest.pipeline import Pipeline
from ingest.plugins import make
from ingest.tailer import MakeTailer
from sawlog.batch import Batch, LineBatch, Source, nobody
from sawlog.cli.lines import escape
from sawlog.errors import InputError, SawlogError
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event
from sawlog.secrets import hidden
from sawlog.times.instant import now

CHUNK: Final = 1 << 16
LONGEST: Final = 2_000
"""Characters of a value that are shown."""
PARSED_MARK: Final = "[@metadata][parsed]"
"""What filters tell one another and nobody wants to read."""
LOOKED_AT: Final = InputError("the events were only looked at")

_encoder: Final = msgspec.json.Encoder()


def show(pipeline: Pipeline, count: int, tailer: MakeTailer) -> None:
    """Print what the filters do to `count` events: of standard input when it is piped, else of the inputs.

    `tailer` is what inputs follow files with. Nothing is acknowledged: senders send the events again, and files are
    read again from where they stood.

    Raises:
        SawlogError: an input cannot be used, or there is nothing to inspect.
    """
    inspector = Inspector(pipeline.sections)
    console = Console(highlight=False, soft_wrap=True)
    shown = 0
    for event in _from_stdin(pipeline, count) if _is_piped() else asyncio.run(_from_inputs(pipeline, count, tailer)):
        shown += 1
        _print(console, shown, inspector.inspect(event))
    if not shown:
        raise InputError("there was no event to inspect")


def _is_piped() -> bool:
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _from_stdin(pipeline: Pipeline, count: int) -> Iterator[Event]:
    """Read events as the first input would, if that has a codec of its own; else each line is one."""
    events = _decoded(pipeline)
    for number, event in enumerate(events):
        if number == count:
            return
        event.setdefault(TIMESTAMP, now())
        event.setdefault(METADATA, {"_id": f"stdin:{number}"})
        yield event


def _decoded(pipeline: Pipeline) -> Iterator[Event]:
    stream = sys.stdin.buffer
    first = cast("Input", make("input", pipeline.inputs[0])[0]) if pipeline.inputs else None
    codec = first.codec() if first else None
    if codec is None or codec.name == "plain" or codec.texts_only:
        for number, line in enumerate(stream):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            yield from LineBatch(Source("stdin", "-"), [text], [number], 0, nobody).events()
        return
    while data := os.read(stream.fileno(), CHUNK):
        yield from codec.decode(data)
    yield from codec.flush()


async def _from_inputs(pipeline: Pipeline, count: int, tailer: MakeTailer) -> list[Event]:
    """Run the inputs until they have given so many events."""
    if not pipeline.inputs:
        raise SawlogError("the pipeline has no input; pipe lines in: sawlog ingest --inspect -f FILE < app.log")
    events: list[Event] = []
    batches: list[Batch] = []
    enough, over = asyncio.Event(), asyncio.Event()

    async def deliver(batch: Batch) -> None:
        if over.is_set():
            batch.nack(LOOKED_AT)
            return
        batches.append(batch)
        for event in batch.events():
            event.setdefault(TIMESTAMP, now())
            events.append(event)
        if len(events) >= count:
            enough.set()
            # The input gets no further until it is to stop.
            await over.wait()

    made = [cast("Input", make("input", block)[0]) for block in pipeline.inputs]
    if all(one.inside for one in made):
        raise SawlogError("its events come from other pipelines; pipe lines in: sawlog ingest --inspect … < app.log")
    names = ", ".join(one.name for one in made if not one.inside)
    click.echo(f"waiting for {count} events of {names}; Ctrl-C ends", err=True)
    inputs = [one for one in made if not one.inside]
    for one in inputs:
        one.tailer = tailer

    async def run_all() -> None:
        await asyncio.gather(*(one.run(deliver) for one in inputs))

    running = asyncio.create_task(run_all())
    full = asyncio.create_task(enough.wait())
    try:
        await asyncio.wait((running, full), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    finally:
        for batch in batches:
            batch.nack(LOOKED_AT)
        over.set()
        for task in (running, full):
            task.cancel()
        await asyncio.gather(running, full, return_exceptions=True)
    return events[:count]


def _print(console: Console, number: int, found: Inspected) -> None:
    console.print(Text(f"event {number}", "bold"))
    for name, value in found.event.items():
        if name != METADATA:
            console.print(Text.assemble("    ", (escape(name), "cyan"), f": {_shown(value)}"))
    for step in found.steps:
        _print_step(console, step)
    if not found.steps:
        console.print(Text("  no filter concerns it", "dim"))
    for event, outputs in found.out:
        where = ", ".join(outputs) or "no output"
        mark = f" ({_shown(event['message'])})" if len(found.out) > 1 and "message" in event else ""
        console.print(Text.assemble(("  → ", "bold"), where, mark))
    console.print()


def _print_step(console: Console, step: Step) -> None:
    console.print(Text.assemble(("  " + step.filter, "bold"), (f"  {escape(str(step.position))}", "dim")))
    if step.dropped:
        console.print(Text("    dropped", "red"))
    elif not step.changes:
        console.print(Text("    no change", "dim"))
    for change in step.changes:
        if change.field == PARSED_MARK:
            continue
        name = escape(change.field)
        if change.before is MISSING:
            line = Text(f"    + {name}: {_shown(change.after)}", "green")
        elif change.after is MISSING:
            line = Text(f"    - {name}: {_shown(change.before)}", "red")
        else:
            line = Text(f"    ~ {name}: {_shown(change.before)} → {_shown(change.after)}", "yellow")
        console.print(line)
    for made in step.made:
        content = {name: value for name, value in made.items() if name != METADATA}
        console.print(Text(f"    made {_shown(content)}", "green"))


def _shown(value: Any) -> str:
    """Write a value as JSON, cut at a length, without anything that could drive the terminal."""
    try:
        text = _encoder.encode(value).decode()
    except (UnicodeEncodeError, TypeError, OverflowError):
        text = repr(value)
    text = hidden(text)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text):,} characters)"
    return escape(text).replace("\n", "\\n").replace("\t", "\\t")
