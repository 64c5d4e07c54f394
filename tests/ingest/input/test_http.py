"""The http input, with aiohttp's and Elasticsearch's own clients."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from elasticsearch import ApiError, AsyncElasticsearch, BadRequestError
from elasticsearch.helpers import async_bulk

from ingest.input import requests
from ingest.input.elastic import BulkRequest
from sawlog.wire import http_server, listening
from tests.ingest.input.building import Certificates, codec, refused, running


async def test_texts_and_json_by_content_type() -> None:
    async with running("http", port=0, tags=["web"]) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}/some/path"
        async with client.post(url, data="plain text", headers={"User-Agent": "test/1"}) as response:
            assert (response.status, await response.text()) == (200, "ok")
            assert response.headers["Content-Type"] == "text/plain"
        async with client.put(url, json=[{"a": 1}, {"a": 2}]) as response:
            assert response.status == 200
    text, first, second = one.sink.events
    assert text["message"] == "plain text"
    assert text["host"] == {"ip": "127.0.0.1"}
    assert text["url"]["path"] == "/some/path"
    assert text["url"]["domain"] == "127.0.0.1"
    assert text["user_agent"] == {"original": "test/1"}
    assert text["http"]["method"] == "POST"
    assert text["http"]["request"]["body"] == {"bytes": 10}
    assert text["tags"] == ["web"]
    assert [first["a"], second["a"]] == [1, 2]
    assert first["http"]["request"]["mime_type"] == "application/json"
    assert "http_accept" in first["@metadata"]["input"]["http"]["request"]["headers"]


async def test_the_names_before_ecs_and_answers_of_ones_own() -> None:
    async with (
        running(
            "http", port=0, ecs_compatibility="disabled", codec="line", response_code=202,
            response_headers={"X-Answer": "yes"}, additional_codecs={"text/lines": "json_lines"},
        ) as one,
        ClientSession() as client,
    ):  # fmt: skip
        url = f"http://127.0.0.1:{await one.port()}/p"
        async with client.post(url, data="one\ntwo", headers={"Authorization": "Bearer secret"}) as response:
            assert (response.status, response.headers["X-Answer"]) == (202, "yes")
        async with client.post(url, data='{"a": 1}\n{"a": 2}\n', headers={"Content-Type": "text/lines"}):
            pass
    assert one.sink.messages == ["one", "two", None, None]
    headers = one.sink.events[0]["headers"]
    assert (headers["request_method"], headers["request_path"], headers["http_version"]) == ("POST", "/p", "HTTP/1.1")
    assert one.sink.events[0]["host"] == "127.0.0.1"
    assert "secret" not in json.dumps(one.sink.events)


async def test_the_answer_waits_for_the_delivery() -> None:
    async with running("http", port=0, hold=True) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}/"
        waiting = asyncio.create_task(client.post(url, data="x"))
        await one.sink.until(1)
        await asyncio.sleep(0.2)
        assert not waiting.done()
        one.sink.batches[0].ack()
        assert (await waiting).status == 200
        refused_one = asyncio.create_task(client.post(url, data="y"))
        await one.sink.until(2)
        one.sink.batches[1].nack(RuntimeError("store down"))
        assert (await refused_one).status == 503


async def test_requests_under_way_at_the_end_are_answered() -> None:
    async with running("http", port=0, hold=True) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}/"
        waiting = asyncio.create_task(client.post(url, data="x"))
        await one.sink.until(1)
        asyncio.get_running_loop().call_later(0.3, one.sink.batches[0].ack)
        await one.stop()
        assert (await waiting).status == 200


async def test_credentials() -> None:
    async with running("http", port=0, user="u", password="p") as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}/"
        for given, status in ((None, 401), ("u:q", 401), ("v:p", 401), ("%%%", 401), ("u:p", 200)):
            value = base64.b64encode(given.encode()).decode() if given and ":" in given else given
            headers = {"Authorization": f"Basic {value}"} if value else {}
            async with client.post(url, data="x", headers=headers) as response:
                assert response.status == status
    assert len(one.sink.events) == 1


async def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(http_server, "BODY_BYTES", 5000)
    monkeypatch.setattr(http_server, "LINES", 50)
    async with (
        running(
            "http",
            port=0,
            hold=True,
            max_content_length=1000,
            max_pending_requests=2,
            additional_codecs={"application/json": "json", "text/lines": "line"},
        ) as one,
        ClientSession() as client,
    ):
        port = await one.port()
        url = f"http://127.0.0.1:{port}/"
        bomb = gzip.compress(bytes(500_000))
        assert len(bomb) < 1000
        for data, headers, status in (
            (b"x" * 1001, {}, 413),
            (bomb, {"Content-Encoding": "gzip"}, 413),
            (b"[" + b"{}," * 300, {"Content-Type": "application/json"}, 413),
            (b"a\n" * 100, {"Content-Type": "text/lines"}, 413),
            (b"rubbish", {"Content-Encoding": "gzip"}, 400),
            (bomb[:-9], {"Content-Encoding": "br"}, 415),
            (gzip.compress(b"[]"), {"Content-Encoding": "gzip", "Content-Type": "application/json"}, 200),
        ):
            async with client.post(url, data=data, headers=headers) as response:
                assert response.status == status
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        assert (await asyncio.wait_for(reader.readline(), 10)).split()[1] == b"408"
        writer.close()
        pending = [asyncio.create_task(client.post(url, data="x")) for _ in range(2)]
        await one.sink.until(2)
        async with client.post(url, data="x") as response:
            assert response.status == 429
        for batch in one.sink.batches:
            batch.ack()
        assert [(await task).status for task in pending] == [200, 200]


async def test_a_few_bytes_that_would_be_very_many_events_are_refused() -> None:
    async with running("http", port=0) as one, ClientSession(f"http://127.0.0.1:{await one.port()}") as client:
        for body in (b'{"create":{}}\n{}\n' * 300_000, b'{"create":{}}\n{"a":[' + b"[]," * 5_000_000 + b"1]}\n"):
            headers = {"Content-Encoding": "gzip"}
            async with client.post("/_bulk", data=gzip.compress(body), headers=headers) as response:
                assert response.status == 413
                assert "too many events or values" in await response.text()
        assert one.plugin.held == 0
    assert one.sink.events == []


async def test_elasticsearchs_own_client_sends_bulks() -> None:
    async with running("http", port=0, add_field={"via": "http"}) as one:
        elastic = AsyncElasticsearch(f"http://127.0.0.1:{await one.port()}")
        try:
            assert (await elastic.info())["version"]["number"].startswith("8.")
            actions: list[dict[str, Any]] = [
                {
                    "_op_type": "create",
                    "_index": "logs",
                    "_id": "mine",
                    "message": "a",
                    "@timestamp": "2024-01-01T00:00:00Z",
                },
                {"_op_type": "index", "_index": "logs", "message": "b"},
                {"_op_type": "delete", "_index": "logs", "_id": "mine"},
            ]
            sent, errors = await async_bulk(elastic, actions, raise_on_error=False)
        finally:
            await elastic.close()
    assert sent == 2
    assert isinstance(errors, list)
    assert [error["delete"]["status"] for error in errors] == [400]
    first, second = one.sink.events
    assert first["@metadata"] == {"_id": "mine", "_index": "logs", "action": "create"}
    assert first["@timestamp"] == "2024-01-01T00:00:00.000Z"
    assert first["via"] == "http"
    assert "host" not in first
    assert second["message"] == "b"
    assert second["@metadata"]["_id"]


async def test_single_documents_of_elasticsearchs_own_client() -> None:
    async with running("http", port=0) as one:
        elastic = AsyncElasticsearch(f"http://127.0.0.1:{await one.port()}")
        try:
            drawn = await elastic.index(index="logs", document={"message": "a", "@timestamp": 1714979289123})
            named = await elastic.index(
                index="logs", id="x/y", document={"message": "b", "@timestamp": "1714979289123"}
            )
            created = await elastic.create(index="logs", id="z", document={"message": "c", "@timestamp": 1e300})
            with pytest.raises(BadRequestError, match="no object"):
                await elastic.index(index="logs", body=[1])  # type: ignore[arg-type] # a list is no document
            with pytest.raises(ApiError, match="405"):
                await elastic.get(index="logs", id="z")
        finally:
            await elastic.close()
    assert [answer["result"] for answer in (drawn, named, created)] == ["created"] * 3
    assert "status" not in drawn.body
    metadata = [event["@metadata"] for event in one.sink.events]
    assert metadata[0] == {"_id": drawn["_id"], "_index": "logs", "action": "index"}
    assert metadata[1] == {"_id": "x/y", "_index": "logs", "action": "index"}
    assert metadata[2] == {"_id": "z", "_index": "logs", "action": "create"}
    first, second, third = one.sink.events
    assert first["@timestamp"] == second["@timestamp"] == "2024-05-06T07:08:09.123Z"
    assert third["tags"] == ["_timestampparsefailure"]


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(listening, "MAX_CONNECTIONS", 2)
    async with running("http", port=0) as one:
        port = await one.port()
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert await asyncio.wait_for(held[2][0].read(), 10) == b""
        held[0][1].write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na")
        assert await asyncio.wait_for(held[0][0].readline(), 10) == b"HTTP/1.1 200 OK\r\n"
        for _, writer in held:
            writer.close()
    assert "a connection is turned away: 2 are connected" in caplog.text


async def test_a_client_that_waits_for_leave_gets_it() -> None:
    async with running("http", port=0, user="u", password="p", max_content_length=100) as one:
        for head, wanted in (
            ("Authorization: Basic dTpw\r\nContent-Length: 5", b"HTTP/1.1 100 Continue\r\n"),
            ("Authorization: Basic dTpw\r\nContent-Length: 500", b"HTTP/1.1 413 Request Entity Too Large\r\n"),
            ("Content-Length: 5", b"HTTP/1.1 401 Unauthorized\r\n"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", await one.port())
            writer.write(f"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{head}\r\n\r\n".encode())
            assert await asyncio.wait_for(reader.readline(), 10) == wanted
            if b"100" in wanted:
                writer.write(b"hello")
                assert await reader.readline() == b"\r\n"
                assert await asyncio.wait_for(reader.readline(), 10) == b"HTTP/1.1 200 OK\r\n"
            writer.close()
    assert one.sink.messages == ["hello"]


async def test_half_a_surrogate_pair_in_a_document_is_no_reason_to_refuse_it() -> None:
    document = '{"message":"cut \\ud83d","whole":"\\ud83d\\ude00"}'
    async with running("http", port=0) as one, ClientSession(f"http://127.0.0.1:{await one.port()}") as client:
        async with client.post("/_bulk", data=f'{{"create":{{"_index":"i"}}}}\n{document}\n') as response:
            assert not (await response.json())["errors"]
        async with client.post("/i/_doc", data=document, headers={"Content-Type": "application/json"}) as response:
            assert response.status == 201
    assert [(event["message"], event["whole"]) for event in one.sink.events] == [("cut \ufffd", "\U0001f600")] * 2


async def test_the_answer_to_a_bulk_waits_and_is_item_by_item() -> None:
    body = '{"create":{}}\n{"message":"a"}\n{"create":{"_index":"own"}}\nno json\n{"index":{}}\n{"message":"c"}\n'
    async with running("http", port=0, hold=True) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}"
        waiting = asyncio.create_task(client.post(f"{url}/logs-x/_bulk?pipeline=p", data=body))
        await one.sink.until(2)
        await asyncio.sleep(0.2)
        assert not waiting.done()
        one.sink.batches[0].ack()
        response = await waiting
        assert response.headers["X-Elastic-Product"] == "Elasticsearch"
        answer = await response.json()
        assert answer["errors"] is True
        assert [(name, item["status"], item["_index"]) for one_ in answer["items"] for name, item in one_.items()] == [
            ("create", 201, "logs-x"), ("create", 400, "own"), ("index", 201, "logs-x"),
        ]  # fmt: skip
        async with client.post(f"{url}/_bulk", data="rubbish\n") as bad:
            assert bad.status == 400
            assert "line 1" in (await bad.json())["error"]["reason"]
        waiting = asyncio.create_task(client.post(f"{url}/_bulk", data='{"create":{}}\n{"a":1}\n'))
        await one.sink.until(3)
        one.sink.batches[1].nack(RuntimeError("down"))
        assert (await waiting).status == 503


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("HEAD", "/", 200), ("GET", "/_license", 200), ("HEAD", "/_index_template/filebeat-8", 200),
        ("PUT", "/_ilm/policy/filebeat", 200), ("GET", "/_bulk", 405), ("GET", "/_search", 404),
        ("GET", "/healthz", 200),
    ],
)  # fmt: skip
async def test_what_senders_ask_before_they_begin_makes_no_event(method: str, path: str, status: int) -> None:
    async with (
        running("http", port=0) as one,
        ClientSession(f"http://127.0.0.1:{await one.port()}") as client,
        client.request(method, path) as response,
    ):
        assert response.status == status
    assert one.sink.events == []


def test_a_line_of_a_beat_has_the_same_id_each_time() -> None:
    about = {"agent": {"id": "5f1c"}, "log": {"offset": 7, "file": {"inode": "77", "device_id": "2049"}}}
    lines = [
        {"create": {"_index": "i"}},
        {**about, "message": "m"},
        {"create": {"_id": "own"}},
        {**about, "message": "m"},
    ]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    first, second = ([event["@metadata"]["_id"] for event in BulkRequest(body, "i").events] for _ in range(2))
    assert first == second
    assert first[0].startswith("5f1c:2049-77:7:")
    assert first[1] == "own"


def test_a_bulk_of_many_shapes() -> None:
    assert BulkRequest(b"", "i").response(1) == {"took": 1, "errors": False, "items": []}
    assert BulkRequest(b'\n{"create":{}}\n{"a":1}', "i").events[0]["a"] == 1
    for data, words in ((b'{"create":{}}', "line 1"), (b'{"a":{}}\n{}', "line 1"), (b"[" * 100_000, "line 1")):
        with pytest.raises(ValueError, match=words):
            BulkRequest(data, "i")
    assert BulkRequest(b'{"update":{"_id":"x"}}\n{"doc":{}}\n', "i").response(0)["errors"] is True


async def test_tls(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    context = ssl.create_default_context(cafile=files.authority)
    settings = files.settings(ssl_verify_mode="force_peer", ssl_certificate_authorities=[files.authority])
    async with running("http", port=0, **settings) as one, ClientSession() as client:
        url = f"https://localhost:{await one.port()}/"
        with pytest.raises(OSError, match=r"(?i)certificate|reset|closed|disconnected"):
            await client.post(url.replace("localhost", "127.0.0.1"), data="x", ssl=context)
        context.load_cert_chain(files.client, files.client_key)
        async with client.post(url.replace("localhost", "127.0.0.1"), data="x", ssl=context) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"user": "u"}, "need each other"),
        ({"response_code": 500}, "is 200, 201, 202 or 204"),
        ({"response_headers": {"a": "b\r\nc"}}, "are no header"),
        ({"keystore": "/a"}, "give PEM files"),
        ({"additional_codecs": {"a/b": "jsn"}}, "did you mean 'json'"),
        ({"codec": codec("line", charset="nope")}, "no character set"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], words: str) -> None:
    assert words in refused("http", **settings)


async def test_a_large_body_comes_in_parts_and_others_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PART", 10)
    async with running("http", port=0, hold=True) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}"
        waiting = asyncio.create_task(client.post(url, json=[{"n": number} for number in range(25)]))
        await one.sink.until(20)
        await asyncio.sleep(0.1)
        assert len(one.sink.batches) == 2
        one.sink.batches[0].ack()
        await one.sink.until(25)
        assert [len(batch.events()) for batch in one.sink.batches] == [10, 10, 5]
        assert [event["n"] for event in one.sink.events] == list(range(25))
        assert len({event["@metadata"]["_id"] for event in one.sink.events}) == 25
        one.sink.batches[1].ack()
        await asyncio.sleep(0.1)
        assert not waiting.done()
        one.sink.batches[2].ack()
        assert (await waiting).status == 200
        waiting = asyncio.create_task(client.post(url, json=[{"n": number} for number in range(20)]))
        await one.sink.until(45)
        one.sink.batches[3].ack()
        one.sink.batches[4].nack(OSError("full"))
        assert (await waiting).status == 503
