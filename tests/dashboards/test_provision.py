"""`sawlog dashboards` against the stand-in for Kibana."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dashboards.provision import Kibana, bundle
from sawlog.cli.dashboards import dashboards
from sawlog.errors import ConfigError, SawlogError
from sawlog.store.credentials import Credentials
from tests.dashboards.kibana import OLDEST, FakeKibana
from tests.ingest.input.building import Certificates

WHO = Credentials(FakeKibana.USER, FakeKibana.PASSWORD)
OBJECTS = [json.loads(line) for line in bundle().splitlines()]
KEYS = {(one["type"], one["id"]) for one in OBJECTS}

Provision = Callable[..., Awaitable[Result]]


@pytest.fixture
def provision(monkeypatch: pytest.MonkeyPatch) -> Provision:
    """Run the command in a thread, beside the stand-in."""
    monkeypatch.setenv("SAWLOG_KIBANA_PASSWORD", FakeKibana.PASSWORD)

    async def run(kibana: FakeKibana, *options: str, fails: bool = False) -> Result:
        arguments = ["provision", "--kibana", kibana.url, "--wait", "5", *options]
        result = await asyncio.to_thread(CliRunner().invoke, dashboards, arguments)
        assert (result.exit_code != 0) is fails, result.output
        return result

    return run


async def test_all_is_brought_and_said(provision: Provision) -> None:
    async with FakeKibana() as kibana:
        first = await provision(kibana)
        assert set(kibana.spaces["default"]) == KEYS
        assert first.output.count(" created") == len(KEYS)
        assert "Service logs" in first.output
        assert kibana.defaults == {"default": "sawlog-logs"}
        again = await provision(kibana)
        assert again.output.count(" replaced") == len(KEYS)
        assert set(kibana.spaces["default"]) == KEYS


async def test_another_default_stays_unless_told(provision: Provision) -> None:
    async with FakeKibana() as kibana:
        kibana.defaults["default"] = "mine"
        assert "'mine'; --make-default replaces it" in (await provision(kibana)).output
        assert kibana.defaults["default"] == "mine"
        await provision(kibana, "--make-default")
        assert kibana.defaults["default"] == "sawlog-logs"
        kibana.defaults["default"] = "mine"
        kibana.default_sticks = True
        stuck = await provision(kibana, "--make-default", fails=True)
        assert "the default data view is still 'mine'" in str(stuck.exception)


async def test_into_a_space_below_a_base_path(provision: Provision) -> None:
    async with FakeKibana(base="/kibana") as kibana:
        await provision(kibana, "--space", "team-a")
        assert set(kibana.spaces["team-a"]) == KEYS
        assert not kibana.spaces["default"]
        assert "POST /kibana/s/team-a/api/saved_objects/_import?overwrite=true" in kibana.asked
        kibana.url = kibana.url.removesuffix("/kibana")
        lost = await provision(kibana, fails=True)
        assert "with its base path if it has one?" in str(lost.exception)


@pytest.mark.parametrize("space", ["nowhere", "Team A"])
async def test_into_a_space_that_nobody_has_made_goes_nothing(provision: Provision, space: str) -> None:
    async with FakeKibana() as kibana:
        missing = await provision(kibana, "--space", space, fails=True)
        assert "there is no such space" in str(missing.exception)
        assert not any(kibana.spaces.values())
        assert kibana.imports == 0


async def test_into_the_oldest_kibana_and_one_that_is_older_still(provision: Provision) -> None:
    async with FakeKibana(knows=OLDEST) as kibana:
        await provision(kibana)
        assert set(kibana.spaces["default"]) == KEYS
    async with FakeKibana(knows={**OLDEST, "lens": "8.6.0"}) as kibana:
        refused = await provision(kibana, fails=True)
        assert "when the last known version is [8.6.0]" in str(refused.exception)
        assert "need Kibana 8.9 or newer" in str(refused.exception)


async def test_a_bundle_that_kibana_has_exported(provision: Provision, tmp_path: Path) -> None:
    file = tmp_path / "mine.ndjson"
    mine = [one for one in OBJECTS if one["type"] == "index-pattern"]
    mine[0] = {**mine[0], "id": "mine"}
    file.write_text("".join(f"{json.dumps(one)}\n" for one in [*mine, {"exportedCount": 1, "missingRefCount": 0}]))
    async with FakeKibana() as kibana:
        result = await provision(kibana, "--file", str(file))
        assert set(kibana.spaces["default"]) == {("index-pattern", "mine")}
        assert result.output.count(" created") == 1
        # Our data view is not there, so that it is nobody's default.
        assert not kibana.defaults
        file.write_text('{"type": "dashboard"}\n')
        wrong = await provision(kibana, "--file", str(file), fails=True)
        assert "line 1 of the bundle is no saved object" in str(wrong.exception)
        file.write_bytes(b"\xff\xfe")
        wrong = await provision(kibana, "--file", str(file), fails=True)
        assert "cannot be read" in str(wrong.exception)


async def test_whoever_gives_no_credentials_is_asked_for_some(
    provision: Provision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAWLOG_KIBANA_PASSWORD")
    async with FakeKibana() as kibana:
        asked = await provision(kibana, fails=True)
        assert "asks who you are (HTTP 401): give --user or --api-key" in str(asked.exception)


async def test_by_api_key_and_with_wrong_credentials(provision: Provision, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeKibana() as kibana:
        wrong = await provision(kibana, "--user", "elastic:wrong", fails=True)
        assert "refuses the credentials" in str(wrong.exception)
        await provision(kibana, "--user", f"{kibana.USER}:{kibana.PASSWORD}")
        monkeypatch.delenv("SAWLOG_KIBANA_PASSWORD")
        await provision(kibana, "--api-key", kibana.API_KEY)
        monkeypatch.setenv("SAWLOG_KIBANA_API_KEY", kibana.API_KEY)
        await provision(kibana)
        both = await provision(kibana, "--user", "elastic", fails=True)
        assert "--user is given without SAWLOG_KIBANA_PASSWORD" in str(both.exception)


async def test_it_waits_while_kibana_starts(provision: Provision) -> None:
    async with FakeKibana() as kibana:
        kibana.starting = 3
        await provision(kibana)
        assert set(kibana.spaces["default"]) == KEYS
        kibana.starting = 10_000
        late = await provision(kibana, "--wait", "0.3", fails=True)
        assert "is not ready (HTTP 503): Kibana server is not ready yet" in str(late.exception)


async def test_a_conflict_is_tried_again_though_its_status_is_200(provision: Provision) -> None:
    async with FakeKibana() as kibana:
        kibana.conflicts = 2
        await provision(kibana)
        assert kibana.imports == 3
        assert set(kibana.spaces["default"]) == KEYS


async def test_what_kibana_refuses_is_named_and_nothing_is_there(provision: Provision, tmp_path: Path) -> None:
    async with FakeKibana() as kibana:
        file = tmp_path / "mine.ndjson"
        file.write_text("".join(f"{json.dumps(one)}\n" for one in OBJECTS[1:]))
        refused = await provision(kibana, "--file", str(file), fails=True)
        assert "Kibana imported nothing:" in str(refused.exception)
        assert "search sawlog-search-all: missing_references: index-pattern sawlog-logs is not there" in str(
            refused.exception
        )
        assert not kibana.spaces["default"]
        newer = [{**one, "typeMigrationVersion": "99.0.0"} for one in OBJECTS]
        file.write_text("".join(f"{json.dumps(one)}\n" for one in newer))
        refused = await provision(kibana, "--file", str(file), fails=True)
        assert "belongs to a more recent version" in str(refused.exception)


async def test_over_tls(provision: Provision, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    async with FakeKibana(tls=context) as kibana:
        await provision(kibana, "--ca", certificates.authority)
        refused = await provision(kibana, fails=True)
        assert "TLS fails" in str(refused.exception)


async def test_what_is_no_kibana_and_nobody() -> None:
    with pytest.raises(ConfigError, match="is no URL"):
        Kibana("ftp://x", WHO)
    with pytest.raises(ConfigError, match="not in the URL"):
        Kibana("http://me:secret@x", WHO)
    async with Kibana("http://127.0.0.1:9", WHO, wait=0.2) as kibana:
        with pytest.raises(SawlogError, match="does not answer"):
            await kibana.provision(bundle())


def test_export_writes_what_can_be_imported_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "sawlog.ndjson"
    result = CliRunner().invoke(dashboards, ["export", str(file)])
    assert result.exit_code == 0
    assert file.read_text() == bundle()
    assert f"{len(OBJECTS)} objects written" in result.output
    refused = CliRunner().invoke(dashboards, ["export", str(tmp_path / "no" / "x")])
    assert "cannot be written" in str(refused.exception)
