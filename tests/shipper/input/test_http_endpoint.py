"""http_endpoint, with requests of curl and of aiohttp."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import logging
import shutil
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from sawlog.wire.http_server import NotTakenError
from shipper.input.http_endpoint import objects_of
from shipper.input.settings import HttpEndpoint, ReceiverSettings, Signature
from tests.patience import SECONDS
from tests.shipper.input.receiving import Listening

ENDPOINT = HttpEndpoint(listen_port=0)
JSON = {"Content-Type": "application/json"}


def listening(endpoint: HttpEndpoint = ENDPOINT, *, acknowledge: bool = True, window: int = 8 << 20) -> Listening:
    settings = ReceiverSettings("http_endpoint", endpoint, fields={"input": {"type": "http_endpoint"}})
    return Listening(settings, acknowledge=acknowledge, window=window)


def url(one: Listening, path: str = "/") -> str:
    assert one.receiver.address
    return "http://{}:{}{}".format(*one.receiver.address, path)


async def post(one: Listening, data: Any = b'{"a": 1}', path: str = "/", **more: Any) -> tuple[int, str]:
    headers = {**JSON, **more.pop("headers", {})}
    async with ClientSession() as client, client.post(url(one, path), data=data, headers=headers, **more) as response:
        return response.status, await response.text()


async def test_curl_sends_an_object_and_a_list() -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl")
    async with listening() as one:
        for body in ('{"a": {"b": 1, "c": null}}', '[{"a": 1.5}, {"a": "two"}]'):
            process = await asyncio.create_subprocess_exec(
                curl, "-sS", "-H", "Content-Type: application/json", "-d", body, url(one),
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
            assert json.loads(out) == {"message": "success"}
        assert [event["json"] for event in one.events] == [{"a": {"b": 1}}, {"a": 1.5}, {"a": "two"}]
        event = one.events[0]
        assert event["@timestamp"].endswith("Z")
        assert (event["input"], event["agent"]["id"]) == ({"type": "http_endpoint"}, "an-agent")
        assert len({event["@metadata"]["_id"] for event in one.events}) == 3


async def test_an_answer_comes_when_the_events_are_delivered() -> None:
    async with listening(acknowledge=False) as one:
        answer = asyncio.create_task(post(one))
        await one.until(lambda: one.batches)
        assert not answer.done()
        one.batches[0].ack()
        assert (await answer)[0] == 200
        answer = asyncio.create_task(post(one))
        await one.until(lambda: len(one.batches) == 2)
        one.batches[1].nack(OSError("down"))
        assert (await answer)[0] == 503
        # Nothing of it is kept: the sender sends it again.
        assert one.held.in_flight == 0
        status, text = await post(one, path="/?wait_for_completion_timeout=10ms")
        assert (status, "not delivered in time" in text) == (504, True)


async def test_who_waits_at_the_end_is_told_to_send_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shipper.input.http_endpoint.ANSWER_SECONDS", 0.05)
    async with listening(acknowledge=False) as one:
        answer = asyncio.create_task(post(one))
        await one.until(lambda: one.batches)
    assert (await answer)[0] == 503


async def test_what_finds_no_room_is_told_when_to_come_again() -> None:
    async with listening(replace(ENDPOINT, retry_after=7), acknowledge=False, window=100) as one:
        first = asyncio.create_task(post(one))
        await one.until(lambda: one.batches)
        async with ClientSession() as client, client.post(url(one), data=b"{}", headers=JSON) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "7")
        one.batches[0].ack()
        assert (await first)[0] == 200
    async with listening(replace(ENDPOINT, max_in_flight_bytes=10)) as one:
        assert (await post(one, b'{"a": 1234567890}'))[0] == 503
        assert (await post(one, b'{"a": 1}'))[0] == 200


async def test_what_is_not_asked_for() -> None:
    async with listening(replace(ENDPOINT, url="/hook", max_body_bytes=100)) as one:
        wrong: list[tuple[dict[str, Any], int, str]] = [
            ({"path": "/other"}, 404, "nothing at /other"),
            ({"path": "/hook/below"}, 404, "nothing"),
            ({"path": "/hook?x=1"}, 400, "unexpected URL query: x"),
            ({"path": "/hook?wait_for_completion_timeout=soon"}, 400, "could not parse"),
            ({"headers": {"Content-Type": "text/plain"}}, 415, "application/json"),
            ({"data": b""}, 406, "empty"),
            ({"data": b"[1]"}, 400, "only JSON objects"),
            ({"data": b'{"a": 1} {"b"'}, 400, "malformed JSON object at stream position 9"),
            ({"data": b"{" * 90}, 400, "malformed"),
            ({"data": b"[" * 101}, 413, "100 bytes"),
        ]
        for more, status, words in wrong:
            found = await post(one, **{"path": "/hook", **more})
            assert (found[0], words in json.loads(found[1])["message"]) == (status, True), (more, found)
        async with ClientSession() as client, client.put(url(one, "/hook"), data=b"{}", headers=JSON) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert not one.batches
        assert (await post(one, path="/hook", headers={"Content-Type": "application/json; charset=utf-8"}))[0] == 200


async def test_a_url_with_a_slash_at_its_end_stands_for_what_is_below() -> None:
    async with listening(replace(ENDPOINT, url="/hooks/")) as one:
        assert (await post(one, path="/hooks/a"))[0] == 200
        assert (await post(one, path="/hook"))[0] == 404


async def test_where_the_object_and_the_headers_go() -> None:
    endpoint = replace(
        ENDPOINT, prefix=".", include_headers=("x-request-id", "absent"), preserve_original_event=True, keep_null=True,
        response_code=202, response_body='"fine"', content_type="",
    )  # fmt: skip
    async with listening(endpoint) as one:
        data = gzip.compress(b'{"message": "m", "n": null, "@timestamp": "x", "@metadata": {"_id": "forged"}}')
        headers = {"Content-Encoding": "gzip", "X-Request-ID": "7", "Content-Type": "x/y"}
        assert await post(one, data, headers=headers) == (202, '"fine"')
        (event,) = one.events
        assert (event["message"], event["n"], event["headers"]) == ("m", None, {"X-Request-Id": ["7"]})
        assert json.loads(event["event"]["original"])["message"] == "m"
        assert event["@timestamp"] != "x"
        assert event["@metadata"].keys() == {"_id"}
        assert event["@metadata"]["_id"] != "forged"


@pytest.mark.parametrize(
    ("endpoint", "good", "bad"),
    [
        (replace(ENDPOINT, basic_auth=("u", "p")), "Basic dTpw", "Basic dTpx"),
        (replace(ENDPOINT, secret=("Authorization", "s3cret")), "s3cret", "s3cre"),
        (
            replace(ENDPOINT, hmac=Signature("Authorization", "key", "sha1", "sha1=")),
            "sha1=" + hmac.new(b"key", b'{"a": 1}', hashlib.sha1).hexdigest(),
            "sha1=" + hmac.new(b"kez", b'{"a": 1}', hashlib.sha1).hexdigest(),
        ),
    ],
)
async def test_who_does_not_know_the_secret_is_refused(endpoint: HttpEndpoint, good: str, bad: str) -> None:
    assert "s3cret" not in repr(endpoint)
    async with listening(endpoint) as one:
        assert (await post(one))[0] == 401
        assert (await post(one, headers={"Authorization": bad}))[0] == 401
        assert not one.batches
        assert (await post(one, headers={"Authorization": good}))[0] == 200


async def test_a_browser_may_ask_first_if_the_file_says_so() -> None:
    async with listening(replace(ENDPOINT, options_headers={"Access-Control-Allow-Origin": "*"})) as one:
        origin = {"Origin": "https://example.org"}
        async with ClientSession() as client, client.options(url(one), headers=origin) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, "*")
    async with listening() as one:
        assert (await post(one, headers={"Origin": "https://example.org"}))[0] == 403


async def test_an_open_address_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with listening(replace(ENDPOINT, listen_address="0.0.0.0", secret=("a", "b"))):
            pass
        assert not caplog.text
        async with listening(replace(ENDPOINT, listen_address="0.0.0.0")):
            pass
        assert "http_endpoint input listens on 0.0.0.0:0 without asking for credentials" in caplog.text


_VALUES = st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=3), lambda one: st.lists(one, max_size=3))
_OBJECTS = st.dictionaries(st.text(max_size=3), _VALUES, max_size=3)


@given(
    parts=st.lists(_OBJECTS | st.lists(_OBJECTS, max_size=3), min_size=1, max_size=4),
    between=st.sampled_from(["", "\n"]),
)
def test_objects_behind_one_another(parts: list[Any], between: str) -> None:
    wanted = [one for part in parts for one in (part if isinstance(part, list) else [part])]
    assert objects_of(between.join(map(json.dumps, parts)).encode()) == wanted


_TOKENS = [b"{", b"}", b"[", b"]", b'"', b":", b"\\ud800", b"1"]


@given(data=st.binary(max_size=20) | st.lists(st.sampled_from(_TOKENS)).map(b"".join))
def test_no_body_breaks_it(data: bytes) -> None:
    try:
        found = objects_of(data)
    except NotTakenError as refused:
        status = refused.status
    else:
        assert all(isinstance(one, dict) for one in found)
        return
    assert status in (400, 406)
