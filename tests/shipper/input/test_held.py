"""What is kept until it is acknowledged."""

from __future__ import annotations

import asyncio

from sawlog.batch import Source
from tests.shipper.input.receiving import Heard

SOURCE = Source("test", "test")


def put(heard: Heard, *texts: str) -> None:
    heard.held.put(SOURCE, [{"message": text} for text in texts], sum(map(len, texts)))


async def test_what_an_output_has_not_confirmed_goes_to_the_next() -> None:
    heard = Heard(acknowledge=False)
    put(heard, "kept")
    first = asyncio.create_task(heard.held.run(heard.deliver))
    await heard.until(lambda: heard.batches)
    put(heard, "later")
    await heard.until(lambda: len(heard.batches) == 2)
    heard.batches[1].ack()
    # The output ends: what it has is not delivered.
    first.cancel()
    heard.batches[0].nack(asyncio.CancelledError())
    assert (heard.held.in_flight, heard.held.handed) == (4, 0)
    heard.acknowledge = True
    second = asyncio.create_task(heard.held.run(heard.deliver))
    await heard.until(lambda: not heard.held.in_flight)
    assert [event["message"] for event in heard.events] == ["kept", "later", "kept"]
    second.cancel()


async def test_what_is_refused_is_tried_again() -> None:
    heard = Heard(acknowledge=False)
    put(heard, "kept")
    task = asyncio.create_task(heard.held.run(heard.deliver))
    await heard.until(lambda: heard.batches)
    heard.batches[0].nack(OSError("down"))
    assert str(heard.held.error) == "down"
    await heard.until(lambda: len(heard.batches) == 2)
    heard.batches[1].ack()
    assert (heard.held.in_flight, heard.held.error) == (0, None)
    task.cancel()


async def test_who_wants_to_hear_of_it_is_told_and_it_is_not_tried_again() -> None:
    heard = Heard(acknowledge=False)
    told: list[BaseException | None] = []
    heard.held.put(SOURCE, [{"message": "asked"}], 5, told.append)
    task = asyncio.create_task(heard.held.run(heard.deliver))
    await heard.until(lambda: heard.batches)
    heard.batches[0].nack(OSError("down"))
    assert [str(error) for error in told] == ["down"]
    assert heard.held.in_flight == 0
    task.cancel()


async def test_nothing_is_handed_on_while_it_is_paused() -> None:
    heard = Heard()
    task = asyncio.create_task(heard.held.run(heard.deliver))
    put(heard, "before")
    await heard.until(lambda: heard.batches)
    heard.held.pause()
    put(heard, "after")
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(heard.batches) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    other = asyncio.create_task(heard.held.run(heard.deliver))
    await heard.until(lambda: len(heard.batches) == 2)
    other.cancel()
