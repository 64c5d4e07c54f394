"""``output.embedded``: into sawlog's own index on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sawlog.event import Event
from sawlog.store.base import DEFAULT_INDEX
from sawlog.store.embedded.store import EmbeddedStore
from shipper.output.base import About
from shipper.output.store import StoreSender, Target, raw
from shipper.settings import EmbeddedOutput


class EmbeddedSender(StoreSender):
    """Indexes events as they are; what parses is ``sawlog up``."""

    def __init__(self, settings: EmbeddedOutput, about: About) -> None:
        self._folder = Path(settings.path) if settings.path else about.data / "index"
        # One request at a time: the index has one writer.
        super().__init__(EmbeddedStore(self._folder, retention=settings.retention), about, requests=1)
        self._index = settings.index

    @property
    def set_aside(self) -> Sequence[str]:  # noqa: D102 - Sender.set_aside
        return self._store.set_aside

    def target(self, event: Event) -> Target:  # noqa: D102 - StoreSender.target
        return raw(event, "raw_index") or (DEFAULT_INDEX if self._index is None else self._index(event)), None

    async def check(self) -> AsyncIterator[str]:
        """Open the index."""
        async with self._store:
            yield f"{self._folder}: the index opens"
