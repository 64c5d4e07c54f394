"""A Beats client that is not ours, which sends numbered events over one connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pylogbeat import PyLogBeatClient

from tests.ingesting import until

WINDOW = 20


class Sender:
    """Sends windows of numbered events over one connection until told to stop, and counts what was acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged = 0
        self.error: Exception | None = None
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        try:
            with PyLogBeatClient("127.0.0.1", self._port, timeout=30) as client:
                while not self._stop.is_set():
                    numbers = range(self.acknowledged, self.acknowledged + WINDOW)
                    client.send([{"message": f"event {number}"} for number in numbers])
                    self.acknowledged += WINDOW
        except Exception as error:
            self.error = error

    @contextmanager
    def sending(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    def until_more(self, events: int = 10 * WINDOW) -> None:
        wanted = self.acknowledged + events
        until(lambda: self.acknowledged >= wanted or self.error is not None, lambda: "nothing is acknowledged")
        assert self.error is None
