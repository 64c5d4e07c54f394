"""What every input is: declared options, and `run`, which delivers batches until it is cancelled."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from ingest.bus import Bus
from ingest.codec.base import Codec
from ingest.lang.decorate import decorate_from
from ingest.options import Kind, Option, Options
from ingest.plugin import Plugin
from ingest.plugins import codec_of
from ingest.tailer import MakeTailer
from sawlog.batch import Deliver
from sawlog.event import Event

COMMON_OPTIONS: dict[str, Option] = {
    "add_field": Option(Kind.HASH, "Fields to add to each event; names and values take sprintf.", {}),
    "codec": Option(Kind.CODEC, "How bytes become events."),
    "id": Option(Kind.STRING, "A name for this use of the plugin, in messages and metrics."),
    "tags": Option(Kind.ARRAY, "Tags for each event.", []),
    "type": Option(Kind.STRING, "The field `type` of events that have none."),
    "debug": Option(Kind.BOOLEAN, "", noted="an option of Logstash 1; --log.level says what is told"),
    "enable_metric": Option(Kind.BOOLEAN, "", True, noted="metrics are always kept"),
}


class Input(Plugin):
    """A source of batches.

    A subclass sets `name`, `default_codec` and `options` (without the common ones), reads its options in
    `__init__` (raising ``options.error(…)`` for values that make no sense), and implements `run`. It opens
    sockets and files in `run` only, so that a pipeline can be checked without them.
    """

    kind = "input"
    common_options = COMMON_OPTIONS
    tailer: MakeTailer | None = None
    """Makes what follows files; whoever runs an input that does so sets it."""
    data: Path | None = None
    """The folder for what must outlast a restart; whoever runs an input sets it. None: the machine's usual one."""
    bus: Bus | None = None
    """The addresses of other pipelines; whoever runs an input sets it."""
    inside: ClassVar[bool] = False
    """Whether events come from other pipelines of this process, and from nowhere else."""

    def __init__(self, options: Options) -> None:
        self.id: str = options["id"] or self.name
        self.codec: Callable[[], Codec] = codec_of(options, self.default_codec or "line")
        """Makes the codec of one more stream; also of what is piped in to be looked at."""
        self.decorate: Callable[[Event], None] | None = _common(options)
        """Applies add_field, tags and type to one event; None when none is set. `run` calls it on each event of
        an `EventBatch`; for a `LineBatch`, put what it makes of an empty event into the source's fields."""

    @abstractmethod
    async def run(self, deliver: Deliver) -> None:
        """Deliver batches until the source is exhausted (a finite one) or the task is cancelled.

        - A batch holds many events: what one read, one frame or one request gave. Each event of it carries an
          ``_id`` in ``@metadata`` that is the same when the sender sends it again, where the protocol allows:
          the sender's own id, else source key and position, else one drawn once. Events without
          ``@timestamp`` get the time of arrival (the pipeline adds it).
        - The batch is acknowledged or not some time after `deliver` has returned, in any order. Only then may
          the input answer its peer, or move its offset. After a nack it offers the events again: it does not
          answer (the peer resends), or rewinds.
        - On cancellation it takes nothing more, closes what it listens on, and lets `CancelledError` through;
          batches already delivered may still be settled afterwards.

        Raises:
            SawlogError: the source cannot be used at all (an address in use, a missing certificate).
        """


def _common(options: Options) -> Callable[[Event], None] | None:
    kind: str | None = options["type"]
    added = decorate_from(options, {"add_field": "add_field", "add_tag": "tags"})
    if kind is None:
        return added

    def decorate_all(event: Event) -> None:
        event.setdefault("type", kind)
        if added is not None:
            added(event)

    return decorate_all
