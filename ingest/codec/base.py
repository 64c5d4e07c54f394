"""What every codec is: it makes events of a stream of bytes, and bytes of events."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from ingest.options import Kind, Option, Options
from ingest.plugin import Plugin
from sawlog.event import Event

COMMON_OPTIONS: dict[str, Option] = {
    "id": Option(Kind.STRING, "", noted="codecs are not counted one by one"),
    "enable_metric": Option(Kind.BOOLEAN, "", True, noted="metrics are always kept"),
}


class Codec(Plugin):
    """Both directions of a format.

    One object decodes **one** stream (a connection, a file, a request) and keeps what is unfinished between
    calls; an input makes another object for each stream (`ingest.plugins.codec_of` gives the function that does).

    A subclass sets `name` and `options` (without the common ones) and reads its options in `__init__`.
    """

    kind = "codec"
    common_options = COMMON_OPTIONS
    decodes: ClassVar[bool] = True
    """Whether it reads too; a codec that only writes is refused in an input."""
    encodes: ClassVar[bool] = True
    """Whether it writes too; a codec that only reads is refused in an output."""
    texts_only: bool = False
    """Whether each line of UTF-8 becomes an event with nothing but ``message``. An input that cuts lines itself may
    then make a `sawlog.batch.LineBatch` of them, and need not call `decode`."""
    auto_flush_interval: float | None = None
    """After so many seconds without data, an input calls `flush`; None: only when the stream is over."""

    def __init__(self, options: Options) -> None:
        """Read the options; raise ``options.error(…)`` for values that make no sense."""

    @abstractmethod
    def decode(self, data: bytes) -> Iterable[Event]:
        """Take the next bytes of the stream and return the events that they complete.

        The chunks may be cut anywhere, inside a character too. The events are new dictionaries with what the
        bytes say and nothing else: no ``@timestamp`` unless the bytes have one (then in the form of
        `sawlog.event`), no ``@metadata`` unless the format has it (and see `keep_metadata`). Bytes that
        cannot be read become an event that holds them as ``message``, tagged, with the reason (`ingest.failure`);
        nothing raises.
        """

    def flush(self) -> Iterable[Event]:
        """Return the events still unfinished, because the stream is over or has paused; `decode` may follow."""
        return ()

    def decode_whole(self, data: bytes) -> Iterable[Event]:
        """Return the events of a message that stands by itself, as `decode` and `flush` do one after the other."""
        return [*self.decode(data), *self.flush()]

    def keep_metadata(self) -> None:
        """From now on, leave in events what a text says of ``@metadata``: of inputs that read what Beats have written.

        A codec whose texts have no such member need not do anything.
        """

    @abstractmethod
    def encode(self, events: Sequence[Event]) -> bytes:
        """Write the events, without their ``@metadata``, one after the other."""
