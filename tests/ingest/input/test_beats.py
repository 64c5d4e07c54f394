"""The beats input, with a client that is not ours, and with bytes of our own where it matters when they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import struct
from pathlib import Path
from typing import Any

import psutil
import pytest
from pylogbeat import PyLogBeatClient

from ingest.input import beats
from sawlog.batch import EventBatch, LineBatch, Source
from sawlog.wire import envelope
from sawlog.wire.lumberjack import (
    Ack,
    Decoder,
    Offer,
    encode_ack,
    encode_batch,
    encode_enveloped,
    encode_offer,
    encode_window,
)
from tests.ingest.input.building import Certificates, codec, make, refused, running
from tests.patience import SECONDS


def line(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "@timestamp": "2024-05-06T07:08:09.123Z",
        "@metadata": {"beat": "filebeat", "version": "8.13.0", "type": "_doc"},
        "message": f"line {number}",
        "agent": {"id": "5f1c", "type": "filebeat"},
        "host": {"name": "web-1"},
        "log": {"offset": 10 * number, "file": {"path": "/var/log/a.log", "inode": "77", "device_id": "2049"}},
        **fields,
    }


def window(*events: dict[str, Any], level: int = 3) -> bytes:
    return encode_batch([json.dumps(event).encode() for event in events], len(events), level)


class Sender:
    """A connection whose bytes the test chooses."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.decoder = Decoder()

    @classmethod
    async def to(cls, port: int) -> Sender:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def acks(self, seconds: float = SECONDS) -> list[int] | None:
        """Return the next acknowledgements; none when nothing comes in time, None when the connection is closed."""
        try:
            data = await asyncio.wait_for(self.reader.read(1000), seconds)
        except TimeoutError:
            return []
        except ConnectionError:
            return None
        return [frame.sequence for frame in self.decoder.feed(data) if isinstance(frame, Ack)] if data else None


def send(port: int, events: list[dict[str, Any]], **settings: Any) -> None:
    client = PyLogBeatClient("127.0.0.1", port, timeout=SECONDS, **settings)
    try:
        client.connect()
        client.send(events)
    finally:
        client.close()


async def test_a_client_that_is_not_ours_is_heard_and_answered() -> None:
    async with running("beats", port=0, tags=["a"], type="t", add_field={"from": "%{[host][name]}"}) as one:
        await asyncio.to_thread(send, await one.port(), [line(1), line(2)])
        first, second = one.sink.events
    assert len(one.sink.batches) == 1
    assert first["message"] == "line 1"
    assert first["@timestamp"] == "2024-05-06T07:08:09.123Z"
    assert first["type"] == "t"
    assert first["from"] == "web-1"
    assert first["tags"] == ["beats_input_codec_plain_applied", "a"]
    metadata = first["@metadata"]
    assert (metadata["beat"], metadata["version"]) == ("filebeat", "8.13.0")
    assert metadata["ip_address"] == metadata["input"]["beats"]["host"]["ip"] == "127.0.0.1"
    assert metadata["input"]["beats"]["host"]["name"] == "web-1"
    assert metadata["_id"].startswith("5f1c:2049-77:10:")
    assert second["@metadata"]["_id"].startswith("5f1c:2049-77:20:")


async def test_the_ids_of_what_is_sent_again_are_the_same_and_of_other_lines_others() -> None:
    other = line(1)
    other["message"] = "another line, in another file that has got the inode"
    own = line(3, **{"@metadata": {"_id": "mine"}})
    bare = {"message": "no file"}
    fingerprint = line(4)
    fingerprint["log"] = {"offset": 4, "file": {"fingerprint": "ab12", "inode": "1"}}
    windows = line(5)
    windows["log"] = {"offset": 5, "file": {"path": "C:\\a.log", "vol": "37", "idxhi": "2", "idxlo": "99"}}
    async with running("beats", port=0) as one:
        for _ in range(2):
            await asyncio.to_thread(send, await one.port(), [line(1), other, own, bare, fingerprint, windows])
    ids = [[event["@metadata"]["_id"] for event in batch.events()] for batch in one.sink.batches]
    again = list(zip(*ids, strict=True))
    assert [first == second for first, second in again] == [True, True, True, False, True, True]
    assert len({*ids[0], *ids[1]}) == 7
    assert ids[0][2] == "mine"
    assert ids[0][4].startswith("5f1c:ab12:4:")
    assert ids[0][5].startswith("5f1c:37-2-99:5:")


