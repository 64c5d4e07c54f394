"""The server of metrics: a password beyond this machine, TLS, and JSON pages."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme

from sawlog.access import Tls
from sawlog.errors import ConfigError, SawlogError
from sawlog.health import MetricsPlace, Told, serve
from tests.patience import SECONDS

TOLD = Told(lambda: {"status": "ok"}, lambda: [], {"/_node": lambda _: {"a": 1}, "/none": lambda _: None})


async def asked(url: str, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None) -> tuple[int, str]:
    told = "" if login is None else base64.b64encode(":".join(login).encode()).decode()
    headers = {"Authorization": f"Basic {told}"} if login else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=tls or True) as answer:
        return answer.status, await answer.text()


async def test_every_process_tells_of_itself(tmp_path: Path) -> None:
    async with serve(MetricsPlace(), Told(TOLD.health, TOLD.metrics, folder=tmp_path)) as address:
        _, text = await asked(f"{address}/metrics")
    assert 'sawlog_build_info{python="' in text
    assert "process_resident_memory_bytes" in text
    assert f'sawlog_data_free_bytes{{folder="{tmp_path}"}}' in text


async def test_clients_that_speak_no_http_are_told_of_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(MetricsPlace(), TOLD) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n")
        assert b"400" in await asyncio.wait_for(reader.readline(), SECONDS)
        writer.close()
        assert (await asked(f"{address}/health"))[0] == 200
    [record] = [record for record in caplog.records if record.name == "aiohttp.server"]
    assert "Content-Length" in record.getMessage()
    assert (record.levelname, record.exc_info, "\n" in record.getMessage()) == ("WARNING", None, False)


async def test_a_folder_that_is_gone_takes_nothing_else_away(tmp_path: Path) -> None:
    async with serve(MetricsPlace(), Told(TOLD.health, TOLD.metrics, folder=tmp_path / "gone")) as address:
        _, text = await asked(f"{address}/metrics")
    assert "sawlog_build_info" in text
    assert "sawlog_data_free_bytes" not in text


async def test_json_pages(tmp_path: Path) -> None:
    async with serve(MetricsPlace(), TOLD) as address:
        assert await asked(f"{address}/_node") == (200, '{"a": 1}')
        assert await asked(f"{address}/_node?pretty") == (200, '{\n  "a": 1\n}')
        assert (await asked(f"{address}/none"))[0] == 404


async def test_beyond_this_machine_there_is_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = MetricsPlace("0.0.0.0", option="http.host")
    with pytest.raises(SawlogError, match=r"set SAWLOG_METRICS_PASSWORD .*, or leave out http\.host"):
        async with serve(place, TOLD):
            pass
    (tmp_path / "password").write_text("geheim\n")
    monkeypatch.setenv("SAWLOG_METRICS_PASSWORD_FILE", str(tmp_path / "password"))
    async with serve(place, TOLD) as address:
        port = address.rpartition(":")[2]
        for path in ("/metrics", "/health", "/_node"):
            url = f"http://127.0.0.1:{port}{path}"
            assert (await asked(url))[0] == 401
            assert (await asked(url, ("sawlog", "falsch")))[0] == 401
            assert (await asked(url, ("sawlog", "geheim")))[0] == 200


async def test_a_password_of_a_configuration_and_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "certificate"))
    made.private_key_pem.write_to_path(str(tmp_path / "key"))
    tls = Tls(tmp_path / "certificate", tmp_path / "key")
    trusts = ssl.create_default_context()
    authority.configure_trust(trusts)
    async with serve(MetricsPlace("localhost", tls=tls, user="ops", password="geheim"), TOLD) as address:
        assert address.startswith("https://localhost:")
        assert (await asked(f"{address}/health", ("ops", "geheim"), trusts))[0] == 200
        assert (await asked(f"{address}/health", ("sawlog", "geheim"), trusts))[0] == 401
    none = Tls(tmp_path / "none", tmp_path / "key", ("--api.ssl.certificate", "--api.ssl.key"))
    with pytest.raises(ConfigError, match=r"--api\.ssl\.certificate and --api\.ssl\.key: there is no file"):
        none.context()
