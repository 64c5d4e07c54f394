"""Which pipelines a command line means: of ``-f``, of ``-e``, or of the folder that ``--path.settings`` names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ingest.node.files import PIPELINES, NodeSettings, of_command_line, read_node, read_pipelines
from ingest.node.node import Loaded
from ingest.node.settings import PipelineSettings
from ingest.node.topology import Topology, topology
from ingest.options import Setting
from sawlog.errors import ConfigErrors, Position, SawlogError

COMMAND_LINE = Position("the command line", 1)


@dataclass(slots=True)
class Chosen:
    """The pipelines, and what is said of the whole."""

    node: NodeSettings
    read: Callable[[], list[PipelineSettings]]
    """Reads anew which pipelines there are; raises `SawlogError` when the files that say so are broken."""
    notes: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    """Those that `read` reads."""
    named: bool = False
    """Whether the command line names the pipelines itself."""


def choose(
    files: Sequence[str],
    text: str | None,
    folder: Path | None,
    *,
    workers: int | None = None,
    name: str | None = None,
    syntax_only: bool = False,
) -> Chosen:
    """Read logstash.yml if there is a folder, and say where pipelines are from; flags go before files.

    Raises:
        SawlogError: logstash.yml is broken.
    """
    node = NodeSettings() if folder is None else read_node(folder, syntax_only=syntax_only)
    flags = {"pipeline.workers": workers, "pipeline.id": name}
    given = {key: Setting(key, value, COMMAND_LINE) for key, value in flags.items() if value is not None}
    node.defaults = {**node.defaults, **given}
    if files or text is not None:
        base = node.pipeline()
        pipelines = of_command_line(files, text, base)
        unused = folder is not None and (folder / PIPELINES).exists()
        notes = [f"{folder}/{PIPELINES} is not used: the command line names the pipeline"] if unused else []
        return Chosen(node, lambda: pipelines, [*node.notes, *notes], named=True)
    assert folder is not None, "whoever asks has looked"
    _, notes = read_pipelines(folder, node, syntax_only=syntax_only)

    def read() -> list[PipelineSettings]:
        return read_pipelines(folder, node, syntax_only=syntax_only)[0]

    return Chosen(node, read, [*node.notes, *notes], [folder / PIPELINES])


def load_all(
    pipelines: Sequence[PipelineSettings],
    *,
    needs_input: bool = True,
    complete: bool = True,
    syntax_only: bool = False,
) -> tuple[list[Loaded], Topology]:
    """Read and check all pipelines, and the addresses at which they meet.

    Raises:
        ConfigErrors: all that is wrong with any of them.
    """
    loaded: list[Loaded] = []
    errors: list[Any] = []
    for one in pipelines:
        try:
            made = one.load(needs_input=needs_input, complete=complete, syntax_only=syntax_only)
            loaded.append(Loaded(one, made))
        except SawlogError as error:
            errors += error.each
    if errors:
        raise ConfigErrors(errors)
    together = {one.settings.id: one.pipeline for one in loaded}
    return loaded, topology(together, needs_source=needs_input)


def refuse_ids(files: Sequence[str], command: str) -> None:
    """Refuse ``-f ID=PATH`` of a command that runs one pipeline."""
    ids = {one.id for one in of_command_line(files, None, PipelineSettings())}
    if len(ids) > 1 or ids - {PipelineSettings().id}:
        raise click.UsageError(f"`{command}` runs one pipeline; `sawlog ingest -f ID=PATH` runs several")