@pytest.mark.parametrize("level", [0, 3])
async def test_the_acknowledgement_waits_for_that_of_the_batch(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "KEEP_ALIVE_SECONDS", 0.2)
    async with running("beats", port=0, hold=True) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(window(line(1), line(2), line(3), level=level))
        await one.sink.until(3)
        assert await sender.acks() == [0]
        assert await sender.acks() == [0]
        one.sink.batches[0].ack()
        assert await sender.acks() == [3]
        assert await sender.acks(0.5) == []
        sender.writer.close()


async def test_windows_under_way_are_acknowledged_in_their_order_and_bounded() -> None:
    async with running("beats", port=0, hold=True) as one:
        sender = await Sender.to(await one.port())
        for count in range(1, beats.WINDOWS + 5):
            sender.writer.write(window(*map(line, range(count))))
        await one.sink.until(sum(range(1, beats.WINDOWS + 1)))
        assert await sender.acks(0.3) == []
        assert len(one.sink.batches) == beats.WINDOWS
        one.sink.batches[1].ack()
        assert await sender.acks(0.2) == []
        one.sink.batches[0].ack()
        assert await sender.acks() == [1, 2]
        sender.writer.close()


async def test_what_is_not_delivered_ends_the_connection() -> None:
    async with running("beats", port=0, hold=True) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(window(line(1)) + window(line(2)))
        await one.sink.until(2)
        one.sink.batches[0].nack(RuntimeError("the store is full"))
        one.sink.batches[1].ack()
        assert await sender.acks() is None


async def test_nothing_is_taken_any_more_from_a_sender_that_will_send_it_again() -> None:
    async with running("beats", port=0, hold=True) as one:
        sender = await Sender.to(await one.port())
        for number in range(beats.WINDOWS + 3):
            sender.writer.write(window(line(number)))
        await one.sink.until(beats.WINDOWS)
        await asyncio.sleep(0.1)
        one.sink.batches[0].nack(RuntimeError("the store is full"))
        assert await sender.acks() is None
        await asyncio.sleep(0.1)
        assert len(one.sink.batches) == beats.WINDOWS


