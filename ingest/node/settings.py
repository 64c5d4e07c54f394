"""What is said of one pipeline besides its files: its id, its workers, how its files are to be understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingest.lang.dialect import PLAIN, Dialect
from ingest.lang.parser import parse
from ingest.pipeline import Pipeline
from ingest.service import MAIN
from sawlog.errors import ConfigError, ConfigErrors

CONFIG_STRING: Final = "config string"
NO_INPUT: Final = "add one, for instance: input { beats { port => 5044 } }; filters alone can be tried with --inspect"
STDIN: Final = "input { stdin { type => stdin } }"
STDOUT: Final = "output { stdout { codec => rubydebug } }"


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """One pipeline as the command line or an entry of ``pipelines.yml`` has it: files, a text, or both."""

    id: str = MAIN
    paths: tuple[str, ...] = ()
    text: str | None = None
    workers: int | None = None
    """Processes for its filters; see `ingest.workers.filtering`."""
    dialect: Dialect = PLAIN
    reloadable: bool = True

    def load(self, *, needs_input: bool = True, complete: bool = True, syntax_only: bool = False) -> Pipeline:
        """Read and check the pipeline; `complete`: add what it leaves out, as Logstash does and says in its manual.

        Raises:
            ConfigErrors: all that is wrong with it.
        """
        pipeline = self._read(syntax_only)
        if not complete:
            return pipeline
        added = []
        if not pipeline.inputs and needs_input:
            if self.paths:
                hint = (
                    "add one, for instance: input { beats { port => 5044 } }; filters alone can be tried with --inspect"
                )
                raise ConfigErrors([ConfigError(f"{', '.join(self.paths)}: there is no input", hint=hint)])
            added.append(STDIN)
        if not pipeline.outputs:
            added.append(STDOUT)
        if not added:
            return pipeline
        sections = [section for one in added for section in parse(one, "default")]
        full = Pipeline([*pipeline.sections, *sections], syntax_only=syntax_only)
        full.notes += [f"the pipeline says nothing of it, so this is used: {one}" for one in added]
        return full

    def _read(self, syntax_only: bool) -> Pipeline:
        parts = []
        if self.paths:
            parts.append(Pipeline.load(self.paths, syntax_only=syntax_only, dialect=self.dialect))
        if self.text is not None:
            name = CONFIG_STRING if self.id == MAIN else f"{CONFIG_STRING} of '{self.id}'"
            parts.append(Pipeline.from_text(self.text, name, syntax_only=syntax_only, dialect=self.dialect))
        if len(parts) == 1:
            return parts[0]
        return Pipeline([section for part in parts for section in part.sections], syntax_only=syntax_only)


def named(name: str, among: Sequence[str]) -> str:
    """Return how messages call a pipeline: its id is said when there are several."""
    return "the pipeline" if len(among) == 1 else f"the pipeline '{name}'"
