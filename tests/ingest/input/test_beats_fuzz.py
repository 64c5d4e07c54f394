"""The beats input against arbitrary streams: it cuts each off with a reason, keeps nothing, and serves the next sender.

The codec alone is tried in tests/sawlog/wire; here is the whole server, over real connections.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from socket import SHUT_WR, create_connection
from typing import cast

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.input import beats, network
from sawlog.batch import Batch, LineBatch, Source
from sawlog.wire import envelope
from sawlog.wire.lumberjack import encode_batch, encode_compressed, encode_data, encode_enveloped, encode_window
from tests.ingest.input.building import make
from tests.patience import SECONDS

CASES = 10_000
REASON = "is closed: "

# Hypothesis takes ten times as long to make deep JSON as the server to read it.
JSON = st.sampled_from(
    [
        b"{}", b"[]", b"7", b"null", b'{"message":"a"}', b'{"@metadata":{"_id":7}}', b'{"@metadata":[],"tags":5}',
        b'{"@timestamp":[]}', b'{"log":{"file":[],"offset":{}},"agent":{"id":1}}', b'{"host":"a","message":{}}',
        b'{"log":{"file":{"inode":[]},"offset":1e99},"agent":{"id":{}},"message":"\\ud800"}', b'{"a":1', b"[" * 3000,
    ]
)  # fmt: skip


def enveloped(texts: list[str], damage: bytes) -> bytes:
    """Make an envelope, most often of lines, with some bytes put over its middle."""
    lines = LineBatch(Source("file-1", "/a.log"), texts, range(len(texts)), 0, lambda _: None)
    data = envelope.encode(lines, {"beat": "x"})
    middle = len(data) // 2
    return data[:middle] + damage + data[middle + len(damage) :]


BODIES = st.lists(JSON | st.binary(max_size=20), min_size=1, max_size=3)
CHUNKS = st.one_of(
    st.binary(max_size=40),
    st.builds(
        struct.pack,
        st.just(">ccI"),
        *[st.sampled_from([bytes([one]) for one in b"12WJDCAEL"])] * 2,
        st.integers(0, 2**32 - 1),
    ),
    BODIES.map(lambda bodies: encode_batch(bodies, len(bodies))),
    BODIES.map(lambda bodies: encode_window(len(bodies)) + encode_compressed(b"".join(encode_data(bodies)))),
    BODIES.map(lambda bodies: b"".join(encode_data(bodies))),
    st.binary(max_size=40).map(lambda data: encode_window(3) + b"2C" + struct.pack(">I", len(data)) + data),
    st.binary(max_size=40).map(lambda data: encode_window(3) + encode_compressed(data)),
    st.integers(1, 5).map(encode_window),
    st.binary(max_size=40).map(lambda data: encode_enveloped(data, 1)),
    st.builds(
        lambda texts, damage: encode_enveloped(enveloped(texts, damage), len(texts)),
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=3),
        st.binary(max_size=3),
    ),
)
STREAMS = st.lists(CHUNKS, min_size=1, max_size=4).map(b"".join)


class Server:
    """The input, in a thread of its own; every third batch is refused."""

    def __init__(self) -> None:
        self.plugin = cast("beats.Beats", make("beats", port=0))
        self.batches = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._running: Future[None] = asyncio.run_coroutine_threadsafe(self.plugin.run(self._deliver), self._loop)
        asyncio.run_coroutine_threadsafe(self.plugin._server.listening.wait(), self._loop).result(SECONDS)
        self.address = ("127.0.0.1", (self.plugin.address or ("", 0))[1])

    async def _deliver(self, batch: Batch) -> None:
        self.batches += 1
        if self.batches % 3:
            batch.ack()
        else:
            batch.nack(RuntimeError("the store is down"))

    def send(self, data: bytes) -> bytes:
        """Send, and end; return what was answered until the connection was closed, which it always is."""
        with create_connection(self.address, SECONDS) as peer:
            try:
                peer.sendall(data)
                peer.shutdown(SHUT_WR)
                return b"".join(iter(lambda: peer.recv(4096), b""))
            except ConnectionError:
                # Cut off while there was still something to read.
                return b""

    def left(self) -> int:
        """How many connections are there, once all of them may have ended."""

        async def left() -> int:
            for _ in range(200):
                if not self.plugin._server._tasks:
                    break
                await asyncio.sleep(0.01)
            return len(self.plugin._server._tasks)

        return asyncio.run_coroutine_threadsafe(left(), self._loop).result(SECONDS)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._running.cancel)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.reasons = 0
        self.crashes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.crashes.append(record.getMessage())
        elif REASON in record.getMessage() or "will send again" in record.getMessage():
            self.reasons += 1


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    handler = Heard()
    # One that pytest does not hear of, for it keeps all records.
    alone = logging.Logger("alone")
    alone.addHandler(handler)
    logging.getLogger("asyncio").addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        for module in (beats, network):
            patch.setattr(module, "log", alone)
        yield handler
    logging.getLogger("asyncio").removeHandler(handler)


def test_no_stream_crashes_the_server_or_leaves_anything_behind(heard: Heard, server: Server) -> None:
    # A sample of the streams is sent again afterwards, for what Hypothesis itself keeps must not be measured.
    sample: list[bytes] = []

    def try_one(data: bytes) -> None:
        told = heard.reasons
        answered = server.send(data)
        assert len(answered) % 6 == 0
        assert not heard.crashes
        if len(sample) < 200:
            sample.append(data)
        # A stream that is no protocol is never taken for one that has just ended.
        if data[:1] not in b"12":
            assert heard.reasons == told + 1

    @settings(max_examples=CASES // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STREAMS, st.tuples(*[st.integers(1, 300)] * 3))
    def attack(data: bytes, ends: tuple[int, int, int]) -> None:
        # As a whole, and from senders that go in the middle.
        for end in (None, *ends):
            try_one(data[:end])

    attack()
    assert heard.reasons > CASES // 10
    assert server.batches > CASES // 10
    assert (server.left(), server.plugin.unfinished) == (0, 0)

    def round_() -> tuple[int, int]:
        for data in sample:
            server.send(data)
        assert server.left() == 0
        gc.collect()
        return sys.getallocatedblocks(), psutil.Process().num_fds()

    round_()
    before, after = round_(), round_()
    # Less than an object for each stream, and no open connection.
    assert after[0] - before[0] < len(sample)
    assert after[1] == before[1]
    assert not heard.crashes


def test_a_zip_bomb_is_cut_off_by_the_server_and_told(server: Server, heard: Heard) -> None:
    told = heard.reasons
    bomb = zlib.compress(bytes(200 << 20), 1)
    before = psutil.Process().memory_info().rss
    for _ in range(2):
        server.send(encode_window(1) + b"2C" + struct.pack(">I", len(bomb)) + bomb)
    assert heard.reasons == told + 2
    assert psutil.Process().memory_info().rss - before < 200 << 20
    assert (server.left(), server.plugin.unfinished) == (0, 0)
