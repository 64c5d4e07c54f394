"""What a program of the filter `ruby` costs for an event: `python -m bench.ruby`."""

from __future__ import annotations

import time
from typing import Final

from ingest import plugins
from ingest.filter.base import Filter
from ingest.options import Block, Setting
from sawlog.errors import Position
from sawlog.event import Event

EVENTS: Final = 3000
ROUNDS: Final = 7
PROGRAMS: Final = {
    "a field reckoned and set": "event.set('ms', event.get('took').to_f * 1000)",
    "a time written": "event.set('day', event.get('@timestamp').time.strftime('%Y.%m.%d'))",
    "a text split and set": "event.set('parts', event.get('message').split(',').map { |one| one.strip.upcase })",
    "all fields gone through": "event.to_hash.each { |k, v| next if k.start_with?('@'); event.set(k.downcase, v) }",
}


def program(code: str) -> Filter:
    """Make the filter of a program."""
    position = Position("bench", 1)
    made = plugins.make("filter", Block("ruby", [Setting("code", code, position)], position))[0]
    assert isinstance(made, Filter)
    return made


def event() -> Event:
    """Make an event of a few fields."""
    return {"@timestamp": "2020-01-01T00:00:00.000Z", "took": "12", "message": "one, two,three", "level": "INFO"}


def microseconds(filter_: Filter) -> float:
    """Return the CPU time that an event takes, of the quickest round."""
    best = float("inf")
    for _ in range(ROUNDS):
        events = [event() for _ in range(EVENTS)]
        began = time.process_time()
        filter_.apply(events)
        best = min(best, time.process_time() - began)
    return best / EVENTS * 1e6


if __name__ == "__main__":
    for name, code in PROGRAMS.items():
        print(f"{microseconds(program(code)):6.1f} µs  {name}")
