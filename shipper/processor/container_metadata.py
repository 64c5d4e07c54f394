"""``add_docker_metadata`` and ``add_kubernetes_metadata``: what is known of the container that wrote a file.

All events of a file have one container: where nothing in the way could tell them apart, its fields are those of the
file (`lifted`), and cost a line nothing. Under a condition, or behind a step that writes where these fields are, they
are put into each event.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sawlog.event import Event, Path, get
from shipper.containers.access import ApiSettings
from shipper.containers.docker import FOLDER
from shipper.containers.known import DockerFacts, FileFacts, KnownContainers, PodFacts
from shipper.containers.labels import merged
from shipper.containers.pods import PodFields
from shipper.processor.base import Processor
from shipper.processor.fields import AddFields, AddTags, Conditional
from shipper.processor.locale import AddLocale

_OURS = frozenset({"container", "docker", "kubernetes", "orchestrator", "log"})


class ContainerMetadata(Processor):
    """What a configuration says of such a processor; `bound` makes the one that works."""

    __slots__ = ()

    @abstractmethod
    def facts(self, known: KnownContainers) -> FileFacts:
        """Return who knows what it adds."""

    @abstractmethod
    def step(self, known: KnownContainers) -> Processor:
        """Return what puts the fields into events one by one."""

    def apply(self, events: list[Event]) -> list[Event]:
        """Do nothing: nobody is known who could be asked."""
        return events


@dataclass(frozen=True, slots=True)
class AddDockerMetadata(ContainerMetadata):
    """``add_docker_metadata``, from the files that Docker keeps beside the logs."""

    folder: str = FOLDER
    dedot: bool = True
    match_source: bool = True
    index: int | None = None
    short_ids: bool = False
    match_fields: tuple[Path, ...] = ()
    """Fields with an id, for events whose file says none."""

    def facts(self, known: KnownContainers) -> DockerFacts:  # noqa: D102 - ContainerMetadata.facts
        return DockerFacts(known.folder(self.folder), self.dedot, self.short_ids, self.index)

    def step(self, known: KnownContainers) -> Processor:  # noqa: D102 - ContainerMetadata.step
        return _DockerStep(self.facts(known), self.match_source, self.match_fields)


@dataclass(frozen=True, slots=True)
class AddKubernetesMetadata(ContainerMetadata):
    """``add_kubernetes_metadata``, from the API, or from the paths of the logs."""

    api: ApiSettings = field(default_factory=ApiSettings)
    folder: str = FOLDER
    made: PodFields = field(default_factory=PodFields)

    def facts(self, known: KnownContainers) -> PodFacts:  # noqa: D102 - ContainerMetadata.facts
        return PodFacts(known.cluster(self.api), known.folder(self.folder), self.made)

    def step(self, known: KnownContainers) -> Processor:  # noqa: D102 - ContainerMetadata.step
        return _PodStep(self.facts(known))


class _DockerStep(Processor):
    def __init__(self, facts: DockerFacts, match_source: bool, match_fields: Sequence[Path]) -> None:
        self._facts = facts
        self._match_source = match_source
        self._match_fields = match_fields

    def apply(self, events: list[Event]) -> list[Event]:
        """Put what is known over what the events have."""
        by_path: dict[str, Mapping[str, Any]] = {}
        by_id: dict[str, Mapping[str, Any]] = {}
        for event in events:
            found: Mapping[str, Any] = {}
            path = get(event, _LOG_PATH)
            if self._match_source and isinstance(path, str):
                if path not in by_path:
                    by_path[path] = self._facts.of(path).fields
                found = by_path[path]
            if not found:
                named = next((one for name in self._match_fields if isinstance(one := get(event, name), str)), None)
                if named is not None:
                    if named not in by_id:
                        by_id[named] = facts.fields if (facts := self._facts.of_id(named)).sources else {}
                    found = by_id[named]
            _put(event, found)
        return events


class _PodStep(Processor):
    def __init__(self, facts: PodFacts) -> None:
        self._facts = facts

    def apply(self, events: list[Event]) -> list[Event]:
        """Put what is known into events that have nothing of it yet."""
        by_path: dict[str, Mapping[str, Any]] = {}
        for event in events:
            path = get(event, _LOG_PATH)
            if isinstance(path, str) and "kubernetes" not in event:
                if path not in by_path:
                    by_path[path] = self._facts.of(path).fields
                _put(event, by_path[path])
        return events


_LOG_PATH = ("log", "file", "path")


def _put(event: Event, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        old = event.get(name)
        event[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value


def lifted(
    processors: Sequence[Processor], known: KnownContainers, *, lines_write: bool
) -> tuple[list[FileFacts], list[Processor]]:
    """Part processors into what a file has for all its events, and the rest, ready to work.

    With `lines_write`, what stands in a line may overwrite what the file has, so that nothing is a file's.
    """
    facts: list[FileFacts] = []
    rest: list[Processor] = []
    ahead = not lines_write
    for one in processors:
        if ahead and isinstance(one, ContainerMetadata) and not (isinstance(one, AddDockerMetadata) and _by_field(one)):
            facts.append(one.facts(known))
            continue
        ahead = ahead and _keeps_out(one)
        rest.append(bound(one, known))
    return facts, rest


def _by_field(one: AddDockerMetadata) -> bool:
    return bool(one.match_fields) or not one.match_source


def _keeps_out(processor: Processor) -> bool:
    """Whether a step neither looks at nor writes what containers are told by, so that it may come later as well."""
    if isinstance(processor, AddFields):
        return not any(path[:1] and path[0] in _OURS for path, _ in processor.fields)
    return isinstance(processor, AddTags | AddLocale)


def bound(processor: Processor, known: KnownContainers) -> Processor:
    """Return the processor with those inside it that ask for containers made ready to work."""
    if isinstance(processor, ContainerMetadata):
        return processor.step(known)
    if isinstance(processor, Conditional):
        then, otherwise = (
            tuple(bound(one, known) for one in branch) for branch in (processor.then, processor.otherwise)
        )
        return Conditional(processor.condition, then, otherwise)
    return processor
