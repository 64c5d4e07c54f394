"""The inputs of a configuration at work: how bytes become events, and what of it is the same for a whole file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shipper.autodiscover.finder import Autodiscover
from shipper.containers.known import AllFacts, KnownContainers
from shipper.following import Finder, Tail
from shipper.framing import framing_for
from shipper.processor.base import Processor
from shipper.processor.container_metadata import lifted
from shipper.settings import Config, FileInput
from shipper.shaping import shape_for


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an agent follows: the inputs that the file names, and what finds more while it runs."""

    tails: list[Tail]
    finder: Finder | None = None


def inputs_of(config: Config) -> Inputs:
    """Return the inputs of a configuration."""
    known = KnownContainers()
    tails = [tail_of(one, config.processors, known) for one in config.inputs]

    def make(settings: FileInput) -> Tail:
        return tail_of(settings, config.processors, known)

    if config.autodiscover or any(tail.facts is not None for tail in tails):
        return Inputs(tails, Autodiscover(config, known, make))
    return Inputs(tails)


def tail_of(settings: FileInput, processors: Sequence[Processor], known: KnownContainers) -> Tail:
    """Return one input, with the processors of the whole configuration behind its own."""
    every = (*settings.processors, *processors)
    overwrites = any(one.keys_under_root and one.overwrite_keys for one in settings.jsons)
    facts, rest = lifted(every, known, lines_write=overwrites)
    return Tail(
        settings,
        framing_for(settings),
        shape_for(replace(settings, processors=()), rest),
        AllFacts(facts) if facts else None,
    )
