"""The environment's credentials for Elasticsearch: what wins, what is refused, what a server of its own accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import ConfigError, StoreError
from sawlog.store.credentials import elasticsearch
from tests.services import ElasticsearchServer

PREFIX = "SAWLOG_ELASTICSEARCH_"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("USERNAME", "PASSWORD", "API_KEY", "CA", "PASSWORD_FILE", "API_KEY_FILE"):
        monkeypatch.delenv(PREFIX + name, raising=False)

    def put(values: dict[str, str]) -> None:
        for name, value in values.items():
            monkeypatch.setenv(PREFIX + name, value)

    return put


@pytest.mark.parametrize(
    ("url", "values", "wanted"),
    [
        ("http://a:9200", {}, {}),
        ("http://a:9200", {"PASSWORD": "p"}, {"basic_auth": ("elastic", "p")}),
        ("http://a:9200", {"USERNAME": "u", "PASSWORD": "p"}, {"basic_auth": ("u", "p")}),
        ("http://a:9200", {"API_KEY": "k"}, {"api_key": "k"}),
        ("http://x:y@a:9200", {"USERNAME": "u", "PASSWORD": "p"}, {"basic_auth": ("x", "y")}),
        ("http://x:y@a:9200", {"API_KEY": "k"}, {"basic_auth": ("x", "y")}),
        ("x:y@a:9200", {"API_KEY": "k"}, {"basic_auth": ("x", "y")}),
        ("http://a:9200", {"USERNAME": "", "PASSWORD": "", "API_KEY": ""}, {}),
    ],
)
def test_who_signs_in(environment: Any, url: str, values: dict[str, str], wanted: dict[str, Any]) -> None:
    environment(values)
    options = elasticsearch(url)._options
    assert {name: options[name] for name in ("basic_auth", "api_key") if name in options} == wanted


def test_several_addresses_are_taken_with_spaces_between_them(environment: Any) -> None:
    assert elasticsearch("http://a:9200, https://b").hosts == ["http://a:9200", "https://b:443"]


def test_a_secret_may_stand_in_a_file(environment: Any, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    environment({"PASSWORD_FILE": str(file)})
    assert elasticsearch("http://a")._options["basic_auth"] == ("elastic", "from the file")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"USERNAME": "u"}, "USERNAME is given without"),
        ({"PASSWORD": "p", "API_KEY": "k"}, "not both"),
        ({"CA": "/nowhere/ca.pem"}, "there is no file /nowhere/ca.pem"),
        ({"PASSWORD_FILE": "/nowhere/secret"}, "cannot read /nowhere/secret"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: Any, values: dict[str, str], words: str) -> None:
    environment(values)
    with pytest.raises(ConfigError, match=words):
        elasticsearch("https://a:9200")


def test_an_empty_file_is_no_password(environment: Any, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("\n")
    environment({"PASSWORD_FILE": str(file)})
    with pytest.raises(ConfigError, match="is empty"):
        elasticsearch("http://a")


async def test_a_server_with_tls_and_a_password_lets_us_in(
    environment: Any, secure_elasticsearch: ElasticsearchServer
) -> None:
    server = secure_elasticsearch
    environment({"USERNAME": server.USER, "PASSWORD": server.PASSWORD, "CA": str(server.ca_certs)})
    async with elasticsearch(server.url, "logs-spring-credentials") as store:
        assert await store.count({"match_all": {}}) == 0


async def test_a_wrong_password_is_told_apart_from_an_absent_server(
    environment: Any, secure_elasticsearch: ElasticsearchServer
) -> None:
    environment({"PASSWORD": "wrong", "CA": str(secure_elasticsearch.ca_certs)})
    with pytest.raises(StoreError, match="refuses the credentials"):
        await elasticsearch(secure_elasticsearch.url).open()
