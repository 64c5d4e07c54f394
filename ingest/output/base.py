"""What every output is: declared options, and `send`, which returns when the events are durable."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.bus import Bus
from ingest.codec.base import Codec
from ingest.options import Kind, Option, Options
from ingest.plugin import Plugin
from ingest.plugins import codec_of
from sawlog.batch import Batch
from sawlog.dead_letter import DeadLetter, dead_letter_of
from sawlog.event import Event
from sawlog.store.base import Refusal, Store

COMMON_OPTIONS: dict[str, Option] = {
    "codec": Option(Kind.CODEC, "How events become bytes."),
    "id": Option(Kind.STRING, "A name for this use of the plugin, in messages and metrics."),
    "workers": Option(Kind.NUMBER, "", 1, noted="an output has as many requests under way as it needs"),
    "enable_metric": Option(Kind.BOOLEAN, "", True, noted="metrics are always kept"),
}


class Output(Plugin):
    """A place that events are sent to.

    A subclass sets `name`, `default_codec` and `options` (without the common ones), reads its options in
    `__init__` (raising ``options.error(…)`` for values that make no sense), and implements the rest. Connections
    and files are opened in `open`, so that a pipeline can be checked without them.

    The caller retries what failed for now, writes what was refused to the dead letters, and acknowledges the
    batch when every output has its part.
    """

    kind = "output"
    common_options = COMMON_OPTIONS
    data: Path | None = None
    """The folder for what must outlast a restart; whoever runs an output sets it. None: the machine's usual one."""
    bus: Bus | None = None
    """The addresses of other pipelines; whoever runs an output sets it."""

    def __init__(self, options: Options) -> None:
        self.id: str = options["id"] or self.name
        self.codec: Callable[[], Codec] = codec_of(options, self.default_codec)
        """Makes a codec; most outputs need one."""
        self.problem: str | None = None
        """Why it takes nothing just now, of an output that tries again by itself."""

    @property
    def set_aside(self) -> Sequence[str]:
        """What its store has on its disk that was damaged; see `sawlog.store.base.Store`."""
        return ()

    @property
    def store(self) -> Store | None:
        """The store that it writes to, when it is open; None: it writes to none that can be searched."""
        return None

    async def open(self) -> None:
        """Make ready to send.

        Raises:
            StoreUnavailableError, OSError: not possible now; the caller tries again, with back-off.
            SawlogError: it will never be (credentials, a bad certificate).
        """

    @abstractmethod
    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:
        """Send the events, and return when each is durable there or refused for good; the refusals are returned.

        Several calls may be under way. The events are not changed: other outputs have the same ones. The same
        events may be sent again after an error, so a place that has ids is told each event's ``_id``.

        Raises:
            StoreUnavailableError, OSError: it is not known that all are durable; the caller sends all again.
            SawlogError: it never will work; the pipeline stops.
        """

    async def hand_on(self, events: Sequence[Event], batch: Batch) -> Sequence[Refusal]:
        """Send the events as `send` does, of an output that has to know which batch they came with."""
        return await self.send(events)

    def index_of(self, event: Event) -> str:
        """Return the index that the event is for, as its dead letter names it; without one, the plugin's id."""
        return self.id

    def dead_letter(self, event: Event, refusal: Refusal) -> DeadLetter:
        """Make the dead letter of an event that was refused, from which it can be sent again."""
        return dead_letter_of(event, self.index_of(event), refusal)

    async def close(self) -> None:
        """Write out and let go of everything; nothing is sent afterwards."""
