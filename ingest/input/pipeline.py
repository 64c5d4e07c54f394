"""pipeline: what other pipelines of the same process send to an address."""

from __future__ import annotations

from typing import ClassVar

from ingest.input.base import Input
from ingest.options import Kind, Option, Options
from sawlog.batch import Batch, Deliver, EventBatch
from sawlog.errors import SawlogError


class Pipeline(Input):
    """Takes whole batches; their senders are told when this pipeline's outputs have them."""

    name = "pipeline"
    inside = True
    options: ClassVar[dict[str, Option]] = {
        "address": Option(Kind.STRING, "Where outputs `pipeline` send to; no two inputs have the same.", required=True),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._address: str = options["address"]
        if not self._address:
            raise options.error("an address has a name", "address")

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        assert self.bus is not None, "whoever runs an input sets its bus"
        async with self.bus.listening(self._address) as queue:
            while True:
                batch = self._decorated(await queue.get())
                try:
                    await deliver(batch)
                except BaseException:
                    batch.nack(SawlogError(f"the pipeline that listens at '{self._address}' has stopped"))
                    raise

    def _decorated(self, batch: Batch) -> Batch:
        if self.decorate is None:
            return batch
        events = batch.events()
        for event in events:
            self.decorate(event)
        return EventBatch(batch.source, events, batch.size, batch.hand_over())
