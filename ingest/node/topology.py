"""Which pipeline sends to which, by the addresses of inputs and outputs `pipeline`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ingest.options import Block
from ingest.pipeline import Pipeline
from ingest.plugins import check
from sawlog.errors import ConfigError, ConfigErrors, nearest

PLUGIN = "pipeline"


@dataclass(frozen=True, slots=True)
class _Road:
    """An output that sends to an address."""

    sender: str
    address: str
    block: Block
    ensured: bool


@dataclass(slots=True)
class Topology:
    """Who sends to whom, and what is worth saying of it."""

    upstream: dict[str, set[str]]
    """Pipeline → those that send to it."""
    notes: list[str] = field(default_factory=list)


def topology(pipelines: Mapping[str, Pipeline], *, needs_source: bool = True) -> Topology:
    """Look at the addresses of all pipelines of a process; `needs_source`: something has to come from outside.

    Raises:
        ConfigErrors: two inputs have one address, events would go in a circle, or nothing comes from outside.
    """
    listeners, errors = _listeners(pipelines)
    roads = list(_roads(pipelines))
    found = Topology({name: set() for name in pipelines})
    for road in roads:
        if road.address in listeners:
            found.upstream[listeners[road.address][0]].add(road.sender)
        else:
            found.notes.append(_unheard(road, listeners))
    targets = {road.address for road in roads}
    for address, (_, block) in listeners.items():
        if address not in targets:
            found.notes.append(f"{block.position}: nothing comes in here: no pipeline sends to '{address}'")
    errors += _circles(roads, listeners)
    if needs_source and not errors and not any(_has_source(pipeline) for pipeline in pipelines.values()):
        hint = "their inputs are all of the kind 'pipeline'"
        errors.append(ConfigError("no pipeline has an input from outside of this process", hint=hint))
    if errors:
        raise ConfigErrors(errors)
    return found


def _listeners(pipelines: Mapping[str, Pipeline]) -> tuple[dict[str, tuple[str, Block]], list[ConfigError]]:
    listeners: dict[str, tuple[str, Block]] = {}
    errors = []
    for name, pipeline in pipelines.items():
        for block in pipeline.inputs:
            if block.name != PLUGIN:
                continue
            address = str(check("input", block)["address"])
            if address in listeners:
                other, there = listeners[address]
                hint = f"the pipeline '{other}' has it at {there.position}; an address has one input"
                errors.append(ConfigError(f"the address '{address}' is taken", block.position, hint))
            else:
                listeners[address] = (name, block)
    return listeners, errors


def _roads(pipelines: Mapping[str, Pipeline]) -> Iterator[_Road]:
    for name, pipeline in pipelines.items():
        for block in pipeline.outputs:
            if block.name == PLUGIN:
                options = check("output", block)
                for address in options["send_to"]:
                    yield _Road(name, str(address), block, bool(options["ensure_delivery"]))


def _unheard(road: _Road, listeners: Iterable[str]) -> str:
    what = "its events wait, and hold the inputs" if road.ensured else "its events are dropped"
    hint = nearest(road.address, listeners)
    return f"{road.block.position}: nobody listens at '{road.address}': {what}{f' ({hint})' if hint else ''}"


def _circles(roads: Iterable[_Road], listeners: Mapping[str, tuple[str, Block]]) -> list[ConfigError]:
    """Find the circles in which events would go for ever; each is told once."""
    onward: dict[str, list[tuple[_Road, str]]] = {}
    for road in roads:
        if road.address in listeners:
            onward.setdefault(road.sender, []).append((road, listeners[road.address][0]))
    errors: list[ConfigError] = []
    done: set[str] = set()

    def visit(name: str, way: list[_Road]) -> None:
        passed = [road.sender for road in way] + [name]
        for road, target in onward.get(name, ()):
            if target in passed:
                errors.append(_circle([*way[passed.index(target) :], road], target))
            elif target not in done:
                visit(target, [*way, road])
        done.add(name)

    for start in onward:
        if start not in done:
            visit(start, [])
    return errors


def _circle(roads: list[_Road], target: str) -> ConfigError:
    chain = " → ".join(f"'{road.sender}' → address '{road.address}'" for road in roads)
    return ConfigError(f"events would go in a circle: {chain} → '{target}'", roads[0].block.position)


def _has_source(pipeline: Pipeline) -> bool:
    return any(block.name != PLUGIN for block in pipeline.inputs)