async def test_what_is_under_way_at_the_end_is_still_acknowledged() -> None:
    async with running("beats", port=0, hold=True) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(window(line(1)))
        await one.sink.until(1)
        port = await one.port()
        await one.stop()
        with pytest.raises(OSError, match="Connect call failed"):
            await Sender.to(port)
        one.sink.batches[0].ack()
        assert await sender.acks() == [1]
        assert await sender.acks() is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "version 'G' of the protocol"),
        (encode_window(1 << 30), "a window of 1073741824 events"),
        (encode_window(2) + b"2J\0\0\0\1\x7f\0\0\0", "an event has 2130706432 bytes"),
        (b"2A\0\0\0\1", "a sender does not acknowledge"),
        # What waits for no window would wait for ever, a byte a minute.
        (b"2C\0\0\xff\xff" + bytes(1000), "no window has announced"),
    ],
)
async def test_a_hostile_peer_is_cut_off_with_a_reason(
    data: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running("beats", port=0) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(data)
        assert await sender.acks() is None
        await asyncio.to_thread(send, await one.port(), [line(1)])
        assert len(one.sink.events) == 1
        assert one.plugin.unfinished == 0
    assert words in caplog.text


async def test_a_few_bytes_that_would_be_very_many_values_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    # 2.8 GB of empty lists in 110 kB.
    bomb = b'{"a":[' + b"[]," * 5_000_000 + b"1]}"
    before = psutil.Process().memory_info().rss
    async with running("beats", port=0) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(encode_batch([bomb] * 7, 7))
        assert await sender.acks() is None
        assert psutil.Process().memory_info().rss - before < 400 << 20
        assert (one.sink.events, one.plugin.unfinished) == ([], 0)
    assert "more values than" in caplog.text


async def test_a_line_of_the_greatest_length_goes_through_in_the_longest_json() -> None:
    async with running("beats", port=0) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(window({"message": "\x1b" * (10 << 20)}))
        assert await sender.acks(60) == [1]
        sender.writer.close()
    assert one.sink.messages == ["\x1b" * (10 << 20)]


async def test_the_fingerprint_of_a_filebeat_that_sends_no_inode_is_the_id() -> None:
    old = line(1, log={"offset": 10, "file": {"path": "/var/log/a.log"}})
    marked = {**old, "@metadata": {"_id": "9f86d081884c7d65"}}
    async with running("beats", port=0) as one:
        for _ in range(2):
            await asyncio.to_thread(send, await one.port(), [marked, old])
    ids = [[event["@metadata"]["_id"] for event in batch.events()] for batch in one.sink.batches]
    assert ids[0][0] == ids[1][0] == "9f86d081884c7d65"
    assert ids[0][1] != ids[1][1]


async def test_idle_and_slow_senders_are_closed(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(beats, "WINDOW_SECONDS", 0.5)
    async with running("beats", port=0, client_inactivity_timeout=0.3, hold=True) as one:
        idle, waiting = [await Sender.to(await one.port()) for _ in range(2)]
        waiting.writer.write(window(line(1)))
        assert await idle.acks() is None
        dribbling = await Sender.to(await one.port())
        data = iter(window(*map(line, range(100)), level=0))
        # Which of the two it sees depends on what it wrote last: an end, or a reset.
        with contextlib.suppress(ConnectionError):
            while not dribbling.reader.at_eof():
                dribbling.writer.write(bytes([next(data)]))
                await dribbling.writer.drain()
                await asyncio.sleep(0.01)
        dribbling.writer.transport.abort()
        # Who waits for an acknowledgement is not idle.
        one.sink.batches[0].ack()
        assert await waiting.acks() == [1]
    assert "events came in time" in caplog.text


async def test_all_senders_together_hold_no_more_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "UNFINISHED_BYTES", 300_000)
    body = b'{"message":"' + b"x" * 90_000 + b'"}'
    async with running("beats", port=0) as one:
        senders = [await Sender.to(await one.port()) for _ in range(4)]
        for sender in senders:
            sender.writer.write(encode_window(2) + b"2J" + struct.pack(">II", 1, len(body)) + body)
        done, _ = await asyncio.wait([asyncio.create_task(sender.acks(3)) for sender in senders])
        assert sorted(str(task.result()) for task in done) == ["None", "[]", "[]", "[]"]
        assert one.plugin.unfinished < 300_000
        for sender in senders:
            sender.writer.close()


async def test_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    settings = files.settings(
        ssl_client_authentication="required", ssl_certificate_authorities=[files.authority], enrich=["all"]
    )
    with_certificate = {"certfile": files.client, "keyfile": files.client_key}
    async with running("beats", port=0, **settings) as one:
        port = await one.port()
        secure = {"ssl_enable": True, "ca_certs": files.authority}
        await asyncio.to_thread(send, port, [line(1)], **secure, **with_certificate)
        with pytest.raises(Exception, match=r"(?i)certificate|closed|reset|ssl|broken pipe|No ACK"):
            await asyncio.to_thread(send, port, [line(2)], **secure)
    (event,) = one.sink.events
    assert event["@metadata"]["tls_peer"] == {"status": True}
    details = event["@metadata"]["input"]["beats"]["tls"]
    assert details["version_protocol"] == "TLSv1.3"
    assert "CN=shipper.example.org" in details["client"]["subject"]


async def test_the_old_names_of_tls(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    async with running(
        "beats", port=0, ssl=True, ssl_certificate=files.server, ssl_key=files.server_key, ssl_verify_mode="peer",
        ssl_certificate_authorities=files.authority, tls_min_version=1.2, tls_max_version=1.2,
        cipher_suites=["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
        ssl_peer_metadata=True, ecs_compatibility="disabled",
    ) as one:  # fmt: skip
        secure = {"ssl_enable": True, "ca_certs": files.authority}
        await asyncio.to_thread(send, await one.port(), [line(1)], **secure)
        await asyncio.to_thread(
            send, await one.port(), [line(2)], **secure, certfile=files.client, keyfile=files.client_key
        )
    first, second = one.sink.events
    assert first["@metadata"]["tls_peer"] == {"status": "unverified"}
    assert second["@metadata"]["tls_peer"]["protocol"] == "TLSv1.2"
    assert second["@metadata"]["tls_peer"]["cipher_suite"].endswith("AES256-GCM-SHA384")
    assert first["@metadata"]["ip_address"] == "127.0.0.1"
    assert "input" not in first["@metadata"]


async def test_codecs_read_the_message() -> None:
    async with running("beats", port=0, codec=codec("json")) as one:
        await asyncio.to_thread(
            send, await one.port(), [line(1, message='[{"a": 1}, {"a": 2}]'), {"metric": 3}, line(2, message="no")]
        )
    first, second, raw, broken = one.sink.events
    assert [first["a"], second["a"]] == [1, 2]
    assert first["host"] == second["host"] == {"name": "web-1"}
    assert first["@metadata"]["_id"] + "-1" == second["@metadata"]["_id"]
    assert raw["tags"] == ["beats_input_raw_event"]
    assert "_jsonparsefailure" in broken["tags"]


async def test_what_is_no_object_or_has_no_time_goes_on_with_the_reason() -> None:
    async with running("beats", port=0, enrich="none") as one:
        sender = await Sender.to(await one.port())
        bodies = [b"[1]", b"\xff", b'{"@timestamp": "yesterday"}', b"[" * 100_000]
        sender.writer.write(encode_batch(bodies, len(bodies)))
        assert await sender.acks() == [4]
        sender.writer.close()
    one_, two, three, four = one.sink.events
    assert one_["message"] == "[1]"
    assert one_["tags"] == two["tags"] == four["tags"] == ["_jsonparsefailure"]
    assert "no object" in one_["sawlog"]["failure"]
    assert three["_@timestamp"] == "yesterday"
    assert three["tags"] == ["_timestampparsefailure"]


async def test_the_first_version_of_the_protocol() -> None:
    frame = b"1W\0\0\0\1" + b"1D" + struct.pack(">II", 1, 2)
    for text in (b"line", b"hello", b"host", b"old"):
        frame += struct.pack(">I", len(text)) + text
    async with running("beats", port=0) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(frame)
        assert await asyncio.wait_for(sender.reader.readexactly(6), 10) == b"1A\0\0\0\1"
        sender.writer.close()
    (event,) = one.sink.events
    assert (event["message"], event["host"]) == ("hello", "old")


async def test_an_address_in_use_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async with running("beats", port=0) as one:
        with pytest.raises(Exception, match=r"the beats input cannot listen on 127\.0\.0\.1:\d+: "):
            await make("beats", port=await one.port()).run(one.sink)


async def test_other_addresses_than_loopback_are_taken_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with running("beats", port=0, host="0.0.0.0") as one:
            await one.port()
    assert "without asking for credentials" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs the option 'port'"),
        ({"port": 70000}, "a number from 0 to 65535"),
        ({"port": 1, "ssl": True}, "needs 'ssl_certificate'"),
        ({"port": 1, "ssl_enabled": True, "ssl_certificate": "a", "ssl_key": "b", "ssl_verify_mode": "peer"},
         "needs? 'ssl_certificate_authorities'"),
        ({"port": 1, "enrich": ["hostname"]}, "not hostname"),
        ({"port": 1, "codec": codec("multiline", pattern="x", what="next")}, "use multiline in filebeat.yml"),
        ({"port": 1, "prot": 1}, "did you mean 'port'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], words: str) -> None:
    assert re.search(words, refused("beats", **settings))


def shipped(number: int, **fields: Any) -> dict[str, Any]:
    return line(number, **fields) | {"@metadata": {"beat": "sawlog", "type": "_doc", "_id": f"file-1:{10 * number}"}}


def enveloped(events: list[dict[str, Any]], **fields: Any) -> bytes:
    """Put lines of one file into an envelope, as sawlog ship does."""
    first = events[0]
    source = Source("file-1", "/var/log/a.log", {name: first[name] for name in ("agent", "host")} | fields)
    source.fields["log"] = {"file": first["log"]["file"]}  # type: ignore[index] # a dictionary, made above
    texts, offsets = [one["message"] for one in events], [one["log"]["offset"] for one in events]
    cut = frozenset(at for at, one in enumerate(events) if "truncated" in one["log"].get("flags", ()))
    lines = LineBatch(source, texts, offsets, 0, lambda _: None, cut, first["@timestamp"])
    metadata = {name: value for name, value in first["@metadata"].items() if name != "_id"}
    return encode_enveloped(envelope.encode(lines, metadata), len(events))


@pytest.mark.parametrize(
    "options",
    [
        {}, {"enrich": ["all"]}, {"enrich": ["none"]}, {"ecs_compatibility": "disabled", "add_hostname": True},
        {"tags": ["a"]}, {"add_field": {"m": "%{message}"}}, {"codec": codec("json")},
    ],
)  # fmt: skip
async def test_an_envelope_of_lines_says_what_their_json_would(options: dict[str, Any]) -> None:
    many = [shipped(number) for number in range(5)]
    many[1]["message"], many[1]["log"]["flags"] = "two\nlines", ["multiline"]
    many[2]["message"], many[2]["log"]["flags"] = "cu\nt", ["truncated", "multiline"]
    many[3]["message"] = '{"a": 1}'
    async with running("beats", port=0, **options) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(window(*many) + enveloped(many))
        await one.sink.until(2 * len(many))
        assert (await sender.acks(), await sender.acks(0.2)) in [([5, 5], []), ([5], [5])]
        sender.writer.close()
    as_json, as_envelope = one.sink.batches
    assert isinstance(as_json, EventBatch)
    assert isinstance(as_envelope, EventBatch if {"codec", "tags", "add_field"} & set(options) else LineBatch)
    assert as_envelope.events() == as_json.events()


async def test_lines_keep_their_source_as_long_as_its_fields_are_the_same() -> None:
    many = [shipped(number) for number in range(3)]
    async with running("beats", port=0) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(enveloped(many) + enveloped(many) + enveloped(many, host={"name": "other"}))
        await one.sink.until(9)
        sender.writer.close()
    first, second, third = (batch.source for batch in one.sink.batches)
    assert first is second
    assert (first.key, third.key) == ("file-1", "file-1")
    assert third.fields["host"] == {"name": "other"}


@pytest.mark.parametrize("level", [0, 3])
async def test_envelopes_are_offered_to_who_asks(level: int) -> None:
    asking = [shipped(number) for number in range(2)]
    for event in asking:
        event["@metadata"]["envelopes"] = 1
    async with running("beats", port=0) as one:
        foreign, ours = [await Sender.to(await one.port()) for _ in range(2)]
        foreign.writer.write(window(*[shipped(1)] * 2, level=level))
        ours.writer.write(window(shipped(1), level=level) + window(*asking, level=level) * 2)
        events = await one.sink.until(7)
        assert await foreign.reader.readexactly(6) == encode_ack(2)
        assert list(Decoder().feed(await ours.reader.readexactly(24))) == [Ack(1), Offer(1), Ack(2), Ack(2)]
        for sender in (foreign, ours):
            sender.writer.close()
    assert not any("envelopes" in event["@metadata"] for event in events)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (encode_enveloped(b"x", 1), "no envelope"),
        (encode_window(2) + enveloped([shipped(1)])[6:], "that were announced"),
        (enveloped([shipped(1), shipped(2)])[6:], "no window"),
        (encode_window(2) + window(shipped(1))[6:] + enveloped([shipped(1)])[6:], "that were announced"),
        (encode_enveloped(envelope.encode(EventBatch(Source("k", "p"), [{}], 1, lambda _: None)), 1), "announced"),
        (encode_offer(), "a sender does not"),
    ],
)
async def test_an_envelope_that_is_none_ends_the_connection(
    data: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running("beats", port=0) as one:
        sender = await Sender.to(await one.port())
        sender.writer.write(data)
        assert await sender.acks() is None
        assert not one.sink.batches
    assert words in caplog.text
