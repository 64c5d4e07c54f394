"""What the shipper tells of itself over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client.core import Metric

from sawlog.meters import LabelNames, Meter
from sawlog.paths import readable
from shipper.agent import Agent
from shipper.following import Followed, Progress
from shipper.output.base import SenderCounters
from shipper.service import ShipperService
from shipper.settings import FileInput


def _counter(name: str, words: str, *labels: str) -> Meter:
    return Meter("counter", f"sawlog_shipper_{name}", words, labels)


def _gauge(name: str, words: str, *labels: str) -> Meter:
    return Meter("gauge", f"sawlog_shipper_{name}", words, labels)


_SENT: Final[tuple[tuple[Meter, Callable[[SenderCounters], float]], ...]] = (
    (_counter("events", "Events that the output has confirmed", "output"), lambda one: one.events),
    (_counter("bytes", "Bytes that the output has confirmed", "output"), lambda one: one.bytes),
    (_counter("batches", "Batches that the output has confirmed", "output"), lambda one: one.batches),
    (_counter("retries", "Requests or windows sent again", "output"), lambda one: one.retries),
    (_counter("dead_letters", "Events that the output refused for good", "output"), lambda one: one.dead),
)
_UP: Final = _gauge("output_up", "Whether the output takes events", "output")
_LAG: Final = _gauge("lag_bytes", "Bytes of known files that are not confirmed")
_IN_FLIGHT: Final = _gauge("in_flight_bytes", "Bytes handed on and not confirmed")
_PROGRESS: Final[tuple[tuple[Meter, Callable[[Progress], float]], ...]] = (
    (_counter("read_events", "Events read and handed on; those that were not taken once more"), lambda one: one.read),
    (_counter("failed_events", "Events that were not taken and are read again"), lambda one: one.failed),
    (_counter("dropped_events", "Events of which filters of the shipper left nothing"), lambda one: one.dropped),
    (_counter("truncated", "Events that were cut at a limit"), lambda one: one.truncated),
    (_counter("lost_files", "Deleted files that were given up before they were delivered"), lambda one: one.lost_files),
    (_counter("lost_bytes", "Bytes of deleted files that were not delivered"), lambda one: one.lost_bytes),
    (_gauge("active_events", "Events handed on and not confirmed"), lambda one: one.active),
    (_gauge("files", "Files that are followed"), lambda one: one.files),
    (_gauge("unreadable_files", "Files that cannot be read"), lambda one: len(one.problems)),
)
_OPEN: Final = _gauge("open_files", "Files that are open")
_BATCH: Final = Meter("histogram", "sawlog_shipper_batch_events", "Events in a batch that was confirmed")
_SECONDS: Final = Meter("histogram", "sawlog_shipper_batch_seconds", "From reading a batch until it was confirmed")
_FILES: Final[tuple[tuple[Meter, Callable[[Followed], float]], ...]] = (
    (_gauge("file_size_bytes", "Size of a file", "file"), lambda one: one.harvester.size),
    (_gauge("file_offset_bytes", "What of a file is confirmed", "file"), lambda one: one.harvester.record.offset),
    (_gauge("file_lag_bytes", "What of a file is not confirmed", "file"), lambda one: one.harvester.lag),
)
_INPUTS: Final[tuple[tuple[Meter, Callable[[Followed], float]], ...]] = (
    (_gauge("input_files", "Files of an input", "input"), lambda _: 1),
    (_gauge("input_lag_bytes", "What of its files is not confirmed", "input"), lambda one: one.harvester.lag),
)
MEASURES: Final = (
    *(measure for measure, _ in _SENT),
    _UP,
    _LAG,
    _IN_FLIGHT,
    *(measure for measure, _ in _PROGRESS),
    _OPEN,
    _BATCH,
    _SECONDS,
    *(measure for measure, _ in (*_INPUTS, *_FILES)),
)


def health(service: ShipperService) -> dict[str, Any]:
    """``status`` is ``ok``, or ``waiting`` while the output takes nothing; ``problem`` says why."""
    sender, agent = service.sender, service.agent
    problem = sender.counters.problem if sender else "the output is not opened yet"
    return {
        "status": "ok" if problem is None else "waiting",
        "problem": problem,
        "set_aside": list(sender.set_aside) if sender else [],
        "lag_bytes": service.lag,
        "in_flight_bytes": service.in_flight,
        "files": agent.progress.files if agent else 0,
        "unreadable": agent.progress.readable_problems() if agent else {},
    }


class ShipperMetrics:
    """Tells of a shipper: counters since its output was opened, and how things stand."""

    def __init__(self, service: ShipperService) -> None:
        self._service = service
        self._agent = AgentMetrics()

    def __call__(self) -> Iterator[Metric]:
        """Make the metrics as they are now."""
        service = self._service
        output = (service.config.output.kind if service.config.output else "",)
        if service.sender is not None:
            for measure, sent in _SENT:
                yield measure.of([(output, sent(service.sender.counters))])
        yield _UP.of([(output, int(health(service)["problem"] is None))])
        yield _LAG.one(service.lag)
        yield _IN_FLIGHT.one(service.in_flight)
        if service.agent is not None:
            yield from self._agent.of(service.agent)


class AgentMetrics:
    """Tells of an agent and its files, of so many by name that their number is bounded."""

    def __init__(self) -> None:
        self._files, self._inputs = LabelNames(), LabelNames()

    def of(self, agent: Agent) -> Iterator[Metric]:
        """Make the metrics of what follows the files just now."""
        progress, followed = agent.progress, agent.followed
        for measure, read in _PROGRESS:
            yield measure.one(read(progress))
        yield _OPEN.one(agent.open_files)
        yield _BATCH.spread([((), progress.batch_events)])
        yield _SECONDS.spread([((), progress.seconds)])
        for table, names, name in ((_INPUTS, self._inputs, _input), (_FILES, self._files, _file)):
            for measure, value in table:
                sums = names.sums((name(one), value(one)) for one in followed)
                yield measure.of(((label,), total) for label, total in sums.items())

    def with_lag(self, agent: Agent) -> Iterator[Metric]:
        """Make them where no shipper tells what is under way."""
        yield _LAG.one(agent.lag)
        yield _IN_FLIGHT.one(agent.progress.in_flight)
        yield from self.of(agent)


def _file(one: Followed) -> str:
    return readable(one.harvester.record.path)


def _input(one: Followed) -> str:
    settings: FileInput = one.tail.settings
    return settings.id or (settings.paths[0] if settings.paths else settings.type)
